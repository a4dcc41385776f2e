"""Sizes that pass as plain numbers: a symbolic dimension is an ``int``, a quotient of dimensions a ``float``.

Both remember what they stand for. Where a size escapes as a bare number (``len(x)``, ``math.sqrt(n)``), its stand-in
value, a prime that no code writes down, gives it away: :class:`StandIns` finds the formula again.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import combinations, product
from math import sqrt
from typing import Any

import sympy
from sympy import Expr, Integer, Rational, Symbol

from .session import untraceable

#: Primes far from each other, from round numbers and from powers of two; a second set for a second, independent run.
PRIMES = (
    (1523, 1709, 1877, 2213, 2423, 2633, 2851, 3163, 3371, 3581, 3779, 3911, 4337, 4591, 4793, 5303),
    (1597, 1777, 1949, 2287, 2503, 2711, 2939, 3257, 3461, 3659, 3847, 4211, 4441, 4663, 4903, 5417),
)
#: A formula such as n − 1 is recognised up to this distance from a product of sizes.
OFFSET = 16
#: Powers of sizes that a computed float may hold; one with few digits holds none but whole ones.
_POWERS = tuple(Rational(k, 2) for k in (1, -1, 2, -2, 3, -3))
_WHOLE = (Integer(1),)
#: The coefficient in front of a recognised size has at most this numerator and denominator.
COEFFICIENT = 144
#: Relative error that a few operations in float64 leave behind.
ROUNDING = 1e-15


class StandIns:
    """The numbers that stand for symbolic dimensions in one run, and the way back."""

    def __init__(self, symbols: Iterable[Symbol], run: int = 0) -> None:
        names = sorted(set(symbols), key=str)
        if len(names) > len(PRIMES[run]):
            raise ValueError(
                f"{len(names)} symbolic dimensions are more than the {len(PRIMES[run])} that a trace takes"
            )
        self.values: dict[Expr, Integer] = {s: Integer(p) for s, p in zip(names, PRIMES[run], strict=False)}
        self.assumed: dict[str, None] = {}
        self.readings: dict[str, None] = {}
        self._reals: dict[float, Expr] = {}

    def value(self, expr: Expr) -> Expr:
        return expr.xreplace(self.values)

    # -- numbers back to formulas ------------------------------------------------------------------------------------

    def integer(self, number: int) -> Expr:
        """The formula in sizes that an integer stands for; the integer itself where none is near."""
        if abs(number) < 1000 or not self.values:
            return Integer(number)
        for offset in sorted(range(-OFFSET, OFFSET + 1), key=abs):
            found = self._product(number - offset)
            if found is not None:
                return found + offset
        return Integer(number)

    def _product(self, number: int) -> Expr | None:
        """``c · n · m …`` with a small coefficient c."""
        rest, found = number, Integer(1)
        for symbol, prime in self.values.items():
            while rest and rest % int(prime) == 0:
                rest, found = rest // int(prime), found * symbol
        return rest * found if found != 1 and abs(rest) <= COEFFICIENT else None

    def real(self, number: float) -> Expr:
        """The exact number that a float stands for: a formula in sizes, the decimal as written, or a closed form."""
        found = self._reals.get(number)
        if found is None:
            found = self._reals[number] = self._real(number)
        return found

    def _real(self, number: float) -> Expr:
        if number == int(number) and abs(number) < 2**53:
            return self.integer(int(number))
        decimal = _decimal(number)
        found = self._quotient(number, _WHOLE if decimal is not None else _POWERS) or decimal
        if found is None:
            found = _closed_form(number) or Rational(repr(number))
            self.readings[f"{number!r} is read as {found}"] = None
        return found

    def _quotient(self, number: float, powers: tuple[Expr, ...]) -> Expr | None:
        """``c · nᵃ · mᵇ`` with a small coefficient, within rounding."""
        for value, invert in ((1 / number, True), (number, False)):
            if abs(value - round(value)) <= ROUNDING * abs(value):
                found = self.integer(round(value))
                if found.free_symbols:
                    return 1 / found if invert else found
        for count in (1, 2):
            for symbols in combinations(self.values, count):
                for chosen in product(powers, repeat=count):
                    scale = 1.0
                    for symbol, power in zip(symbols, chosen, strict=True):
                        scale *= float(self.values[symbol]) ** float(power)
                    found = _near_fraction(number / scale)
                    if found is not None:
                        return found * sympy.Mul(*(s**p for s, p in zip(symbols, chosen, strict=True)))
        return None

    # -- questions about sizes ---------------------------------------------------------------------------------------

    def sign(self, expr: Expr) -> int | None:
        """1, 0 or −1 where that holds for all sizes from 1 up; None otherwise."""
        expr = sympy.expand(expr)
        if expr.is_Number:
            return int(sympy.sign(expr))
        low, high = self.bounds(expr)
        return 1 if low is not None and low > 0 else -1 if high is not None and high < 0 else None

    def bounds(self, expr: Expr) -> tuple[Expr | None, Expr | None]:
        """The least and the greatest value of a polynomial in sizes; None where there is none, or it is not known."""
        symbols = sorted(expr.free_symbols, key=str)
        if not symbols:
            return expr, expr
        if not expr.is_polynomial(*symbols):
            return None, None
        shifted = sympy.Poly(expr.xreplace({s: s + 1 for s in symbols}), *symbols)
        constant = shifted.as_expr().xreplace({s: Integer(0) for s in symbols})
        others = (shifted - constant).coeffs()
        return (
            constant if all(c >= 0 for c in others) else None,
            constant if all(c <= 0 for c in others) else None,
        )

    def assume(self, statement: str) -> None:
        """Note what was taken for granted about sizes."""
        self.assumed[statement] = None


def _near_fraction(number: float) -> Expr | None:
    """A small fraction, or the square root of one, within rounding of a number."""
    for value, root in ((number, False), (number * abs(number), True)):
        found = Fraction(value).limit_denominator(COEFFICIENT)
        if found and abs(found.numerator) <= COEFFICIENT and abs(float(found) - value) <= 3 * ROUNDING * abs(value):
            exact = Rational(found.numerator, found.denominator)
            return sympy.sign(exact) * sympy.sqrt(abs(exact)) if root else exact
    return None


def _decimal(number: float) -> Expr | None:
    text = repr(number)
    digits = text.partition("e")[0].replace(".", "").lstrip("-0")
    return Rational(text) if len(digits) <= 12 else None


def _closed_form(number: float) -> Expr | None:
    """A computed constant such as 1/3, √(2/π) or log 2."""
    for power in (0, 1, -1, 2, -2):
        found = _near_fraction(number / sqrt(float(sympy.pi)) ** power)
        if found is not None:
            return found * sympy.pi ** Rational(power, 2)
    for constant in (sympy.log(2), sympy.E, sympy.log(10)):
        for power in (1, -1):
            found = _near_fraction(number / float(constant) ** power)
            if found is not None and found.is_Rational:
                return found * constant**power
    return None


# -- the numbers -----------------------------------------------------------------------------------------------------


class SymbolicNumber:
    """What :class:`Size` and :class:`Ratio` share: the formula, and arithmetic on it."""

    expr: Expr
    standins: StandIns

    def __repr__(self) -> str:
        return str(self.expr)

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return str(self.expr)


def number(expr: Expr, standins: StandIns) -> Any:
    """A Python number for a formula in sizes: an ``int`` where it is a polynomial in them, else a ``float``."""
    expr = sympy.expand(sympy.cancel(expr)) if expr.free_symbols and expr.is_rational_function() else expr
    if expr.is_Integer:
        return int(expr)
    if not expr.free_symbols:
        return float(expr)
    whole = all(c.is_Integer for c in sympy.Poly(expr).coeffs()) if expr.is_polynomial() else False
    made: Any = (
        int.__new__(Size, int(standins.value(expr))) if whole else float.__new__(Ratio, float(standins.value(expr)))
    )
    made.expr, made.standins = expr, standins
    return made


def exact(value: Any, standins: StandIns) -> Expr:
    """The exact value of a Python or NumPy number."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, SymbolicNumber):
        return value.expr
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return Integer(value)
    if isinstance(value, int):
        return standins.integer(value)
    if isinstance(value, float):
        if value != value:
            raise untraceable("nan", "it is not a number")
        return sympy.oo * (1 if value > 0 else -1) if value in (float("inf"), -float("inf")) else standins.real(value)
    raise TypeError(f"{type(value).__name__} is not a real number")


