"""``nnmath bench``: its options, and what it does with them. Imports nothing heavy before it runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .output import write
from .usage import WrongUsage

if TYPE_CHECKING:
    from ..benchmarks.speed.cases import Case
    from ..benchmarks.speed.measure import Measured

#: Between these lines of a page the run stands.
BEGIN, END = "<!-- a run of nnmath bench -->", "<!-- end of the run -->"

EPILOG = """examples:
  nnmath bench
  nnmath bench softmax-ce silu --quick
  nnmath bench attention --against torch,jax --json
  nnmath bench --markdown docs/speed.md

A case is timed in float32, forward and backward, on arrays that every contestant shares. Before that every result is
compared with float64: what is wrong is not timed, and the command fails with 1. Ratios are of times in one round, side
by side; a machine with other work on it gives other ratios."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "cases", metavar="CASE", nargs="*", help="such as softmax-ce-64x10, or softmax-ce; default: all"
    )
    text = "beside the generated code: torch, torch-compile, jax, hand (NumPy by hand), hand-quick; default: all"
    parser.add_argument("--against", action="append", default=[], metavar="CODE", help=text)
    parser.add_argument("--quick", action="store_true", help="three short rounds, and no torch.compile by default")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads for everybody; default: 2")
    parser.add_argument("--json", action="store_true", help="as JSON")
    text = "put the run into this page, between its two lines for that, or make the page"
    parser.add_argument("--markdown", metavar="FILE", help=text)


def run(arguments: argparse.Namespace, width: int) -> tuple[bool, str]:
    """Measure what the arguments say; returns whether all results were right, and what to print.

    **Raises** ``WrongUsage``.
    """
    if arguments.threads < 1:
        raise WrongUsage(f"--threads {arguments.threads} leaves nothing to run on. Give 1 or more: --threads 2")
    if arguments.json and arguments.markdown:
        raise WrongUsage("--json and --markdown both say what becomes of the run. Give one of them")
    from ..benchmarks.speed.threads import limited

    page = None if arguments.markdown is None else _page(arguments.markdown)
    with limited(arguments.threads) as threads:
        from ..benchmarks.speed import machine, memory, table

        memory.keep()
        found = _measured(arguments, threads)
        made_on = machine.described(threads)
    right = all(t.status != "wrong" for m in found for t in m.timings.values())
    if page is not None:
        before, after = page
        write(f"{before}{BEGIN}\n{table.as_markdown(found, made_on)}{END}{after}", arguments.markdown)
    if arguments.json:
        return right, table.as_json(found, made_on)
    return right, table.as_text(found, made_on, width)


def _measured(arguments: argparse.Namespace, threads: int) -> list[Measured]:
    from ..benchmarks.speed import cases, contestants, measure

    known = contestants.CONTESTANTS
    ours = ("numpy", "c")
    names = tuple(dict.fromkeys(n.strip() for text in arguments.against for n in text.split(",")))
    others = tuple(n for n in known if n not in ours and not (arguments.quick and n == "torch-compile"))
    for name in names:
        if name not in known or name in ours:
            raise WrongUsage(
                f"{name!r} is nothing to measure against. Known: {', '.join(n for n in known if n not in ours)}"
            )
    taking = [n for n in known if n in (*ours, *(names or others))]
    effort = measure.QUICK if arguments.quick else measure.FULL
    chosen = cases.chosen(
        arguments.cases, lambda name: WrongUsage(f"no case is called {name!r}. Cases: {', '.join(cases.CASES)}")
    )
    with _progress(chosen) as told:
        return [measure.measure(c, taking, effort, threads, lambda who, c=c: told(c, who)) for c in chosen]  # type: ignore[misc]


@contextmanager
def _progress(cases: Sequence[Case]) -> Iterator[Callable[[Case, str], None]]:
    """A bar on a terminal: which case, and who prepares. Messages go to stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(cases))
        at = {case.id: k for k, case in enumerate(cases)}

        def told(case: Case, who: str) -> None:
            # It is drawn now, and not by a thread of its own beside what is timed.
            bar.update(task, completed=at[case.id], description=f"{case.id}: {who}")
            bar.refresh()

        bar.live.auto_refresh = False
        yield told


def _page(target: str) -> tuple[str, str]:
    """What stands before the run in a page, and behind it."""
    path = Path(target)
    if not path.exists():
        return "", "\n"
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise WrongUsage(f"{target} has no place for the run. Put these two lines into it:\n{BEGIN}\n{END}")
    return before, after
