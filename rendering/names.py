"""How a tensor's name is written: ``W1`` is W₁, ``alpha`` is α, ``y_hat`` is ŷ, ``A_prev`` has an upright subscript.

In LaTeX small letters behind a capital are a subscript too: ``Wq`` is W with the subscript q."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cache

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "lam": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ",
    "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip

#: What a letter carries: the combining sign, and the command of LaTeX.
ACCENTS = {"hat": ("\u0302", r"\hat"), "tilde": ("\u0303", r"\tilde"), "bar": ("\u0304", r"\bar")}

_LATEX_GREEK = {"eps": r"\varepsilon", "epsilon": r"\varepsilon", "lam": r"\lambda", "phi": r"\varphi"}
_BACK = {letter: name for name, letter in reversed(GREEK.items())}
SUBSCRIPT_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
SUPERSCRIPTS = str.maketrans("0123456789-+n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ")


@dataclass(frozen=True)
class NameParts:
    """A name taken apart: the mark d of a gradient, the letter or word, its subscripts, and its accent if any."""

    gradient: bool
    base: str
    subscripts: tuple[str, ...]
    accent: str = ""


@cache
def split_name(name: str, known: frozenset[str] = frozenset()) -> NameParts:
    """known: names in use; ``dgamma`` is a gradient only where ``gamma`` is one, ``dW1`` always."""
    gradient = bool(re.match(r"d[A-Z]", name)) or (name.startswith("d") and name[1:] in known)
    rest = name[1:] if gradient else name
    base, *subscripts = [part for part in rest.split("_") if part] or [rest]
    letter = base.rstrip("0123456789")
    accented = subscripts[:1] in ([a] for a in ACCENTS) and (len(letter) == 1 or letter in GREEK)
    accent = subscripts.pop(0) if accented else ""
    match = re.fullmatch(r"(.*\D)(\d+)", base)
    if match and not subscripts:
        base, subscripts = match[1], [match[2]]
    return NameParts(gradient, base, tuple(subscripts), accent)


def text_name(name: str, known: frozenset[str] = frozenset()) -> str:
    parts = split_name(name, known)
    base = GREEK.get(parts.base, parts.base)
    if parts.accent:
        base = unicodedata.normalize("NFC", base + ACCENTS[parts.accent][0])
    digits = all(s.isdigit() for s in parts.subscripts)
    tail = "".join(parts.subscripts).translate(SUBSCRIPT_DIGITS) if digits else "_" + "_".join(parts.subscripts)
    return f"{'d' if parts.gradient else ''}{base}{tail if parts.subscripts else ''}"


def sentence_with_names(text: str, known: frozenset[str]) -> str:
    """A sentence in which names with digits or accents are written as in formulas: w1 as w₁, where w1 is a name."""
    names = r"\b[A-Za-z]+(?:\d+|_(?:hat|tilde|bar))\b"
    return re.sub(names, lambda m: text_name(m[0], known) if {m[0], m[0].removeprefix("d")} & known else m[0], text)


def latex_name(name: str, known: frozenset[str] = frozenset(), indices: str = "") -> str:
    """The name, with the indices of an element after its own subscripts."""
    parts = split_name(name, known)
    lettered = re.fullmatch(r"([A-Z])([a-z]{1,2})", parts.base)
    if lettered and parts.base not in GREEK:  # Wq is W_q: as Wq it would read as a product
        parts = replace(parts, base=lettered[1], subscripts=(lettered[2], *parts.subscripts))
    subscripts = [s if len(s) == 1 or s.isdigit() else rf"\text{{{latex_escape(s)}}}" for s in parts.subscripts]
    below = ",".join([*subscripts, *([indices] if indices else [])])
    mark = r"\mathrm{d}" if parts.gradient else ""
    base = latex_base(parts.base)
    if parts.accent:
        base = f"{ACCENTS[parts.accent][1]}{{{base}}}"
    return mark + base + (f"_{{{below}}}" if below else "")


def latex_base(base: str) -> str:
    if base in GREEK:
        return _LATEX_GREEK.get(base, "\\" + base)
    if base in _BACK:
        return latex_base(_BACK[base])
    return base if len(base) == 1 else rf"\mathit{{{latex_escape(base)}}}"


def latex_escape(text: str) -> str:
    return re.sub(r"([#$%&_{}])", r"\\\1", text)
