"""JAX source for a derivation: for each output that has a derivative a function with a rule of its own, and one that
checks its arguments and calls it.

What is computed entry by entry has a ``custom_jvp``, which serves both modes and any order; the rest a ``custom_vjp``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...calculus.derivation import Derivation
from .. import docstring
from ..array_function import ArrayFunction
from ..lower import Unsupported
from ..plans import GeneratedModule, Plan
from .jax_writer import JAX
from .module_text import along, backward_of, functions_of, module, wide_and_back, writer
from .opening import checks, described, sizes_of
from .reverse import Reverse, Slope
from .rounded_products import with_rounded_products
from .tensor_text import TensorWriter


def assemble(derivation: Derivation, chosen: Sequence[Plan]) -> GeneratedModule:
    """A module of functions with a derivative of their own.

    Raises :class:`~..lower.Unsupported` for what JAX cannot express, and where there is no derivative.
    """
    found = functions_of(derivation, chosen, JAX)
    texts = [text for r in found for text in (*(_pushed(r, r.slope) if r.slope else _pulled(r)), _function(r))]
    return module(derivation, found, texts, JAX, "import jax\nimport jax.numpy as jnp")


def _writer(reverse: Reverse, function: ArrayFunction, taken: Sequence[str] = ()) -> TensorWriter:
    return writer(JAX, reverse, function, ("jax", "jnp", "saved", "primals", "tangents", *taken))


def _inner(reverse: Reverse) -> str:
    """The name of the function with the rule; a helper may have the obvious one."""
    return f"_{reverse.name}_value" if f"_{reverse.name}" in JAX.helpers else f"_{reverse.name}"


def _def(name: str, arguments: Sequence[str], about: str, lines: Sequence[str]) -> str:
    head = [f"def {name}({', '.join(arguments)}):", *([f'    """{about}"""'] if about else [])]
    return "\n".join([*head, *(f"    {line}" for line in lines)])


def _value(reverse: Reverse, function: ArrayFunction) -> list[str]:
    names = [name for name, _ in function.assigned]
    nodes = with_rounded_products(names, function.roots)
    assigned = list(zip(names, nodes, strict=False))
    return [*sizes_of(function), *_writer(reverse, function).assign(assigned, nodes[len(names) :])]


def _fixed(reverse: Reverse) -> str:
    """The positions of what is no array, as an argument."""
    at = [str(k) for k, a in enumerate(reverse.arguments) if not reverse.is_tensor(a)]
    return f", nondiff_argnums=({', '.join(at)},)" if at else ""


def _constants(reverse: Reverse) -> list[str]:
    """Arrays of floats that have no derivative here."""
    return [a.name for a in reverse.tensors if a.name not in reverse.trained and a.given.domain.below is None]


# --- entry by entry: tangents ---


def _pushed(reverse: Reverse, slope: Slope) -> list[str]:
    """The value with its tangent rule, and the derivative with its own."""
    name, arguments = _inner(reverse), [a.name for a in reverse.arguments]
    first = f"{name}_derivative"
    d = {n: f"d_{n}" for n in reverse.trained}
    slopes = [f"slope_{n}" for n in d] if len(d) > 1 else [f"{first}({', '.join(arguments)})"]
    opening = _opened(reverse, d)
    lines = [f"{', '.join(slopes)} = {first}({', '.join(arguments)})"] if len(d) > 1 else []
    sums = " + ".join(f"{s} * {t}" for s, t in zip(slopes, d.values(), strict=True))
    value = [*opening, *lines, f"return {name}({', '.join(arguments)}), {sums}"]
    sums_of_seconds = along(slope, list(d.values()))
    function = slope.second
    targets = [(f"tangent_{n}", s) for n, s in zip(d, sums_of_seconds, strict=True)]
    lines, texts = _writer(reverse, function, [*d.values(), *(t for t, _ in targets)]).steps(
        [*function.assigned, *targets]
    )
    texts = texts[-len(targets) :]
    tangents = texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
    curved = [*opening, *lines, f"return {first}({', '.join(arguments)}), {tangents}"]
    return [
        _with_rule(reverse, first, f"The derivative of {reverse.name}.", _value(reverse, slope.first), curved),
        _with_rule(reverse, name, f"The value of {reverse.name}.", _value(reverse, reverse.forward), value),
    ]


def _with_rule(reverse: Reverse, name: str, about: str, lines: Sequence[str], rule: Sequence[str]) -> str:
    fixed, arguments = _fixed(reverse), [a.name for a in reverse.arguments]
    decorator = f"@partial(jax.custom_jvp{fixed})" if fixed else "@jax.custom_jvp"
    options = [a.name for a in reverse.options]
    exact = ", symbolic_zeros=True" if _constants(reverse) else ""
    registered = f"@partial({name}.defjvp{exact})" if exact else f"@{name}.defjvp"
    value = _def(name, arguments, about, lines)
    return f"{decorator}\n{value}\n\n\n{registered}\n{_def(f'{name}_jvp', [*options, 'primals', 'tangents'], '', rule)}"


def _opened(reverse: Reverse, d: dict[str, str]) -> list[str]:
    """Primals and tangents by name; where some arrays are constants, zero tangents are symbols."""
    arrays = [a.name for a in reverse.tensors]
    constants = _constants(reverse)
    named = [d.get(n, f"d_{n}" if n in constants else "_") for n in arrays]
    lines = [f"{_unpacked(arrays)} = primals", f"{_unpacked(named)} = tangents"]
    lines += [f'_constant("{n}", not isinstance(d_{n}, jax.custom_derivatives.SymbolicZero))' for n in constants]
    if constants:
        lines += [f"{t} = _instantiated({t})" for t in d.values()]
    return lines


# --- arrays: cotangents ---


def _pulled(reverse: Reverse) -> list[str]:
    """The value, its forward that keeps what the backward needs, and the backward."""
    name, arguments = _inner(reverse), [a.name for a in reverse.arguments]
    back = _backward(reverse)
    read = set(re.findall(r"[^\W\d]\w*", "\n".join(back)))
    saved = [a.name for a in reverse.tensors if a.name in read]
    options = [a.name for a in reverse.options]
    arrays = [a.name for a in reverse.tensors]
    constants = _constants(reverse)
    forward = [f'_constant("{n}", {n}.perturbed)' for n in constants]
    if constants:
        forward.append(f"{', '.join(arrays)} = {', '.join(f'{n}.value' for n in arrays)}")
        back = [f"{reverse.upstream} = _instantiated({reverse.upstream})", *back]
    kept = f"({saved[0]},)" if len(saved) == 1 else f"({', '.join(saved)})"
    forward.append(f"return {name}_value({', '.join(arguments)}), {kept}")
    unpacked = [f"{_unpacked(saved)} = saved"] if saved else []
    exact = ", symbolic_zeros=True" if constants else ""
    return [
        _def(f"{name}_value", arguments, f"The value of {reverse.name}.", _value(reverse, reverse.forward)),
        _def(f"{name}_forward", arguments, "", forward),
        _def(f"{name}_backward", [*options, "saved", reverse.upstream], "", [*unpacked, *back]),
        f"{name} = jax.custom_vjp({name}_value{_fixed(reverse)})\n"
        f"{name}.defvjp({name}_forward, {name}_backward{exact})",
    ]


def _unpacked(names: Sequence[str]) -> str:
    return f"({names[0]},)" if len(names) == 1 else ", ".join(names)


def _backward(reverse: Reverse) -> list[str]:
    function = reverse.backward
    upstream = [t for t in reverse.derivation.givens if t.name == reverse.upstream]
    targets = backward_of(reverse)
    names = [name for name, _ in targets]
    nodes = with_rounded_products(names, [node for _, node in targets])
    lines, results = _writer(reverse, function).steps(list(zip(names, nodes, strict=True)))
    results = results[len(results) - len(reverse.gradients) :]
    if len(results) == 1 and lines and lines[-1].startswith(f"{results[0]} = "):
        results = [lines.pop().partition(" = ")[2]]
    found = dict(zip(reverse.trained, results, strict=True))
    returned = ", ".join(found.get(a.name, "None") for a in reverse.tensors)
    if len(reverse.tensors) == 1:
        returned = f"({returned},)"
    return [*sizes_of(function, upstream), *lines, f"return {returned}"]


# --- what a user calls ---


def _function(reverse: Reverse) -> str:
    """The public function: its docstring, the checks, and the call."""
    signature = [a.name if a.default is None else f"{a.name}={a.default!r}" for a in reverse.arguments]
    anchor = reverse.forward.anchor or reverse.backward.anchor
    if anchor is None:
        raise Unsupported(f"{reverse.derivation.id} has no array of floats, and JAX code takes its dtype from one")
    arrays = [a.name for a in reverse.tensors if a.default is None]
    lines = [f"{', '.join(arrays)} = {', '.join(f'jnp.asarray({n})' for n in arrays)}", *checks(reverse)]
    lines += [f"{a.name} = jnp.asarray({a.name}, {anchor}.dtype)" for a in reverse.tensors if a.default is not None]
    tensors = [a.name for a in reverse.tensors]
    if reverse.elementwise and len(tensors) > 1:
        lines.append(f"{', '.join(tensors)} = jnp.broadcast_arrays({', '.join(tensors)})")
    wide, end = wide_and_back(reverse, anchor, "astype")
    call = f"{_inner(reverse)}({', '.join(a.name for a in reverse.arguments)}){end}"
    head = f"def {reverse.name}({', '.join(signature)}):"
    doc = docstring.indent(described(reverse, "JAX"))
    return "\n".join([head, *doc, *(f"    {x}" for x in (*lines, *wide, f"return {call}"))])


__all__ = ["assemble"]
