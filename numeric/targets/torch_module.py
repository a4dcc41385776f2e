"""torch source for a derivation: a ``torch.autograd.Function`` for each output that has a derivative, and a function
that checks its arguments and applies it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...calculus.derivation import Derivation
from .. import docstring
from ..array_function import ArrayFunction
from ..lower import Unsupported
from ..plans import GeneratedModule, Plan
from .module_text import along, backward_of, functions_of, module, wide_and_back, writer
from .opening import checks, described, sizes_of
from .reverse import Reverse, Slope
from .tensor_text import TensorWriter, grouped
from .torch_writer import TORCH

INDENT = "        "

#: Operations whose result may be an input, or a view of one. A forward of an autograd Function returns none.
VIEWS = ("name", "transpose", "expand", "take")


def assemble(derivation: Derivation, chosen: Sequence[Plan]) -> GeneratedModule:
    """A module of functions with a backward of their own.

    Raises :class:`~..lower.Unsupported` for what torch cannot express, and where there is no derivative.
    """
    found = functions_of(derivation, chosen, TORCH)
    texts = [text for reverse in found for text in (*_classes(reverse), _function(reverse))]
    return module(derivation, found, texts, TORCH, "import torch")


def _class_name(name: str) -> str:
    return "_" + "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _classes(reverse: Reverse) -> list[str]:
    arguments = [a.name for a in reverse.arguments]
    name = _class_name(reverse.name)
    about = f"The value {reverse.output.name} of {reverse.name} and its derivative."
    forward = _forward(reverse, reverse.forward)
    if reverse.slope is None:
        return [_class(name, about, reverse, arguments, forward, _backward(reverse))]
    called = f"{_class_name(reverse.slope.first.name)}.apply({', '.join(arguments)})"
    upstream = [f"{reverse.upstream}_{n}" for n in reverse.trained]
    if len(upstream) == 1:
        upstream = [reverse.upstream]
        slopes = {reverse.trained[0]: _summed(reverse, reverse.trained[0], f"{reverse.upstream} * {called}")}
        backward = []
    else:
        slopes = {n: _summed(reverse, n, f"{reverse.upstream} * slope_{n}") for n in reverse.trained}
        backward = [f"{', '.join(f'slope_{n}' for n in reverse.trained)} = {called}"]
    backward.append(f"return {_padded(arguments, slopes)}")
    second = _curved(reverse, reverse.slope, upstream)
    return [
        _class(
            _class_name(reverse.slope.first.name),
            f"The derivative of {reverse.name} and its own.",
            reverse,
            arguments,
            _forward(reverse, reverse.slope.first),
            second,
            upstream,
        ),
        _class(name, about, reverse, arguments, forward, backward),
    ]


def _class(
    name: str,
    about: str,
    reverse: Reverse,
    arguments: Sequence[str],
    forward: list[str],
    backward: list[str],
    upstream: Sequence[str] = (),
) -> str:
    """The text of an autograd Function. The backward reads what is saved, the numbers, and the upstream gradient."""
    read = set(re.findall(r"[^\W\d]\w*", "\n".join(backward)))
    saved = [a.name for a in reverse.tensors if a.name in read]
    numbers = [a.name for a in reverse.options if a.name in read]
    unpacked = ", ".join(a if a in (*saved, *numbers) else "_" for a in arguments)
    lines = [f"class {name}(torch.autograd.Function):", f'    """{about}"""', "", "    generate_vmap_rule = True", ""]
    lines += ["    @staticmethod", f"    def forward({', '.join(arguments)}):", *_indented(forward), ""]
    lines += ["    @staticmethod", "    def setup_context(ctx, inputs, output):"]
    if saved or numbers:
        lines.append(f"{INDENT}{f'({unpacked},)' if len(arguments) == 1 else unpacked} = inputs")
    lines += [f"{INDENT}ctx.save_for_backward({', '.join(saved)})"]
    lines += [f"{INDENT}ctx.{n} = {n}" for n in numbers]
    lines += ["", "    @staticmethod", f"    def backward(ctx, {', '.join(upstream or [reverse.upstream])}):"]
    if saved:
        lines.append(f"{INDENT}{f'({saved[0]},)' if len(saved) == 1 else ', '.join(saved)} = ctx.saved_tensors")
    lines += [f"{INDENT}{n} = ctx.{n}" for n in numbers]
    return "\n".join([*lines, *_indented(backward)])


def _indented(lines: Sequence[str]) -> list[str]:
    return [INDENT + line for line in lines]


def _writer(reverse: Reverse, function: ArrayFunction, upstream: Sequence[str] = ()) -> TensorWriter:
    return writer(TORCH, reverse, function, ("torch", "ctx", "inputs", "output", *upstream))


def _forward(reverse: Reverse, function: ArrayFunction) -> list[str]:
    lines = _writer(reverse, function).assign(function.assigned, function.returned)
    last = lines.pop().removeprefix("return ")
    texts = last.split(", ") if len(function.returned) > 1 else [last]  # several have names
    found = [
        f"{t if t.isidentifier() else f'({t})'}.clone()" if n.op in VIEWS else t
        for t, n in zip(texts, function.returned, strict=True)
    ]
    lines.append(f"return {', '.join(found)}")
    return [*sizes_of(function), *lines]


def _curved(reverse: Reverse, slope: Slope, upstream: Sequence[str]) -> list[str]:
    """The backward of the derivatives: for each variable, the sum over them of upstream times second derivative."""
    function = slope.second
    sums = along(slope, upstream)
    targets = [(f"along_{n}", s) for n, s in zip(reverse.trained, sums, strict=True)]
    lines, texts = _writer(reverse, function, upstream).steps([*function.assigned, *targets])
    texts = texts[-len(sums) :]
    if len(sums) == 1 and lines and lines[-1].startswith(f"{texts[0]} = "):
        texts = [lines.pop().partition(" = ")[2]]
    arguments = [a.name for a in reverse.arguments]
    found = {n: _summed(reverse, n, text) for n, text in zip(reverse.trained, texts, strict=True)}
    return [*lines, f"return {_padded(arguments, found)}"]


def _summed(reverse: Reverse, name: str, text: str) -> str:
    """A gradient summed over the axes along which its variable was repeated."""
    if len(reverse.tensors) == 1:
        return text
    return f"{text if text.isidentifier() else f'({text})'}.sum_to_size({name}.shape)"


def _padded(arguments: Sequence[str], gradients: dict[str, str]) -> str:
    return ", ".join(gradients.get(a, "None") for a in arguments)


def _backward(reverse: Reverse) -> list[str]:
    """Lines of a backward. Each gradient is computed only where it is asked for; what several need, always."""
    function = reverse.backward
    arguments = [a.name for a in reverse.arguments]
    upstream = [t for t in reverse.derivation.givens if t.name == reverse.upstream]
    sizes = sizes_of(function, upstream)
    lines, results = _writer(reverse, function).steps(backward_of(reverse))
    results = results[len(results) - len(reverse.gradients) :]
    several = reverse.elementwise and len(reverse.tensors) > 1
    if len(reverse.gradients) == 1 and not several:
        last = f"{results[0]} = "
        value = lines.pop().removeprefix(last) if lines and lines[-1].startswith(last) else results[0]
        return [*sizes, *lines, f"return {_padded(arguments, {reverse.trained[0]: value})}"]
    groups = grouped(lines, results)
    names = [name for _, name, _ in reverse.gradients]
    text = [*sizes, f"{' = '.join(names)} = None", *groups.shared]
    for (argument, name, _), result, own in zip(reverse.gradients, results, groups.own, strict=True):
        block = list(own)
        if result != name:
            block.append(f"{name} = {result}")
        if several:
            block.append(f"{name} = {name}.sum_to_size({argument}.shape)")
        if block:
            text.append(f"if ctx.needs_input_grad[{arguments.index(argument)}]:")
            text += [f"    {line}" for line in block]
    return [*text, f"return {_padded(arguments, {a: n for a, n, _ in reverse.gradients})}"]


def _function(reverse: Reverse) -> str:
    """The public function: its docstring, the checks, and the call."""
    signature = [a.name if a.default is None else f"{a.name}={a.default!r}" for a in reverse.arguments]
    lines = checks(reverse)
    constant = [a.name for a in reverse.arguments if a.name not in reverse.trained]
    constant = [n for n in constant if not any(n == a.name and _needs_no_word(a.given) for a in reverse.arguments)]
    if constant:
        lines.append(f"_constant({', '.join(f'{n}={n}' for n in constant)})")
    anchor = reverse.forward.anchor or reverse.backward.anchor
    if anchor is None:
        raise Unsupported(f"{reverse.derivation.id} has no array of floats, and torch code takes its dtype from one")
    scalars = [a.name for a in reverse.tensors if a.default is not None]
    lines += [f"{n} = torch.as_tensor({n}, dtype={anchor}.dtype, device={anchor}.device)" for n in scalars]
    given = ", ".join(a.name for a in reverse.arguments)
    wide, end = wide_and_back(reverse, anchor, "to")
    lines += wide
    lines.append(f"return {_class_name(reverse.name)}.apply({given}){end}")
    head = f"def {reverse.name}({', '.join(signature)}):"
    return "\n".join([head, *docstring.indent(described(reverse, "torch")), *(f"    {x}" for x in lines)])


def _needs_no_word(t: object) -> bool:
    """Labels and functions have no gradient anyway."""
    domain = t.domain  # type: ignore[attr-defined]
    return bool(domain.function) or domain.below is not None
