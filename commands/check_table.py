"""The rows of a check as a table with totals, or as JSON."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from ..checks import SAMPLED, CrossCheck, Row

if TYPE_CHECKING:
    from rich.table import Table

COUNTS = ("steps", "proved", "refuted", "open")


def totals(rows: Sequence[Row]) -> dict[str, Any]:
    """Sums over the rows, and which entries have open steps."""
    kinds = dict.fromkeys(row.kind for row in rows if row.kind)
    return {
        "entries": len(rows),
        "failed": sum(row.failed for row in rows),
        **{name: sum(getattr(row, name) for row in rows) for name in COUNTS},
        "open_entries": [row.id for row in rows if row.open],
        "cross_checked": sum(_is_checked(row) and row.against == "torch" for row in rows),
        "checked_exactly": sum(_is_checked(row) and row.against != "torch" for row in rows),
        "statements": sum(row.statement for row in rows),
        "kinds": {kind: sum(row.kind == kind for row in rows) for kind in kinds},
    }


def _is_checked(row: Row) -> bool:
    return bool(row.cross_checks) and all(c.passed for c in row.cross_checks.values())


def as_json(rows: Sequence[Row]) -> str:
    import json

    return json.dumps({"entries": [asdict(row) for row in rows], "totals": totals(rows)}, indent=2, ensure_ascii=False)


def as_table(rows: Sequence[Row], dtypes: Iterable[str], width: int) -> str:
    """A table with a row per entry, and the totals last. Coloured only on a terminal that wants colours.

    Where the whole table is wider than ``width``, one column tells the verdict, and the errors are shares of what is
    allowed.
    """
    from rich.console import Console

    dtypes = tuple(dtypes)
    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=sys.stdout.isatty(), highlight=False)
    table = _wide(rows, dtypes)
    wide = console.measure(table, options=console.options.update(width=1000)).maximum <= width
    console.print(table if wide else _narrow(rows, dtypes))
    if not wide:
        console.print()
    if any(row.cross_checks for row in rows):
        console.print(WIDE_LEGEND if wide else NARROW_LEGEND)
        console.print()
    if len(rows) > 1 and any(row.statement for row in rows):
        console.print(f"—: {SAMPLED[0].lower()}{SAMPLED[1:]}\n")
    if len(rows) == 1:
        for note in rows[0].notes:
            for line in wrap(note, console.width, subsequent_indent="  "):
                console.print(line)
        if rows[0].notes:
            console.print()
    failed = any(row.failed for row in rows)
    for line in _summary(rows):
        console.print(line, style="red" if failed else "green")
    return text.getvalue()


WIDE_LEGEND = (
    "Under a dtype: the largest error of the generated code, of the error allowed there, in ULP of the exact value "
    "(regimes of input)."
)
NARROW_LEGEND = "Under a dtype: the largest error of the generated code as a share of the error allowed there."


def _wide(rows: Sequence[Row], dtypes: Sequence[str]) -> Table:
    table = _empty(("steps", "proved", "refuted", "open"), dtypes)
    for row in rows:
        counts = [str(n) if n else "·" for n in (row.steps, row.proved, row.refuted, row.open)]
        checks = ["—" if row.statement else _cell(row.cross_checks.get(dtype)) for dtype in dtypes]
        table.add_row(row.id, row.kind, *counts, *checks, f"{row.seconds:.2f}", style="red" if row.failed else "")
    return table


def _narrow(rows: Sequence[Row], dtypes: Sequence[str]) -> Table:
    table = _empty(("steps", "verdict"), dtypes)
    table.columns[1].max_width = 8
    table.padding, table.show_edge = (0, 1, 0, 0), False
    for row in rows:
        checks = ["—" if row.statement else _share(row.cross_checks.get(dtype)) for dtype in dtypes]
        cells = (str(row.steps or "·"), _verdict(row), *checks, f"{row.seconds:.1f}")
        table.add_row(row.id, row.kind, *cells, style="red" if row.failed else "")
    return table


def _empty(counts: Sequence[str], dtypes: Sequence[str]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("entry", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    for name in (*counts, *dtypes, "s"):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _verdict(row: Row) -> str:
    """Of all its steps; the worst first, with how many there are."""
    for name in ("refuted", "open"):
        if count := getattr(row, name):
            return f"{count} {name}"
    return "proved" if row.steps else "none"


def _cell(check: CrossCheck | None) -> str:
    if check is None:
        return "not run"
    return f"{'' if check.passed else 'FAILED '}{_short(check.error)} of {_short(check.bound)} ({check.regimes})"


def _share(check: CrossCheck | None) -> str:
    if check is None:
        return "not run"
    if not check.passed:
        return "FAILED"
    return f"{check.error / check.bound if check.bound else 0:.0%}"


def _short(number: float) -> str:
    return f"{number:.1f}" if number < 100 else f"{number:.0e}".replace("e+0", "e").replace("e+", "e")


def _summary(rows: Sequence[Row]) -> Iterable[str]:
    """The totals, and by name what a total of open steps stands for."""
    sums = totals(rows)
    if opened := [f"{row.id} ({row.open})" for row in rows if row.open]:
        yield f"Open, which is not a pass: {', '.join(opened)}."
    if len(sums["kinds"]) > 1:
        yield "Kinds: " + ", ".join(f"{count} {kind}" for kind, count in sums["kinds"].items()) + "."
    done = [f"{sums['cross_checked']} cross-checked against torch"]
    if sums["checked_exactly"]:
        done.append(f"{sums['checked_exactly']} checked against exact values, without torch")
    if sums["statements"] and len(rows) > 1:
        done.append(f"{sums['statements']} without code")
    yield (
        f"{sums['entries']} {'entry' if len(rows) == 1 else 'entries'}, {sums['steps']} steps: "
        f"{sums['proved']} proved, {sums['refuted']} refuted, {sums['open']} open. "
        f"{', '.join(done)}, {sums['failed']} failed."
    )
