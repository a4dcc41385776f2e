"""Measuring the accuracy of code for entries of the catalogue or a formula of one's own. accuracy_table.py shows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from .derivations import catalogue

if TYPE_CHECKING:
    from .numeric.accuracy.arrays import ArrayRow
    from .numeric.accuracy.functions import Measured, Row
    from .page import Page

#: The generated code that is measured, and what it may be measured against.
OURS = ("numpy", "c")
OTHERS = ("torch", "jax", "naive")
#: What must be installed for some of them.
PACKAGES = {"torch": "torch", "jax": "jax"}


@dataclass(frozen=True)
class Accuracy:
    """What measuring one formula gave.

    code: what was measured; its failures count. rows: of a function of one variable; arrays: of a loss or a layer.
    notes: why something was not measured. messages: what failed. missing: something is not installed. costs: of the
    forms that a function of one variable may have, by its name and the form's, in nanoseconds for each entry.
    """

    id: str
    code: str = "numpy"
    rows: tuple[Row, ...] = ()
    arrays: tuple[ArrayRow, ...] = ()
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    missing: bool = False
    costs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    measured: tuple[Measured, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        from .accuracy_table import as_table

        return as_table([self], 100)

    @property
    def failures(self) -> tuple[Row | ArrayRow, ...]:
        """The rows of our code in which it fails."""
        rows: tuple[Row | ArrayRow, ...] = (*self.rows, *self.arrays)
        return tuple(r for r in rows if r.implementation == self.code and not r.sound)

    @property
    def failed(self) -> bool:
        return bool(self.messages or self.failures)

    @property
    def measured_at_all(self) -> bool:
        """Whether there is code of the kind that was asked for; the notes say why not."""
        return bool(self.rows or self.arrays)


def measurable() -> list[str]:
    """The ids that have code for a value or a derivative: functions of one variable first."""
    entries = [e for e in catalogue().values() if e.wanted and not e.state]
    return [e.id for e in sorted(entries, key=lambda e: e.topic != "activations")]


def accuracy_of(
    page: Page,
    dtypes: Sequence[str],
    *,
    code: str = "numpy",
    against: Sequence[str] = (),
    fixed: Mapping[str, float] | None = None,
    thorough: bool = False,
    points: bool = False,
    candidates: bool = False,
) -> Accuracy:
    """Measure the code of one page, and that of others beside it.

    **Arguments**: code, against: names of implementations. fixed: numbers for scalar givens. thorough: ten times the
    points, and half and three times the default of every parameter as well. points: keep the errors at all points.
    candidates: measure also each form that the code might have had, and say what it costs.
    **Raises** ``NotMeasurable``, and ``ImportError`` for an implementation that is not installed.
    """
    from .numeric.accuracy.unavailable import NotMeasurable
    from .numeric.plans import is_elementwise

    start = time.perf_counter()
    if page.entry.state:
        raise NotMeasurable(
            f"{page.entry.id} is an update rule; accuracy is measured of values and derivatives. "
            f"For its course over 100 steps type: nnmath check {page.entry.id}"
        )
    names = (code, *(name for name in dict.fromkeys(against) if name != code))
    if candidates:
        return _with_candidates(page, dtypes, names, dict(fixed or {}), thorough, start)
    measure = _of_one_variable if is_elementwise(page.derivation) else _of_arrays
    found = measure(page, dtypes, names, dict(fixed or {}), thorough, points)
    return Accuracy(page.entry.id, code, seconds=time.perf_counter() - start, **found)


def _with_candidates(
    page: Page, dtypes: Sequence[str], names: Sequence[str], fixed: dict[str, float], thorough: bool, start: float
) -> Accuracy:
    from .numeric.accuracy.unavailable import NotMeasurable
    from .numeric.candidates import FORMS, costs
    from .numeric.plans import is_elementwise

    if not is_elementwise(page.derivation):
        raise NotMeasurable(f"{page.entry.id} works on arrays; only a function of one variable has candidates")
    table = costs(page.derivation)
    found = _of_one_variable(page, dtypes, (*names, *FORMS), fixed, thorough, False)
    found["rows"] = tuple(
        row for row in found["rows"] if row.implementation not in FORMS or row.implementation in table.get(row.name, ())
    )
    return Accuracy(page.entry.id, names[0], seconds=time.perf_counter() - start, costs=table, **found)


def _of_one_variable(
    page: Page, dtypes: Sequence[str], names: Sequence[str], fixed: dict[str, float], thorough: bool, points: bool
) -> dict[str, Any]:
    from .numeric.accuracy.functions import Reference, measured

    derivation, forms = page.derivation, (page.forward, page.entry.jax)
    notes: dict[str, None] = {}
    found: list[Measured] = []
    for dtype in dtypes:
        reference = Reference(derivation, dtype, fixed, thorough=thorough)
        for name in names:
            found += _if_available(partial(measured, reference, name, *forms), name == names[0], notes)
        for factor in (0.5, 3.0) if thorough and not fixed else ():
            other = {t.name: factor * float(t.domain.value) for t in derivation.givens if t.domain.value}
            if other:
                found += measured(Reference(derivation, dtype, other), names[0], *forms)
    kept = tuple(found) if points else ()
    return {"rows": tuple(m.row for m in found), "notes": tuple(notes), "measured": kept}


def _of_arrays(
    page: Page, dtypes: Sequence[str], names: Sequence[str], fixed: dict[str, float], thorough: bool, points: bool
) -> dict[str, Any]:
    from .numeric.accuracy.arrays import ArrayReference, measured_arrays
    from .numeric.accuracy.unavailable import NotMeasurable

    if fixed:
        raise NotMeasurable(f"{page.entry.id} works on arrays; its {', '.join(fixed)} cannot be set to one number")
    notes: dict[str, None] = {}
    if "jax" in names and not _at_defaults(page):
        names = [name for name in names if name != "jax"]
        notes[f"jax is measured at the default parameters of {page.entry.id} only"] = None
    rows: list[ArrayRow] = []
    for dtype in dtypes:
        for seed in range(4 if thorough else 1):
            reference = ArrayReference(page.derivation, dtype, seed=seed)
            for name in names:
                measure = partial(measured_arrays, reference, name, page.forward, page.entry.jax)
                rows += _if_available(measure, name == names[0], notes)
    return {"arrays": _worst_seed(rows), "notes": tuple(notes)}


def _at_defaults(page: Page) -> bool:
    """Whether the entry is the catalogue's at its default parameters: the forms in JAX are written for those."""
    entry = catalogue().get(page.entry.id)
    return entry is None or (entry.at().given, entry.at().define) == (page.entry.given, page.entry.define)