def _binary(function: Callable[[Any, Any], Any], reflected: bool = False) -> Any:
    def method(self: Any, other: Any) -> Any:
        if isinstance(other, list | tuple | str):
            raise untraceable("a list", f"it is repeated {self} times")
        if not isinstance(other, int | float):
            return NotImplemented
        mine, theirs = self.expr, exact(other, self.standins)
        result = function(theirs, mine) if reflected else function(mine, theirs)
        made = number(result, self.standins)
        is_float = isinstance(self, float) or isinstance(other, float) or function is operator.truediv
        return float(made) if is_float and type(made) is int else made

    return method


def _operand(size: Any) -> str:
    """A size as it stands in a product."""
    text = str(size)
    return f"({text})" if " " in text else text


def _floor_divide(self: Any, other: Any) -> Any:
    if not isinstance(other, int):
        return NotImplemented
    quotient = number(self.expr / exact(other, self.standins), self.standins)
    if isinstance(quotient, float):
        raise untraceable(
            f"{_operand(self)} // {other}",
            f"whether {self} is divisible by {other} depends on the sizes",
            quotient.expr,  # type: ignore[attr-defined]
        )
    return quotient


def _modulo(self: Any, other: Any) -> Any:
    if not isinstance(other, int):
        return NotImplemented
    theirs = exact(other, self.standins)
    if isinstance(number(self.expr / theirs, self.standins), float):
        raise untraceable(
            f"{_operand(self)} % {other}",
            f"whether {self} is divisible by {other} depends on the sizes",
            self.expr,
            theirs,
        )
    return 0


