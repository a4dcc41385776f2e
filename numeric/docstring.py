"""Docstrings of generated functions: formula, shapes, what is assumed, in plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from sympy import Expr
from sympy.printing.str import StrPrinter

from ..calculus.comparisons import comparison
from ..calculus.derivation import Definition, Derivation, behind
from ..calculus.dimensions import defined_dimensions
from ..calculus.functions import Indicator, Where
from ..calculus.index_order import index_orders
from ..calculus.sums import BoundSum
from ..calculus.tensors import Index, Tensor
from .stability.choices import keeps_nan

if TYPE_CHECKING:
    from .plans import Plan

_LETTERS = "ijklmpqrstuvw"


class _Plain(StrPrinter):
    """Index formulas as plain text, with ordinary letters for bound indices."""

    printmethod = "_nnmath_plain"  # no class prints itself: all forms are below

    def __init__(self, taken: set[str]) -> None:
        super().__init__()
        self.taken = taken
        self.letters: dict[str, str] = {}

    def _as_ordered_terms(self, expr: Expr, order: Any = None) -> list[Expr]:
        """What is subtracted comes last: X - M, not -M + X."""
        terms: list[Expr] = super()._as_ordered_terms(expr, order)
        return sorted(terms, key=lambda t: bool(t.as_coeff_Mul()[0].is_negative))

    def _print_Index(self, e: Index) -> str:
        if not (e.is_fresh or e.is_bound):
            return str(e.name)
        if e.name not in self.letters:
            hint = str(e.dim).lower()[:1]
            pool = [*((hint,) if hint.isalpha() else ()), *_LETTERS]
            self.letters[e.name] = next((x for x in pool if x not in self.taken), e.name)
            self.taken.add(self.letters[e.name])
        return self.letters[e.name]

    def _print_BoundSum(self, e: BoundSum) -> str:
        if orders := index_orders(e):
            sides = [tuple(map(self._print, (o.written[0], o.written[2]))) for o in orders]
            signs = ["<" if o.written[1] == "<" else "<=" for o in orders]
            return "*".join(f"[{a} {sign} {b}]" for (a, b), sign in zip(sides, signs, strict=True))
        body, fresh = e.open()
        before = set(self.taken)
        names = [self._print_Index(k) for k in fresh]
        text = f"sum_{{{','.join(names)}}}({self._print(body)})"
        self.taken = before
        return text

    def _print_Tensor(self, e: Any) -> str:
        return str(e.name)

    def _print_Element(self, e: Any) -> str:
        name = str(e.tensor.name)
        return f"{name}[{', '.join(map(self._print, e.indices))}]" if e.indices else name

    def _print_Delta(self, e: Any) -> str:
        return f"[{self._print(e.args[0])} = {self._print(e.args[1])}]"

    def _print_Indicator(self, e: Any) -> str:
        return f"[{self._positive(e.args[0])}]"

    def _print_Where(self, e: Any) -> str:
        a, b = map(self._print, e.args[1:])
        return f"({a} if {self._positive(e.args[0])} else {b})"

    def _print_absolute(self, e: Any) -> str:
        return f"abs({self._print(e.args[0])})"

    def _positive(self, e: Expr) -> str:
        said = comparison(e)
        return f"{self._print(said.left)} {'>' if said.greater else '<'} {self._print(said.right)}"

    def _print_Unknown(self, e: Any) -> str:
        return f"{e.name}{'_prime' * e.order}({self._print(e.argument)})"


def formula(d: Definition) -> str:
    """``P[i, c] = …`` in plain text."""
    taken = {str(s) for s in d.body.free_symbols if not (isinstance(s, Index) and s.is_fresh)}
    taken |= {t.name for t in d.body.atoms(Tensor)} | {k.name for k in d.indices}
    taken |= {str(dim) for t in (d.tensor, *d.body.atoms(Tensor)) for dim in t.dims}
    printer = _Plain(taken)
    left = printer._print(d.element)
    return f"{left} = {printer._print(d.body)}"


def shape(dims: Sequence[Expr]) -> str:
    return f"({', '.join(map(str, dims))}{',' if len(dims) == 1 else ''})" if dims else "scalar"


def compose(
    derivation: Derivation, plan: Plan, known: Mapping[str, Definition], givens: Sequence[Tensor], elementwise: bool
) -> list[str]:
    """The lines of a docstring."""
    names = ", ".join(d.name for d in plan.returns)
    lines = [*wrap(f"{derivation.title}: {plan.kind} {names}.", 112, break_long_words=False), ""]
    shown = {d.name for d in plan.returns}
    for d in (*plan.returns, *(d for d in behind(plan.returns, known) if d.name not in shown)):
        lines += wrap(formula(d), 108, initial_indent="    ", subsequent_indent="        ", break_long_words=False)
    lines.append("")
    if elementwise:
        lines.append("Works entry by entry on arrays of any shape; integers become float64.")
        told = (t for t in givens if not t.domain.function and (t.domain.value is not None or str(t.domain) != "real"))
        lines += [f"{t.name}: {described(t)}" for t in told]
    else:
        for t in givens:
            lines.append(f"{t.name}: {described(t)}")
        dims = [dim for t in (*givens, *(d.tensor for d in plan.returns)) for dim in t.dims]
        lines += [f"{dim} = {dim.text}." for dim in defined_dimensions(dims)]
        for d in plan.returns:
            lines.append(f"Returns {d.name}: {shape(d.tensor.dims)}.")
    if elementwise:
        tested = not all(keeps_nan(d.body, known) for d in plan.returns)
    else:
        tested = any(d.body.has(Where, Indicator) for d in (*plan.returns, *behind(plan.returns, known)))
    nan = "NaN fails every comparison x > 0" if tested else "NaN gives NaN"
    lines.append(f"The dtype of the input is kept; {nan}. Inputs are not changed.")
    lines.append(f"Generated by nnmath from {derivation.id}.")
    return lines


def described(t: Tensor) -> str:
    about = f" {t.description}" if t.description else ""
    if t.domain.function:
        return f"function of an array{about}; its derivative is passed as {t.name}_prime"
    text = f"{shape(t.dims)}{about}"
    if str(t.domain) != "real" and t.domain.below is None:
        text += f"; {t.domain} (assumed, not checked)"
    elif t.domain.below is not None:
        text += f"; {t.domain}"
    return text


def indent(lines: Sequence[str]) -> list[str]:
    """A docstring, indented as a function body."""
    return [f'    """{lines[0]}', *(f"    {x}".rstrip() for x in lines[1:]), '    """']
