"""From an expression to typeset mathematics in a given style: one table, one function for each kind of expression."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sympy
from sympy import Add, Expr, Integer, Mul, Pow, S, Symbol
from sympy.core.function import Function

from ..calculus.comparisons import comparison
from ..calculus.expectation import Average, Covariance, Expectation, Variance
from ..calculus.functions import Indicator, Unknown, Where
from ..calculus.index_order import IndexOrder, index_orders
from ..calculus.notation import Notation
from ..calculus.ranges import is_affine
from ..calculus.softmax_notation import SoftmaxEntry
from ..calculus.sums import BoundSum, Delta, Partial
from ..calculus.tensors import Element, Index, Tensor
from .box import ATOM, POWER, PREFIX, PRODUCT, SUM, Box, atom, join
from .letters import Alphabet, Letters, free_indices
from .names import text_name
from .ordering import absorb_sign, fraction, is_negative, ordered_factors, ordered_terms
from .places import place_text
from .style import Style
from .text_style import TEXT

#: Functions whose power is written on the name: tanh²(u).
_RAISED_NAMES = frozenset({"tanh", "sinh", "cosh", "sin", "cos", "erf"})


@dataclass(frozen=True)
class Writer:
    """A style, the letters of the indices, and what is known of the page.

    places: the order in which tensors are introduced. known: all their names. ordinary: one scalar variable only, so
    derivatives are written with d. both: pairs whose derivative occurs held and total. small: inside an exponent, where
    fractions are written on one line.
    """

    style: Style = TEXT
    alphabet: Alphabet = field(default_factory=Alphabet)
    letters: Letters = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    ordinary: bool = False
    both: frozenset[tuple[Tensor, Tensor]] = frozenset()
    small: bool = False

    def __call__(self, expr: Expr) -> Box:
        """The expression, on a page where its free indices may not have been named yet."""
        return self.for_line(expr)._write(expr)

    def for_line(self, *exprs: Expr | None) -> Writer:
        """This writer with a letter for every free index of the expressions."""
        missing = [i for i in free_indices(*exprs) if i not in self.letters]
        return replace(self, letters=self.alphabet.name(missing, self.letters)) if missing else self

    def only(self, *exprs: Expr | None) -> Writer:
        """This writer with the letters of other lines free to be used again."""
        shown = free_indices(*exprs)
        return replace(self, letters={i: self.letters[i] for i in shown if i in self.letters})

    def mark(self, partial: Partial, of: Expr) -> str:
        """∂ or d; where a direct and a whole derivative of the same pair meet on a page, the direct one stands out."""
        if isinstance(of, Element) and partial.held and (of.tensor, partial.wrt.tensor) in self.both:
            return "∂" if self.ordinary else "∂⁺"
        return "d" if self.ordinary else "∂"

    def _write(self, expr: Expr) -> Box:
        for kind in type(expr).__mro__:
            if kind in _WRITERS:
                return _WRITERS[kind](self, expr)
        return _function(self, expr)

    def name(self, name: str, indices: str = "") -> Box:
        return atom(self.style.name(name, self.known, indices))


def _element(w: Writer, e: Element) -> Box:
    return w.name(e.tensor.name, _index_text(w, e.indices))


def _index_text(w: Writer, indices: tuple[Expr, ...]) -> str:
    return w.style.indices([_place(w, i) for i in indices]) if indices else ""


def _place(w: Writer, index: Expr) -> str:
    affine = place_text(index, w.letters, w.style, lambda e: w._write(e).text) if is_affine(index) else None
    return w._write(index).text if affine is None else affine


def _index(w: Writer, index: Index) -> Box:
    return atom(w.letters[index])


def _number(w: Writer, number: Expr) -> Box:
    if isinstance(number, sympy.Float):
        text = f"{float(number):.15g}"
    else:
        text = str(abs(number))
    box = atom(text.removeprefix("-"))
    if number.is_Rational and not number.is_Integer:
        bar = w.style.inline_fraction if w.small else w.style.fraction
        box = bar(atom(str(abs(number.p))), atom(str(number.q)))
    return join([w.style.minus, box], SUM) if number.is_negative else box


def _sum(w: Writer, expr: Add) -> Box:
    if _content(expr) != 1 and not expr.has(BoundSum):
        return _product(w, expr)
    parts: list[str | Box] = []
    for term in ordered_terms(expr, w.letters, w.places):
        negative = is_negative(term)
        sign = f"\n {w.style.minus} " if negative else "\n + "
        box = w.style.wrap(w._write(-term if negative else term), PRODUCT)
        parts += [sign if parts else w.style.minus if negative else "", box]
    return join(parts, SUM)


def _product(w: Writer, expr: Expr) -> Box:
    parts = fraction(absorb_sign(_content_in_front(expr)))
    over = _factors(w, parts.over)
    tail = [b for b in over if b.binds == PREFIX] if parts.under and not w.small else []
    head = [b for b in over if b not in tail]
    if parts.under:
        bar = w.style.inline_fraction if w.small else w.style.fraction
        under = _times(w, _factors(w, parts.under))
        box = bar(_times(w, head) if head else atom("1"), under)
        if tail:
            box = _times(w, [box, *tail])
    else:
        box = _times(w, head)
    return join([w.style.minus, w.style.wrap(box, PRODUCT)], SUM) if parts.negative else box


def _content(expr: Expr) -> Expr:
    """The whole number that all terms of a sum share, below zero where all of them are: −2a − 2b is −2 (a + b)."""
    number = expr.primitive()[0] if isinstance(expr, Add) else S.One
    if not number.is_Integer or number == 1:
        return S.One
    return -number if all(map(is_negative, expr.args)) else number


def _content_in_front(expr: Expr) -> Expr:
    """The whole number that all terms of a sum share, in front of the product: (2a − 2b)/n is 2 (a − b)/n."""
    factors = Mul.make_args(expr)
    contents = [_content(f) for f in factors]
    if all(content == 1 for content in contents):
        return expr
    rest = [
        f if content == 1 else Add(*(t / content for t in f.args)) for f, content in zip(factors, contents, strict=True)
    ]
    number = Mul(*contents, *(f for f in rest if f.is_Number))
    return Mul(number, *(f for f in rest if not f.is_Number), evaluate=False)


def _factors(w: Writer, factors: tuple[Expr, ...]) -> list[Box]:
    return [w._write(f) for f in ordered_factors(factors, w.letters, w.places)]


def _times(w: Writer, boxes: list[Box]) -> Box:
    if len(boxes) == 1:
        return boxes[0]
    parts: list[str | Box] = []
    for at, box in enumerate(boxes):
        last = at == len(boxes) - 1
        box = w.style.wrap(box, PREFIX if last or box.binds > PREFIX else POWER)
        if parts:
            before = boxes[at - 1].text
            number = before.isdigit()
            if before[-1:].isdigit() and (box.text[:1].isdigit() or box.text.startswith(r"\mathbf{1}")):
                parts.append(w.style.number_dot)
            elif number and box.text == w.style.words["pi"]:
                parts.append("")
            else:
                parts.append(
                    "\n" + (w.style.dot if box.derivative or boxes[at - 1].derivative else w.style.before(box))
                )
        parts.append(box)
    return join(parts, PRODUCT)


def _power(w: Writer, expr: Pow) -> Box:
    if is_negative(expr.exp):
        return _product(w, expr)
    if expr.exp == S.Half:
        return w.style.root(w._write(expr.base))
    exponent = replace(w, small=True)._write(expr.exp)
    name = type(expr.base).__name__
    if isinstance(expr.base, Function) and expr.exp.is_Integer and name in _RAISED_NAMES:
        raised = w.style.power(atom(_function_name(w, name)), exponent).text
        return join([raised, w.style.enclosed(w._write(expr.base.args[0]))], POWER)
    return w.style.power(w._write(expr.base), exponent)


def _exp(w: Writer, expr: Expr) -> Box:
    of = expr.args[0]
    small = w.style.exponential(replace(w, small=True)._write(of), w.small or of.has(BoundSum, Where, Partial))
    if small is None or (of.has(Element) and any(e.indices for e in of.atoms(Element)) and not w.style.latex):
        return apply(w, "exp", w._write(of))
    return replace(small, binds=POWER)


def _bound_sum(w: Writer, expr: BoundSum) -> Box:
    if orders := index_orders(expr):
        return _order(w, orders[0]) if len(orders) == 1 else join([_order(w, order) for order in orders], PRODUCT)
    body, bound = expr.open()
    order = _order_of_appearance(w, body, bound)
    inner = replace(w, letters=w.alphabet.name(order, w.letters))
    prefix = w.style.sum_over([inner.letters[k] for k in order])
    return replace(join([prefix, w.style.wrap(inner._write(body), PRODUCT)], PREFIX), tall=2)


def _order(w: Writer, order: IndexOrder) -> Box:
    """``[j ≤ i]``."""
    smaller, sign, larger = order.written
    return _bracket(w, [_place(w, side) for side in (smaller, larger)], sign)


def _bracket(w: Writer, sides: list[str], relation: str) -> Box:
    """Iverson's bracket of a relation between two indices: 1 where it holds and 0 elsewhere."""
    bold = r"\mathbf{1}" if w.style.latex else ""
    return atom(f"{bold}[{sides[0]}{w.style.relation[relation]}{sides[1]}]")


