"""From matrix notation to typeset mathematics: ``Xᵀ (P − Y)/n``."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Integer, Mul, S

from ..calculus.notation import (
    Apply,
    Diag,
    Fill,
    Hadamard,
    Identity,
    Inner,
    MatMul,
    Name,
    Notation,
    OneHot,
    Ones,
    Plus,
    Power,
    Quotient,
    Scalar,
    Scaled,
    Softmax,
    SquaredNorm,
    Times,
    Trace,
    Transpose,
    is_divisor,
    parts,
    scaled,
    unscaled,
)
from .box import ATOM, POWER, PREFIX, PRODUCT, SUM, Box, atom, join
from .expressions import Writer, apply
from .ordering import fraction, is_negative


def write_notation(w: Writer, node: Notation) -> Box:
    """The formula in the writer's style; products break before ⊙, sums before their signs."""
    style = w.style
    match node:
        case Name(name):
            return w.name(name)
        case Scalar(value):
            return w(value)
        case Ones():
            return atom(style.words["ones"])
        case Fill():
            return atom("1")
        case Identity():
            return atom(style.words["identity"])
        case Transpose(of):
            return Box((style.wrap(write_notation(w, of), ATOM).text + style.transposed,), POWER)
        case MatMul(factors):
            return _product(w, factors, None, POWER)
        case Hadamard(factors):
            return _product(w, factors, "\n" + style.hadamard, POWER)
        case Quotient(over, under):
            return _product(w, (over, under), "\n" + style.quotient, POWER)
        case Scaled(coefficient, of):
            return _scaled(w, coefficient, of)
        case Times():
            return _times(w, node)
        case Plus(terms):
            return _plus(w, terms)
        case Diag(of):
            return _call(w, "diag", of)
        case Softmax(of, _):
            return _call(w, "softmax", of)
        case OneHot(of):
            return _call(w, "onehot", of)
        case Apply("indicator", of):
            opening = r"\mathbf{1}[" if style.latex else "["
            coefficient, rest = unscaled(of)
            below = is_negative(coefficient)
            side, sign = (scaled(-coefficient, rest), "<") if below else (of, ">")
            return join([opening, write_notation(w, side), style.relation[sign], "0]"], ATOM)
        case Apply(function, of, order):
            if order or len(function) == 1:
                shown = style.primes(style.name(function, w.known, ""), order)
                return join([shown, style.enclosed(write_notation(w, of))], ATOM)
            return apply(w, function, write_notation(w, of))
        case Power(SquaredNorm(of, matrix), exponent, False) if (2 * exponent).is_Integer and exponent > 0:
            return _norm(w, of, matrix, 2 * exponent)
        case Power(of, exponent, entrywise):
            if exponent == S.Half:
                return style.root(write_notation(w, of))
            if not entrywise:
                return style.power(write_notation(w, of), w(exponent))
            power = w(exponent) if style.latex else style.wrap(w(exponent), POWER)
            above = rf"^{{\odot {power}}}" if style.latex else f"^⊙{power}"
            return join([style.wrap(write_notation(w, of), ATOM), above], POWER)
        case Inner(left, right):
            opening, closing = (r"\langle ", r" \rangle_F") if style.latex else ("⟨", "⟩_F")
            return join([opening, write_notation(w, left), ", ", write_notation(w, right), closing], ATOM)
        case Trace(of):
            return _call(w, "tr", of)
        case SquaredNorm(of, matrix):
            return _norm(w, of, matrix, Integer(2))
    raise TypeError(f"no way to write {node!r}")


def _norm(w: Writer, of: Notation, matrix: bool, power: Expr) -> Box:
    left, right = (r"\lVert ", r" \rVert") if w.style.latex else ("‖", "‖")
    norm = join([left, write_notation(w, of), right + ("_F" if matrix else "")], ATOM)
    return norm if power == 1 else w.style.power(norm, w(power))


def _times(w: Writer, node: Times) -> Box:
    """Scalars that are formulas, and an array: (xᵀ y) x/‖x‖² in text, the fraction in front in LaTeX."""
    over: list[Notation] = []
    under: list[Notation] = []
    array: Notation = node
    while isinstance(array, Times):
        scalar, array = array.scalar, array.of
        if isinstance(scalar, Power) and is_divisor(scalar):
            under.append(scalar.of if scalar.exponent == -1 else Power(scalar.of, -scalar.exponent, entrywise=False))
        else:
            over.append(scalar)
    body = write_notation(w, array)
    body = body if isinstance(array, MatMul) else w.style.wrap(body, POWER)
    if not under:
        return _row(w, [*_factors(w, over), body])
    if w.style.latex:
        above, below = (_factors(w, s) if len(s) > 1 else [write_notation(w, f) for f in s] for s in (over, under))
        return _row(w, [w.style.fraction(_row(w, above), _row(w, below)), body])
    divisor = w.style.wrap(_row(w, _factors(w, under)), POWER)
    if _is_column_of_ones(array):
        coefficient = join([_row(w, _factors(w, over)), "/", divisor], PRODUCT)
        return _row(w, [w.style.enclosed(coefficient), body])
    return join([_row(w, [*_factors(w, over), body]), "/", divisor], PRODUCT)


