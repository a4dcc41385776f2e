"""Scalar expressions as C text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from ...lower import Unsupported
from ..scalars import Axis, Scalar, dimension

#: Functions of one argument in ``math.h``; all others that are functions are ours.
LIBRARY = {"abs": "fabs", "sqrt": "sqrt", "sinh": "sinh", "cosh": "cosh", "sin": "sin", "cos": "cos", "arctan": "atan"}
OURS = {
    **dict.fromkeys(("exp_product", "exp_quotient"), "exact_exponents"),
    **dict.fromkeys(("exp_pair", "exp_pair_normal", "exp_pair_decaying", "exp_pair_root"), "exact_exponents"),
    **dict.fromkeys(("coefficient", "halved", "squared", "step", "step_away", "times"), "exact_exponents"),
    **dict.fromkeys(("inverse", "shift"), "quotient"),
    "erfc": "erf",
    "erfcx": "erf",
    **{f: f for f in ("maximum", "minimum", "at_least", "at_most", "sign", "square")},
}

#: Functions for a part of the arguments only, by what stands behind the name of the function in the data of a call.
KINDS = ("normal", "decaying", "root", "unit")

#: C text of what is no elementary function.
SMALL = {
    "square": "NN_INLINE double nn_square(double x) { return x * x; }",
    "maximum": "NN_INLINE double nn_maximum(double a, double b) { return (a > b) | (a != a) ? a : b; }",
    "minimum": "NN_INLINE double nn_minimum(double a, double b) { return (a < b) | (a != a) ? a : b; }",
    "at_least": "NN_INLINE double nn_at_least(double a, double b) { return a < b ? b : a; }",
    "at_most": "NN_INLINE double nn_at_most(double a, double b) { return a > b ? b : a; }",
    "sign": "NN_INLINE double nn_sign(double x) { return x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : x); }",
}


#: Names that C or its library has, and those of our own variables.
RESERVED = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while main exp log "
    "sin cos abs pow sqrt erf erfc tanh sinh cosh exp2 y0 y1 yn j0 j1 jn gamma row rows me team threads each own "
    "scratch first last e t j block end power sign clip".split()
)


def is_power_of_two(s: Scalar) -> bool:
    """Whether a value is a number by which multiplying is exact."""
    return s.op == "const" and s.data[0] != 0 and abs(math.frexp(float(s.data[0]))[0]) == 0.5  # type: ignore[arg-type]


def _is_whole(s: Scalar) -> bool:
    """Whether a value is a whole number that a float holds."""
    return s.op == "const" and float(s.data[0]).is_integer() and 0 < abs(s.data[0]) < 2**24  # type: ignore[arg-type]


def c_name(name: str) -> str:
    """The name of an argument in C."""
    return f"{name}_" if name in RESERVED else name


def number(value: float | int, suffix: str = "") -> str:
    """A number as a C literal of type double; of type float with the suffix f."""
    if value != value:
        return "NAN"
    if value in (float("inf"), float("-inf")):
        return "INFINITY" if value > 0 else "(-INFINITY)"
    text = repr(float(value)) + suffix
    return text if value >= 0 else f"({text})"


def loop_name(a: Axis) -> str:
    """The C name of a loop variable."""
    dim = dimension(a)
    return f"i_{dim}" + (str(a.count("'") + 1) if "'" in a else "")


class Expressions:
    """C text of values. name: what a value is called where it has a name. ints: arrays of int64_t.

    flat: the single loop variable that runs over all entries of every array, if there is one. used: our functions.
    moving: the variables of the innermost loops. In a function of floats, what changes there is a float, all else a
    double. once: gives a value that does not change in these loops a name; its text, what it may be called, its type.
    """

    def __init__(
        self,
        name: Callable[[Scalar], str | None],
        ints: frozenset[str],
        flat: str | None,
        used: dict[str, None],
        real: str,
        temporaries: frozenset[str] = frozenset(),
    ) -> None:
        self.name, self.ints, self.flat, self.used, self.real = name, ints, flat, used, real
        self.temporaries = temporaries
        self.moving: frozenset[Axis] = frozenset()
        self.once: Callable[[str, str, str], str] = lambda text, base, kind: text

    def moves(self, s: Scalar) -> bool:
        """Whether a value changes in the innermost loops."""
        return bool(s.axes & self.moving)

    def narrow(self, s: Scalar) -> bool:
        """Whether a value is a float: it is made of floats that change in the innermost loops."""
        return self.real == "float" and self.moves(s) and self._of_floats(s)

    def _of_floats(self, s: Scalar) -> bool:
        if s.is_reduction or s.op in ("counter", "dim", "const", "parameter", "widen", "rounded", "apply"):
            return False
        if s.op == "load":
            return s.data[0] not in self.ints
        if s.op == "compare":
            return True
        if s.op == "call" and s.data[0] == "where":
            return any(map(self.narrow, s.args[1:])) or all(a.op == "const" for a in s.args[1:])
        return any(map(self.narrow, s.args[2:] if s.op == "inside" else s.args))

    def value(self, s: Scalar) -> str:
        """As a number of its own type; safe as an operand of a product."""
        known = self.name(s)
        if known is not None:
            return known
        return WRITE[s.op](self, s) if s.op in WRITE else self._unsupported(s)

    def operand(self, s: Scalar, narrow: bool) -> str:
        """As a float, if narrow; else as a double, or as a float that C converts."""
        if not narrow or self.narrow(s):
            return self.value(s)
        if s.op == "const":
            return number(s.data[0], "f")  # type: ignore[arg-type]
        text = f"(float){self.value(s)}"
        return text if self.moves(s) else self.once(text, "fixed", "float")

    def _unsupported(self, s: Scalar) -> str:
        raise Unsupported(f"{s.op} has no C form yet")

    def condition(self, s: Scalar) -> str:
        """As a truth value."""
        if s.op == "compare" and self.name(s) is None:
            if all(map(self.is_whole, s.args)):
                a, b = map(self.place, s.args)
            else:
                narrow = any(map(self.narrow, s.args))
                a, b = (self.operand(x, narrow) for x in s.args)
            return f"{a} {s.data[0]} {b}"
        return f"{self.value(s)} != {'0.0f' if self.narrow(s) else '0.0'}"

    def is_whole(self, s: Scalar) -> bool:
        """Whether :meth:`place` can write it."""
        if s.op in ("neg", "add") or (s.op == "mul" and s.data[0] == len(s.args)):
            return all(map(self.is_whole, s.args))
        return (
            s.op in ("counter", "dim")
            or (s.op == "const" and isinstance(s.data[0], int))
            or (s.op == "load" and s.data[0] in self.ints)
        )

    def place(self, s: Scalar) -> str:
        """As a whole number: a subscript."""
        if s.op == "counter":
            return loop_name(str(s.data[0]))
        if s.op == "const" and isinstance(s.data[0], int):
            return str(s.data[0])
        if s.op in ("dim", "parameter"):
            return str(s.data[0])
        if s.op == "load" and s.data[0] in self.ints:
            return f"(ptrdiff_t){s.data[0]}[{self.offset(s)}]"
        if s.op == "neg":
            return f"(-{self.place(s.args[0])})"
        if s.op == "add":
            parts = [("+" if sign == 1 else "-", self.place(a)) for sign, a in zip(s.data, s.args, strict=True)]
            text = "".join(f" {sign} {part}" for sign, part in parts)
            return f"({text[3:] if text.startswith(' + ') else text[1:]})"
        if s.op == "mul" and s.data[0] == len(s.args):
            return f"({' * '.join(self.place(a) for a in s.args)})"
        raise Unsupported(f"a subscript made of {s.op} has no C form yet")

    def offset(self, s: Scalar) -> str:
        """Where an entry lies in its array, in rows of the last axis."""
        if self.flat is not None:
            return self.flat if s.args else "0"
        shape: tuple[str, ...] = s.data[1]  # type: ignore[assignment]
        return offset([self.place(a) for a in s.args], shape)

    def call(self, function: str, *args: str, narrow: bool) -> str:
        name = OURS.get(function, function)
        self.used[f"float {name}" if narrow else name] = None
        return f"{'nnf' if narrow else 'nn'}_{function}({', '.join(map(bare, args))})"


def bare(text: str) -> str:
    """Without the parentheses around all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for at, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0 and at < len(text) - 1:
            return text
    return text[1:-1]


