"""The result as tables for the terminal, as Markdown, or as JSON."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from .contestants import CONTESTANTS, HAND, OURS, REFERENCE
from .measure import Measured, Timing


@dataclass(frozen=True)
class Table:
    """A title that says what the numbers are, the names of the columns, and rows of cells."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(found: Sequence[Measured]) -> tuple[Table, ...]:
    """Speed against torch eager, that of generated code against NumPy by hand, and time against the floor."""
    names = [name for name in CONTESTANTS if any(name in m.timings for m in found)]
    others = [name for name in names if name != REFERENCE]
    against = len(others) < len(names)
    titles = [CONTESTANTS[name].title for name in others]
    made = []
    if against:
        rows = tuple(
            (
                m.case.id,
                _milliseconds(m.timings[REFERENCE]),
                *(_ratio(m.timings[name]) for name in others),
                _times(m.timings[REFERENCE]),
            )
            for m in found
        )
        title = "How many times as fast as torch eager (above 1: faster), and half the distance of the quartiles"
        made.append(Table(title, ("case", "torch eager, ms", *titles, "floor"), rows))
    ours = [name for name in OURS if name in names]
    if ours and HAND in names:
        rows = tuple((m.case.id, *(_by_hand(m.timings[name]) for name in ours)) for m in found)
        title = "How many times as fast as NumPy by hand, in the same rounds"
        made.append(Table(title, ("case", *(CONTESTANTS[name].title for name in ours)), rows))
    rows = tuple((m.case.id, f"{1e3 * m.floor:.3g}", *(_times(m.timings[name]) for name in names)) for m in found)
    title = "How many times the floor"
    made.append(Table(title, ("case", "floor, ms", *(CONTESTANTS[name].title for name in names)), rows))
    return tuple(made)


def notes(found: Sequence[Measured]) -> list[str]:
    """Why there is no time, once for each reason, with the cases where it is not the same for all."""
    told: dict[tuple[str, str], list[str]] = {}
    for m in found:
        for name, t in m.timings.items():
            if t.note:
                told.setdefault((CONTESTANTS[name].title, f"{_STATUS[t.status]}{t.note}"), []).append(m.case.id)
    return [
        f"{who}: {why}" if len(cases) == len(found) else f"{who}, {', '.join(cases)}: {why}"
        for (who, why), cases in told.items()
    ]


_STATUS = {"absent": "", "failed": "failed: ", "wrong": "wrong, not timed: ", "timed": ""}


def _cell(timing: Timing, number: Callable[[Timing], str]) -> str:
    return number(timing) if timing.status == "timed" else "—" if timing.status == "absent" else timing.status


def _milliseconds(t: Timing) -> str:
    return _cell(t, lambda t: f"{1e3 * (t.seconds or 0):.3g} ±{t.spread or 0:.0%}")


def _ratio(t: Timing) -> str:
    return _cell(t, lambda t: "?" if t.ratio is None else f"{t.ratio:.2f} ±{t.spread or 0:.0%}")


def _times(t: Timing) -> str:
    return _cell(t, lambda t: "?" if t.floors is None else f"{t.floors:.1f}")


def _by_hand(t: Timing) -> str:
    return _cell(t, lambda t: "?" if t.by_hand is None else f"{t.by_hand:.2f}")


def as_text(found: Sequence[Measured], machine: Mapping[str, str], width: int) -> str:
    """The tables as a terminal shows them; coloured only on one that wants colours."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as Shown

    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=sys.stdout.isatty(), highlight=False)
    for table in tables(found):
        console.print(table.title, style="bold")
        shown = Shown(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        for at, column in enumerate(table.head):
            shown.add_column(column, justify="right" if at else "left", no_wrap=at == 0)
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
    for note in notes(found):
        console.print(note)
    console.print(_sentence(machine))
    return text.getvalue()


def _sentence(machine: Mapping[str, str]) -> str:
    return ", ".join(v if k in ("date", "processor") else f"{k} {v}" for k, v in machine.items()) + "."


def as_markdown(found: Sequence[Measured], machine: Mapping[str, str]) -> str:
    """The same for a page."""
    lines = [f"{_sentence(machine)[0].upper()}{_sentence(machine)[1:]}", ""]
    for table in tables(found):
        lines += [f"{table.title}:", "", f"| {' | '.join(table.head)} |"]
        lines += [f"|{'|'.join(['---', *['--:'] * (len(table.head) - 1)])}|"]
        lines += [f"| {' | '.join(row)} |" for row in table.rows]
        lines.append("")
    lines += [f"- {note}" for note in notes(found)]
    return "\n".join(lines).rstrip() + "\n"


def as_json(found: Sequence[Measured], machine: Mapping[str, str]) -> str:
    """All numbers, times in seconds."""
    import json

    cases = [
        {
            "case": m.case.id,
            "part": m.case.part,
            "bytes": m.case.bytes,
            "operations": m.case.operations,
            "floor": m.floor,
            "contestants": {name: asdict(t) for name, t in m.timings.items()},
        }
        for m in found
    ]
    return json.dumps({"machine": dict(machine), "cases": cases}, indent=2, ensure_ascii=False)
