"""Mathematics as plain text with Unicode: ``∂L/∂P_ic = −Y_ic / (n P_ic)``."""

from __future__ import annotations

from collections.abc import Sequence

from .box import ATOM, POWER, PREFIX, PRODUCT, Box, atom, join
from .names import SUPERSCRIPTS, text_name
from .style import Style
from .width import columns

_RAISED = dict(zip("abcdefghijklmnoprstuvwxyzβ", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵝ", strict=True)) | {
    chr(k): chr(v) for k, v in SUPERSCRIPTS.items()
} | {"−": "⁻", " ": ""}  # fmt: skip


def _indices(letters: Sequence[str]) -> str:
    plain = all(len(s) == 1 for s in letters) and not all(s.isdigit() for s in letters)
    return "".join(letters) if plain else "{" + ",".join(letters) + "}"


def _name(name: str, known: frozenset[str], indices: str) -> str:
    return text_name(name, known) + (f"_{indices}" if indices else "")


def _parentheses(tall: int) -> tuple[str, str]:
    return "(", ")"


def _fraction(over: Box, under: Box) -> Box:
    over = TEXT.wrap(over, PRODUCT)
    under = TEXT.wrap(under, PREFIX)
    tight = len(under.text) <= 2 or (" " not in over.text + under.text and len(over.text) <= 5)
    return join([over, "/" if tight else "\n / ", under.solid()], PRODUCT)


def _power(base: Box, exponent: Box) -> Box:
    raised = _raise(exponent.text)
    base = TEXT.wrap(base, ATOM)
    if raised is not None and len(exponent.text) <= 3:
        return join([base, raised], POWER)
    return join([base, "^", exponent.text if len(exponent.text) == 1 else f"({exponent.text})"], POWER)


def _raise(text: str) -> str | None:
    return "".join(_RAISED[c] for c in text) if all(c in _RAISED for c in text) else None


def _root(of: Box) -> Box:
    return Box((f"√{TEXT.wrap(of, ATOM).text}",), ATOM)


def _exponential(of: Box, deep: bool) -> Box | None:
    raised = _raise(of.text) if len(of.text) <= 4 else None
    return None if raised is None else atom("e" + raised)


def _derivative(order: int, of: Box | None, by: Sequence[Box], mark: str) -> Box:
    power = str(order).translate(SUPERSCRIPTS) if order > 1 else ""
    below = [mark[:1] + b.text for b in by]
    under = below[0] + power if len(set(below)) == 1 else "(" + " ".join(below) + ")"
    return Box((f"{mark}{power}{of.text if of else ''}/{under}",), ATOM, derivative=True)


def _cases(branches: Sequence[tuple[Box, Box]], otherwise: Box) -> Box:
    parts: list[str | Box] = ["{ "]
    for value, condition in branches:
        parts += [value, " if ", condition, ";", "\n "]
    return join([*parts, otherwise, " otherwise }"], ATOM)


def _primes(name: str, order: int) -> str:
    return name + ("′″‴"[order - 1] if 0 < order < 4 else f"⁽{str(order).translate(SUPERSCRIPTS)}⁾" if order else "")


_FUNCTIONS = {
    "sigmoid": "σ", "relu": "ReLU", "atan": "arctan", "exp": "exp", "absolute": "|", "Abs": "|", "onehot": "onehot",
    "asin": "arcsin", "acos": "arccos", "logsigmoid": "log σ", "Max": "max", "Min": "min",
}  # fmt: skip

TEXT = Style(
    latex=False,
    minus="−",
    times=" ",
    dot=" · ",
    number_dot=" · ",
    hadamard=" ⊙ ",
    quotient=" ⊘ ",
    transposed="ᵀ",
    name=_name,
    symbol=text_name,
    indices=_indices,
    parentheses=_parentheses,
    fraction=_fraction,
    inline_fraction=_fraction,
    power=_power,
    root=_root,
    exponential=_exponential,
    sum_over=lambda letters: " ".join(f"Σ_{k}" for k in letters) + " ",
    delta=lambda indices: f"δ_{indices}",
    derivative=_derivative,
    cases=_cases,
    primes=_primes,
    functions=_FUNCTIONS,
    operator=lambda name: name,
    relation={
        **{">": " > ", "<": " < ", "≤": " ≤ ", "≥": " ≥ ", "=": " = ", "<=": " ≤ ", ">=": " ≥ "},
        **{"in": " ∈ ", "x": "×", "to": " → "},
    },
    words={"reals": "ℝ", "pi": "π", "E": "e", "ones": "1", "identity": "I"},
    average={"E": "𝔼", "Var": "Var", "Cov": "Cov"},
    measure=columns,
)
