"""``dz += a * (e / b)`` as ``e /= b; e *= a; dz += e``, where nothing reads e afterwards: no other array is made.

Of ``e / (1 + e)``, where a is an array that may be overwritten too, that is ``a *= e; e += 1; a /= e; dz += a``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

from .in_place import OPERATORS


def overwrite_last_factors(lines: Sequence[str], full: Mapping[str, int]) -> list[str]:
    """The lines, in which a product that is added to an array overwrites one of its factors.

    full: names that hold a fresh array of their own with all of its axes, and the number of these.
    """
    deepest = max(full.values(), default=0)
    out: list[str] = []
    for at, line in enumerate(lines):
        steps = None
        if (found := re.fullmatch(r"(\w+) ([-+])= (.*)", line)) and full.get(found[1]) == deepest:
            after = "\n".join(lines[at + 1 :])
            views = [name for text in out if (name := _viewed(text))]
            free = {n for n, rank in full.items() if rank == deepest and n not in views}
            free = {n for n in free if not re.search(rf"\b{n}\b", after)}
            steps = _steps(found[1], found[2], found[3], free - {found[1]})
        out += steps or [line]
    return out


def _viewed(line: str) -> str:
    """The array that another name may share the buffer of, after this line."""
    found = re.fullmatch(r" *\w+ = (\w+)([.\[].*)?", line)
    return found[1] if found else ""


def _steps(target: str, sign: str, text: str, free: set[str]) -> list[str] | None:
    """The line as several; None where no factor is a product or quotient that begins with a free array."""
    value = ast.parse(text, mode="eval").body
    if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Mult):
        return None
    for factor, other in ((value.right, value.left), (value.left, value.right)):
        if isinstance(factor, ast.BinOp) and isinstance(factor.op, ast.Mult | ast.Div):
            first, rest, kept = (ast.get_source_segment(text, e) or "" for e in (factor.left, factor.right, other))
            if first in free and not re.search(rf"\b{first}\b", kept):
                step = OPERATORS[type(factor.op)][0]
                before, kept = _affine(kept, free - {first})
                if before and (more := re.fullmatch(rf"(\d+) \+ {first}", rest)):  # e / (1 + e) needs no copy of e
                    over = [f"{kept} *= {first}", f"{first} += {more[1]}", f"{kept} /= {first}"]
                    return [*before, *over, f"{target} {sign}= {kept}"]
                return [f"{first} {step}= {rest}", *before, f"{first} *= {kept}", f"{target} {sign}= {first}"]
    return None


def _affine(text: str, free: set[str]) -> tuple[list[str], str]:
    """``1 - 2 * a`` for a free array a: the lines that make it in place, and a. Any other text as it is."""
    found = re.fullmatch(r"(\d+) ([-+]) (\d+) \* (\w+)", text)
    if found is None or found[4] not in free:
        return [], text
    factor = f"-{found[3]}" if found[2] == "-" else found[3]
    return [f"{found[4]} *= {factor}", f"{found[4]} += {found[1]}"], found[4]
