"""Sentences for LaTeX: rule names, conventions and pitfalls are written with Unicode signs that pdflatex lacks."""

from __future__ import annotations

import re
import unicodedata

from .names import ACCENTS, GREEK, latex_base

_RAISED = dict(
    zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺⁽⁾ⁿᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵝ", "0123456789-+()nabcdefghijklmoprstuvwxyzβ", strict=True)
) | {"ᵀ": r"\top "}
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", "0123456789+-aehijklmnoprstuvx", strict=True))
_SIGNS = {
    "∂": r"\partial ", "√": r"\surd ", "∈": r"\in ", "ℝ": r"\mathbb{R}", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ",
    "≈": r"\approx ", "·": r"\cdot ", "×": r"\times ", "⊙": r"\odot ", "⊘": r"\oslash ", "−": "-", "→": r"\to ",
    "∞": r"\infty ", "±": r"\pm ", "∇": r"\nabla ", "‖": r"\|", "⟨": r"\langle ", "⟩": r"\rangle ", "∑": r"\Sigma ",
    "′": "'", "″": "''", "½": r"\tfrac{1}{2}", "¼": r"\tfrac{1}{4}", "∘": r"\circ ", "ϵ": r"\epsilon ", "ϕ": r"\phi ",
    "⇒": r"\Rightarrow ", "⇔": r"\Leftrightarrow ", "∀": r"\forall ", "∃": r"\exists ", "∫": r"\int ", "≡": r"\equiv ",
    "∝": r"\propto ", "≪": r"\ll ", "≫": r"\gg ", "∣": r"\mid ", "⊤": r"\top ", "←": r"\leftarrow ", "ℓ": r"\ell ",
    "ℕ": r"\mathbb{N}", "ℤ": r"\mathbb{Z}", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ",
    "✓": r"\checkmark ", "∏": r"\Pi ", "∧": r"\wedge ", "∨": r"\vee ", "∪": r"\cup ", "∩": r"\cap ", "⊂": r"\subset ",
    "𝟏": r"\mathbf{1}", "<": "<", ">": ">", "|": "|", "=": "=", "°": r"^{\circ}", "µ": r"\mu ",
} | {letter: latex_base(name) + " " for name, letter in GREEK.items()}  # fmt: skip
_PLAIN = {
    "…": r"\dots{}", "–": "--", "—": "---", "“": "``", "”": "''", "‘": "`", "’": "'", "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "\u00a0": " ", "\u202f": " ", "#": r"\#", "$": r"\$",
    "%": r"\%", "&": r"\&", "_": r"\_", "{": r"\{", "}": r"\}", "\n": " ",
}  # fmt: skip
_RELATIONS = frozenset((*"=<>", r"\le", r"\ge", r"\ne", r"\approx", r"\in", r"\to"))
_OVER = dict(ACCENTS.values())
_ANCIENT = re.compile("[\u1f00-\u1fff]")  # ᾱ as one character
_PATTERN = re.compile(f".[{''.join(_OVER)}]|[{''.join(_RAISED)}]+|[{''.join(_LOWERED)}]+|.", re.DOTALL)


def prose(text: str) -> str:
    """A sentence for LaTeX: specials escaped, mathematical signs between dollars."""
    return "".join(f"${piece.rstrip()}$" if math else piece for math, piece in _runs(text))


def math_words(text: str) -> str:
    r"""A sentence inside mathematics: words in ``\text``, signs bare (a dollar inside ``$$`` would end the block)."""
    runs = _runs(text)
    for at, (math, piece) in enumerate(runs):  # a relation brings its own space
        if math and piece.strip() in _RELATIONS:
            for beside, strip in ((at - 1, str.rstrip), (at + 1, str.lstrip)):
                if 0 <= beside < len(runs) and not runs[beside][0]:
                    runs[beside] = (False, strip(runs[beside][1]))
    return "".join(piece if math else rf"\text{{{piece}}}" for math, piece in runs if piece)


def _runs(text: str) -> list[tuple[bool, str]]:
    """The sentence in runs of words (False) and of mathematics (True)."""
    runs: list[tuple[bool, str]] = []
    for piece in _PATTERN.findall(_ANCIENT.sub(lambda m: unicodedata.normalize("NFD", m[0]), text)):
        math, out = _translate(piece)
        if runs and runs[-1][0] == math:
            runs[-1] = (math, runs[-1][1] + out)
        else:
            runs.append((math, out))
    return runs


def _translate(piece: str) -> tuple[bool, str]:
    if piece[-1] in _OVER:
        return True, f"{_OVER[piece[-1]]}{{{_SIGNS.get(piece[0], piece[0]).strip()}}}"
    if piece[0] in _RAISED:
        return True, f"^{{{''.join(_SIGNS.get(_RAISED[c], _RAISED[c]) for c in piece).strip()}}}"
    if piece[0] in _LOWERED:
        return True, f"_{{{''.join(_LOWERED[c] for c in piece)}}}"
    if piece in _SIGNS:
        return True, _SIGNS[piece]
    if piece in _PLAIN or piece.isascii():
        return False, _PLAIN.get(piece, piece)
    if "\u00c0" <= piece <= "\u017f":
        return False, piece
    bare = unicodedata.normalize("NFKD", piece).encode("ascii", "ignore").decode()
    return False, "".join(_PLAIN.get(c, c) for c in bare)
