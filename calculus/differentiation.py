"""Derivatives by the rules of the textbook, one rule a line: a derivative node is rewritten until none is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sympy import Add, Expr, Function, Mul, Pow, S, exp, log

from .derivation import Known
from .functions import Unknown, Where
from .simplification import deltas_in_front
from .sums import BoundSum, Delta, Partial, bound_sum, rebuild
from .tensors import Element, Tensor


@dataclass(frozen=True)
class Line:
    """One rewriting: the rule that was applied and the expression it gave."""

    rule: str
    expr: Expr


#: How a rule names the derivative of a function, by the name of its SymPy class, where that name differs from it.
FUNCTION_NAMES = {"absolute": "abs", "Indicator": "a step"}
MAX_LINES = 60


@dataclass(frozen=True)
class Moving:
    """A definition that moves with the variable: its derivative, and what the step that inserts it is called."""

    rule: str
    known: Known


def differentiate(of: Expr, wrt: Element, moving: Mapping[Tensor, Moving] | None = None) -> list[Line]:
    """The lines that lead from ``∂of/∂wrt`` to an expression without derivative nodes.

    Definitions are held, except for those in ``moving``, whose derivatives are inserted.
    """
    moving = moving or {}
    node = Partial(of, wrt, held=not moving)
    settle = _Settler(wrt, moving)
    lines: list[Line] = []
    expr = settle(node)
    if expr != node:
        lines.append(Line(_settling_name(node, settle), expr))
    while True:
        nodes = _nodes(expr)
        if not nodes:
            break
        if len(lines) > MAX_LINES:
            raise RecursionError(f"more than {MAX_LINES} rules were needed")
        name = _rule_of(nodes[0], moving)[0]
        chained = any(_is_chained(node) for node in nodes if _rule_of(node, moving)[0] == name)
        expr = settle(_rewrite(expr, name, moving))
        lines.append(Line(f"chain rule, {name}" if chained else name, expr))
    return lines


def _nodes(expr: Expr) -> list[Partial]:
    found: list[Partial] = []

    def visit(e: Expr) -> None:
        if isinstance(e, Partial):
            found.append(e)
            return
        for a in e.args:
            if isinstance(a, Expr):
                visit(a)

    visit(expr)
    return found


def _rewrite(expr: Expr, name: str, moving: Mapping[Tensor, Moving]) -> Expr:
    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Partial):
            rule, result = _rule_of(e, moving)
            return result if rule == name else e
        return None

    return rebuild(expr, leaf, {Partial})


@dataclass(frozen=True)
class _Settler:
    """Linearity, the derivative of a constant and of the variable itself: applied at once, wherever they can be."""

    wrt: Element
    moving: Mapping[Tensor, Moving]

    def __call__(self, expr: Expr) -> Expr:
        def leaf(e: Expr) -> Expr | None:
            if isinstance(e, Partial):
                simple = self.linear(e)
                return e if simple is None else self(simple)
            return None

        return rebuild(expr, leaf, {Partial})

    def depends(self, expr: Expr) -> bool:
        tensors = expr.atoms(Tensor)
        return self.wrt.tensor in tensors or not tensors.isdisjoint(self.moving)

    def linear(self, node: Partial) -> Expr | None:
        of, wrt = node.of, node.wrt
        if not self.depends(of):
            return S.Zero
        if isinstance(of, Element) and of.tensor == wrt.tensor:
            out: Expr = S.One
            for a, b in zip(of.indices, wrt.indices, strict=True):
                out = out * Delta(a, b)
            return out
        if isinstance(of, Add):
            return Add(*(Partial(t, wrt, node.held) for t in of.args))
        if isinstance(of, Mul):
            fixed = [f for f in of.args if not self.depends(f)]
            if fixed:
                rest = Mul(*(f for f in of.args if self.depends(f)))
                return Mul(*fixed, Partial(rest, wrt, node.held))
        if isinstance(of, BoundSum):
            body, fresh = of.open()
            return bound_sum(Partial(body, wrt, node.held), *fresh)
        return None


def _settling_name(node: Partial, settle: _Settler) -> str:
    if isinstance(node.of, Element):
        return "derivative of an element"
    return "linearity" if settle.depends(node.of) else "derivative of a constant"


def _rule_of(node: Partial, moving: Mapping[Tensor, Moving]) -> tuple[str, Expr]:
    """The rule that takes a derivative node apart, and what it gives."""
    of, wrt = node.of, node.wrt

    def d(e: Expr) -> Expr:
        return Partial(e, wrt, node.held)

    if isinstance(of, Element):
        definition = moving[of.tensor]
        return definition.rule, definition.known.at(of.indices, wrt.indices)
    if isinstance(of, Mul):
        below = [f for f in of.args if isinstance(f, Pow) and f.exp.is_Rational and f.exp < 0]
        if below:
            numerator = Mul(*(f for f in of.args if f not in below))
            denominator = Mul(*(Pow(f.base, -f.exp) for f in below))
            return "quotient rule", (d(numerator) * denominator - numerator * d(denominator)) / denominator**2
        factors = of.args
        terms = (Mul(*(d(f) if at == k else f for at, f in enumerate(factors))) for k in range(len(factors)))
        return "product rule", Add(*terms)
    if isinstance(of, Pow):
        base, exponent = of.args
        if _Settler(wrt, moving).depends(exponent):
            return "derivative of u^v", of * (d(exponent) * log(base) + exponent * d(base) / base)
        if exponent == -1:
            return "reciprocal rule", -d(base) / base**2
        return "power rule", Mul(exponent, Pow(base, exponent - 1), d(base))
    if isinstance(of, Where):
        settle = _Settler(wrt, moving)

        def branch(e: Expr) -> Expr:
            return deltas_in_front(e.args[0], *map(branch, e.args[1:])) if isinstance(e, Where) else settle(d(e))

        return "branch by branch", branch(of)
    if isinstance(of, Unknown):
        inner = of.argument
        name = f"derivative of {of.name}" if of.order == 0 else f"derivative of {of.name}{'′' * of.order}"
        return name, Unknown(of.args[0], of.args[1] + 1, inner) * d(inner)
    if isinstance(of, exp):
        return "derivative of exp", of * d(of.args[0])
    if isinstance(of, Function) and len(of.args) == 1:
        name = FUNCTION_NAMES.get(type(of).__name__, type(of).__name__)
        return f"derivative of {name}", of.fdiff(1) * d(of.args[0])
    raise NotImplementedError(
        f"no rule differentiates {type(of).__name__} in {of}; write it with powers, exp, log and the named functions"
    )


def _is_chained(node: Partial) -> bool:
    """True where a function is applied to more than a plain element."""
    of = node.of
    if isinstance(of, Where) or not isinstance(of, Function):
        return False
    return not isinstance(of.args[-1], Element)
