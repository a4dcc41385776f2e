"""From index notation to array operations: a table from SymPy heads to ways of computing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import sympy
from sympy import Add, Expr, Integer, Mul, Number, Pow, Symbol

from ..calculus.comparisons import Comparison, comparison
from ..calculus.functions import Indicator, Unknown, Where, absolute, relu, sigmoid, softplus
from ..calculus.ranges import is_affine
from ..calculus.sums import BoundSum, Delta, bound_sum
from ..calculus.tensors import Element, Index, Tensor
from . import decaying, program, rows
from .affine import apart, positions, put, take
from .contraction import contract
from .exponentials import exp_ratio, log_exp_ratio, log_sum_exp, log_total
from .layout import Array, Layout, align
from .masks import index_comparison, masked_exponent, with_comparisons
from .program import Node
from .stability import forms, row_forms
from .stability.choices import reads_what_it_tests


class Unsupported(ValueError):
    """A formula that has no array form here (yet): the message says which part."""


#: Elementwise functions and their names in :mod:`text`.
CALLS: dict[type[Expr], str] = {
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.tanh: "tanh",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.atan: "arctan",
    sympy.erf: "erf",
    sympy.Abs: "abs",
    sympy.sign: "sign",
    absolute: "abs",
    sigmoid: "sigmoid",
    softplus: "softplus",
    relu: "relu",
    forms.sech2: "sech2",
    forms.erfc: "erfc",
    forms.erfcx: "erfcx",
    forms.normal_tail: "normal_tail",
    forms.expm1: "expm1",
    forms.log1p: "log1p",
    forms.xlogx: "xlogx",
    forms.tanh_remainder: "tanh_remainder",
    forms.finite: "finite",
    row_forms.power_of_two: "power_of_two",
}

#: Factors that may vanish come first in a product, so that 0·x·x stays 0 where x² alone would overflow.
VANISHING = (sympy.exp, sigmoid, forms.sech2, forms.erfc, forms.ShiftedRatio)


def lower(expr: Expr, hint: Layout = ()) -> Array:
    """The array form of an expression; its layout is the free indices. ``hint`` is the order preferred for the axes.

    Raises :class:`Unsupported`.
    """
    if expr.is_number and not expr.has(Element, BoundSum):
        return _number(expr, hint)
    for kind in type(expr).__mro__:
        if (build := LOWER.get(kind)) is not None:
            return build(expr, hint)
    raise Unsupported(f"no NumPy form of {type(expr).__name__} in {expr}")


# --- atoms ---


def _number(e: Expr, hint: Layout) -> Array:
    return Array(program.const(int(e) if e.is_Integer else float(e)))


def _symbol(e: Expr, hint: Layout) -> Array:
    if isinstance(e, Index):
        return Array(Node("arange", (), (str(e.dim),), 1, "int"), (e,))
    return Array(program.dim(str(e)))


def _element(e: Expr, hint: Layout) -> Array:
    assert isinstance(e, Element)
    tensor = e.tensor
    node = program.name(tensor.name, tensor.rank, _kind(tensor))
    plain = [i for i in e.indices if isinstance(i, Index)]
    if any(is_affine(i) or (isinstance(i, Index) and i.dim != d) for i, d in zip(e.indices, tensor.dims, strict=True)):
        taken = take(e, node, lower)
        return apart(e, lower, hint) if taken is None else taken
    if len(plain) == tensor.rank == len(set(plain)):
        return Array(node, e.indices)  # type: ignore[arg-type]
    return _gather(node, e.indices, tensor.dims, hint)


def _kind(tensor: Tensor) -> program.Kind:
    """A scalar parameter counts as a Python number; a scalar variable is an array of any shape."""
    if tensor.domain.below is not None:
        return "int"
    return "python" if tensor.rank == 0 and tensor.domain.value is not None else "float"


def _gather(node: Node, indices: tuple[Expr, ...], dims: tuple[Expr, ...], hint: Layout) -> Array:
    """Indexing with integers and label arrays: ``P[i, y[i]]``."""
    keep = next((at for at in range(len(indices)) if _is_plain(indices, at)), len(indices))
    if all(_is_plain(indices, at) for at in range(keep, len(indices))):
        heads, tail = indices[:keep], indices[keep:]
    else:
        heads, tail = indices, ()
    arrays = [_position(i) for i in heads]
    positions, layout = align(arrays, tuple(k for k in hint if any(k in a.layout for a in arrays)))
    rank = len(layout) + len(tail)
    return Array(Node("index", (node, *positions), (), rank), (*layout, *tail))  # type: ignore[arg-type]


def _is_plain(indices: tuple[Expr, ...], at: int) -> bool:
    """An axis that keeps its own index, which occurs nowhere else."""
    index = indices[at]
    others = (i for position, i in enumerate(indices) if position != at)
    return isinstance(index, Index) and not any(index in i.free_symbols for i in others)


def _position(index: Expr) -> Array:
    return positions(index, lower)


def _delta(e: Expr, hint: Layout) -> Array:
    a, b = e.args
    if isinstance(a, Index) and isinstance(b, Index) and a.dim == b.dim:
        order = (b, a) if a in hint and b in hint and hint.index(b) < hint.index(a) else (a, b)
        return Array(Node("eye", (), (str(a.dim),), 2, "float"), order)
    nodes, layout = align([_position(a), _position(b)], hint)  # type: ignore[arg-type]
    return Array(Node("compare", nodes, ("==",), max(n.rank for n in nodes), "bool"), layout)


# --- arithmetic ---


def _add(e: Expr, hint: Layout) -> Array:
    content, whole = e.primitive()
    if e.as_coeff_Add()[0] != 0 and content.q != 1:  # (x + 3)/6 is exact around x = −3, x/6 + 1/2 is not
        return _scaled(lower(whole, hint), content, hint)
    terms: list[tuple[int, Array]] = []
    for term in e.as_ordered_terms():
        coefficient, rest = term.as_coeff_Mul()
        minus = bool(coefficient.is_negative)
        terms.append((-1 if minus else 1, lower(-coefficient * rest if minus else term, hint)))
    # Differences of inputs first, and what is added to them last: z − y + 1 is exact where z and y are equal and large.
    late = len(terms) > 2
    terms.sort(
        key=lambda t: (late and not t[1].node.rank and t[1].node.kind == "python", -t[0], t[1].node.kind == "bool")
    )
    nodes, layout = align([a for _, a in terms], hint)
    if not any(n.kind == "float" for n in nodes):
        nodes = tuple(program.as_float(n) for n in nodes)
    return Array(program.add(tuple(zip((s for s, _ in terms), nodes, strict=True))), layout)


def _mul(e: Expr, hint: Layout) -> Array:
    coefficient, rest = e.as_coeff_Mul()
    constants = [f for f in Mul.make_args(rest) if f.is_number]
    others = [f for f in Mul.make_args(rest) if not f.is_number]
    if constants:  # irrational constants are one float
        coefficient = sympy.Float(float(Mul(coefficient, *constants)))
    sign, coefficient = (-1, -coefficient) if coefficient.is_negative else (1, coefficient)
    beside_arrays = any(_has_indices(f) for f in others)
    over, under = _fraction(sorted(others, key=lambda f: _rank_in_product(f, beside_arrays)))
    if coefficient.is_Rational and coefficient.p == 1 and coefficient.q != 1:
        under.append(Integer(coefficient.q))
    elif coefficient != 1:
        over.insert(0, coefficient)
    product = _quotient([lower(f, hint) for f in over], [lower(f, hint) for f in under], hint)
    return Array(program.negative(product.node), product.layout) if sign < 0 else product


def _fraction(factors: Iterable[Expr]) -> tuple[list[Expr], list[Expr]]:
    over: list[Expr] = []
    under: list[Expr] = []
    for f in factors:
        base, power = (f.base, f.exp) if isinstance(f, Pow) else (f, Integer(1))
        side = under if power.is_negative else over
        magnitude = -power if power.is_negative else power
        few = magnitude.is_Integer and magnitude <= 4
        if few and (isinstance(base, Element) or (side is under and isinstance(base, Add) and _may_overflow(base))):
            side.extend([base] * int(magnitude))  # divided by one after the other: (1 + |x|)² may overflow
        else:
            side.append(Pow(base, magnitude))
    return over, under


def _may_overflow(base: Expr) -> bool:
    """Whether a sum has a variable in it, other than in a decaying exponential."""
    return base.has(Element) and not base.has(forms.WholeExp)


def _has_indices(f: Expr) -> bool:
    return any(e.indices for e in f.atoms(Element))


def _rank_in_product(f: Expr, beside_arrays: bool) -> int:
    """Functions that may vanish, scalars beside entries of arrays, others, the variable of a function, truth values."""
    base = f.base if isinstance(f, Pow) else f
    if isinstance(base, VANISHING):
        return 0
    if isinstance(base, Indicator | Delta):
        return 4
    if isinstance(base, row_forms.LessMean) or (beside_arrays and base.has(Element) and not _has_indices(base)):
        return 1
    return 3 if isinstance(base, Element) and not base.indices else 2


def _quotient(over: list[Array], under: list[Array], hint: Layout) -> Array:
    """Product over product, with its sign in front."""
    negative = sum(a.node.op == "neg" for a in (*over, *under)) % 2
    over, under = ([Array(a.node.args[0], a.layout) if a.node.op == "neg" else a for a in s] for s in (over, under))
    over.sort(key=lambda a: (a.node.kind == "bool", a.node.op != "const"))
    nodes, layout = align([*over, *under], hint) if over or under else ((), ())
    top, bottom = nodes[: len(over)], nodes[len(over) :]
    if not any(n.kind == "float" for n in nodes):
        top = tuple(program.as_float(n) for n in top)
    product = program.mul(top or (program.const(1),), bottom)
    return Array(program.negative(product) if negative else product, layout)


def _pow(e: Expr, hint: Layout) -> Array:
    base, exponent = e.base, e.exp
    if exponent.is_negative:
        return _quotient([], [lower(f, hint) for f in _fraction([e])[1]], hint)
    if exponent.is_Integer and 3 <= exponent <= 4 and not base.is_number:
        factor = lower(base, hint)
        return Array(program.mul((factor.node,) * int(exponent)), factor.layout)
    if exponent.is_Integer and 5 <= exponent <= 16 and not base.is_number:  # NumPy's own power is slow
        root = lower(base**2 if exponent % 2 else base ** (exponent / 2), hint)
        rest = lower(base ** (exponent - 2), hint) if exponent % 2 else root
        return Array(program.mul((root.node, rest.node)), root.layout)
    inner = lower(base, hint)
    if exponent == sympy.Rational(1, 2) and inner.node.kind != "python":
        return Array(program.call("sqrt", inner.node), inner.layout)
    if not exponent.is_number:
        nodes, layout = align([inner, lower(exponent, hint)], hint)
        if all(n.kind == "python" for n in nodes):  # np.power would make a NumPy number of it, which widens float32
            return Array(Node("raise", nodes, (), 0, "python"), layout)
        return Array(program.call("power", *nodes), layout)
    value = int(exponent) if exponent.is_Integer else float(exponent)
    return Array(program.power(inner.node, value), inner.layout)


# --- functions ---


def _call(e: Expr, hint: Layout) -> Array:
    inner = lower(e.args[0], hint)  # type: ignore[arg-type]
    return Array(program.call(CALLS[type(e)], inner.node), inner.layout)


def _indicator(e: Expr, hint: Layout) -> Array:
    return _condition(e.args[0], hint)  # type: ignore[arg-type]


def _condition(e: Expr, hint: Layout, holds: bool = True) -> Array:
    """``e > 0``, or whether that does not hold: as a comparison of two sides where these stand in it as they are.

    So nothing is rounded first.
    """
    said = comparison(e)
    if said.left - said.right not in (e, -e):
        said = Comparison(e, True, sympy.S.Zero)
    nodes, layout = align([lower(said.left, hint), lower(said.right, hint)], hint)
    sign = (">" if said.greater else "<") if holds else ("<=" if said.greater else ">=")
    return Array(Node("compare", nodes, (sign,), max(n.rank for n in nodes), "bool"), layout)


def _where(e: Expr, hint: Layout) -> Array:
    a, b = (lower(v, hint) for v in e.args[1:])  # type: ignore[arg-type]
    if turned := reads_what_it_tests(e):  # NaN, for which no comparison holds, gives NaN
        a, b = b, a
    nodes, layout = align([_condition(e.args[0], hint, not turned), a, b], hint)  # type: ignore[arg-type]
    branches = tuple(program.as_float(program.as_decimal(n)) for n in nodes[1:])
    chosen = program.call("where", nodes[0], *branches, kind="float")
    if not chosen.rank or all(n.kind == "python" for n in branches):  # np.where makes a float64 of Python numbers
        chosen = Node("cast", (chosen,), (), chosen.rank, "float")
    return Array(chosen, layout)


def _clip(e: Expr, hint: Layout) -> Array:
    low, high = (float(v) for v in e.args[1:])  # type: ignore[arg-type]
    if isinstance(e.args[0], absolute) and low < 0:  # np.clip is faster than np.minimum with a number
        return lower(absolute(forms.Clip(e.args[0].args[0], -e.args[2], e.args[2])), hint)
    inner = lower(e.args[0], hint)  # type: ignore[arg-type]
    if low == float("-inf"):
        node = program.call("minimum", inner.node, program.const(high))
    elif high == float("inf"):
        node = program.call("maximum", inner.node, program.const(low))
    else:
        node = program.call("clip", inner.node, program.const(low), program.const(high))
    return Array(node, inner.layout)


def _unknown(e: Expr, hint: Layout) -> Array:
    assert isinstance(e, Unknown)
    inner = lower(e.argument, hint)
    function = e.name + "_prime" * e.order
    return Array(Node("apply", (inner.node,), (function,), inner.node.rank), inner.layout)


# --- sums ---


def _sum(e: Expr, hint: Layout) -> Array:
    assert isinstance(e, BoundSum)
    if (compared := index_comparison(e, lower, hint)) is not None:
        return compared
    body, bound = with_comparisons(*e.open())
    if not bound:
        return lower(body, hint)
    if isinstance(body, Add) and not _one_term_has_all_axes(body):
        return lower(Add(*(bound_sum(t, *bound) for t in body.args)), hint)
    if isinstance(body, Add) and all(t.as_coeff_Mul()[0].is_negative for t in body.args):
        body = Mul(-1, Add(*(-t for t in body.args)), evaluate=False)
    placed = put(Mul.make_args(body), bound, lower, hint)
    if placed is not None:
        return placed
    coefficient, rest = body.as_coeff_Mul()
    groups: dict[frozenset[Index], list[Expr]] = {}
    for f in Mul.make_args(rest):
        groups.setdefault(_indices(f), []).append(f)
    outside = Mul(coefficient, *groups.pop(frozenset(), ()), *(k.dim for k in bound if not body.has(k)))
    if not groups:
        return lower(outside)
    factors = [lower(Mul(*fs), (*bound, *hint)) for fs in groups.values()]
    total = contract(factors, [k for k in bound if body.has(k)], hint)
    return total if outside == 1 else _scaled(total, outside, hint)


def _scaled(array: Array, factor: Expr, hint: Layout) -> Array:
    """An array times a scalar factor, its sign in front and its divisors below."""
    sign, factor = (-1, -factor) if factor.could_extract_minus_sign() else (1, factor)
    top, bottom = factor.as_numer_denom()
    over = [array] if top == 1 else [lower(top), array]
    product = _quotient(over, [] if bottom == 1 else [lower(bottom)], hint)
    return Array(program.negative(product.node), product.layout) if sign < 0 else product


def _log_or_zero(e: Expr, hint: Layout) -> Array:
    """log(x) with 1 in place of 0, rounded once: what it is added to may nearly cancel it."""
    x = lower(e.args[0], hint)
    zero = Node("compare", (x.node, program.const(0)), ("==",), x.node.rank, "bool")
    chosen = program.call("where", zero, program.const(1.0), x.node)
    return Array(Node("call", (chosen,), ("log", "in double"), x.node.rank, "float"), x.layout)


def _one_term_has_all_axes(body: Expr) -> bool:
    return any(_indices(t) == _indices(body) for t in body.args)  # type: ignore[arg-type]


def _indices(e: Expr) -> frozenset[Index]:
    return frozenset(k for k in e.free_symbols if isinstance(k, Index))


LOWER: dict[type, Callable[[Expr, Layout], Array]] = {
    Number: _number,
    sympy.NumberSymbol: _number,
    Symbol: _symbol,
    Element: _element,
    Delta: _delta,
    Add: _add,
    Mul: _mul,
    Pow: _pow,
    Indicator: _indicator,
    Where: _where,
    forms.Clip: _clip,
    Unknown: _unknown,
    BoundSum: _sum,
    **decaying.table(lower),
    forms.WeightedExponent: lambda e, hint: masked_exponent(e, lower, hint),
    forms.log_or_zero: lambda e, hint: _log_or_zero(e, hint),
    forms.LogTotal: lambda e, hint: log_total(e, lower, hint),
    forms.LogSumExp: lambda e, hint: log_sum_exp(e, lower, hint),
    forms.ExpRatio: lambda e, hint: _quotient(*exp_ratio(e, lower, hint), hint),
    forms.LogExpRatio: lambda e, hint: log_exp_ratio(e, lower, hint),
    row_forms.ZeroSum: lambda e, hint: rows.zero_sum(e, lower, hint),
    row_forms.RowMinus: lambda e, hint: rows.row_minus(e, lower, hint),
    row_forms.Complement: lambda e, hint: rows.complement(e, lower, hint),
    row_forms.UnitMinus: lambda e, hint: rows.unit_minus(e, lower, hint),
    row_forms.LessMean: lambda e, hint: rows.less_mean(e, lower, hint),
    row_forms.Largest: lambda e, hint: rows.largest(e, lower, hint),
    row_forms.Over: lambda e, hint: rows.over(e, lower, hint),
    row_forms.Centred: lambda e, hint: rows.centred(e, lower, hint),
    row_forms.RowScale: lambda e, hint: rows.row_scale(e, lower, hint),
    **dict.fromkeys(
        (row_forms.sigmoid_minus, row_forms.tanh_minus), lambda e, hint: rows.two_arguments(e, lower, hint)
    ),
    **dict.fromkeys(CALLS, _call),
}
