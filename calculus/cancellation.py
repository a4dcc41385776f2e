"""Terms that cancel: p (1 − p) ((1 − t)/(1 − p) − t/p) is p − t, and so is p (1 − t) − t (1 − p)."""

from __future__ import annotations

import sympy
from sympy import Add, Expr, Mul, Pow

from .sums import BoundSum, count_nodes, rebuild
from .tensors import Element, Tensor

#: A larger formula is left as it is: its common denominator might be large.
MAX_NODES = 80


def cancelled(expr: Expr) -> Expr:
    """The expression with the factors cancelled that a product and the denominators inside of it share, and the terms
    that cancel when the products of a sum are multiplied out.

    Only where the result is smaller: otherwise the form that was found is kept.
    """

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Mul):
            return _cancelled(e)
        return _multiplied_out(e) if isinstance(e, Add) and not isinstance(e, BoundSum) else None

    return rebuild(expr, leaf)


def _multiplied_out(total: Expr) -> Expr | None:
    """The sum without products of sums; None where that is no smaller, or has more terms."""
    if not any(isinstance(f, Add) for t in total.args for f in Mul.make_args(t)) or count_nodes(total) > MAX_NODES:
        return None
    atoms: dict[Expr, Expr] = {}
    found = sympy.expand(_flat(total, atoms)).xreplace({symbol: e for e, symbol in atoms.items()})
    shorter = len(Add.make_args(found)) <= len(total.args) and count_nodes(found) < count_nodes(total)
    return found if shorter else None


def _cancelled(product: Expr) -> Expr | None:
    """The product in lowest terms; None where nothing is gained."""
    sums = [f for f in product.args if isinstance(f, Add)]
    inner = {d for s in sums for t in s.args for d in _denominators(t)}
    if not inner or not any(f in inner for f in product.args) or count_nodes(product) > MAX_NODES:
        return None
    atoms: dict[Expr, Expr] = {}
    flat = _flat(product, atoms)
    back = {symbol: e for e, symbol in atoms.items()}
    try:
        found = sympy.cancel(flat)
    except sympy.PolynomialError:
        return None
    found = found.xreplace(back)
    return found if count_nodes(found) < count_nodes(product) else None


def divisors(expr: Expr) -> set[Tensor]:
    """The arrays whose entries something is divided by."""
    powers = [p for p in expr.atoms(Pow) if p.exp.is_negative]
    return {p.base.tensor for p in powers if isinstance(p.base, Element)}


def without_divisors(expr: Expr) -> Expr:
    """The expression with entries multiplied into sums, where that leaves fewer divisors: p (q − t/p) is p q − t.

    Entries may be 0 in floating point, such as probabilities that underflow. Else the expression as it is.
    """

    def leaf(e: Expr) -> Expr | None:
        if not isinstance(e, Mul):
            return None
        for total in (f for f in e.args if isinstance(f, Add) and not isinstance(f, BoundSum)):
            for entry in (f for f in e.args if isinstance(f, Element)):
                if any(entry in _denominators(t) for t in total.args):
                    inside = Add(*(entry * t for t in total.args))
                    return Mul(inside, *(f for f in e.args if f not in (entry, total)))
        return None

    found = divisors(expr)
    result = rebuild(expr, leaf) if found else expr
    return result if divisors(result) < found else expr


def is_multiple(expr: Expr, factor: Expr) -> bool:
    """Whether a polynomial in whatever is no sum, product or power is a multiple of another, and so 0 where that is."""
    atoms: dict[Expr, Expr] = {}
    whole, part = _flat(sympy.expand_mul(expr), atoms), _flat(factor, atoms)
    symbols = sorted(part.free_symbols, key=str)
    if count_nodes(expr) > 4 * MAX_NODES or not symbols:
        return bool(expr == 0)
    try:
        generators = [*symbols, *sorted(whole.free_symbols - part.free_symbols, key=str)]
        return bool(sympy.rem(sympy.Poly(whole, *generators), sympy.Poly(part, *generators)).is_zero)
    except sympy.PolynomialError:
        return False


def _denominators(term: Expr) -> list[Expr]:
    return [f.base for f in Mul.make_args(term) if isinstance(f, Pow) and f.exp.is_negative]


def _flat(e: Expr, atoms: dict[Expr, Expr]) -> Expr:
    """A rational function of symbols, one for everything that is not a sum, a product or a whole power."""
    if e.is_Rational:
        return e
    if isinstance(e, Add | Mul) and not isinstance(e, BoundSum):
        return e.func(*(_flat(a, atoms) for a in e.args))  # type: ignore[arg-type]
    if isinstance(e, Pow) and e.exp.is_Integer:
        return Pow(_flat(e.base, atoms), e.exp)
    return atoms.setdefault(e, sympy.Dummy(f"a{len(atoms)}"))
