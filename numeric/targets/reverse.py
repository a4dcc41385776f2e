"""A derivation as functions with a derivative of their own, the way autograd wants them: for each output a forward, and
a backward that takes the gradient with respect to the output and returns those with respect to the inputs.

Nothing here is text of a language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...calculus.backward import Backward
from ...calculus.derivation import Definition, Derivation, Part, Result
from ...calculus.letters import Letters
from ...calculus.prover import Prover
from ...calculus.tensors import Tensor
from .. import program
from ..array_function import Argument, ArrayFunction, array_function
from ..lower import Unsupported
from ..plans import Plan, identifier, is_elementwise
from ..program import Node, all_nodes

#: Exact on every number that a dtype has: what is made of these only needs no wider dtype.
EXACT = frozenset({"where", "abs", "sign", "minimum", "maximum", "clip", "relu"})


@dataclass(frozen=True)
class Slope:
    """The derivatives of a function that is computed entry by entry, and the derivatives of these.

    first: one for each variable. second: the programs that the second ones need; hessian: where ``second`` returns the
    one by each pair of variables.
    """

    first: ArrayFunction
    second: ArrayFunction
    hessian: Mapping[tuple[int, int], int]


@dataclass(frozen=True)
class Reverse:
    """One output of a derivation, with its derivatives.

    name: of the function. of: the definition whose derivatives these are; output: the array that the function returns,
    which is another where a pairing pairs it with its upstream gradient. forward: its value. backward: its programs;
    what it returns is still to be multiplied by the upstream gradient, unless ``of`` is a pairing. gradients: for each
    input that has a derivative, the name that its gradient takes and the program of it. upstream: the name of the
    gradient with respect to the output. slope: set for a function that is computed entry by entry. The forms in which
    its derivatives are accurate have corners, in abs(x), where they themselves have none; so the second derivatives
    are formulas too, rather than derivatives of that code.
    """

    name: str
    of: Definition
    output: Definition
    forward: ArrayFunction
    backward: ArrayFunction
    gradients: tuple[tuple[str, str, Node], ...]
    upstream: str
    slope: Slope | None

    @property
    def derivation(self) -> Derivation:
        return self.forward.derivation

    @property
    def elementwise(self) -> bool:
        return self.forward.elementwise

    @property
    def trained(self) -> tuple[str, ...]:
        """The inputs that have a derivative."""
        return tuple(name for name, _, _ in self.gradients)

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """What the forward or the backward reads, the upstream gradient apart; those with a default last."""
        found = {a.name: a for a in (*self.forward.arguments, *self.backward.arguments) if a.name != self.upstream}
        if self.slope is not None:
            found |= {a.name: a for a in (*self.slope.first.arguments, *self.slope.second.arguments)}
        order = {identifier(t.name): at for at, t in enumerate(self.derivation.givens)}

        def place(a: Argument) -> tuple[bool, bool, int, str]:
            return (a.default is not None, a.given.domain.function, order.get(identifier(a.given.name), 0), a.name)

        return tuple(sorted(found.values(), key=place))

    def is_tensor(self, argument: Argument) -> bool:
        """Whether an argument is an array: a parameter that has no derivative is a number."""
        t = argument.given
        return not t.domain.function and (t.rank > 0 or t.domain.value is None or argument.name in self.trained)

    @property
    def tensors(self) -> tuple[Argument, ...]:
        return tuple(a for a in self.arguments if self.is_tensor(a))

    @property
    def options(self) -> tuple[Argument, ...]:
        """Numbers and functions, which are no arrays."""
        return tuple(a for a in self.arguments if not self.is_tensor(a))

    @property
    def programs(self) -> tuple[Node, ...]:
        return (*self.forward.roots, *self.backward.roots)

    @property
    def rounds(self) -> bool:
        """Whether half precision should be computed in float32: functions and sums, but no matrix products."""
        ops = {(n.op, str(n.data[0]) if n.op == "call" else "") for n in all_nodes(self.programs)}
        products = {"matmul", "einsum"}
        return not any(op in products for op, _ in ops) and any(
            op in ("pow", "reduce", "log_sum", "apply") or (op == "call" and name not in EXACT) for op, name in ops
        )


def reverses(derivation: Derivation, base: str) -> tuple[Reverse, ...]:
    """A function with a derivative for each output that has one. base: their name, or how their names begin.

    Raises :class:`~..lower.Unsupported` where nothing is differentiated by an input.
    """
    given = {t.name for t in derivation.givens}
    groups: dict[str, list[Result]] = {}
    for r in derivation.wanted:
        if r.of is not None and len(r.wrt) == 1 and r.wrt[0].name in given:
            groups.setdefault(r.of.name, []).append(r)
    definitions = {d.name: d for d in derivation.definitions}
    paired = {of: _paired(definitions[of], definitions) for of in groups if of in definitions}
    covered = {d.name for of, d in paired.items() if definitions[of].pairing}
    chosen = {of: d for of, d in paired.items() if definitions[of].pairing or d.name not in covered}
    if not chosen:
        raise Unsupported(
            f"{derivation.id} has no derivative with respect to an input, so there is no function for autograd. "
            f"For its value type: nnmath code {derivation.id}"
        )
    single = len(chosen) == 1
    return tuple(
        _reverse(derivation, definitions[of], output, groups[of], base if single else f"{base}_{identifier(of)}")
        if single or not definitions[of].pairing
        else _reverse(derivation, definitions[of], output, groups[of], f"{base}_{identifier(output.name)}")
        for of, output in chosen.items()
    )


def _paired(d: Definition, definitions: dict[str, Definition]) -> Definition:
    """The output that a definition stands for: itself, or the array that a pairing pairs with its upstream gradient."""
    return next(definitions[t.name] for t in d.inputs() if t.name in definitions) if d.pairing else d


def _reverse(derivation: Derivation, of: Definition, output: Definition, results: list[Result], name: str) -> Reverse:
    forward = array_function(derivation, Plan(name, (output,), "value"))
    returns = tuple(r.definition for r in results)
    backward = array_function(derivation, Plan(f"{name}_backward", returns, "derivative", order=1))
    taken = forward.taken | backward.taken
    names = [identifier(r.wrt[0].name) for r in results]
    if of.pairing:
        upstream = next(identifier(t.name) for t in of.inputs() if t.name != output.name)
        gradients = [
            (n, identifier(r.name), node) for n, r, node in zip(names, results, backward.returned, strict=True)
        ]
        return Reverse(name, of, output, forward, backward, tuple(gradients), upstream, None)
    upstream = next(n for n in ("grad", "grad_output", "upstream") if n not in taken)
    gradients = []
    for n, r, node in zip(names, results, backward.returned, strict=True):
        gradients.append((n, f"{upstream}_{n}", _pulled_back(upstream, of.tensor.rank, r, node)))
    return Reverse(
        name, of, output, forward, backward, tuple(gradients), upstream, _slope(derivation, of, results, name)
    )


def _slope(derivation: Derivation, of: Definition, results: list[Result], name: str) -> Slope | None:
    if not is_elementwise(derivation):
        return None
    plan = Plan(f"{name}_derivative", tuple(r.definition for r in results), "derivative", order=1)
    by_pair: dict[tuple[Tensor, ...], Result] = {
        r.wrt: r for r in derivation.wanted if r.of == of.tensor and len(r.wrt) == 2
    }
    hessian: dict[tuple[int, int], int] = {}
    seconds: list[Result] = []
    for i, first in enumerate(results):
        for j, other in enumerate(results[i:], i):
            wrt = (first.wrt[0], other.wrt[0])
            if wrt not in by_pair:
                part = _differentiated(derivation, first, other.wrt[0])
                derivation = replace(derivation, parts=(*derivation.parts, part))
                assert part.result is not None
                by_pair[wrt] = part.result
            hessian[i, j] = hessian[j, i] = len(seconds)
            seconds.append(by_pair[wrt])
    returns = tuple(r.definition for r in seconds)
    second = array_function(derivation, Plan(f"{name}_second_derivative", returns, "derivative", order=2))
    return Slope(array_function(derivation, plan), second, hessian)


def _differentiated(derivation: Derivation, first: Result, wrt: Tensor) -> Part:
    """One more derivative of a first derivative, derived as the others were."""
    letters = Letters(derivation.definitions, ())
    prover = Prover(derivation.definitions, derivation.givens)
    name = f"d2{first.of.name if first.of else ''}_d{first.wrt[0].name}_d{wrt.name}"
    return Backward(derivation.definitions, letters, prover).second(first, wrt, name=name)


def _pulled_back(upstream: str, rank: int, result: Result, node: Node) -> Node:
    """The gradient with respect to an input, from the one with respect to the output and the Jacobian."""
    wrt: Tensor = result.wrt[0]
    if not rank:  # a scalar, or entry by entry
        dy = program.name(upstream, 0)
        if node.op == "neg":
            return program.negative(program.mul((dy, node.args[0])))
        return program.mul((dy, program.as_float(node)))
    dy = program.name(upstream, rank)
    if rank == wrt.rank == 1:
        return program.matmul(dy, node)
    letters = "abcdefghijklmnopqrstuvw"
    out, into = letters[:rank], letters[rank : rank + wrt.rank]
    return program.einsum(f"{out},{out}{into}->{into}", dy, node)


def base_name(derivation: Derivation) -> str:
    """How the functions of a derivation are called: its id without the word for what is derived."""
    base = identifier(derivation.id)
    for suffix in ("gradient", "derivative", "jacobian", "hessian", "backward"):
        base = base.removesuffix(f"_{suffix}")
    return base


__all__ = ["Reverse", "Slope", "base_name", "reverses"]
