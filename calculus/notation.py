"""Matrix notation as a value: the words of a formula such as ``Xᵀ (P − Y)/n``, and the identities of writing them.

Every node stands for an array of rank 0, 1 or 2. An array of rank 1 is a column; ``Ones`` is the column of ones.
``Fill`` is the array of ones of whatever shape its neighbours in a ``Plus`` have: a bare number there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sympy import Expr, Integer, S, igcd


@dataclass(frozen=True)
class Name:
    """A tensor by its name."""

    name: str


@dataclass(frozen=True)
class Scalar:
    """A scalar without indices and sums: a number, a dimension, a parameter."""

    value: Expr


@dataclass(frozen=True)
class Ones:
    """The column of ones."""


@dataclass(frozen=True)
class Fill:
    """The array of ones of the shape that its neighbours have."""


@dataclass(frozen=True)
class Identity:
    """The identity matrix."""


@dataclass(frozen=True)
class Transpose:
    of: Notation


@dataclass(frozen=True)
class MatMul:
    factors: tuple[Notation, ...]


@dataclass(frozen=True)
class Hadamard:
    """The product entry by entry."""

    factors: tuple[Notation, ...]


@dataclass(frozen=True)
class Quotient:
    """The quotient entry by entry."""

    over: Notation
    under: Notation


@dataclass(frozen=True)
class Scaled:
    """A coefficient without sums times an array."""

    coefficient: Expr
    of: Notation


@dataclass(frozen=True)
class Times:
    """A scalar that is itself a formula, such as ``xᵀy``, times an array."""

    scalar: Notation
    of: Notation


@dataclass(frozen=True)
class Plus:
    terms: tuple[Notation, ...]


@dataclass(frozen=True)
class Diag:
    """The diagonal matrix with a given diagonal."""

    of: Notation


@dataclass(frozen=True)
class Apply:
    """A function entry by entry: its name, and the order of its derivative (``g′``)."""

    function: str
    of: Notation
    order: int = 0


@dataclass(frozen=True)
class Softmax:
    """Softmax along each row of a matrix, or along a column."""

    of: Notation
    matrix: bool


@dataclass(frozen=True)
class Power:
    """A power entry by entry; a plain power where the base is a scalar or a diagonal matrix."""

    of: Notation
    exponent: Expr
    entrywise: bool = True


@dataclass(frozen=True)
class Inner:
    """⟨A, B⟩_F, the sum of all products of corresponding entries of two matrices."""

    left: Notation
    right: Notation


@dataclass(frozen=True)
class Trace:
    """tr(A), the sum of the diagonal of a square matrix."""

    of: Notation


@dataclass(frozen=True)
class SquaredNorm:
    """‖x‖² of a column, ‖A‖_F² of a matrix."""

    of: Notation
    matrix: bool


@dataclass(frozen=True)
class OneHot:
    """The rows e_y of integer labels y."""

    of: Notation


Notation: TypeAlias = (
    Name | Scalar | Ones | Fill | Identity | Transpose | MatMul | Hadamard | Quotient | Scaled | Times | Plus | Diag
    | Apply | Softmax | Power | Inner | Trace | SquaredNorm | OneHot
)  # fmt: skip


def transpose(node: Notation) -> Notation:
    """The transpose, pushed inwards where that is how people write it: (A B)ᵀ = Bᵀ Aᵀ."""
    match node:
        case Transpose(of):
            return of
        case Identity() | Diag() | Fill() | Power(Diag()):
            return node
        case Scaled(c, of):
            return Scaled(c, transpose(of))
        case Times(s, of):
            return Times(s, transpose(of))
        case MatMul(factors):
            return MatMul(tuple(transpose(f) for f in reversed(factors)))
        case Plus(terms) if all(isinstance(unscaled(t)[1], Transpose) for t in terms):
            return Plus(tuple(map(transpose, terms)))
    return Transpose(node)


def scaled(coefficient: Expr, node: Notation) -> Notation:
    match node:
        case Scaled(c, of):
            return scaled(coefficient * c, of)
        case Scalar(value):
            return Scalar(coefficient * value)
    return node if coefficient == 1 else Scaled(coefficient, node)


def unscaled(node: Notation) -> tuple[Expr, Notation]:
    """Coefficient and rest."""
    return (node.coefficient, node.of) if isinstance(node, Scaled) else (S.One, node)


def matmul(*nodes: Notation) -> Notation:
    """The matrix product, flat, with coefficients in front and identities dropped."""
    coefficient: Expr = S.One
    factors: list[Notation] = []
    for node in nodes:
        c, node = unscaled(node)
        coefficient *= c
        if not isinstance(node, Identity):
            factors.extend(node.factors if isinstance(node, MatMul) else (node,))
    if not factors:
        return scaled(coefficient, Identity())
    return scaled(coefficient, factors[0] if len(factors) == 1 else MatMul(tuple(factors)))


def trace(left: Notation, right: Notation) -> Notation:
    """tr(A B), turned so that a matrix stands at one end and its transpose at the other, if one does: tr(Aᵀ B A)."""
    c, product = unscaled(matmul(left, right))
    factors = product.factors if isinstance(product, MatMul) else (product,)
    turns = [factors[k:] + factors[:k] for k in range(len(factors))]
    ends = [f for f in turns if len(f) > 2 and f[0] == transpose(f[-1])]
    return scaled(c, Trace(matmul(*(ends or turns)[0])))


def is_divisor(node: Notation) -> bool:
    """Whether it is a power that stands below a fraction bar."""
    return isinstance(node, Power) and bool(node.exponent.is_negative)


def hadamard(nodes: Iterable[Notation]) -> Notation:
    """The entrywise product, flat; factors with a negative exponent go below an entrywise fraction bar."""
    coefficient: Expr = S.One
    over: list[Notation] = []
    under: list[Notation] = []
    for node in nodes:
        c, node = unscaled(node)
        coefficient *= c
        if isinstance(node, Power) and node.entrywise and is_divisor(node):
            under.append(node.of if node.exponent == -1 else Power(node.of, -node.exponent))
        elif isinstance(node, Power) and node.entrywise and node.exponent == 2 and isinstance(node.of, Name):
            over.extend((node.of, node.of))
        elif not isinstance(node, Fill):
            over.extend(node.factors if isinstance(node, Hadamard) else (node,))
    product = _flat(sorted(over, key=entrywise_order))
    return scaled(coefficient, Quotient(product, _flat(under)) if under else product)


def entrywise_order(node: Notation) -> int:
    """Matrix products, then names, functions, sums, logarithms: (D Wᵀ) ⊙ g′(Z), A ⊙ (1 − A), (1 − t) ⊙ log s."""
    if isinstance(node, Apply) and node.function == "log":
        return 5
    for at, kind in enumerate((MatMul, Name | Transpose, Apply | Softmax, Power)):
        if isinstance(node, kind):
            return at
    return 4


def _flat(nodes: list[Notation]) -> Notation:
    if not nodes:
        return Fill()
    return nodes[0] if len(nodes) == 1 else Hadamard(tuple(nodes))


def diag(node: Notation) -> Notation:
    """diag(v), the identity for a column of ones, and diag(v)⁻¹ where v is a reciprocal."""
    c, node = unscaled(node)
    match node:
        case Fill():
            return scaled(c, Identity())
        case Times(s, of):
            return scaled(c, Times(s, diag(of)))
        case Quotient(Fill(), under):
            return scaled(c, Power(Diag(under), S.NegativeOne, entrywise=False))
    return scaled(c, Diag(node))


def plus(terms: Iterable[Notation]) -> Notation:
    """The sum: equal terms merged, common matrix factors and a common coefficient taken out, positive terms first."""
    merged: dict[Notation, Expr] = {}
    for term in terms:
        for part in term.terms if isinstance(term, Plus) else (term,):
            c, node = unscaled(part)
            merged[node] = merged.get(node, S.Zero) + c
    pairs = _common_entrywise(_factor_out([(c, node) for node, c in merged.items() if c != 0]))
    if not pairs:
        return Scaled(S.Zero, Fill())
    pairs.sort(key=_term_key)
    common = pairs[0][0]
    ratios = [c / common for c, _ in pairs]
    if not all(r.is_Integer for r in ratios):
        common = _content([c for c, _ in pairs])
        ratios = [c / common for c, _ in pairs]
    if len(pairs) == 1:
        common, ratios = S.One, [c for c, _ in pairs]
    parts = tuple(scaled(r, node) for r, (_, node) in zip(ratios, pairs, strict=True))
    return scaled(common, parts[0] if len(parts) == 1 else Plus(parts))


def _content(coefficients: Sequence[Expr]) -> Expr:
    """The number that the coefficients of a difference share: 2 X − 2 M/n is 2 (X − M/n). A sum stays 2 X + 2 M/n."""
    numbers = [c.as_coeff_Mul()[0] for c in coefficients]
    mixed = len({bool(n.is_negative) for n in numbers}) == 2
    return Integer(igcd(*numbers)) if mixed and all(n.is_Integer for n in numbers) else S.One


def _factor_out(pairs: list[tuple[Expr, Notation]]) -> list[tuple[Expr, Notation]]:
    """A B − A C becomes A (B − C); likewise on the right."""
    for end in (0, -1):
        groups: dict[tuple[bool, Notation], list[tuple[Expr, Notation]]] = {}
        for c, node in pairs:
            if isinstance(node, MatMul) and not _is_ones(node.factors[end]):  # they may differ in length
                groups.setdefault((True, node.factors[end]), []).append((c, node))
            else:
                groups.setdefault((False, node), []).append((c, node))
        new: list[tuple[Expr, Notation]] = []
        for (_, key), group in groups.items():
            if len(group) == 1:
                new.extend(group)
                continue
            cut = slice(1, None) if end == 0 else slice(None, -1)
            inner = plus(scaled(c, matmul(*node.factors[cut])) for c, node in group if isinstance(node, MatMul))
            new.append(unscaled(matmul(key, inner) if end == 0 else matmul(inner, key)))
        pairs = new
    return pairs


def _common_entrywise(pairs: list[tuple[Expr, Notation]]) -> list[tuple[Expr, Notation]]:
    """P ⊙ D − diag(v) P becomes P ⊙ (D − v 1ᵀ)."""
    products = [node for _, node in pairs if isinstance(node, Hadamard)]
    if not 0 < len(products) < len(pairs):
        return pairs
    for shared in products[0].factors:
        rests = [_without_entrywise(node, shared) for _, node in pairs]
        if all(rests):
            inner = plus(scaled(c, rest) for (c, _), rest in zip(pairs, rests, strict=True) if rest)
            c, inner = unscaled(inner)
            return [(c, hadamard([shared, inner]))]
    return pairs


def _without_entrywise(node: Notation, shared: Notation) -> Notation | None:
    """What an array is multiplied by entry by entry: D for P ⊙ D, v 1ᵀ for diag(v) P, 1 vᵀ for P diag(v)."""
    match node:
        case Hadamard(factors) if shared in factors:
            at = factors.index(shared)
            return _flat([*factors[:at], *factors[at + 1 :]])
        case MatMul((Diag(of), other)) if other == shared:
            return matmul(of, transpose(Ones()))
        case MatMul((other, Diag(of))) if other == shared:
            return matmul(Ones(), transpose(of))
    return None


def _is_ones(node: Notation) -> bool:
    return isinstance(node, Ones) or node == Transpose(Ones())


def _term_key(pair: tuple[Expr, Notation]) -> tuple[object, ...]:
    coefficient, node = pair
    broadcast = isinstance(node, MatMul) and (_is_ones(node.factors[0]) or _is_ones(node.factors[-1]))
    return (
        bool(coefficient.as_coeff_Mul()[0].is_negative),
        bool(coefficient.free_symbols or not coefficient.is_number),
        broadcast,
        isinstance(node, Name),
        str(node),
    )


def parts(node: Notation) -> list[Notation]:
    """The formulas directly inside a formula."""
    values = [v for value in vars(node).values() for v in (value if isinstance(value, tuple) else (value,))]
    return [v for v in values if not isinstance(v, str | bool | int | Expr)]