def _factors(w: Writer, scalars: list[Notation]) -> list[Box]:
    return [w.style.wrap(write_notation(w, s), POWER) for s in scalars]


def _row(w: Writer, boxes: list[Box]) -> Box:
    """The product of these; 1 for none."""
    if len(boxes) < 2:
        return boxes[0] if boxes else atom("1")
    return join([part for box in boxes for part in (w.style.before(box), box)][1:], PRODUCT)


def _is_column_of_ones(array: Notation) -> bool:
    return array == Ones() or (isinstance(array, MatMul) and array.factors[-1] == Ones())


def _call(w: Writer, name: str, of: Notation) -> Box:
    return join([w.style.operator(name), w.style.enclosed(write_notation(w, of))], ATOM)


def _product(w: Writer, factors: tuple[Notation, ...], times: str | None, at_least: int) -> Box:
    """times: the sign between the factors; None for none."""
    parts: list[str | Box] = []
    for factor in factors:
        box = write_notation(w, factor)
        bare = box.binds >= at_least or (box.binds == PREFIX and factor is factors[-1])
        box = box if bare else w.style.enclosed(box)
        parts += [w.style.before(box) if times is None else times, box]
    return join(parts[1:], PRODUCT)


def _plus(w: Writer, terms: tuple[Notation, ...]) -> Box:
    parts: list[str | Box] = []
    for term in terms:
        coefficient, node = unscaled(term)
        if isinstance(node, Scalar) and is_negative(node.value):
            coefficient, node = -coefficient, Scalar(-node.value)
        negative = is_negative(coefficient)
        sign = f"\n {w.style.minus} " if negative else "\n + "
        box = _scaled(w, -coefficient if negative else coefficient, node)
        parts += [sign if parts else w.style.minus if negative else "", w.style.wrap(box, PRODUCT)]
    return join(parts, SUM)


def _scaled(w: Writer, coefficient: Expr, of: Notation) -> Box:
    """A fraction in front in LaTeX, a slash behind in text; a number alone for the array of ones."""
    if isinstance(of, Fill | Scalar):
        return w(coefficient * (of.value if isinstance(of, Scalar) else 1))
    if coefficient == 1:
        return write_notation(w, of)
    bar = fraction(coefficient)
    minus = w.style.minus if bar.negative else ""
    over, under = Mul(*bar.over), Mul(*bar.under)
    body = write_notation(w, of)
    if w.style.latex:
        bare = isinstance(of, MatMul | Times) and body.binds == PRODUCT
        array = body if bare else w.style.wrap(body, PREFIX)
        box = array if over == under else join([_in_front(w, over / under), " ", array], PRODUCT)
    else:
        whole = isinstance(of, MatMul | Times) or body.binds > PRODUCT
        if under != 1 and _is_column_of_ones(of):
            over, under, body = S.One, S.One, join([style_enclosed(w, over / under), " ", body], PRODUCT)
        alone = over == under == 1 and not (minus and body.binds == SUM)
        whole = (whole and body.binds != PREFIX) or alone
        box = body if whole else w.style.enclosed(body)
        if over != 1:
            box = join([_in_front(w, over), " ", box], PRODUCT)
        if under != 1:
            box = join([box, "/", w.style.wrap(w(under), POWER)], PRODUCT)
    return join([minus, box], SUM) if minus else box


def _in_front(w: Writer, coefficient: Expr) -> Box:
    """A coefficient before an array: in parentheses where the array would read as part of it."""
    box = w(coefficient)
    return w.style.enclosed(box) if box.binds in (SUM, PREFIX) else box


def style_enclosed(w: Writer, coefficient: Expr) -> Box:
    """A fraction in front of a column of ones: (1/n) Xᵀ 1, since a slash behind would read 1/n."""
    return w.style.wrap(w(coefficient), ATOM)


def nodes(node: Notation) -> Iterator[Notation]:
    """The formula and every formula inside it."""
    yield node
    for part in parts(node):
        yield from nodes(part)
