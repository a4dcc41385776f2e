"""Checking entries of the catalogue, several at a time: one row each. commands/check_table.py shows the rows."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from .derivations import catalogue
from .derivations.options import shown as written

if TYPE_CHECKING:
    from .derivations.options import Value
    from .numeric.checking.report import CheckReport
    from .page import Page


@dataclass(frozen=True)
class CrossCheck:
    """The generated code in one dtype, over all regimes: its largest error as a share of the bound, both in ULP."""

    passed: bool
    regimes: int
    error: float
    bound: float


@dataclass(frozen=True)
class Row:
    """What checking one entry gave.

    against: what the generated code was compared with beside exact values. missing: something is not installed, so the
    cross-check could not be made. statement: the entry has no code; its lines were sampled rigorously instead.
    """

    id: str
    kind: str = ""
    steps: int = 0
    proved: int = 0
    refuted: int = 0
    open: int = 0
    against: str = "torch"
    cross_checks: Mapping[str, CrossCheck] = field(default_factory=dict)
    seconds: float = 0.0
    messages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failed: bool = False
    missing: bool = False
    statement: bool = False


SAMPLED = (
    "No code: a statement. Every line is judged by the prover, and evaluated in ball arithmetic at random points that "
    "meet the assumptions."
)


def run(
    ids: Sequence[str],
    parameters: Mapping[str, Value],
    device: str,
    dtypes: Sequence[str],
    jobs: int | None = None,
    check: Callable[[str, Mapping[str, Value], str, Sequence[str]], Row] | None = None,
) -> list[Row]:
    """Check entries in several processes, and return their rows in the order of ``ids``.

    jobs: how many processes; default: one for each core that this process may use. check: what a process does with one
    id, :func:`check_one`. An entry that takes its process down becomes a failed row; the others are still checked.
    """
    check = check or check_one
    if len(ids) == 1:
        return [check(ids[0], parameters, device, dtypes)]
    workers = min(len(ids), jobs or cores())
    pool = _pool(workers)
    rows: dict[str, Row] = {}
    lost: list[str] = []
    try:
        futures = {pool.submit(check, id, parameters, device, dtypes): id for id in ids}
        with _progress(len(ids)) as advance:
            for future in as_completed(futures):
                id = futures[future]
                try:
                    rows[id] = future.result()
                    advance(id)
                except BrokenProcessPool:  # of this one or of another: all that were waiting are lost as well
                    lost.append(id)
            for id in lost:
                rows[id] = _alone(check, parameters, device, dtypes, id)
                advance(id)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return [rows[id] for id in ids]


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _pool(workers: int) -> ProcessPoolExecutor:
    # Forking before anything heavy is imported is the fastest start.
    method = "fork" if sys.platform == "linux" else "spawn"
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(method), initializer=_one_thread_each)


def _alone(
    check: Callable[..., Row], parameters: Mapping[str, Value], device: str, dtypes: Sequence[str], id: str
) -> Row:
    """Check an entry in a process of its own, after some entry has taken down one that they shared."""
    try:
        with _pool(1) as pool:
            return pool.submit(check, id, parameters, device, dtypes).result()
    except BrokenProcessPool:
        message = f"{id}: the process that checked it ended without an answer: it crashed, or ran out of memory"
        return Row(id, kind=_kind(id), messages=(message,), failed=True)


def _kind(id: str) -> str:
    entry = catalogue().get(id)
    return "" if entry is None else entry.kind


def _one_thread_each() -> None:
    """Workers fill the cores by themselves; read by the libraries when they are first imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def check_one(
    id: str, parameters: Mapping[str, Value], device: str, dtypes: Sequence[str], target: str = "numpy"
) -> Row:
    """Prove every step of one entry, and run its code against PyTorch. Never raises for what an entry does wrong.

    Without parameters every variant that the entry states is checked as well, and counted in its row.
    """
    entry = catalogue().get(id)
    settings = [parameters] if parameters or entry is None else [{}, *entry.variants]
    rows = [_check_at(id, setting, device, dtypes, target, variant=at > 0) for at, setting in enumerate(settings)]
    return rows[0] if len(rows) == 1 else _joined(rows)


