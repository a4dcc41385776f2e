"""What goes wrong beside the numbers: writes into arguments, shared memory, stale state, misread strides, dtypes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...numeric.checking.regimes import REGIMES, Regime
from ..subjects.naming import is_gradient_name
from ..subjects.protocol import Array, Named, Pass
from ..subjects.sandbox import Outcome, guarded
from .observations import Comparison, SafetyIssue, as_array
from .prober import Point, Prober, fresh
from .upstreams import layouts, stride_zero

#: Changes data in place.
Change = Callable[[dict[str, Array]], None]
#: Sizes, from each of the first two places on, that no regime has.
NEW_SIZES = (6, 5, 7, 9, 8, *range(10, 50))

PLAIN = {False: "unequal sizes", True: "typical"}


def hazards(prober: Prober, covered: dict[str, None], skipped: dict[str, None]) -> tuple[SafetyIssue, ...]:
    """All checks, at one ordinary point in the finest dtype, and one in each for the dtype."""
    regime = next(r for r in REGIMES if r.name == PLAIN[prober.elementwise] and r.elementwise is prober.elementwise)
    point = prober.point(regime, prober.finest)
    base = prober.call(point)
    if base.error is not None:
        skipped["mutation, state and memory layouts: the code does not run on ordinary input"] = None
        return ()
    checks = _Checks(prober, point, base)
    found: list[SafetyIssue] = []
    for name, check in CHECKS:
        found += (more := list(check(checks)))
        covered[name] = None
        if more and check is _Checks.remembered:
            skipped["memory layouts and dtypes: the code answers with what it computed before"] = None
            break
        if any(i.kind == "random" for i in found):
            skipped["state and memory layouts: the code gives random answers"] = None
            break
    unique = {(i.kind, i.what): i for i in reversed(found)}
    return tuple(reversed(unique.values()))


class _Checks:
    def __init__(self, prober: Prober, point: Point, base: Outcome) -> None:
        self.prober, self.point, self.base = prober, point, base
        self.expected = arrays_of(base.value)
        self.where = prober.subject.where

    def issue(self, kind: Any, what: str, example: str = "", severe: bool = True) -> SafetyIssue:
        return SafetyIssue(kind, what, example, self.where, severe)

    def run(self, point: Point) -> list[Array | None] | str:
        """The gradients at another point, or the error."""
        ran = self.prober.call(point)
        failed = self.prober.failure(point, ran)
        return arrays_of(ran.value) if failed is None else failed.message

    def same(self, a: list[Array | None], b: list[Array | None]) -> int | None:
        """The position of the first gradient that differs by more than rounding; None where none does."""
        if len(a) != len(b):
            return 0
        for k, (x, y) in enumerate(zip(a, b, strict=True)):
            if (x is None) != (y is None):
                return k
            if x is not None and y is not None and not close(x, y):
                return k
        return None

    def called(self, k: int) -> str:
        targets = self.prober.targets
        t = targets[k] if k < len(targets) else None
        return f"d{t.name}" if t is not None else f"result {k + 1}"

    # -- checks ------------------------------------------------------------------------------------------------------

    def printing(self) -> Iterator[SafetyIssue]:
        if self.base.printed.strip():
            yield self.issue("output", "prints", self.base.printed.strip().splitlines()[0][:80], severe=False)
        for path in self.base.written[:1]:
            yield self.issue("output", f"writes to disk: {path}")

    def memory(self) -> Iterator[SafetyIssue]:
        """Arguments, forward's outputs and the state before and after; memory that results share with them."""
        arguments = {a: fresh(v) for a, v in self.point.arguments.items()}
        upstream = None if self.point.upstream is None else fresh(self.point.upstream)
        if not arguments:
            return
        before = {a: _bytes(v) for a, v in arguments.items()}
        started = guarded(lambda: self.prober.subject.start(arguments, None), self.prober.limit)
        if started.error is not None:
            return
        one: Pass = started.value
        for a, v in arguments.items():
            if _bytes(v) != before[a]:
                yield self.issue(
                    "mutation", f"forward writes into its input {a}", difference(self.point.arguments[a], v)
                )
        middle = {a: _bytes(v) for a, v in arguments.items()}
        held = [(n, v, _bytes(v), np.array(v, copy=True)) for n, v in one.forwarded if isinstance(v, np.ndarray)]
        seen = None if upstream is None else _bytes(upstream)
        ran = guarded(lambda: one.backward(upstream), self.prober.limit)
        if ran.error is not None:
            return
        applied = {n[1:] for n, _ in ran.value if n} if self.prober.subject.kind == "class" else set()
        for a, v in arguments.items():
            if _bytes(v) != middle[a] and not (a in applied and a in self._own()):
                yield self.issue("mutation", f"writes into its input {a}", difference(self.point.arguments[a], v))
        if upstream is not None and _bytes(upstream) != seen:
            assert self.point.upstream is not None
            yield self.issue("mutation", "writes into its upstream gradient", difference(self.point.upstream, upstream))
        again = guarded(lambda: one.backward(_copied(self.point.upstream)), self.prober.limit)
        differs = again.error is not None or self.same(arrays_of(ran.value), arrays_of(again.value)) is not None
        inputs = list(arguments.values())
        written: list[tuple[str, Array]] = []
        for n, v, old, copy in held:
            if any(np.shares_memory(v, a) for a in inputs):
                continue  # reported as an input
            if _bytes(v) != old and (differs or not n.startswith("self.")):
                if not any(np.shares_memory(v, w) for _, w in written):
                    names = dict.fromkeys(m for m, w, _, _ in held if np.shares_memory(v, w))
                    yield self.issue("mutation", f"writes into {' = '.join(names)}", difference(copy, v))
                written.append((n, v))
        yield from self._shared(ran.value, arguments, upstream, [(n, v) for n, v, _, _ in held])

    def _own(self) -> tuple[str, ...]:
        """Parameters that live in the state of an object, where an update may change them."""
        return tuple(self.prober.subject.optional)

    def _shared(
        self, returned: Named, arguments: Mapping[str, Array], upstream: Array | None, held: list[tuple[str, Array]]
    ) -> Iterator[SafetyIssue]:
        results = [(k, v) for k, (_, v) in enumerate(returned) if isinstance(v, np.ndarray) and v.size]
        for k, v in results:
            for a, w in arguments.items():
                if np.shares_memory(v, w):
                    yield self.issue("aliasing", f"{self.called(k)} shares memory with the input {a}")
            if upstream is not None and np.shares_memory(v, upstream):
                # Passing the upstream gradient on is what an identity does; it is harmless until someone writes to it.
                yield self.issue("aliasing", f"{self.called(k)} is the upstream gradient itself", severe=False)
            elif any(np.shares_memory(v, w) for _, w in held):
                name = next(n for n, w in held if np.shares_memory(v, w))
                yield self.issue("aliasing", f"{self.called(k)} shares memory with {name}")

    def repeated(self) -> Iterator[SafetyIssue]:
        """Backward twice after one forward, with the same upstream gradient."""
        arguments = {a: fresh(v) for a, v in self.point.arguments.items()}

        def twice() -> tuple[list[Array | None], list[Array | None]]:
            one = self.prober.subject.start(arguments, None)
            first = arrays_of(one.backward(_copied(self.point.upstream)))
            return first, arrays_of(one.backward(_copied(self.point.upstream)))

        ran = guarded(twice, 2 * self.prober.limit)
        if ran.error is not None:
            message = getattr(self.prober.failure(self.point, ran), "message", "")
            yield self.issue("state", "the second call of backward raises", message)
            return
        first, second = ran.value
        k = self.same(first, second)
        if k is None or self._updates(first, second):
            return
        x, y = first[k], second[k]
        if x is not None and y is not None and x.shape == y.shape and close(2 * x, y):
            severe = not self.prober.subject.accumulates
            yield self.issue(
                "state", f"the second call of backward adds to {self.called(k)}", difference(x, y), severe=severe
            )
        else:
            example = difference(x, y) if x is not None and y is not None else ""
            yield self.issue(
                "state", "the second call of backward gives another answer", f"{self.called(k)}: {example}"
            )

    def _updates(self, first: list[Array | None], second: list[Array | None]) -> bool:
        """An update moves the parameters, so the second gradient is that at another point."""
        state = guarded(self._moved)
        return bool(state.value)

    def _moved(self) -> bool:
        if self.prober.subject.kind != "class":
            return False
        from ..subjects.state import slots, snapshot

        one = self.prober.subject.start({a: fresh(v) for a, v in self.point.arguments.items()}, None)
        before = snapshot(one.state)
        one.backward(_copied(self.point.upstream))
        after = {s.path: s.value for s in slots(one.state)}
        own = [p for p in self.point.arguments if p in before and not is_gradient_name(p)]
        return any(not np.array_equal(before[p], after[p], equal_nan=True) for p in own if p in after)

    def stale(self) -> Iterator[SafetyIssue]:
        """New data through the same object, or through the same functions, after old data."""
        other = self.prober.point(self.point.regime, self.prober.finest, _changed)
        anew = self.run(other)
        if isinstance(anew, str):
            return

        def after() -> list[Array | None]:
            one = self.prober.subject.start({a: fresh(v) for a, v in self.point.arguments.items()}, None)
            one.backward(_copied(self.point.upstream))
            two = self.prober.subject.start({a: fresh(v) for a, v in other.arguments.items()}, one)
            return arrays_of(two.backward(_copied(other.upstream)))

        ran = guarded(after, 2 * self.prober.limit)
        if ran.error is not None:
            message = getattr(self.prober.failure(other, ran), "message", "")
            yield self.issue("state", "a second forward and backward on the same object raises", message)
            return
        k = self.same(anew, ran.value)
        if k is not None:
            x, y = anew[k], ran.value[k]
            if x is not None and y is not None and self.expected[k] is not None and x.shape == y.shape:
                if close(x + self.expected[k], y):
                    if not self.prober.subject.accumulates:
                        yield self.issue("state", f"{self.called(k)} adds up over calls of backward", difference(x, y))
                    return
            example = difference(x, y) if x is not None and y is not None else ""
            yield self.issue("state", "keeps state: new data after old gives another answer than fresh", example)

    def remembered(self) -> Iterator[SafetyIssue]:
        """Functions have no fresh state: one that remembers by shape is right on the first data, wrong on the next.

        It was run before, so it gets shapes that it has not seen: both data are right there when they come first.
        """
        if self.prober.subject.kind == "class" or not self._wrong(self.point.regime, _changed):
            return
        for k, (first, second) in enumerate(((None, _changed), (_changed, None))):
            regime = replace(self.point.regime, sizes=partial(_new_sizes, k))
            if self._wrong(regime, first, NEW_SIZES[k]) or not (found := self._wrong(regime, second, NEW_SIZES[k])):
                return
        for c in found:
            if c.got is not None and c.shape_ok and c.finite:
                what = f"keeps state: {c.gradient} is wrong for new data in arrays of the same shapes"
                yield self.issue("state", what, difference(c.exact, c.got))

    def _wrong(self, regime: Regime, change: Change | None, points: int | None = None) -> list[Comparison]:
        """The gradients that are wrong at a point. points: so many, of a function of scalars. No error counts."""

        def changed(values: dict[str, Array]) -> None:
            if self.prober.elementwise:
                values.update({n: np.array(v[:points]) if v.ndim else v for n, v in values.items()})
            if change is not None:
                change(values)

        point = self.prober.point(regime, self.prober.finest, changed)
        ran = self.prober.call(point)
        return [] if ran.error is not None else [c for c in self.prober.compare(point, ran.value)[0] if not c.ok]

    def chance(self) -> Iterator[SafetyIssue]:
        """Two fresh runs on the same inputs, with other random numbers."""
        for seed in (1, 2):
            np.random.seed(seed)
            random.seed(seed)
            again = self.run(self.point)
            k = 0 if isinstance(again, str) else self.same(self.expected, again)
            if k is not None:
                yield self.issue("random", "two runs on the same inputs give different answers", self.called(k))
                return

    def strides(self) -> Iterator[SafetyIssue]:
        """The upstream gradient and each input in other memory layouts."""
        if self.point.upstream is not None:
            for name, view in layouts(self.point.upstream):
                yield from self._layout(
                    "its upstream gradient", name, replace(self.point, upstream=view), self.expected
                )
            for name, view in stride_zero(self.point.upstream):
                plain = replace(self.point, upstream=np.ascontiguousarray(view))
                contiguous = self.run(plain)
                if not isinstance(contiguous, str):
                    other = replace(self.point, upstream=view)
                    yield from self._layout("its upstream gradient", name, other, contiguous)
        for a, v in self.point.arguments.items():
            for name, view in layouts(v):
                other = replace(self.point, arguments={**self.point.arguments, a: view})
                yield from self._layout(f"the input {a}", name, other, self.expected)

    def _layout(self, what: str, name: str, other: Point, expected: list[Array | None]) -> Iterator[SafetyIssue]:
        again = self.run(other)
        if isinstance(again, str):
            yield self.issue("stride", f"raises when {what} is {name}", again)
            return
        k = self.same(expected, again)
        if k is not None:
            x, y = expected[k], again[k]
            example = difference(x, y) if x is not None and y is not None else ""
            yield self.issue("stride", f"gives another answer when {what} is {name}", f"{self.called(k)}: {example}")

    def dtypes(self) -> Iterator[SafetyIssue]:
        """float32 stays float32, float64 stays float64."""
        for dtype in (d for d in ("float64", "float32", "float16") if d in self.prober.dtypes):
            ran = self.prober.call(self.prober.point(self.point.regime, dtype))
            if ran.error is not None:
                continue
            for k, a in enumerate(arrays_of(ran.value)):
                if (
                    a is None
                    or a.dtype.name == dtype
                    or k >= len(self.prober.targets)
                    or self.prober.targets[k] is None
                ):
                    continue
                lost = dtype == "float64" or a.dtype.kind != "f"
                yield self.issue(
                    "dtype", f"{self.called(k)} is {a.dtype.name} where the inputs are {dtype}", severe=lost
                )