def _order_of_appearance(w: Writer, body: Expr, bound: tuple[Index, ...]) -> list[Index]:
    """The bound indices as the factors of the body show them, so that Σᵢ Σ_c stands before Y_ic."""
    factors = ordered_factors(Mul.make_args(body), w.letters, w.places)
    met = [k for f in factors for k in free_indices(f)]
    return sorted(bound, key=lambda k: met.index(k) if k in met else len(met))


def _delta(w: Writer, expr: Delta) -> Box:
    at = {index: k for k, index in enumerate(w.letters)}
    ends = sorted(expr.args, key=lambda i: at.get(i, len(at)))
    if any(text_name(name) == "δ" for name in w.known):  # δ is taken: [i = j] says the same
        return _bracket(w, [_index_text(w, (end,)) for end in ends], "=")
    return atom(w.style.delta(_index_text(w, tuple(ends))))


def _partial(w: Writer, expr: Partial) -> Box:
    by: list[Element] = []
    of: Expr = expr
    while isinstance(of, Partial):
        by.insert(0, of.wrt)
        of = of.of
    mark = w.mark(expr, of)
    below = [w._write(e) for e in by]
    if isinstance(of, Element):
        return w.style.derivative(len(by), w._write(of), below, mark)
    return join([w.style.derivative(len(by), None, below, mark), " ", w.style.wrap(w._write(of), PREFIX)], PREFIX)