def _worst_seed(rows: Sequence[ArrayRow]) -> tuple[ArrayRow, ...]:
    """One row for each array, regime and dtype: counts summed, the largest errors of all seeds."""
    found: dict[Any, ArrayRow] = {}
    for row in rows:
        key = (row.dtype, row.implementation, row.regime, row.name)
        if key not in found:
            found[key] = row
            continue
        sums = {n: getattr(row, n) + getattr(found[key], n) for n in ("entries", "nan", "infinite", "zeros")}
        worst = {n: max(getattr(row, n), getattr(found[key], n)) for n in ("worst", "normwise", "slicewise")}
        found[key] = replace(row, **sums, **worst)
    return tuple(found.values())


def _if_available(measure: Callable[[], list[Any]], ours: bool, notes: dict[str, None]) -> list[Any]:
    """Rows of an implementation; where a comparison is not available, a note instead."""
    from .numeric.accuracy.unavailable import Unavailable

    try:
        return measure()
    except Unavailable as error:
        if ours:
            raise
        notes[str(error)] = None
        return []


def accuracy_one(
    id: str,
    parameters: Mapping[str, Any],
    device: str,
    dtypes: Sequence[str],
    *,
    code: str = "numpy",
    against: Sequence[str] = (),
    thorough: bool = False,
) -> Accuracy:
    """Measure one entry, for many at once. Never raises for what an entry does wrong."""
    from .page import of_entry

    try:
        return of_entry(id, parameters).accuracy(dtypes, code=code, against=against, thorough=thorough)
    except ImportError as error:
        return Accuracy(id, code, messages=(f"{id}: {error}",), missing=True)
    except Exception as error:
        if type(error).__name__ in ("NotMeasurable", "Unavailable"):
            return Accuracy(id, code, notes=(f"{id}: {error}",))
        return Accuracy(id, code, messages=(f"{id}: {type(error).__name__}: {error}",))


def measure_all(
    dtypes: Sequence[str],
    *,
    code: str = "numpy",
    against: Sequence[str] = (),
    thorough: bool = False,
    jobs: int | None = None,
) -> list[Accuracy]:
    """Measure every entry that has code, in several processes, with a progress bar on a terminal.

    **Raises** ``ImportError`` for an implementation that is not installed.
    """
    from importlib import import_module

    from . import checks

    for name in against:
        if name in PACKAGES:
            import_module(PACKAGES[name])
    check = partial(accuracy_one, code=code, against=tuple(against), thorough=thorough)
    rows = checks.run(measurable(), {}, "cpu", dtypes, jobs, check)  # type: ignore[arg-type]
    found = [r if isinstance(r, Accuracy) else Accuracy(r.id, messages=r.messages) for r in rows]
    if not any(a.measured_at_all or a.failed for a in found):
        return [replace(a, messages=a.notes, notes=()) for a in found]
    return found


def within(found: Sequence[Accuracy], bound: float | None) -> list[Accuracy]:
    """With a message for every quantity of our code that is more than ``bound`` ULP off, away from roots."""
    if bound is None:
        return list(found)
    return [replace(a, messages=(*a.messages, *_beyond(a, bound))) for a in found]


def _beyond(accuracy: Accuracy, bound: float) -> list[str]:
    rows = [r for r in accuracy.rows if r.implementation == accuracy.code and not r.away <= bound]
    return [f"{r.id}: {r.name} in {r.dtype} is {r.away:.3g} ULP off at {r.away_at:.6g}, above {bound:g}" for r in rows]


def numbers(id: str, texts: Sequence[str]) -> tuple[list[str], dict[str, float]]:
    """Settings ``NAME=VALUE`` apart: those of the entry's own parameters, and numbers for scalar givens."""
    entry = catalogue().get(id)
    named = set(entry.parameters) if entry is not None else set()
    rest, fixed = [], {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = None
        if name in named or number is None:
            rest.append(text)
        else:
            fixed[name] = number
    return rest, fixed
