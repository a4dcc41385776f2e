"""One subject, bound to one derivation: drawn inputs, one call, and the comparison with the exact gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sympy import Expr

from ...calculus.derivation import Derivation
from ...calculus.tensors import Tensor
from ...numeric.checking.regimes import Case, Regime, applicable, draw
from ...numeric.checking.tolerance import Precision, precision
from ..subjects.adapters import one_line
from ..subjects.binding import Binding
from ..subjects.placement import placed
from ..subjects.protocol import Array, Named, Subject, SubjectError
from ..subjects.sandbox import SECONDS, Outcome, guarded
from .large import LargeOracle
from .observations import CallError, Comparison, as_array
from .oracle import Exact, Oracle

#: The largest input in float16: exp of it is infinite, and products of a few such numbers are not.
FLOAT16_UP_TO = 32.0
#: Of stated inputs: up to this many entries in all together, each is judged by balls; beyond, by the generated code.
EXACT_UP_TO = 160
#: An error above this share of its bound is compared with a bound from more patterns of roundings.
COMFORT = 0.5
#: Entries at a kink of which each is moved alone.
ALONE = 6


@dataclass(frozen=True)
class Point:
    """Concrete inputs: all givens by tensor, the arguments of the code by parameter, the upstream gradient.

    Arrays are in the carrier of the dtype. stated: somebody asked for these sizes or arrays, so they may be large.
    family: points that differ in the size of one dimension.
    """

    regime: Regime
    dtype: Precision
    sizes: Mapping[Expr, int]
    values: Mapping[str, Array]
    arguments: Mapping[str, Array]
    upstream: Array | None
    stated: bool = False
    family: str = ""

    @property
    def named_sizes(self) -> dict[str, int]:
        return {str(k): int(v) for k, v in self.sizes.items()}

    @property
    def elements(self) -> int:
        return sum(v.size for v in self.values.values())


class Prober:
    """One subject, bound to one derivation, ready to be run anywhere."""

    def __init__(
        self,
        subject: Subject,
        binding: Binding,
        derivation: Derivation,
        seed: int = 0,
        dtypes: Sequence[str] = ("float64", "float32"),
    ) -> None:
        givens = {t.name for t in derivation.givens}
        for t in binding.tensors:
            if t.name not in givens:
                raise SubjectError(f"{t.name} is not a given of the reference; it has {', '.join(givens)}")
        self.subject, self.binding, self.derivation, self.seed = subject, binding, derivation, seed
        self.dtypes = tuple(dtypes)
        #: What is not about rounding is looked at in the finest dtype that is asked for.
        self.finest = min(self.dtypes, key=lambda d: precision(d).eps)
        if self.finest == "bfloat16":
            self.subject = placed(subject, dtype=self.finest)
        self.oracle = Oracle(derivation, binding.upstream)
        self.at_size = LargeOracle(self.oracle)
        self.elementwise = self.oracle.elementwise
        self.targets = tuple(
            t if t is not None and t.name in self.oracle.results else None for t in binding.gradient_of
        )
        self.limit = SECONDS
        #: Shapes with axes of length one in which the code keeps a parameter, such as a bias of shape (1, H).
        self.units: dict[str, tuple[int | None, ...]] = {}

    # -- inputs ------------------------------------------------------------------------------------------------------

    def regimes(self) -> tuple[Regime, ...]:
        return applicable(self.derivation, self.elementwise)

    def point(self, regime: Regime, dtype: str, change: Callable[[dict[str, Array]], None] | None = None) -> Point:
        """Inputs of a regime in a dtype, changed by ``change`` where given."""
        working = precision(dtype)
        with np.errstate(over="ignore"):  # 1e30 is infinite in float16
            case = draw(self.derivation, regime, working.carrier, self.seed, self.elementwise)
        values = {n: _within(v, working) for n, v in case.values.items()}
        if self.elementwise:  # a parameter is one number for all entries, also where its own gradient is wanted
            for t in self.derivation.givens:
                if t.domain.value is not None:
                    values[t.name] = np.asarray(values[t.name].ravel()[0])
        if change is not None:
            change(values)
        return self.at(case, working, values)

    def at(self, case: Case, dtype: Precision, values: Mapping[str, Array], upstream: Array | None = None) -> Point:
        """A point from arrays of all givens, rounded to the dtype for both sides."""
        values = {n: _kept(v, dtype) for n, v in values.items()}
        pairs = zip(self.binding.arguments, self.binding.tensors, strict=True)
        arguments = {a: fresh(self._with_units(t.name, values[t.name])) for a, t in pairs}
        upstream = self._upstream(case, dtype, values) if upstream is None else _kept(upstream, dtype)
        return Point(case.regime, dtype, case.sizes, values, arguments, upstream)

    def _with_units(self, name: str, v: Array) -> Array:
        axes = self.units.get(name)
        return v if axes is None else v.reshape([1 if k is None else v.shape[k] for k in axes])

    def settle(self) -> CallError | None:
        """Learn in which parameters the code wants axes of length one: its gradients have them.

        **Returns** the error of code that does not come to an end, so that it is run only once.
        """
        regime = next(r for r in self.regimes() if r.ordinary)
        point = self.point(regime, self.finest)
        ran = self.call(point)
        if ran.hung:
            return self.failure(point, ran)
        if ran.error is not None or self.elementwise or len(ran.value) != len(self.targets):
            return None
        arguments = dict(zip(self.binding.tensors, self.binding.arguments, strict=True))
        for t, (_, value) in zip(self.targets, ran.value, strict=True):
            got = as_array(value)
            if t is None or t not in arguments or got is None or got.ndim <= t.rank or t.rank == 0:
                continue
            shape = point.values[t.name].shape
            places = [k for k, s in enumerate(got.shape) if s != 1]
            if tuple(got.shape[k] for k in places) == shape:
                self.units[t.name] = tuple(places.index(k) if k in places else None for k in range(got.ndim))
        if self.units and self.call(self.point(regime, self.finest)).error is not None:
            self.units.clear()
        return None

    def _upstream(self, case: Case, dtype: Precision, values: Mapping[str, Array]) -> Array | None:
        if self.binding.upstream is None:
            return None
        if self.oracle.paired:
            return values[self.binding.upstream.name]
        like = np.broadcast_shapes(*(v.shape for v in values.values())) if self.elementwise else ()
        shape = self.oracle.upstream_shape(case.sizes, like)
        rng = np.random.default_rng([self.seed, 7])
        return dtype.rounded(np.asarray(rng.normal(size=shape) + (1.5 if not shape else 0.0)))

    # -- one call ----------------------------------------------------------------------------------------------------

    def call(self, point: Point, subject: Subject | None = None) -> Outcome:
        """The gradients of :meth:`passes`, which may fail in either pass."""
        ran = self.passes(point, subject)
        return ran if ran.error is not None else replace(ran, value=ran.value[1])

    def passes(self, point: Point, subject: Subject | None = None) -> Outcome:
        """What forward returns first, as it is before backward runs, and the gradients: from fresh state, on copies
        with the memory layout of the point.

        subject: another one in the place of the prober's.
        """
        arguments = {a: fresh(v) for a, v in point.arguments.items()}
        upstream = None if point.upstream is None else fresh(point.upstream)
        chosen = subject or self.subject
        start = (chosen if point.dtype.name != "bfloat16" else placed(chosen, dtype="bfloat16")).start

        def run() -> tuple[Any, Named]:
            one = start(arguments, None)
            out = np.array(one.out) if isinstance(one.out, np.ndarray) else one.out
            return out, one.backward(upstream)

        return guarded(run, self.limit)

    def exact(self, point: Point) -> dict[str, Exact]:
        tensors = [t for t in dict.fromkeys(self.targets) if t is not None]
        if point.stated and point.elements > EXACT_UP_TO:
            return self.at_size.evaluate(tensors, point.sizes, point.values, point.upstream, point.dtype)
        return self.oracle.evaluate(
            tensors, point.sizes, point.values, point.upstream, point.dtype, ordinary=point.regime.ordinary
        )  # type: ignore[arg-type]

    def compare(
        self, point: Point, returned: Named, known: Mapping[str, Exact] | None = None
    ) -> tuple[list[Comparison], list[CallError]]:
        """Every returned gradient against the exact one. known: the exact ones, where they were computed before."""
        error = self._count(point, returned)
        if error is not None:
            return [], [error]
        exact = self.exact(point) if known is None else known
        comparisons: list[Comparison] = []
        errors: list[CallError] = []
        for t, (name, value) in zip(self.targets, returned, strict=True):
            if t is None:
                continue
            got = as_array(value)
            if got is None:
                what = "None" if value is None else _described(value)
                errors.append(self._error(point, f"the gradient of {t.name} ({name or 'unnamed'}) is {what}", "none"))
                continue
            if t.name in self.units and got.shape == self._with_units(t.name, exact[t.name].values).shape:
                got = got.reshape(exact[t.name].values.shape)
            compared = self._comparison(point, t, got, exact[t.name])
            if not (compared.sharp and compared.excess <= COMFORT):  # from few patterns of roundings
                compared = self._comparison(point, t, got, exact[t.name].closer())
            if not compared.shape_ok:
                expected = exact[t.name].values.shape
                message = f"the gradient of {t.name} has shape {got.shape}, and {t.name} has shape {expected}"
                errors.append(self._error(point, message, "shape"))
            comparisons.append(compared)
        return comparisons, errors

    def _count(self, point: Point, returned: Named) -> CallError | None:
        given = any(v is not None for _, v in returned)
        if given and len(returned) == len(self.targets) and any(t is not None for t in self.targets):
            return None
        wanted = [f"d{t.name}" for t in self.targets if t is not None]
        wanted = wanted or [f"d{n}" for n in self.oracle.results]
        count = f"{len(returned)} value{'s' * (len(returned) != 1)} came back"
        what = f"{count}, and {', '.join(wanted)} {'is' if len(wanted) == 1 else 'are'} expected"
        if not _arrays_only(returned):
            what += "; return one array for each, not lists of numbers"
        if not given:
            what = f"nothing came back where {', '.join(wanted)} is expected; return the gradients"
            return self._error(point, what, "none")
        return self._error(point, what, "count")

    def _error(self, point: Point, message: str, kind: Any) -> CallError:
        return CallError(point.regime.name, point.dtype.name, message, kind, point.named_sizes)

    def _comparison(self, point: Point, t: Tensor, got: Array, e: Exact) -> Comparison:
        values = {n: point.values[n] for n in (x.name for x in self.binding.tensors)}
        base = Comparison(
            self.oracle.result(t).name, t.name, point.regime.name, point.dtype.name, point.named_sizes, values,
            point.upstream, got, e.values, e.bound, False, bool(np.all(np.isfinite(got))),
            got.shape == e.values.shape, (), ordinary=point.regime.ordinary,
        )  # fmt: skip
        if not base.shape_ok:
            return replace(base, excess=np.inf, sharp=False)
        error, known = _error(got, e.values, point.dtype)
        with np.errstate(invalid="ignore", over="ignore"):  # infinite where the exact value overflows
            outside = np.maximum(np.maximum(e.low - got, got - e.high), 0.0)
            reach = 1e-6 * (np.abs(e.high) + np.abs(e.low) + np.abs(e.high - e.low)) + e.bound
        beside = e.kink & (error > e.bound)
        inside = beside & (outside <= reach)
        if np.any(beside & ~inside) and self._all_inside(point, t, got, e.bound, beside & ~inside):
            inside = beside
        bad = known & ~inside & ~(error <= e.bound)
        with np.errstate(over="ignore", invalid="ignore"):
            share = np.where(known & ~inside, error / np.maximum(e.bound, np.finfo(float).tiny), 0.0)
        share = np.where(np.isnan(share), np.inf, share)
        at = np.unravel_index(int(np.argmax(share)), share.shape) if share.ndim else ()
        return replace(
            base,
            ok=not bool(np.any(bad)),
            worst_index=tuple(int(k) for k in at),
            excess=float(share[at]),
            sharp=not bool(np.any(known & ~inside & ~(error <= e.sharp))),
            kink="outside" if np.any(bad & e.kink) else "inside" if np.any(inside) else "",
        )

    def _all_inside(self, point: Point, t: Tensor, got: Array, bound: Array, places: Array) -> bool:
        """Whether entries lie between the slopes to both sides of their own input; of many, some are looked at."""
        if self.elementwise or t.domain.rows or got.shape != point.values[t.name].shape:
            return False
        for at in np.argwhere(places)[:ALONE]:
            place = tuple(int(k) for k in at)
            low, high = self.oracle.around(t, place, point.sizes, point.values, point.upstream)  # type: ignore[arg-type]
            reach = 1e-6 * (abs(low) + abs(high)) + bound[place]
            if not low - reach <= got[place] <= high + reach:
                return False
        return True

    def failure(self, point: Point, ran: Outcome) -> CallError | None:
        """The error of a call, if it has one."""
        if ran.error is None:
            return None
        if isinstance(ran.error, SubjectError):
            raise ran.error
        if ran.hung:
            return self._error(point, f"{ran.error}; stopped", "hang")
        return self._error(point, one_line(ran.error, self.subject.file), "raises")


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype.name}, not of real numbers"
    return f"an object of type {type(value).__name__}, not an array"


def _arrays_only(returned: Named) -> bool:
    return all(v is None or hasattr(v, "shape") for _, v in returned)


def fresh(a: Array) -> Array:
    """A copy with the same strides."""
    if not a.ndim or a.flags.c_contiguous:
        return np.array(a, copy=True)
    if 0 in a.strides and a.size:
        base = np.array(a[tuple(slice(0, 1) if s == 0 else slice(None) for s in a.strides)])
        strides = tuple(0 if s == 0 else b for s, b in zip(a.strides, base.strides, strict=True))
        return np.lib.stride_tricks.as_strided(base, a.shape, strides)
    if a.flags.f_contiguous:
        return np.array(a, copy=True, order="F")
    wide = np.empty((*a.shape[:-1], 2 * a.shape[-1]), dtype=a.dtype)
    view = wide[..., ::2] if a.strides[-1] >= 0 else wide[..., ::2][..., ::-1]
    view[...] = a
    return view


def _within(v: Array, dtype: Precision) -> Array:
    """Scaled into the range in which float16 can compute at all; the other dtypes have room for every regime."""
    if dtype.name != "float16" or v.dtype.kind != "f" or not v.size:
        return v
    with np.errstate(invalid="ignore"):
        largest = float(np.max(np.abs(v)))
    if not np.isfinite(largest) or largest <= FLOAT16_UP_TO:
        return v
    v = fresh(v)
    v *= v.dtype.type(FLOAT16_UP_TO / largest)
    return v


def _kept(v: Array, dtype: Precision) -> Array:
    """Rounded to the dtype, with the same strides."""
    if v.dtype.kind != "f":
        return v
    if v.dtype != dtype.carrier:
        return dtype.rounded(v)
    if dtype.name == "bfloat16":
        v = fresh(v)
        v[...] = dtype.rounded(np.array(v, copy=True))
    return v


def _error(got: Array, exact: Array, dtype: Precision) -> tuple[Array, Array]:
    """|got − exact|, zero where both lie beyond the dtype's range on one side; and where an exact value is known."""
    known = ~np.isnan(exact)
    with np.errstate(all="ignore"):
        error = np.abs(got.astype(float) - exact)
        top = dtype.max
        beyond = np.isinf(got) & (np.abs(exact) >= top * (1 - 1e-6)) & (np.sign(got) == np.sign(exact))
        error = np.where(beyond, 0.0, np.where(np.isfinite(got), error, np.inf))
    return error, known