def _average(w: Writer, expr: Average) -> Box:
    inside = join([p for a in expr.of for p in (", ", w._write(a))][1:], SUM)
    return join([w.style.average[expr.symbol], w.style.bracketed(inside)], ATOM)


def _where(w: Writer, expr: Where) -> Box:
    branches = []
    rest: Expr = expr
    while isinstance(rest, Where):
        condition, value, other = rest.args
        joint = _between(w, condition, value.args[0]) if isinstance(value, Where) and value.args[2] == other else None
        if joint is not None:
            branches.append((w._write(value.args[1]), joint))
            rest = other
        elif isinstance(value, Where) and not isinstance(other, Where):
            branches.append((w._write(other), _positive(w, condition, negated=True)))
            rest = value
        else:
            branches.append((w._write(value), _positive(w, condition)))
            rest = other
    return w.style.cases(branches, w._write(rest))


def _positive(w: Writer, expr: Expr, *, negated: bool = False) -> Box:
    """``expr > 0``, with numbers and parameters on the right: ``x > 3`` for x − 3, ``x < 3`` for 3 − x."""
    said = comparison(expr)
    sign = ("≤" if said.greater else "≥") if negated else (">" if said.greater else "<")
    return join([w._write(said.left), w.style.relation[sign], w._write(said.right)], SUM)


def _between(w: Writer, first: Expr, second: Expr) -> Box | None:
    """``a < x < b`` where both conditions are, one from below and one from above, about the same x."""
    a, b = comparison(first), comparison(second)
    if a.left != b.left or a.greater == b.greater:
        return None
    low, high = (a, b) if a.greater else (b, a)
    less = w.style.relation["<"]
    return join([w._write(low.right), less, w._write(a.left), less, w._write(high.right)], SUM)


def _indicator(w: Writer, expr: Indicator) -> Box:
    bold = r"\mathbf{1}" if w.style.latex else ""
    return join([f"{bold}[", _positive(w, expr.args[0]), "]"], ATOM).solid()


def _unknown(w: Writer, expr: Unknown) -> Box:
    name = w.style.primes(w.style.name(expr.name, w.known, ""), expr.order)
    return join([name, w.style.enclosed(w._write(expr.argument))], ATOM)


def _function(w: Writer, expr: Expr) -> Box:
    name = type(expr).__name__
    if len(expr.args) != 1:
        inside = join([p for a in expr.args for p in (", ", w._write(a))][1:], SUM)
        return join([_function_name(w, name), w.style.enclosed(inside)], ATOM)
    return apply(w, name, w._write(expr.args[0]))


def _softmax(w: Writer, entry: SoftmaxEntry) -> Box:
    """``softmax_j(S_ij)``: the entry at j of the softmax of S_ij over j."""
    of, index = entry.args
    below = _index_text(w, (index,))
    name = f"{w.style.operator('softmax')}_{f'{{{below}}}' if w.style.latex else below}"
    return join([name, w.style.enclosed(w._write(of))], ATOM)


def _function_name(w: Writer, name: str) -> str:
    return w.style.functions.get(name) or w.style.operator(name)


def apply(w: Writer, name: str, of: Box) -> Box:
    shown = _function_name(w, name)
    if shown == "|":
        return join(["|", of, "|"], ATOM)
    if name == "log" and of.binds >= PREFIX:
        return join([shown + " ", of], PREFIX)
    return join([shown, w.style.enclosed(of)], ATOM)


def _symbol(w: Writer, symbol: Symbol) -> Box:
    return atom(w.style.symbol(symbol.name))


def _constant(w: Writer, expr: Expr) -> Box:
    return atom({S.Pi: w.style.words["pi"], S.Exp1: w.style.words["E"]}.get(expr, str(expr)))


_WRITERS: dict[type[Any], Callable[[Writer, Any], Box]] = {
    Element: _element,
    Index: _index,
    Symbol: _symbol,
    sympy.Number: _number,
    sympy.NumberSymbol: _constant,
    Integer: _number,
    Add: _sum,
    Mul: _product,
    Pow: _power,
    sympy.exp: _exp,
    BoundSum: _bound_sum,
    Delta: _delta,
    Partial: _partial,
    Where: _where,
    Indicator: _indicator,
    Unknown: _unknown,
    SoftmaxEntry: _softmax,
    Expectation: _average,
    Variance: _average,
    Covariance: _average,
}


def notation_text(node: Notation) -> str:
    """A matrix formula as plain text."""
    from .matrices import write_notation

    return write_notation(Writer(), node).text
