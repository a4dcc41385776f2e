"""Side by side in one process: every contestant checked, then timed in rounds that take turns."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from time import perf_counter, sleep
from typing import Any, Literal

import numpy as np

from .cases import Case
from .contestants import CONTESTANTS, HAND, REFERENCE, Absent, Call, Contestant
from .floor import floor
from .hand_written import BY_HAND

Status = Literal["timed", "wrong", "absent", "failed"]

#: A result is right when no entry is further from float64 than this share of the largest entry of its array.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Effort:
    """How long is measured.

    rounds: turns that each contestant has. seconds: what one turn takes, or a single call. pause: seconds before each
    turn, in which the threads of whoever came before stop waiting for work. Those of OpenBLAS wait for 2**28 ticks of
    the clock of the processor, which are 0.12 s at 2.3 GHz.
    """

    rounds: int = 25
    seconds: float = 0.03
    pause: float = 0.0


#: Parts of a turn whose times are taken one by one.
PARTS = 9

FULL = Effort(pause=0.15)
QUICK = Effort(3, 0.004, 0.15)


@dataclass(frozen=True)
class Timing:
    """One contestant at one case.

    seconds: the median over the rounds of a call. spread: half the distance of the quartiles, as a share of that.
    ratio: the median over the rounds of torch's time over its own; None without torch. floors: the same of its own
    time over what the machine takes at least. by_hand: the same of the time of NumPy by hand over its own; None where
    that is not timed. note: why there is no time.
    """

    status: Status
    seconds: float | None = None
    spread: float | None = None
    ratio: float | None = None
    floors: float | None = None
    by_hand: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Measured:
    """A case, the seconds that the machine takes at least, and the timing of each contestant by name."""

    case: Case
    floor: float
    timings: Mapping[str, Timing] = field(default_factory=dict)


def inputs(case: Case) -> dict[str, Any]:
    """The arrays of a case: the same on every run."""
    rng = np.random.default_rng(2026)
    found: dict[str, Any] = {}
    for name, shape in case.shapes.items():
        if name in case.rows:
            a = np.zeros(shape, np.float32)
            a[np.arange(shape[0]), rng.integers(shape[1], size=shape[0])] = 1
        elif name in case.zero_one:
            a = rng.integers(2, size=shape).astype(np.float32)
        else:
            a = rng.standard_normal(shape, np.float32)
            if name.startswith("W"):
                a *= shape[0] ** -0.5
        found[name] = a
    return found


def measure(
    case: Case,
    names: Sequence[str],
    effort: Effort,
    threads: int,
    told: Callable[[str], None] = lambda name: None,
    contestants: Mapping[str, Contestant] = CONTESTANTS,
) -> Measured:
    """Check and time contestants at a case. told: is called with the name of each before it starts.

    Before any time is taken, every result is compared with float64, computed by the NumPy that was written by hand. A
    contestant that is wrong, or fails, gets a status and no time.
    """
    arrays = inputs(case)
    expected = exact(case, arrays)
    calls: dict[str, Call] = {}
    timings: dict[str, Timing] = {}
    for name in names:
        told(contestants[name].title)
        try:
            calls[name] = contestants[name].prepare(case, arrays)
            if wrong := difference(calls[name](), expected):
                timings[name] = Timing("wrong", note=wrong)
        except Absent as absent:
            timings[name] = Timing("absent", note=str(absent))
        except Exception as error:  # another's compiler may fail in any way; the others are still timed
            timings[name] = Timing("failed", note=f"{type(error).__name__}: {str(error).strip().splitlines()[0:1]}")
        if name in timings:
            calls.pop(name, None)
    told("floor")
    least = floor(case, threads)
    told("rounds")
    times = take_turns({**calls, "": least.call}, effort)
    floors = [least.share * seconds for seconds in times.pop("")]
    for name, seconds in times.items():
        timings[name] = _timing(seconds, times.get(REFERENCE), floors, times.get(HAND))
    return Measured(case, float(np.median(floors)), {name: timings[name] for name in names})


def exact(case: Case, arrays: Mapping[str, Any]) -> tuple[Any, ...]:
    """Value and gradients in float64."""
    from inspect import signature

    function = BY_HAND[case.formula, case.part]
    return function(**{n: arrays[n].astype(np.float64) for n in signature(function).parameters if n in arrays})


def difference(found: Sequence[Any], expected: Sequence[Any]) -> str:
    """Which result is wrong, and by how much; empty where all are right."""
    if len(found) != len(expected):
        return f"{len(found)} results, expected {len(expected)}"
    for at, (f, e) in enumerate(zip(found, expected, strict=True)):
        f, e = np.asarray(f), np.asarray(e)
        if f.shape != e.shape:
            return f"result {at} has shape {f.shape}, expected {e.shape}"
        off = np.abs(f - e).max() / np.abs(e).max()
        if not off <= TOLERANCE:
            return f"result {at} is off by {off:.1e} of its largest entry"
    return ""


def take_turns(calls: Mapping[str, Callable[[], object]], effort: Effort) -> dict[str, list[float]]:
    """Seconds of a call in every round.

    Before each turn there is a pause: threads that wait for work go on running for a tenth of a second, which takes a
    core from whoever comes next. A quarter of the calls, at least one, are not counted: they warm the caches. What is
    counted is the median of up to PARTS parts of a turn: where other machines share the processor, it stands still at
    times, for longer than many calls take.
    In the order of the rounds, everybody follows everybody else equally often.
    """
    counts: dict[str, int] = {}
    for name, call in calls.items():
        count, taken = 1, _seconds(call, 1)
        while taken < effort.seconds / 4 and count < 100_000:
            count *= 4
            taken = _seconds(call, count)
        counts[name] = max(1, round(effort.seconds * count / taken))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for order in islice(cycle(balanced_orders(list(calls))), effort.rounds):
        for name in order:
            sleep(effort.pause)
            _seconds(calls[name], max(1, counts[name] // 4))
            times[name].append(_turn(calls[name], counts[name]))
    return times


def balanced_orders(names: Sequence[str]) -> list[list[str]]:
    """Orders in which each stands at every place, and behind each of the others, equally often (a Williams design)."""
    n = len(names)
    zigzag = [k // 2 if k % 2 == 0 else n - 1 - k // 2 for k in range(n)]
    orders = [[names[(at + start) % n] for at in zigzag] for start in range(n)]
    return orders + [order[::-1] for order in orders] if n % 2 else orders


def _turn(call: Callable[[], object], count: int) -> float:
    """Seconds of a call in a turn of so many: the median of its parts."""
    parts = min(count, PARTS)
    shares = [count * (at + 1) // parts - count * at // parts for at in range(parts)]
    return float(np.median([_seconds(call, share) / share for share in shares]))


def _seconds(call: Callable[[], object], count: int) -> float:
    collecting = gc.isenabled()
    gc.disable()
    try:
        start = perf_counter()
        for _ in range(count):
            call()
        return perf_counter() - start
    finally:
        if collecting:
            gc.enable()


def _timing(
    seconds: Sequence[float],
    reference: Sequence[float] | None,
    floors: Sequence[float],
    by_hand: Sequence[float] | None,
) -> Timing:
    def over(others: Sequence[float] | None) -> float | None:
        return None if others is None else float(np.median(np.divide(others, seconds)))

    low, middle, high = np.quantile(seconds, (0.25, 0.5, 0.75))
    spread = float((high - low) / 2 / middle)
    times_the_floor = float(np.median(np.divide(seconds, floors)))
    return Timing("timed", float(middle), spread, over(reference), times_the_floor, over(by_hand))