def offset(places: list[str], shape: tuple[str, ...]) -> str:
    """Row-major position of a place in an array of this shape."""
    text = ""
    for at, dim in zip(places, shape, strict=True):
        if not text or text == "0":
            text = at
        elif dim != "1":
            wrapped = f"({text})" if " + " in text or " - " in text else text
            text = f"{wrapped} * {dim}" + ("" if at == "0" else f" + {at}")
    return text or "0"


# --- one writer for each operation ---


def _load(w: Expressions, s: Scalar) -> str:
    text = f"{s.data[0]}[{w.offset(s)}]"
    if w.narrow(s):
        return f"(float){text}" if s.data[0] in w.temporaries else text
    return f"(double){text}" if s.data[0] in w.ints or w.real == "float" else text


def _add(w: Expressions, s: Scalar) -> str:
    text = ""
    for sign, a in zip(s.data, s.args, strict=True):
        part = w.operand(a, w.narrow(s))
        text += (f" {'+' if sign == 1 else '-'} " if text else ("" if sign == 1 else "-")) + part
    return f"({text})"


def _mul(w: Expressions, s: Scalar) -> str:
    split: int = s.data[0]  # type: ignore[assignment]
    over, under = s.args[:split], s.args[split:]
    narrow = w.narrow(s)
    shared = next((a for a in over if a.op not in ("const", "dim") and not w.moves(a)), None) if narrow else None
    sizes = [a for a in under if a.op == "dim"] if shared else []
    factors = [_over_sizes(w, a, sizes) if sizes and a is shared else w.operand(a, narrow) for a in over]
    text = " * ".join(factors) or ("1.0f" if narrow else "1.0")
    under = tuple(a for a in under if a not in sizes)
    plain = [a for a in under if not narrow and not a.axes and a.op in ("dim", "const")]
    for a in under:
        if narrow and _is_whole(a) and not is_power_of_two(a):  # a float, as its reciprocal is not
            text += f" / {w.operand(a, narrow)}"
        elif narrow and a.op == "const" and 2.0**-126 <= abs(a.data[0]) <= 2.0**126:  # type: ignore[arg-type]
            text += f" * {number(1 / a.data[0], 'f')}"  # type: ignore[operator]
        elif narrow and a.op == "dim":
            text += " * " + w.once(f"(float)(1.0 / {w.value(a)})", "inverse", "float")
        elif narrow and not w.moves(a):  # divided once for the whole loop
            for f in ("inverse", "shift"):
                text += " * " + w.once(w.call(f, w.value(a), narrow=True), f, "float")
        elif a not in plain:
            text += f" / {w.operand(a, narrow)}"
    if len(plain) == 1:
        text += f" / {w.value(plain[0])}"
    elif plain:
        text += f" / ({' * '.join(w.value(a) for a in plain)})"
    return f"({text})"