CHECKS = (
    ("printing and writing to disk", _Checks.printing),
    ("randomness", _Checks.chance),
    ("writes into inputs, upstream gradient and caches; shared memory", _Checks.memory),
    ("backward twice", _Checks.repeated),
    ("new data after old", _Checks.stale),
    ("old data in functions", _Checks.remembered),
    ("transposed, sliced and stride-0 arrays", _Checks.strides),
    ("dtypes in and out", _Checks.dtypes),
)


def _new_sizes(start: int, count: int) -> Sequence[int]:
    return NEW_SIZES[start : start + count]


def is_real(t: Any) -> bool:
    d = t.domain
    return not (d.is_discrete or d.rows or d.positive or d.nonnegative or d.unit or d.function) and d.value is None


def _changed(values: dict[str, Array]) -> None:
    """Other data of the same shapes: rows in another order, signs and sizes too."""
    for n, v in values.items():
        if v.dtype.kind == "f" and v.ndim:
            values[n] = np.ascontiguousarray(np.flip(v, axis=0)) if _rowlike(v) else np.flip(v, axis=0) * -0.7 + 0.1
        elif v.ndim:
            values[n] = np.ascontiguousarray(np.flip(v, axis=0))


def _rowlike(v: Array) -> bool:
    """Probabilities, masks and positive arrays stay in their domain when only the order changes."""
    return bool(np.all(v >= 0))


