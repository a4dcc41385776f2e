"""From index form to matrix notation: ``Σ_i X[i,a] (P[i,b] − Y[i,b])/n`` is ``Xᵀ (P − Y)/n``.

Only what means exactly the index form is ever returned; where no standard notation exists the answer is None. A factor
of a product is a *piece*: a notation for a column or a matrix, and the indices its axes carry. Bound indices are
eliminated one at a time, ``Σ_k M[x,k] v[k] N[k,y] = M diag(v) N``; what is left over is put together entry by entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sympy import Add, Expr, Mul, Pow, S
from sympy.core.function import Function

from .determined import is_determined
from .functions import Indicator, Unknown, Where
from .inner_products import dot, inner_product, squares, turned_inner_product
from .notation import (
    Apply,
    Fill,
    Identity,
    MatMul,
    Name,
    Notation,
    OneHot,
    Ones,
    Power,
    Scalar,
    Scaled,
    Softmax,
    Times,
    Trace,
    diag,
    hadamard,
    is_divisor,
    matmul,
    plus,
    scaled,
    transpose,
    unscaled,
)
from .simplification import split_sums
from .softmax_notation import SoftmaxEntry, named_softmax
from .sums import BoundSum, Delta, Partial, bound_sum
from .tensors import Element, Index


class _NoNotation(Exception):
    """The index form has no counterpart in standard matrix notation."""


@dataclass(frozen=True)
class _Piece:
    node: Notation
    axes: tuple[Index, ...]

    def along(self, axes: Sequence[Index]) -> Notation:
        """The node with its axes in the given order."""
        return self.node if self.axes == tuple(axes) else transpose(self.node)


def matrix_notation(expr: Expr, axes: Sequence[Index]) -> Notation | None:
    """The notation for the array whose entry at ``axes`` is ``expr``, or None where there is no standard one.

    axes: the free indices in the order of the array's axes: none for a scalar, one for a column, two for a matrix.
    """
    if len(axes) > 2 or len(set(axes)) < len(axes) or not _free(expr) <= set(axes):
        return None
    for form in (lambda: expr, lambda: split_sums(expr)):  # Σ_k a_k (b_jk − c_j) may have one multiplied out only
        try:
            node = _written_out(_array(named_softmax(form()), tuple(axes)), len(axes))
        except _NoNotation:
            continue
        if is_determined(node):
            return node
    return None


def _free(expr: Expr) -> set[Index]:
    return {s for s in expr.free_symbols if isinstance(s, Index)}


def _written_out(node: Notation, rank: int) -> Notation:
    """A constant array in terms of the column of ones."""
    match node:
        case Fill():
            return (Scalar(S.One), Ones(), matmul(Ones(), transpose(Ones())))[rank]
        case Scaled(c, Fill()) if c == 0:
            return node
        case Scaled(c, of):
            return scaled(c, _written_out(of, rank))
        case Times(s, of):
            return Times(s, _written_out(of, rank))
    return node


def _array(expr: Expr, axes: tuple[Index, ...]) -> Notation:
    expr = _with_diagonals_apart(expr, axes)
    terms = [_term(t, axes) for t in (Add.make_args(expr) if axes else _split(expr))]
    if len(terms) == 1 or not axes:
        return terms[0] if len(terms) == 1 else _scalar_sum(terms)
    return plus(_explicit(t, len(axes)) for t in terms)


def _with_diagonals_apart(expr: Expr, axes: tuple[Index, ...]) -> Expr:
    """s_i (δ_ij − s_j) as δ_ij s_i − s_i s_j: diag(s) − s sᵀ says more than diag(s) (I − 1 sᵀ)."""
    if len(axes) < 2 or not isinstance(expr, Mul):
        return expr
    diagonal = Delta(*axes)
    for factor in expr.args:
        if isinstance(factor, Add) and any(diagonal in Mul.make_args(t) for t in factor.args):
            rest = _without(expr, factor)
            return Add(*(rest * t for t in factor.args))
    return expr


def _split(expr: Expr) -> list[Expr]:
    """The terms of a scalar, Σ_i (x_i y_i + u_i v_i) as two: each is an inner product of its own."""
    terms: list[Expr] = []
    for term in Add.make_args(expr):
        sums = [f for f in Mul.make_args(term) if isinstance(f, BoundSum)]
        if len(sums) == 1:
            body, bound = sums[0].open()
            summands = Add.make_args(body)
            if all(sum(bool(_free(f)) for f in Mul.make_args(p)) > 1 for p in summands):
                rest = _without(term, sums[0])
                terms += [rest * bound_sum(p, *bound) for p in summands]
                continue
        terms.append(term)
    return terms


def _scalar_sum(terms: list[Notation]) -> Notation:
    plain = sum((t.value for t in terms if isinstance(t, Scalar)), S.Zero)
    formulas = [t for t in terms if not isinstance(t, Scalar)]
    if not formulas:
        return Scalar(plain)
    return plus([*formulas, *([Scaled(plain, Scalar(S.One))] if plain != 0 else [])])


def _explicit(term: Notation, rank: int) -> Notation:
    """In a sum only a number may stand for a constant array; anything else is written out with ones."""
    c, node = unscaled(term)
    return term if isinstance(node, Fill) and c.is_Number else _written_out(term, rank)


def _term(term: Expr, axes: tuple[Index, ...]) -> Notation:
    if len(axes) == 2:
        a, b = axes
        for factor in Mul.make_args(term):
            if isinstance(factor, Delta) and set(factor.args) == {a, b} and a.dim == b.dim:
                return diag(_term(_without(term, factor).xreplace({b: a}), (a,)))
    coefficient, pieces = _pieces(term)
    return scaled(coefficient, _assemble(pieces, axes))


def _without(product: Expr, factor: Expr) -> Expr:
    return Mul(*(f for f in Mul.make_args(product) if f != factor))


def _assemble(pieces: list[_Piece], axes: tuple[Index, ...]) -> Notation:
    scalars = sorted((p.node for p in pieces if not p.axes), key=is_divisor, reverse=True)
    pieces = [p for p in pieces if p.axes]
    if not axes:
        return _times(scalars[:-1], scalars[-1]) if scalars else Scalar(S.One)
    if len(axes) == 1:
        return _times(scalars, hadamard(p.node for p in pieces))
    a, b = axes
    full = [p for p in pieces if len(p.axes) == 2]
    rows = [p.node for p in pieces if p.axes == (a,)]
    columns = [p.node for p in pieces if p.axes == (b,)]
    if not full:
        if not rows and not columns:
            return _times(scalars, Fill())
        return _times(scalars, matmul(_column(rows), transpose(_column(columns))))
    left = [diag(hadamard(rows))] if rows else []
    right = [diag(hadamard(columns))] if columns else []
    return _times(scalars, matmul(*left, _entrywise(full).along(axes), *right))


def _times(scalars: Iterable[Notation], node: Notation) -> Notation:
    for scalar in scalars:
        c, scalar = unscaled(scalar)
        d, node = unscaled(node)
        node = scaled(c * d, Times(scalar, node))
    return node


def _column(nodes: Sequence[Notation]) -> Notation:
    """The entrywise product of columns; the column of ones for none."""
    c, node = unscaled(hadamard(nodes))
    return scaled(c, Ones() if isinstance(node, Fill) else node)


def _pieces(product: Expr) -> tuple[Expr, list[_Piece]]:
    """A product as a coefficient without sums and a list of pieces."""
    coefficient: Expr = S.One
    pieces: list[_Piece] = []
    for factor in Mul.make_args(product):
        if isinstance(factor, BoundSum):
            c, inner = _contraction(*factor.open())
            coefficient *= c
            pieces += inner
        elif not _free(factor) and not factor.has(BoundSum):
            if factor.has(Partial) or any(e.indices for e in factor.atoms(Element)):
                raise _NoNotation
            coefficient *= factor
        else:
            piece = _piece(factor)
            c, node = unscaled(piece.node)
            coefficient *= c
            pieces.append(_Piece(node, piece.axes))
    return coefficient, pieces


def _piece(factor: Expr) -> _Piece:
    if isinstance(factor, Element):
        indices = factor.indices
        if any(isinstance(i, Element) for i in indices):
            return _chosen_rows(factor)
        if not all(isinstance(i, Index) for i in indices) or len(set(indices)) < len(indices) or len(indices) > 2:
            raise _NoNotation
        return _Piece(Name(factor.tensor.name), indices)
    if isinstance(factor, Delta):
        return _delta(factor)
    axes = _orientation(factor)
    if isinstance(factor, SoftmaxEntry):
        u, last = factor.args
        axes = (*(k for k in axes if k != last), last)
        return _Piece(Softmax(_array(u, axes), len(axes) == 2), axes)
    if isinstance(factor, Add):
        return _Piece(_array(factor, axes), axes)
    if isinstance(factor, Pow) and not _free(factor.exp) and factor.exp.is_number:
        return _Piece(Power(_array(factor.base, axes), factor.exp, entrywise=bool(axes)), axes)
    if isinstance(factor, Unknown):
        return _Piece(Apply(factor.name, _array(factor.argument, axes), factor.order), axes)
    if isinstance(factor, Function) and len(factor.args) == 1 and not isinstance(factor, Where):
        name = "indicator" if isinstance(factor, Indicator) else type(factor).__name__
        return _Piece(Apply(name, _array(factor.args[0], axes)), axes)
    raise _NoNotation


def _chosen_rows(element: Element) -> _Piece:
    """W[y_i, c] as the rows onehot(y) W, and W[c, y_i] as onehot(y) Wᵀ, which has the columns of W as its rows."""
    if element.tensor.rank == 2:
        for at, label in enumerate(element.indices):
            other, matrix = element.indices[1 - at], Name(element.tensor.name)
            if isinstance(label, Element) and label.tensor.rank == 1 and isinstance(other, Index):
                row = label.indices[0]
                if isinstance(row, Index) and row != other:
                    rows = matmul(OneHot(Name(label.tensor.name)), transpose(matrix) if at else matrix)
                    return _Piece(rows, (row, other))
    raise _NoNotation


def _delta(delta: Delta) -> _Piece:
    a, b = delta.args
    if isinstance(a, Index) and isinstance(b, Index):
        if a.dim != b.dim:
            raise _NoNotation
        return _Piece(Identity(), (a, b))
    column, label = (a, b) if isinstance(a, Index) else (b, a)
    if isinstance(column, Index) and isinstance(label, Element) and label.tensor.rank == 1:
        row = label.indices[0]
        if isinstance(row, Index) and row != column:
            return _Piece(OneHot(Name(label.tensor.name)), (row, column))
    raise _NoNotation


def _orientation(factor: Expr) -> tuple[Index, ...]:
    """The free indices of a factor, rows first: an index that its elements carry as first axis is a row."""
    free = _free(factor)
    if len(free) > 2:
        raise _NoNotation
    place = dict.fromkeys(free, 0)
    for element in factor.atoms(Element):
        for at, index in enumerate(element.indices):
            if index in place and element.tensor.rank == 2:
                place[index] += 2 * at - 1
    return tuple(sorted(free, key=lambda k: (place[k], k.name)))


def _contraction(body: Expr, bound: tuple[Index, ...]) -> tuple[Expr, list[_Piece]]:
    """``Σ_bound body`` as a coefficient and pieces over the free indices."""
    left = list(bound)
    for delta in [f for f in Mul.make_args(body) if isinstance(f, Delta)]:
        a, b = delta.args
        if isinstance(a, Index) and isinstance(b, Index) and a.dim == b.dim and (a in left or b in left):
            gone, stays = (a, b) if a in left else (b, a)
            return _contraction(_without(body, delta).xreplace({gone: stays}), tuple(k for k in left if k != gone))
    for factor in Mul.make_args(body):
        if isinstance(factor, Element) and factor.indices in [(k, k) for k in left]:
            rest, k = _without(body, factor), factor.indices[0]
            if k not in _free(rest):
                c, pieces = _contraction(rest, tuple(i for i in left if i != k))
                return c, [*pieces, _Piece(Trace(Name(factor.tensor.name)), ())]
    joint = next((f for f in Mul.make_args(body) if isinstance(f, BoundSum)), None)
    if joint is not None and _free(body) <= set(left):  # Σ_i Σ_j A_ij B_ji is Σ_ij A_ij B_ji
        return _contraction(*_as_one_sum(body, joint, left))
    try:
        coefficient, pieces = _pieces(body)
    except _NoNotation:
        if joint is None:
            raise
        return _contraction(*_as_one_sum(body, joint, left))  # the inner sum may have none by itself
    while left:
        pair = _matrix_pair(pieces, left)
        if pair is not None:
            mine = [p for p in pieces if set(p.axes) & set(pair)]
            new = _Piece(_over_both(mine, pair), ())
            left = [k for k in left if k not in pair]
        else:
            k = min(left, key=lambda k: len(_neighbours(pieces, k)))
            left.remove(k)
            mine = [p for p in pieces if k in p.axes]
            if not mine:
                coefficient *= k.dim
                continue
            new = _eliminate(mine, k, _neighbours(pieces, k))
        c, node = unscaled(new.node)
        coefficient *= c
        pieces = [p for p in pieces if p not in mine] + [_Piece(node, new.axes)]
    return coefficient, pieces


def _as_one_sum(body: Expr, inner: BoundSum, bound: Sequence[Index]) -> tuple[Expr, tuple[Index, ...]]:
    """Σ_i a_i Σ_j b_ij is Σ_ij a_i b_ij."""
    opened, fresh = inner.open()
    return _without(body, inner) * opened, (*bound, *fresh)


def _neighbours(pieces: Iterable[_Piece], k: Index) -> tuple[Index, ...]:
    return tuple(dict.fromkeys(i for p in pieces if k in p.axes for i in p.axes if i != k))


def _matrix_pair(pieces: Sequence[_Piece], left: Sequence[Index]) -> tuple[Index, ...] | None:
    """Two bound indices that only matrices over just these two carry."""
    for p in pieces:
        if len(p.axes) == 2 and set(p.axes) <= set(left):
            mine = [q for q in pieces if set(q.axes) & set(p.axes)]
            if all(set(q.axes) == set(p.axes) for q in mine):
                return p.axes
    return None


def _over_both(mine: Sequence[_Piece], pair: tuple[Index, ...]) -> Notation:
    """The sum over both indices of a product of matrices."""
    if len(mine) == 2 and mine[0].axes != mine[1].axes:
        return turned_inner_product(mine[0].node, mine[1].node)
    return inner_product([p.along(pair) for p in mine])


def _eliminate(mine: Sequence[_Piece], k: Index, neighbours: tuple[Index, ...]) -> _Piece:
    """``Σ_k`` of the pieces that carry k, whose other indices are the neighbours."""
    if len(neighbours) > 2:
        raise _NoNotation
    vectors = [m for p in mine if p.axes == (k,) for m in squares(p.node)]
    if not neighbours:
        return _Piece(dot(vectors), ())
    if len(neighbours) == 2:
        x, y = neighbours
        as_is, turned = (sum(p.axes in ((a, k), (k, b)) for p in mine) for a, b in ((x, y), (y, x)))
        neighbours = (x, y) if as_is >= turned else (y, x)
    first, *others = [_entrywise([p for p in mine if set(p.axes) == {x, k}]) for x in neighbours]
    left = first.along((neighbours[0], k))
    if not others:
        return _Piece(matmul(left, _column(vectors)), neighbours)
    between = [diag(hadamard(vectors))] if vectors else []
    return _Piece(matmul(left, *between, others[0].along((k, neighbours[1]))), neighbours)


def _entrywise(matrices: Sequence[_Piece]) -> _Piece:
    """The entrywise product of matrices over the same two indices, turned so that few of them are transposed."""
    axes = matrices[0].axes
    turned = axes[::-1]
    votes = sum((p.axes == axes) - (p.axes == turned) for p in matrices if not isinstance(p.node, MatMul))
    axes = axes if votes >= 0 else turned
    return _Piece(hadamard(p.along(axes) for p in matrices), axes)