def _refuse(name: str) -> Any:
    def method(self: Any, *others: Any) -> Any:
        raise untraceable(name, f"it is applied to the size {self}")

    return method


def _compare(name: str) -> Any:
    decide: Callable[[int, int], bool] = getattr(operator, name)

    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        theirs = exact(other, self.standins)
        difference = sympy.expand(self.expr - theirs)
        sign = self.standins.sign(difference)
        if sign is None and not difference.is_infinite:
            return _assumed(self.standins, name, self.expr, theirs, difference)
        return decide(sign if sign is not None else -int(sympy.sign(theirs)), 0)

    return method


def _assumed(standins: StandIns, name: str, mine: Expr, theirs: Expr, difference: Expr) -> bool:
    """The answer for general sizes, noted as an assumption; sizes that differ in name are taken to differ."""
    low, high = standins.bounds(difference)
    if name in ("eq", "ne"):
        standins.assume(f"{mine} ≠ {theirs}")
        return name == "ne"
    if low is not None and -2 <= low <= 0:  # from a size of three on the answer is the same
        if low == 0 and name in ("ge", "lt"):
            return name == "ge"
        standins.assume(f"{mine} {'>' if name in ('gt', 'le') else '≥'} {theirs}")
        return name in ("gt", "ge")
    if high is not None and 0 <= high <= 2:
        if high == 0 and name in ("le", "gt"):
            return name == "le"
        standins.assume(f"{mine} {'<' if name in ('lt', 'ge') else '≤'} {theirs}")
        return name in ("lt", "le")
    sign = {"lt": "<", "le": "≤", "gt": ">", "ge": "≥"}[name]
    raise untraceable(f"{mine} {sign} {theirs}", "the answer depends on the sizes", mine, theirs)


def _ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    from .numpy_table import apply_ufunc

    return apply_ufunc(ufunc, method, inputs, options)


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "pow": operator.pow,
}
_METHODS: dict[str, Any] = {
    **{f"__{name}__": _binary(f) for name, f in _ARITHMETIC.items()},
    **{f"__r{name}__": _binary(f, reflected=True) for name, f in _ARITHMETIC.items()},
    **{f"__{name}__": _compare(name) for name in ("lt", "le", "gt", "ge", "eq", "ne")},
    **{f"__{name}__": _refuse(name) for name in ("rfloordiv", "rmod", "divmod", "rdivmod", "and", "or", "xor")},
    **{f"__{name}__": _refuse(name) for name in ("lshift", "rshift", "rlshift", "rrshift", "invert")},
    "__floordiv__": _floor_divide,
    "__mod__": _modulo,
    "__neg__": lambda self: number(-self.expr, self.standins),
    "__pos__": lambda self: self,
    "__bool__": lambda self: bool(self != 0),
    "__array_ufunc__": _ufunc,
}


class Size(SymbolicNumber, int):
    """A symbolic dimension, or a polynomial in such, that passes as an ``int``. Made by :func:`number`."""

    __hash__ = int.__hash__

    def __round__(self, digits: Any = None) -> Size:
        return self

    __trunc__ = __floor__ = __ceil__ = __round__

    def __abs__(self) -> Any:
        return self if self >= 0 else -self


class Ratio(SymbolicNumber, float):
    """A quotient, root or product of dimensions that passes as a ``float``. Made by :func:`number`."""

    __hash__ = float.__hash__


for _name, _method in _METHODS.items():
    setattr(Size, _name, _method)
    setattr(Ratio, _name, _method)
