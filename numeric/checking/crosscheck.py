"""Cross-check: generated code, run as a user runs it, against exact values and against torch autograd."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...calculus.derivation import Derivation
from ..plans import GeneratedFunction, GeneratedModule, is_elementwise
from .code import Checkable, Code, Together, Way, code_of, with_products
from .errors import beyond, error_of, in_range, within
from .exact import ExactArray, Judge, as_floats, digits, joined
from .execution import arguments_of, other_default
from .kinks import at_kinks, changed_parameters, regimes_of
from .long_arrays import OTHERWISE, REGIME, WORDS, case_of, forms_in, on_long_arrays
from .regimes import Case, Regime, applicable, chosen_parameters, coarser, draw, without_subnormals
from .report import CheckReport, Kind, RegimeResult
from .tolerance import bound, in_ulp, roundings
from .torch_side import Forward, MissingTorch, NoCuda, TorchSide

Array = np.ndarray[Any, Any]

#: A function, a regime, a dtype, and in which way the function is computed, if not as for short arrays.
Place = tuple[str, str, str, str]

#: dtypes that only torch has here; our code runs in float32 on the same, coarser, inputs.
TORCH_ONLY = {"bfloat16": 2.0**-7, "float16": 2.0**-10}


def check(
    derivation: Derivation,
    torch_forward: Forward | None = None,
    *,
    device: str = "cpu",
    dtypes: Sequence[str] = ("float64", "float32"),
    regimes: Sequence[str] | None = None,
    seed: int = 0,
    module: GeneratedModule | None = None,
    functions: Mapping[str, Any] | None = None,
    ways: Mapping[str, Way] | None = None,
    larger: bool = False,
    joined: Together | None = None,
    beside: Sequence[Checkable] = (),
    flushes: bool = False,
    may_be_undefined: bool = False,
) -> CheckReport:
    """Run the generated code of a derivation in every regime and compare value and derivatives with the exact ones.

    **Arguments**: torch_forward: an independent forward ``f(torch, **givens)``; None compares with exact values only.
    device: where torch runs: cpu, cuda or auto. dtypes: float64, float32; float16 and bfloat16 check torch only.
    regimes: names, all that apply by default. module: generated code to check instead of the derivation's own.
    functions: what to run for it, by name. ways: how to run them as they compute long arrays, each with words for a
    report. larger: at larger sizes too, in their own regimes. joined: functions is the one that returns value and
    gradients. beside: more functions, each with ways and joined of its own; all are compared with the same exact
    values, which are computed once. flushes: they take subnormal numbers for zeros.
    may_be_undefined: a formula that was not written for these regimes, and may have no value in one, such as 0/0 at
    zeros, or one that no floating-point number holds. Entries without an exact value are then noted, not failed.
    **Returns**: a report. An array of ours beyond its bound is a failure; so is a torch result in float64 that in an
    ordinary regime is not the derivative that was derived. Torch being merely inaccurate is a note.
    **Raises** MissingTorch, NoCuda, or ValueError for an unknown dtype, regime or device.
    """
    code = code_of(derivation, module, functions, ways, larger, joined, beside)
    made = _Check(derivation, torch_forward, device, tuple(dtypes), seed, code, may_be_undefined, flushes)
    return made.run(regimes)


#: Relative to the largest number in sight, a float64 result this far off computes something else; nearer, it is
#: rounding that torch's own order of operations amplifies (a zero by cancellation: dX of one normalised feature).
HALF_THE_DIGITS = float(np.sqrt(np.finfo(np.float64).eps))

#: An error above this share of its bound is compared with a bound from more patterns of roundings.
COMFORT = 0.5


#: Where subnormal numbers are zeros, a result may lack a few of the smallest normal ones.
FLUSHED = 4


class _Check:
    def __init__(
        self,
        derivation: Derivation,
        forward: Forward | None,
        device: str,
        dtypes: tuple[str, ...],
        seed: int,
        code: Code,
        may_be_undefined: bool,
        flushes: bool,
    ) -> None:
        for d in dtypes:
            if d not in ("float64", "float32", *TORCH_ONLY):
                raise ValueError(f"dtype is {d!r}; it must be float64, float32, float16 or bfloat16")
        self.derivation, self.dtypes, self.seed = derivation, dtypes, seed
        self.may_be_undefined, self.flushes = may_be_undefined, flushes
        self.elementwise = is_elementwise(derivation)
        self.side = TorchSide(derivation, forward, device, self.elementwise) if forward else None
        self.device = self.side.device if self.side else "cpu"
        self.judge = Judge(derivation)
        self.kinks = regimes_of(derivation, self.elementwise) if self.judge.has_kinks else {}
        self.code = code
        self.notes: dict[str, dict[str, None]] = {}
        self.compared: set[tuple[str, str, str]] = set()

    def run(self, chosen: Sequence[str] | None) -> CheckReport:
        available = (*applicable(self.derivation, self.elementwise), *self.kinks, *self.code.regimes)
        if self.elementwise:
            available += tuple(r for r in (REGIME, OTHERWISE) if forms_in(self.code.described, r))
        if chosen is not None:
            unknown = sorted(set(chosen) - {r.name for r in available})
            if unknown:
                known = ", ".join(dict.fromkeys(r.name for r in available))
                raise ValueError(f"no regime {', '.join(unknown)} for {self.derivation.id}; there are {known}")
            available = tuple(r for r in available if r.name in chosen)
        results = [r for dtype in self.dtypes for regime in available for r in self.regime(regime, dtype)]
        results += self._never_compared(results)
        notes = tuple(f"{text}: {', '.join(names)}" for text, names in self.notes.items())
        version = str(self.side.torch.__version__) if self.side else None
        return CheckReport(self.derivation.id, self.device, self.dtypes, version, tuple(results), notes)

    def _never_compared(self, results: Sequence[RegimeResult]) -> list[RegimeResult]:
        """An error for every array that has no exact value anywhere: nothing was checked then."""
        places = dict.fromkeys((r.function, r.result, r.dtype) for r in results if r.kind == "ok")
        detail = "it has no exact value in any regime. Say what its inputs are, such as x: n positive"
        return [
            self._error((f, "every regime", d, ""), r, detail) for f, r, d in places if (f, r, d) not in self.compared
        ]

    def regime(self, regime: Regime, dtype: str) -> list[RegimeResult]:
        """All comparisons of one regime in one dtype."""
        working = np.dtype(np.float32 if dtype in TORCH_ONLY else dtype)
        long = forms_in(self.code.described, regime) if regime in (REGIME, OTHERWISE) else {}
        if long:
            case = case_of(self.code.derivation, regime, long, working, self.seed)
        else:
            drawn = self._drawn(regime, working)
            if drawn is None:
                return []
            case = drawn
        if dtype in TORCH_ONLY:
            case = coarser(case, dtype, self.code.derivation.givens)
        if self.flushes:
            case = without_subnormals(case, float(np.finfo(working).tiny))
        runs = [r for r in self.code.runs if not long or r.function.name in long]
        exact = self.exact(case, float(np.finfo(working).eps), [r.function for r in runs])
        if self.code.products:
            exact = with_products(self.code, exact, case, working, self._magnitude(case))
        theirs: dict[str, Array] = {}
        others = changed_parameters(self.derivation, case, chosen_parameters(self.derivation))
        if self.side and not long and self.side.can_choose(others):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs = self.side.results(case.values, dtype)
        found: list[RegimeResult] = []
        for run in runs:
            function, call, (words, other) = run.function, run.call, run.way or ("", None)
            if long:
                form = long[function.name]
                way = other or call
                assert way is not None
                words = words or WORDS[form.kind]
                found += self.function(function, case, dtype, working, exact, {}, on_long_arrays(way, form), words)
                continue
            plain = self.function(function, case, dtype, working, exact, theirs, call) if call else []
            found += plain
            if other is not None and not self.elementwise and all(r.passed for r in plain):
                found += self.function(function, case, dtype, working, exact, theirs, other, words)
        return found

    def _drawn(self, regime: Regime, working: np.dtype[Any]) -> Case | None:
        if regime in self.kinks:
            return at_kinks(self.code.derivation, regime, *self.kinks[regime], working, self.seed, self.elementwise)
        return draw(self.code.derivation, regime, working, self.seed, self.elementwise)

    def exact(self, case: Case, eps: float, functions: Sequence[GeneratedFunction]) -> dict[str, ExactArray]:
        returned = {self.code.products.get(n, (n,))[0] for f in functions for n in f.returns}
        names = sorted(returned & set(self.judge.definitions))
        held = case.regime in self.kinks
        rng = np.random.default_rng(self.seed)
        tensors = {t: case.values[t.name] for t in self.derivation.givens if t.name in case.values}
        if not self.elementwise:
            return self.judge.evaluate(names, case.sizes, tensors, eps, rng, held=held)
        count = max(v.size for v in tensors.values())
        points = [
            self.judge.evaluate(names, {}, {t: v[k] if v.ndim else v for t, v in tensors.items()}, eps, rng, held=held)
            for k in range(count)
        ]
        return {n: joined([p[n] for p in points], (count,)) for n in names}

    def function(
        self,
        function: GeneratedFunction,
        case: Case,
        dtype: str,
        working: np.dtype[Any],
        exact: Mapping[str, ExactArray],
        theirs: Mapping[str, Array],
        run: Callable[..., Any],
        form: str = "",
    ) -> list[RegimeResult]:
        """Run one function and compare each array that it returns. form: in which way run computes it."""
        arguments = arguments_of(function, self.code.derivation, case)
        before = {n: np.array(v, copy=True) for n, v in arguments.items() if isinstance(v, np.ndarray)}
        place = (function.name, case.regime.name, dtype, form)
        if wrong := other_default(function, self.code.derivation, run):
            return [self._error(place, r, wrong) for r in function.returns]
        try:
            out = self._call(run, function, arguments, exact, working)
        except Exception as error:  # whatever a user would see
            return [self._error(place, r, f"{type(error).__name__}: {error}") for r in function.returns]
        arrays = out if len(function.returns) > 1 else (out,)
        changed = [n for n, v in before.items() if not np.array_equal(v, arguments[n])]
        if changed:
            return [self._error(place, r, f"it changed its input {changed[0]}") for r in function.returns]
        compared = []
        for name, array in zip(function.returns, arrays, strict=True):
            if name in exact:
                ours = np.asarray(array)
                expected = theirs.get(name)
                # What torch itself has no value for (a division by a length of zero), nobody can demand of us.
                finite = all(np.all(np.isfinite(t)) for t in theirs.values())
                compared.append(self.compare(place, name, ours, exact[name], expected, case, working, finite))
        return compared

    def _call(
        self,
        run: Callable[..., Any],
        function: GeneratedFunction,
        arguments: Mapping[str, Any],
        exact: Mapping[str, ExactArray],
        working: np.dtype[Any],
    ) -> Any:
        """Run a function. A division by zero or an overflow is an error, unless the formula has no value there.

        An overflow is right where a value that is returned lies beyond the dtype's range; an elementwise function is
        run without those points too, and must not overflow at the others.
        """
        values = [exact[r].values for r in function.returns if r in exact]
        overflows = not self.elementwise and any(beyond(v, working) for v in values)
        try:
            with np.errstate(divide="raise", over="ignore" if overflows else "raise", invalid="raise", under="ignore"):
                return run(**arguments)
        except FloatingPointError:
            undefined = not all(b.is_finite() for name in exact for b in exact[name].values.ravel())
            if not undefined and not self.elementwise and not self._leaves_the_range(function, exact, working):
                raise
            if not undefined and self.elementwise:
                fits = in_range([exact[n].values for n in function.returns if n in exact], working)
                if np.all(fits):
                    raise
                with np.errstate(divide="raise", over="raise", invalid="raise", under="ignore"):
                    run(**{n: v[fits] if np.ndim(v) else v for n, v in arguments.items()})
        with np.errstate(all="ignore"):
            return run(**arguments)

    def _leaves_the_range(
        self, function: GeneratedFunction, exact: Mapping[str, ExactArray], working: np.dtype[Any]
    ) -> bool:
        """Whether a result has no value here, or none that the dtype holds, and may have none."""
        top = float(np.finfo(working).max)
        return self.may_be_undefined and any(
            bool(np.any(~(np.abs(as_floats(exact[r].values)) <= top))) for r in function.returns if r in exact
        )

    def _magnitude(self, case: Case) -> Array:
        """The size of the variables, point by point, or of all arrays."""
        if not self.elementwise:
            return np.asarray(max((np.max(np.abs(v.astype(float))) for v in case.values.values()), default=1.0))
        own = [case.values[t.name] for t in self.derivation.givens]
        return np.asarray(np.max([np.abs(v.astype(float)) for v in own if v.ndim], axis=0))

    def _error(self, place: Place, result: str, detail: str) -> RegimeResult:
        function, regime, dtype, form = place
        return RegimeResult(
            function, result, regime, dtype, self.device, "error", detail=detail, error=np.inf, form=form
        )

    def compare(
        self,
        place: Place,
        name: str,
        ours: Array,
        exact: ExactArray,
        theirs: Array | None,
        case: Case,
        working: np.dtype[Any],
        demand_finite: bool = True,
    ) -> RegimeResult:
        """One array of ours, and torch's, against the exact one."""
        function, regime, dtype, form = place
        if ours.shape != exact.values.shape:
            return self._error(place, name, f"its shape is {ours.shape}, expected {exact.values.shape}")
        if ours.dtype != working:
            return self._error(place, name, f"its dtype is {ours.dtype}, expected {working}")
        middle = as_floats(exact.values)
        allowed = self._allowed(name, exact, middle, case, working)
        error = error_of(ours, exact.values, middle, working)
        if self.may_be_undefined:  # what no number of the dtype holds is not judged
            error = np.where(np.abs(middle) > float(np.finfo(working).max), np.nan, error)
        known = ~np.isnan(error)
        torch_error = None
        if theirs is not None and theirs.shape == ours.shape:
            torch_error = error_of(theirs, exact.values, middle, working)
        # What is well within the bound from few patterns of roundings is so with more of them.
        if not within(error, COMFORT * allowed) or (
            torch_error is not None and not within(torch_error, COMFORT * self._coarseness(dtype) * allowed)
        ):
            exact = exact.closer()
            allowed = self._allowed(name, exact, middle, case, working)
        if not within(error, allowed):
            allowed = self._allowed(name, exact.closest(), middle, case, working)
        if np.any(known):
            self.compared.add((function, name, dtype))
        skipped = int(np.size(error) - np.count_nonzero(known))
        if skipped:
            self._note(f"{function}: {name} has no exact value at {skipped} of {error.size} entries", regime)
            if demand_finite and not self.may_be_undefined and not np.all(np.isfinite(ours[~known])):
                return self._error(place, name, "it is not finite where the exact value could not be computed")
        with np.errstate(invalid="ignore", over="ignore"):  # beyond the range of the dtype the bound is infinite
            share = np.where(known, error / np.maximum(allowed, np.finfo(float).tiny), 0.0)
        kind: Kind = "ok" if np.all(error[known] <= allowed[known]) else "wrong"
        at = np.unravel_index(int(np.argmax(share)), share.shape) if share.ndim else ()
        detail = ""
        if theirs is not None and torch_error is not None:
            off = ~np.isnan(torch_error) & ~(torch_error <= allowed * self._coarseness(dtype))
            if np.any(off & exact.kink):
                self._note(f"torch takes another value of {name} at the kink", case.regime.name)
            scale = max(np.max(np.abs(middle[known]), initial=0.0), np.nanmax(self._magnitude(case), initial=0.0))
            beyond_rounding = np.maximum(allowed, HALF_THE_DIGITS * scale)
            verdict = self._torch(torch_error, beyond_rounding, off & ~exact.kink, theirs, case.regime, dtype, name)
            if kind == "ok" and verdict:
                kind, detail = "torch disagrees", verdict
                gap = np.where(np.isnan(torch_error), 0.0, torch_error)
                at = np.unravel_index(int(np.argmax(gap)), share.shape) if share.ndim else ()
        elif theirs is not None:
            kind, detail = "torch disagrees", f"torch's shape is {theirs.shape}, expected {ours.shape}"
            theirs = None
        value = float(middle[at])
        unit = value if value else float(np.nanmax(np.abs(middle)))  # of a zero: that of its largest neighbour
        return RegimeResult(
            function,
            name,
            regime,
            dtype,
            self.device,
            kind,
            index=tuple(int(k) for k in at),
            ours=float(ours[at]),
            torch=None if theirs is None else float(theirs[at]),
            exact=digits(exact.values[at]),
            error=in_ulp(float(error[at]) if known[at] else 0.0, unit, working),
            torch_error=None if torch_error is None else in_ulp(float(torch_error[at]), unit, working),
            bound=in_ulp(float(allowed[at]), unit, working),
            skipped=skipped,
            detail=detail,
            form=form,
        )

    def _allowed(self, name: str, exact: ExactArray, middle: Array, case: Case, working: np.dtype[Any]) -> Array:
        """The error allowed in each entry of a result."""
        count = roundings(self.judge.definitions, name, case.sizes)
        magnitude = self._magnitude(case) if self.elementwise else 1.0
        allowed = bound(middle, exact.movement, working, count, magnitude)
        allowed = np.where(np.isinf(middle), 0.0, allowed)  # beyond every float only the infinity of that sign is right
        return allowed + FLUSHED * float(np.finfo(working).tiny) if self.flushes else allowed

    def _torch(
        self, error: Array, allowed: Array, off: Array, theirs: Array, regime: Regime, dtype: str, name: str
    ) -> str:
        """What to say when torch deviates: a failure in float64 in an ordinary regime, else a note."""
        if not np.any(off):
            return ""
        finite = bool(np.all(np.isfinite(theirs)))
        if dtype == "float64" and regime.ordinary and finite and float(np.max(error[off])) > float(np.nanmax(allowed)):
            return "torch computes something else than the formula"
        what = "beyond the error bound" if finite else "not finite"
        self._note(f"torch is {what} in {name} ({dtype}), ours is within it", regime.name)
        return ""

    @staticmethod
    def _coarseness(dtype: str) -> float:
        """How much coarser a dtype is than the one our code ran in."""
        return TORCH_ONLY[dtype] / float(np.finfo(np.float32).eps) if dtype in TORCH_ONLY else 1.0

    def _note(self, text: str, regime: str) -> None:
        self.notes.setdefault(text, {})[regime] = None


__all__ = ["CheckReport", "MissingTorch", "NoCuda", "RegimeResult", "check"]
