"""Scalar expressions as C text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..lower import Unsupported
from .scalars import Axis, Scalar, dimension

#: Functions of one argument in ``math.h``; all others that are functions are ours.
LIBRARY = {"abs": "fabs", "sqrt": "sqrt", "sinh": "sinh", "cosh": "cosh", "sin": "sin", "cos": "cos", "arctan": "atan"}
OURS = {
    **{f: "exact_exponents" for f in ("exp_product", "exp_quotient", "number", "step", "exp_pair")},
    "erfc": "erf",
    "erfcx": "erf",
    **{f: f for f in ("maximum", "minimum", "sign", "square")},
}

#: C text of what our functions need that is no elementary function.
SMALL = {
    "square": "NN_INLINE double nn_square(double x) { return x * x; }",
    "maximum": "NN_INLINE double nn_maximum(double a, double b) { return a > b || a != a ? a : b; }",
    "minimum": "NN_INLINE double nn_minimum(double a, double b) { return a < b || a != a ? a : b; }",
    "sign": "NN_INLINE double nn_sign(double x) { return x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : x); }",
}


#: Names that C or its library has, and those of our own variables.
RESERVED = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while main exp log "
    "sin cos abs pow sqrt erf erfc tanh sinh cosh exp2 y0 y1 yn j0 j1 jn gamma row rows me threads each own scratch "
    "first last e t j block end power sign clip".split()
)


def c_name(name: str) -> str:
    """The name of an argument in C."""
    return f"{name}_" if name in RESERVED else name


def number(value: float | int) -> str:
    """A number as a C literal of type double."""
    if value != value:
        return "NAN"
    if value in (float("inf"), float("-inf")):
        return "INFINITY" if value > 0 else "(-INFINITY)"
    text = repr(float(value))
    return text if value >= 0 else f"({text})"


def loop_name(a: Axis) -> str:
    """The C name of a loop variable."""
    dim = dimension(a)
    return f"i_{dim}" + (str(a.count("'") + 1) if "'" in a else "")


class Expressions:
    """C text of values. name: what a value is called where it has a name. ints: arrays of int64_t.

    flat: the single loop variable that runs over all entries of every array, if there is one. used: our functions.
    moving: the variables of the innermost loops.
    """

    def __init__(
        self,
        name: Callable[[Scalar], str | None],
        ints: frozenset[str],
        flat: str | None,
        used: dict[str, None],
        real: str,
    ) -> None:
        self.name, self.ints, self.flat, self.used, self.real = name, ints, flat, used, real
        self.moving: frozenset[Axis] = frozenset()

    def value(self, s: Scalar) -> str:
        """As a double; safe as an operand of a product."""
        known = self.name(s)
        if known is not None:
            return known
        return WRITE[s.op](self, s) if s.op in WRITE else self._unsupported(s)

    def _unsupported(self, s: Scalar) -> str:
        raise Unsupported(f"{s.op} has no C form yet")

    def condition(self, s: Scalar) -> str:
        """As a truth value."""
        if s.op == "compare" and self.name(s) is None:
            a, b = (self.value(x) for x in s.args)
            return f"{a} {s.data[0]} {b}"
        return f"{self.value(s)} != 0.0"

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

    def call(self, function: str, *args: str) -> str:
        name = OURS.get(function, function)
        short = self.real == "float" and name not in SMALL
        self.used[f"float {name}" if short else name] = None
        return f"{'nnf' if short else 'nn'}_{function}({', '.join(bare(a) for a in args)})"


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
    return f"(double){text}" if s.data[0] in w.ints or w.real == "float" else text


def _add(w: Expressions, s: Scalar) -> str:
    text = ""
    for sign, a in zip(s.data, s.args, strict=True):
        part = w.value(a)
        text += (f" {'+' if sign == 1 else '-'} " if text else ("" if sign == 1 else "-")) + part
    return f"({text})"


def _mul(w: Expressions, s: Scalar) -> str:
    split: int = s.data[0]  # type: ignore[assignment]
    over, under = s.args[:split], s.args[split:]
    text = " * ".join(w.value(a) for a in over) or "1.0"
    plain = [a for a in under if not a.axes and a.op in ("dim", "const")]
    if w.real == "float":  # one reciprocal for the whole loop; in double, its rounding is far below that of a float
        fixed = [a for a in under if not a.axes & w.moving]
        text += "".join(f" * (1.0 / {w.value(a)})" for a in fixed)
        under, plain = tuple(a for a in under if a not in fixed), []
    for a in under:
        if a not in plain:
            text += f" / {w.value(a)}"
    if len(plain) == 1:
        text += f" / {w.value(plain[0])}"
    elif plain:
        text += f" / ({' * '.join(w.value(a) for a in plain)})"
    return f"({text})"


def _pow(w: Expressions, s: Scalar) -> str:
    base, exponent = w.value(s.args[0]), s.data[0]
    if exponent == 2:
        return f"({base} * {base})" if base.isidentifier() else w.call("square", base)
    if exponent == 0.5:
        return f"sqrt({bare(base)})"
    return f"pow({bare(base)}, {number(exponent)})"  # type: ignore[arg-type]


def _compare(w: Expressions, s: Scalar) -> str:
    return f"({w.condition(s)} ? 1.0 : 0.0)"


def _inside(w: Expressions, s: Scalar) -> str:
    at, size = (w.place(a) for a in s.args[:2])
    return f"({at} >= 0 && {at} < {size} ? {w.value(s.args[2])} : 0.0)"


def _where(w: Expressions, s: Scalar) -> str:
    a, b = (w.value(x) for x in s.args[1:])
    return f"({w.condition(s.args[0])} ? {a} : {b})"


def _call(w: Expressions, s: Scalar) -> str:
    function = str(s.data[0])
    if function == "where":
        return _where(w, s)
    args = [w.value(a) for a in s.args]
    if function in LIBRARY:
        return f"{LIBRARY[function]}({bare(args[0])})"
    if function == "power":
        return f"pow({', '.join(bare(a) for a in args)})"
    if function == "relu":
        return w.call("maximum", args[0], "0.0")
    if function == "clip":
        return w.call("minimum", w.call("maximum", args[0], args[1]), args[2])
    if function == "exp_polynomial":
        x, scale, rest, *coefficients = args
        pair = w.call("number", coefficients[-1])
        for c in (*coefficients[-2::-1], "0.0"):
            pair = w.call("step", pair, x, c)
        return w.call("exp_pair", pair, scale, rest)
    return w.call(function, *args)


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
    "raise": lambda w, s: f"pow({', '.join(bare(w.value(a)) for a in s.args)})",
    "compare": _compare,
    "cast": lambda w, s: w.value(s.args[0]),
    "inside": _inside,
    "call": _call,
}