def _copied(a: Array | None) -> Array | None:
    return None if a is None else fresh(a)


def arrays_of(returned: Named) -> list[Array | None]:
    """Copies: a later call may overwrite what an earlier one returned."""
    found = [as_array(v) for _, v in returned]
    return [None if a is None else np.array(a, copy=True) for a in found]


def _bytes(a: Any) -> bytes:
    return bytes(np.ascontiguousarray(a).tobytes()) if isinstance(a, np.ndarray) else b""


def close(x: Array, y: Array) -> bool:
    """Equal up to the order of summation, which may differ between memory layouts."""
    if x.shape != y.shape:
        return False
    scale = float(np.max(np.abs(x), initial=0.0))
    eps = max(float(np.finfo(v.dtype).eps) if v.dtype.kind == "f" else 0.0 for v in (x, y))
    rtol, atol = (1e-9, 1e-11) if eps < 1e-12 else (100 * eps, 10 * eps)
    return bool(np.allclose(x, y, rtol=rtol, atol=atol * scale, equal_nan=True))


def difference(x: Array, y: Array) -> str:
    """``entry [1, 2]: 0.5 became -0.25``, the largest one."""
    if x.shape != y.shape:
        return f"shape {x.shape} became {y.shape}"
    with np.errstate(all="ignore"):
        gap = np.nan_to_num(np.abs(x.astype(float) - y.astype(float)), nan=np.inf)
    at = np.unravel_index(int(np.argmax(gap)), gap.shape) if gap.ndim else ()
    place = f"entry [{', '.join(str(int(k)) for k in at)}]: " if at else ""
    return f"{place}{float(x[at]):.6g} became {float(y[at]):.6g}"
