"""Why a line of generated code is as it is: comments beside the lines whose purpose a reader would not guess."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: The largest of each row of what was met before.
LARGEST = r"(\1\.(max|take)\(|_row_max\(\1\)).*"

#: What a line looks like, and what is said of it. ``\1`` in a pattern is the name that was met before.
REASONS = (
    (
        r"\w+ = (np\.exp\(-[\d.]+ \* a\)|_exp_\w+\(a, -.*\))",
        "at most 1: nothing overflows, and e * (...) * e keeps the tail",
    ),
    (r"\w+ = np\.clip\(x, -(\d{3}\.0, [\d.]+|[\d.]+, \d{3}\.0)\)", "beyond these, the limits are reached"),
    (r"(?!positive)\w+ \*= e", "twice: e * e would lose the digits of the tail"),
    (r"\w+ = e \* \(?(bounded|term\d?) .*\* e", "in this order, the tail keeps its digits"),
    (r"\w+ = (np\.exp\(|_in_double\(np\.exp, )-(a|np\.abs\(x\))\)", "at most 1: nothing overflows"),
    (
        r"(\w+) /= 1 \+ \1|\w+ = (\w+) / \(1 \+ \2\)|positive /= e",
        "of sigmoid and 1 - sigmoid the smaller one: no digit is lost where the other is near 1",
    ),
    (rf"\w+ = (\w+) - {LARGEST}", "at most 0: exp cannot overflow"),
    (rf"\w+ = np\.subtract\((\w+), {LARGEST}, out=\1\)", "at most 0: exp cannot overflow"),
    (r"(\w+) -= \(?(\1\.sum\(|_sum_(rows|each_row)\(\1\)).*", "what rounding left of the mean"),
    (r"\w+ = (\w+)\.argmax\(axis=1\) \+ np\.arange\(0, \1\.size, .*", "of the largest in each row, for take and put"),
    (r"sure\d* = (np\.count_nonzero\()?\w+ < 1\.25\)?", "a probability above 0.8: digits would be lost"),
    (r"\w+\.put\(place, \(1 - own - own \* rest\) / total\)", "no digit is lost where P is near 1"),
    (r"\w+_scale = _row_scale\(.*, squares=.*", "a power of two: no digit is lost"),
    (r"\w+_scale = _(row|array)_scale\(.*", "a power of two: squares stay in range, and no digit is lost"),
)
#: Longest line with its comment.
WIDEST = 110


def with_reasons(lines: Sequence[str]) -> list[str]:
    """The lines, each reason beside the first line that it explains."""
    left, text = dict(REASONS), "\n".join(lines)
    out = []
    for line in lines:
        taken = re.search(r"- (\w+)\.take\(", line)
        elsewhere = taken is not None and f" {taken[1]}.argmax(" not in text  # an entry, and not the largest
        pattern = next((p for p in left if re.fullmatch(p, line.strip())), None) if not elsewhere else None
        if pattern is not None and len(line) + len(left[pattern]) + 4 <= WIDEST:
            line = f"{line}  # {left.pop(pattern)}"
        out.append(line)
    return out