def _joined(rows: Sequence[Row]) -> Row:
    """One row for the variants of an entry: all their steps, and the cross-check that came closest to failing."""
    dtypes = dict.fromkeys(dtype for row in rows for dtype in row.cross_checks)
    cross = {}
    for dtype in dtypes:
        checks = [row.cross_checks[dtype] for row in rows if dtype in row.cross_checks]
        worst = max(checks, key=lambda c: (not c.passed, c.error / c.bound if c.bound else 0.0))
        cross[dtype] = replace(worst, regimes=sum(c.regimes for c in checks))
    return Row(
        rows[0].id,
        kind=rows[0].kind,
        steps=sum(row.steps for row in rows),
        proved=sum(row.proved for row in rows),
        refuted=sum(row.refuted for row in rows),
        open=sum(row.open for row in rows),
        cross_checks=cross,
        seconds=sum(row.seconds for row in rows),
        messages=tuple(m for row in rows for m in row.messages),
        notes=tuple(n for row in rows for n in row.notes),
        failed=any(row.failed for row in rows),
        missing=any(row.missing for row in rows),
    )


def _check_at(
    entry_id: str, parameters: Mapping[str, Value], device: str, dtypes: Sequence[str], target: str, *, variant: bool
) -> Row:
    """One setting of the parameters. variant: the notes of another setting already say what is compared."""
    shown = ", ".join(f"{name}={written(value)}" for name, value in parameters.items())
    id = f"{entry_id} with {shown}" if shown else entry_id
    try:
        from .page import of_entry

        make = partial(of_entry, entry_id, parameters)
        return check_page(make, device, dtypes, entry_id, shown, target, variant=variant)
    except Exception as error:
        return Row(entry_id, kind=_kind(entry_id), messages=(_sentence(id, error),), failed=True)


def check_page(
    make: Callable[[], Page],
    device: str,
    dtypes: Sequence[str],
    entry_id: str = "",
    shown: str = "",
    target: str = "numpy",
    *,
    variant: bool = False,
) -> Row:
    """Prove every step of a page, and run its code against PyTorch or, where it has no counterpart, exact values.

    **Raises** what making the page raises: the formula cannot be read or derived.
    """
    start = time.perf_counter()
    page = make()
    entry_id = entry_id or page.entry.id
    id = f"{entry_id} with {shown}" if shown else entry_id
    kinds = [step.verdict.kind for step in page.steps]
    counts: dict[str, Any] = {kind: kinds.count(kind) for kind in ("proved", "refuted", "open")}
    messages = [
        f"{id}, step {number}: {step.verdict} ({step.rule}): {step.verdict.counterexample or step.verdict.basis}"
        for number, step in enumerate(page.steps, 1)
        if not step.verdict.is_proved
    ]
    failed, missing, cross = bool(messages), False, {}
    notes: tuple[str, ...] = ()
    try:
        if not page.has_code:
            return Row(
                entry_id,
                page.entry.kind,
                len(kinds),
                **counts,
                seconds=time.perf_counter() - start,
                messages=tuple(messages),
                notes=(SAMPLED,),
                failed=failed,
                statement=True,
            )
        report = page.check(device, dtypes, target)
        cross = {dtype: _cross_check(report, dtype) for dtype in dtypes}
        messages += [f"{id}: {failure}" for failure in report.failures]
        summary = report.outcome if variant else report.summary
        notes = tuple(f"{shown}: {note}" if shown else note for note in (summary, *report.notes))
        failed = failed or not report.passed
    except Exception as error:
        missing = type(error).__name__ in ("MissingTorch", "MissingJax", "NoCuda", "NoCompiler")
        failed = failed or not missing
        messages.append(str(error) if missing else _sentence(id, error))
    seconds = time.perf_counter() - start
    return Row(
        entry_id,
        page.entry.kind,
        len(kinds),
        against="torch" if page.forward is not None else "exact values",
        **counts,
        cross_checks=cross,
        seconds=seconds,
        messages=tuple(messages),
        notes=tuple(notes),
        failed=failed,
        missing=missing,
    )


def _cross_check(report: CheckReport, dtype: str) -> CrossCheck:
    results = [r for r in report.results if r.dtype == dtype]
    failed = [r for r in results if not r.passed]
    worst = max(failed or results, key=lambda r: r.share)
    return CrossCheck(not failed, len({r.regime for r in results}), worst.error, worst.bound)


def _sentence(id: str, error: Exception) -> str:
    if os.environ.get("NNMATH_DEBUG"):
        raise error
    ours = type(error).__module__.split(".")[0] == __name__.split(".")[0]
    return f"{id}: {error}" if ours else f"{id}: {type(error).__name__}: {error}. For the traceback set NNMATH_DEBUG=1"


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """A progress bar on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda id: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda id: bar.update(task, advance=1, description=id)