def _over_sizes(w: Expressions, s: Scalar, sizes: list[Scalar]) -> str:
    """A factor that is the same for a whole loop, divided by lengths of axes once, in double."""
    return w.once("(float)(" + " / ".join(map(w.value, (s, *sizes))) + ")", "fixed", "float")


def _pow(w: Expressions, s: Scalar) -> str:
    base, exponent = w.value(s.args[0]), s.data[0]
    narrow = w.narrow(s)
    if exponent == 2:
        return f"({base} * {base})" if base.isidentifier() else w.call("square", base, narrow=narrow)
    if exponent == 0.5:
        return f"{'sqrtf' if narrow else 'sqrt'}({bare(base)})"
    return f"{'(float)' if narrow else ''}pow({bare(base)}, {number(exponent)})"  # type: ignore[arg-type]


def _raise(w: Expressions, s: Scalar) -> str:
    return f"{'(float)' if w.narrow(s) else ''}pow({', '.join(bare(w.value(a)) for a in s.args)})"


def _compare(w: Expressions, s: Scalar) -> str:
    return f"({w.condition(s)} ? {'1.0f : 0.0f' if w.narrow(s) else '1.0 : 0.0'})"


def _inside(w: Expressions, s: Scalar) -> str:
    at, size = (w.place(a) for a in s.args[:2])
    zero = "0.0f" if w.narrow(s) else "0.0"
    return f"({at} >= 0 && {at} < {size} ? {w.value(s.args[2])} : {zero})"


