"""Mathematics as LaTeX, with no command that amsmath, KaTeX or GitHub does not know."""

from __future__ import annotations

from collections.abc import Sequence

from .box import ATOM, POWER, PREFIX, PRODUCT, Box, atom, join
from .latex_width import latex_width
from .names import latex_escape, latex_name
from .style import Style

_SIZES = (
    ("(", ")"),
    (r"\bigl(", r"\bigr)"),
    (r"\Bigl(", r"\Bigr)"),
    (r"\biggl(", r"\biggr)"),
    (r"\Biggl(", r"\Biggr)"),
)


#: Widest numerator, in points.
_LONG = 280.0


def _indices(letters: Sequence[str]) -> str:
    letters = [s.replace("′", "'") for s in letters]
    plain = all(len(s) == 1 for s in letters) and not all(s.isdigit() for s in letters)
    return ("" if plain else ",").join(letters)


def _indices_apart(letters: Sequence[str]) -> str:
    return ",".join(s.replace("′", "'") for s in letters)


def _fraction(over: Box, under: Box) -> Box:
    """A fraction; a numerator too long for a line stands behind the bar instead, where it can be broken."""
    if latex_width(over.text) > _LONG:
        return join([_fraction(atom("1"), under), " ", LATEX.enclosed(over)], PRODUCT)
    return Box((rf"\frac{{{over.text}}}{{{under.text}}}",), ATOM, 1 + max(1, over.tall, under.tall))


def _inline_fraction(over: Box, under: Box) -> Box:
    return join([LATEX.wrap(over, PRODUCT), "/", LATEX.wrap(under, PREFIX)], PRODUCT)


def _power(base: Box, exponent: Box) -> Box:
    return join([LATEX.wrap(base, ATOM), f"^{{{exponent.text}}}"], POWER)


def _root(of: Box) -> Box:
    return Box((rf"\sqrt{{{of.text}}}",), ATOM, of.tall)


def _exponential(of: Box, deep: bool) -> Box | None:
    return None if deep or latex_width(of.text) > 60 else atom(rf"e^{{{of.text}}}")


def _derivative(order: int, of: Box | None, by: Sequence[Box], mark: str) -> Box:
    power = f"^{{{order}}}" if order > 1 else "^{+}" if mark == "∂⁺" else ""
    mark = "d" if mark == "d" else r"\partial "
    below = [mark + b.text for b in by]
    if len(by) > 1 and len(set(below)) == 1:
        below = [below[0] + power]
    over = mark.strip() + power + (" " if mark != "d" or power else "") + (of.text if of else "")
    under = r" \thinspace ".join(below)
    return Box((rf"\frac{{{over.rstrip()}}}{{{under}}}",), ATOM, 2, derivative=True)


def _cases(branches: Sequence[tuple[Box, Box]], otherwise: Box) -> Box:
    rows = [rf"{value.text} & {condition.text}" for value, condition in branches]
    rows.append(rf"{otherwise.text} & \text{{otherwise}}")
    # Nothing closes the brace on the right: a factor behind it would read as part of the last row.
    return Box((r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}",), PREFIX, 4)


def _primes(name: str, order: int) -> str:
    return name + ("'" * order if order < 4 else f"^{{({order})}}")


_FUNCTIONS = {
    "log": r"\log", "exp": r"\exp", "tanh": r"\tanh", "sinh": r"\sinh", "cosh": r"\cosh", "sin": r"\sin",
    "cos": r"\cos", "atan": r"\arctan", "sigmoid": r"\sigma", "relu": r"\mathrm{ReLU}", "absolute": "|", "Abs": "|",
    "Max": r"\max", "Min": r"\min", "logsigmoid": r"\log\sigma",
}  # fmt: skip

LATEX = Style(
    latex=True,
    minus="-",
    times=" ",
    dot=r" \cdot ",
    number_dot=r" \cdot ",
    hadamard=r" \odot ",
    quotient=r" \oslash ",
    transposed=r"^{\top}",
    name=latex_name,
    symbol=latex_name,
    indices=_indices,
    parentheses=lambda tall: _SIZES[min(tall, 4)],
    fraction=_fraction,
    inline_fraction=_inline_fraction,
    power=_power,
    root=_root,
    exponential=_exponential,
    sum_over=lambda letters: rf"\sum_{{{_indices_apart(letters)}}} ",
    delta=lambda indices: rf"\delta_{{{indices}}}",
    derivative=_derivative,
    cases=_cases,
    primes=_primes,
    functions=_FUNCTIONS,
    operator=lambda name: rf"\mathrm{{{latex_escape(name)}}}",
    relation={
        **{">": " > ", "<": " < ", "≤": r" \le ", "≥": r" \ge ", "=": " = ", "<=": r" \leq ", ">=": r" \geq "},
        **{"in": r" \in ", "x": r" \times ", "to": r" \to "},
    },
    words={"reals": r"\mathbb{R}", "pi": r"\pi", "E": "e", "ones": r"\mathbf{1}", "identity": "I"},
    average={"E": r"\mathbb{E}", "Var": r"\operatorname{Var}", "Cov": r"\operatorname{Cov}"},
    measure=latex_width,
)
