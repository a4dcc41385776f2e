"""The table of elementwise functions: NumPy name → function of entries, and the kind of its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr, Integer, Rational

from ...calculus.functions import Indicator, Where, absolute, sigmoid, softplus
from ...calculus.sums import Delta
from ...calculus.tensors import Element, Index, Tensor
from .guards import is_left_out
from .opaque import greater, less
from .session import untraceable

Kinds = Sequence[Any]


@dataclass(frozen=True)
class Rule:
    """``function`` of the entries; ``kind`` of the result from the kinds of the operands."""

    function: Callable[..., Expr]
    kind: Callable[[Kinds], Any]


def _float(kinds: Kinds) -> Any:
    return "f"


def _bool(kinds: Kinds) -> Any:
    return "b"


def _widest(kinds: Kinds) -> Any:
    return max(kinds, key="bif".index)


def _number(kinds: Kinds) -> Any:
    """As the widest operand; two booleans would be combined by logic, not by arithmetic."""
    found = _widest(kinds)
    if found == "b":
        raise untraceable("arithmetic on booleans", "NumPy reads + as or, and refuses −; write & | or astype(float)")
    return found


def _logical(kinds: Kinds) -> Any:
    if any(k != "b" for k in kinds):
        raise untraceable("a bitwise operation", "the operands are not boolean")
    return "b"


def _product(kinds: Kinds) -> Any:
    return _widest(kinds)


# -- comparisons -----------------------------------------------------------------------------------------------------


def above(a: Expr, b: Expr) -> Expr:
    """[a > b]."""
    if a is sympy.oo or b is -sympy.oo or a is -sympy.oo or b is sympy.oo:
        return Integer(int(a != b and (a is sympy.oo or b is -sympy.oo)))
    return Indicator(a - b)


def equal(a: Expr, b: Expr) -> Expr:
    """[a = b]; a delta between positions and labels."""
    if a == b:
        return Integer(1)
    if _is_label(a) and _is_label(b):
        return Delta(a, b)
    for mask, value in ((a, b), (b, a)):
        if _is_mask(mask) and value.is_Integer:
            return mask if value == 1 else 1 - mask if value == 0 else Integer(0)
    return 1 - above(a, b) - above(b, a)


def _is_label(e: Expr) -> bool:
    return bool(e.is_Integer or isinstance(e, Index) or (isinstance(e, Element) and e.tensor.domain.below is not None))


def _is_mask(e: Expr) -> bool:
    if isinstance(e, Delta | Indicator) or (
        isinstance(e, Element) and (e.tensor.domain.mask or e.tensor.domain.onehot)
    ):
        return True
    if e.is_Mul:
        return all(_is_mask(f) for f in e.args)
    opposite = 1 - e
    return isinstance(opposite, Delta | Indicator)


# -- powers and others -----------------------------------------------------------------------------------------------


def power(a: Expr, b: Expr) -> Expr:
    if a.is_number and not a.is_positive and not b.is_Integer:
        raise untraceable("power", f"{a} to the power {b} is not a real number")
    return sympy.Pow(a, b)


def floor_divide(a: Expr, b: Expr) -> Expr:
    if a.is_Integer and b.is_Integer and b != 0:
        return Integer(int(a) // int(b))
    raise untraceable("//", "rounding down has no formula here")


def remainder(a: Expr, b: Expr) -> Expr:
    if a.is_Integer and b.is_Integer and b != 0:
        return Integer(int(a) % int(b))
    raise untraceable("%", "the remainder has no formula here")


def sign(x: Expr) -> Expr:
    return Indicator(x) - Indicator(-x)


def truth(x: Expr) -> Expr:
    return x if _is_mask(x) else 1 - equal(x, Integer(0))


def either(a: Expr, b: Expr) -> Expr:
    return a + b - a * b


def _greater(a: Expr, b: Expr) -> Expr:
    """max(a, b), where b may be a guard."""
    x, bound = (b, a) if a.is_number else (a, b)
    return x if is_left_out(x, bound, None, "maximum") else greater(a, b)


def _less(a: Expr, b: Expr) -> Expr:
    """min(a, b), where b may be a guard."""
    x, bound = (b, a) if a.is_number else (a, b)
    return x if is_left_out(x, None, bound, "minimum") else less(a, b)


UFUNCS: dict[str, Rule] = {
    "add": Rule(sympy.Add, _number),
    "subtract": Rule(lambda a, b: a - b, _number),
    "multiply": Rule(sympy.Mul, _product),
    "divide": Rule(lambda a, b: a / b, _float),
    "true_divide": Rule(lambda a, b: a / b, _float),
    "floor_divide": Rule(floor_divide, _number),
    "remainder": Rule(remainder, _number),
    "power": Rule(power, _number),
    "float_power": Rule(power, _float),
    "negative": Rule(lambda x: -x, _number),
    "positive": Rule(lambda x: x, _number),
    "absolute": Rule(absolute, _widest),
    "fabs": Rule(absolute, _float),
    "reciprocal": Rule(lambda x: 1 / x, _float),
    "square": Rule(lambda x: x**2, _number),
    "sqrt": Rule(sympy.sqrt, _float),
    "cbrt": Rule(lambda x: sympy.Pow(absolute(x), Rational(1, 3)) * sign(x), _float),
    "exp": Rule(sympy.exp, _float),
    "exp2": Rule(lambda x: sympy.exp(x * sympy.log(2)), _float),
    "expm1": Rule(lambda x: sympy.exp(x) - 1, _float),
    "log": Rule(sympy.log, _float),
    "log1p": Rule(lambda x: sympy.log(1 + x), _float),
    "log2": Rule(lambda x: sympy.log(x) / sympy.log(2), _float),
    "log10": Rule(lambda x: sympy.log(x) / sympy.log(10), _float),
    "logaddexp": Rule(lambda a, b: sympy.log(sympy.exp(a) + sympy.exp(b)), _float),
    "tanh": Rule(sympy.tanh, _float),
    "sinh": Rule(sympy.sinh, _float),
    "cosh": Rule(sympy.cosh, _float),
    "sin": Rule(sympy.sin, _float),
    "cos": Rule(sympy.cos, _float),
    "arctan": Rule(sympy.atan, _float),
    "erf": Rule(sympy.erf, _float),
    "expit": Rule(sigmoid, _float),
    "log_expit": Rule(lambda x: -softplus(-x), _float),
    "sign": Rule(sign, _widest),
    "heaviside": Rule(lambda x, h: Indicator(x) + h * equal(x, Integer(0)), _float),
    "maximum": Rule(_greater, _widest),
    "minimum": Rule(_less, _widest),
    "fmax": Rule(_greater, _widest),
    "fmin": Rule(_less, _widest),
    "greater": Rule(above, _bool),
    "less": Rule(lambda a, b: above(b, a), _bool),
    "greater_equal": Rule(lambda a, b: 1 - above(b, a), _bool),
    "less_equal": Rule(lambda a, b: 1 - above(a, b), _bool),
    "equal": Rule(equal, _bool),
    "not_equal": Rule(lambda a, b: 1 - equal(a, b), _bool),
    "logical_and": Rule(lambda a, b: truth(a) * truth(b), _bool),
    "logical_or": Rule(lambda a, b: either(truth(a), truth(b)), _bool),
    "logical_xor": Rule(lambda a, b: truth(a) + truth(b) - 2 * truth(a) * truth(b), _bool),
    "logical_not": Rule(lambda a: 1 - truth(a), _bool),
    "bitwise_and": Rule(sympy.Mul, _logical),
    "bitwise_or": Rule(either, _logical),
    "bitwise_xor": Rule(lambda a, b: a + b - 2 * a * b, _logical),
    "invert": Rule(lambda a: 1 - a, _logical),
}


def where(mask: Expr, yes: Expr, no: Expr) -> Expr:
    """``np.where`` of a mask, or of any number (true where it is not zero)."""
    from .masked import choose

    return choose(truth(mask), yes, no)


def clip(x: Expr, low: Expr | None, high: Expr | None) -> Expr:
    """min(max(x, low), high), as NumPy has it; between two numbers, with the slope 0 at both."""
    if is_left_out(x, low, high, "clip"):
        return x
    if low is not None and high is not None and x.atoms(Tensor) and (high - low).is_positive:
        return Where(x - low, Where(high - x, x, high), low)
    if low is not None and low is not -sympy.oo:
        x = greater(x, low)
    return less(x, high) if high is not None and high is not sympy.oo else x


__all__ = ["UFUNCS", "Rule", "Where", "clip", "where"]