def _exponent(w: Expressions, s: Scalar, x: str) -> str:
    """The exponent of an exponential of a polynomial without constant, in two parts."""
    narrow = w.narrow(s)
    scale, more, *coefficients = s.args[1:]
    numbers = [a.data[0] if a.op == "const" else None for a in (more, *coefficients)]
    if is_power_of_two(scale) and numbers == [0.0, 0.0, 1.0]:
        return w.call("squared", x, w.operand(scale, narrow), narrow=narrow)
    away = s.data[2:] == ("away",)

    def coefficient(c: Scalar, halved: bool) -> str:
        text = w.call("coefficient", *map(w.value, (c, scale, more)), narrow=narrow)
        text = w.call("halved", text, narrow=narrow) if halved else text
        fixed = not any(map(w.moves, (c, scale, more)))
        return w.once(text, "coefficient", "nnf_pair" if narrow else "nn_pair") if fixed else text

    pair = coefficient(coefficients[-1], False)
    for c in (*coefficients[-2::-1], None):
        if c is None or (c.op == "const" and c.data[0] == 0.0):
            pair = w.call("times", pair, x, narrow=narrow)
        else:
            pair = w.call("step_away" if away else "step", pair, x, coefficient(c, away), narrow=narrow)
    return pair


def _call(w: Expressions, s: Scalar) -> str:
    function, narrow = str(s.data[0]), w.narrow(s)
    kind = f"_{s.data[1]}" if s.data[1:] and s.data[1] in KINDS else ""
    if function == "where":
        a, b = (w.operand(x, narrow) for x in s.args[1:])
        return f"({w.condition(s.args[0])} ? {a} : {b})"
    first, *rest = (w.operand(s.args[0], narrow), *map(w.value, s.args[1:]))
    if function in LIBRARY:
        if narrow and function in ("abs", "sqrt"):
            return f"{LIBRARY[function]}f({bare(first)})"
        return f"{'(float)' if narrow else ''}{LIBRARY[function]}({bare(first)})"
    if function == "power":
        return _raise(w, s)
    if function == "row_scale":
        return w.call(function, first, *rest, narrow=w.real == "float")
    if function == "exp_polynomial":
        return w.call("exp_pair" + kind, _exponent(w, s, first), narrow=narrow)
    if function in ("exp_product", "exp_quotient"):
        return w.call(function, first, *rest, narrow=narrow)
    rest = [w.operand(a, narrow) for a in s.args[1:]]
    if function in ("minimum", "maximum") and any(a.op == "const" for a in s.args):
        variable, bound = (first, *rest) if s.args[1].op == "const" else (*rest, first)
        return w.call("at_most" if function == "minimum" else "at_least", variable, bound, narrow=narrow)
    if function == "relu":
        return w.call("at_least", first, "0.0f" if narrow else "0.0", narrow=narrow)
    if function == "finite":
        largest = "FLT_MAX" if narrow else "DBL_MAX"
        bounded = w.call("at_least", first, f"-{largest}", narrow=narrow)
        return w.call("at_most", bounded, largest, narrow=narrow)
    if function == "clip":
        above, below = ("at_least", "at_most") if all(a.op == "const" for a in s.args[1:]) else ("maximum", "minimum")
        return w.call(below, w.call(above, first, rest[0], narrow=narrow), rest[1], narrow=narrow)
    return w.call(function + kind, first, *rest, narrow=narrow)


WRITE: Mapping[str, Callable[[Expressions, Scalar], str]] = {
    "load": _load,
    "const": lambda w, s: number(s.data[0]),  # type: ignore[arg-type]
    "dim": lambda w, s: f"(double){s.data[0]}" if not str(s.data[0]).isdigit() else number(int(str(s.data[0]))),
    "parameter": lambda w, s: c_name(str(s.data[0])),
    "counter": lambda w, s: f"(double){loop_name(str(s.data[0]))}",
    "add": _add,
    "mul": _mul,
    "neg": lambda w, s: f"(-{w.value(s.args[0])})",
    "pow": _pow,
    "raise": _raise,
    "compare": _compare,
    "rounded": lambda w, s: f"(double)(float){w.value(s.args[0])}",
    "widen": lambda w, s: f"{'(double)' if w.narrow(s.args[0]) else ''}{w.value(s.args[0])}",
    **dict.fromkeys(("cast", "after"), lambda w, s: w.value(s.args[0])),
    "inside": _inside,
    "apply": lambda w, s: f"{c_name(str(s.data[0]))}({bare(w.value(s.args[0]))})",
    "call": _call,
}
