"""The generated step of an update rule, run for a hundred steps against PyTorch and against the exact course."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...calculus.sums import BoundSum, occurrences
from ..plans import GeneratedModule
from .execution import load_source
from .long_arrays import WORDS, on_rare_paths
from .recurrence import FINE, Course
from .report import CheckReport, Kind, RegimeResult
from .tolerance import ELEMENTWISE, bound, in_ulp
from .torch_side import Forward, load
from .updates import COUNTER, Rule, generate

Array = np.ndarray[Any, Any]

STEPS = 100

#: How large the gradient is at each parameter: ordinary, far smaller than every ε, large, and at first exactly zero.
SCALES = np.array([1.0, 1.0, 0.5, 2.0, 2.0**-30, 64.0, 1.0])
SIZE = len(SCALES)
SILENT, WAKES = 6, 8


class Problem:
    """A seeded non-convex problem: f(w) = Σ s (−cos(3w)/3 + sin(w + w′)/2), with a new shift of w in each step."""

    def __init__(self, seed: int, dtype: np.dtype[Any]) -> None:
        rng = np.random.default_rng(seed)
        self.start = rng.normal(size=SIZE).astype(np.float32).astype(dtype)
        self.shifts = rng.normal(size=(STEPS + 1, SIZE)).astype(np.float32)

    def scale(self, t: int) -> Array:
        return np.where((np.arange(SIZE) == SILENT) & (t < WAKES), 0.0, SCALES)

    def gradient(self, w: Array, t: int) -> Array:
        """The gradient at step t, in the dtype of w; the last axis counts the parameters."""
        x = w + self.shifts[t].astype(w.dtype)
        terms = np.sin(3 * x) + np.cos(x + np.roll(x, -1, axis=-1)) / 2
        return np.asarray(self.scale(t).astype(w.dtype) * terms)

    def sample(self, t: int) -> Array:
        """A gradient where nothing is trained: from large to small over the steps."""
        return np.ldexp(self.gradient(self.start, t), -(t % 16))


def check(
    rule: Rule,
    counterpart: Forward | None,
    *,
    device: str = "cpu",
    dtypes: Sequence[str] = ("float64", "float32"),
    seed: int = 0,
    module: GeneratedModule | None = None,
    numbers: Mapping[str, float] | None = None,
    function: Callable[..., Any] | None = None,
    long: Callable[..., Any] | None = None,
) -> CheckReport:
    """Run the generated step, PyTorch's and the exact one side by side, and compare after every step.

    **Arguments**: counterpart: takes torch and the givens by name and returns a function that makes one step. module:
    generated code to check instead of the rule's own. numbers: values for givens other than their defaults. function:
    what to run for the generated step. long: what to run instead in every other step.
    **Returns**: a report with one result for each dtype: the worst entry of the worst step. Beyond the bound is a
    failure; PyTorch beyond it is one in float64 only, else a note.
    **Raises** MissingTorch, NoCuda, or ValueError for a dtype in which no step is run.
    """
    for dtype in dtypes:
        if dtype not in ("float64", "float32"):
            raise ValueError(f"an update rule is checked in float64 and float32, not in {dtype}")
    torch, device = load(device) if counterpart else (None, "cpu")
    run = _Run(rule, counterpart, torch, device, seed, module or generate(rule), numbers or {}, function, long)
    results = [run.dtype(dtype) for dtype in dtypes]
    version = str(torch.__version__) if torch else None
    return CheckReport(rule.derivation.id, device, tuple(dtypes), version, tuple(results), tuple(run.notes))


class _Run:
    def __init__(
        self,
        rule: Rule,
        counterpart: Forward | None,
        torch: Any,
        device: str,
        seed: int,
        module: GeneratedModule,
        numbers: Mapping[str, float],
        function: Callable[..., Any] | None = None,
        long: Callable[..., Any] | None = None,
    ) -> None:
        self.rule, self.counterpart, self.torch, self.device, self.seed = rule, counterpart, torch, device, seed
        self.chosen = dict(numbers)
        self.function = module.functions[0]
        self.run = function or load_source(module.source)[self.function.name]
        #: As long arrays are computed, where that is another way: so runs every other step.
        other = (WORDS["threads"], long) if function else on_rare_paths(self.run, self.function)
        words, self.long = other or ("", None)
        self.way = f"every other step {words}" if self.long else ""
        self.notes: list[str] = []
        first = rule.start.get(COUNTER, 1)
        self.first = first if isinstance(first, int) else 1
        bodies = [d.body for d in rule.course.definitions]
        self.roundings = ELEMENTWISE + (SIZE if any(list(occurrences(b, BoundSum)) for b in bodies) else 0)

    def numbers(self) -> dict[str, float]:
        """The givens that stay as they are: at their defaults, or as chosen."""
        given = self.rule.derivation.givens
        return {
            t.name: self.chosen.get(t.name, float(t.domain.value))
            for t in given
            if t.domain.value is not None and t.name not in (*self.rule.state, COUNTER)
        }

    def starts(self, problem: Problem, numbers: Mapping[str, float]) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for name in self.rule.state:
            t = self.rule.givens[name]
            if name == self.rule.subject.name and t.rank:
                found[name] = problem.start
                continue
            value = self.rule.start.get(name, t.domain.value if t.domain.value is not None else 0)
            number = numbers[value] if isinstance(value, str) else float(value)
            found[name] = np.full(
                (SIZE,) * t.rank, number, dtype=np.float64 if t.domain.value is not None else problem.start.dtype
            )
        return found

    def dtype(self, dtype: str) -> RegimeResult:
        """A hundred steps in one dtype."""
        working = np.dtype(dtype)
        problem = Problem(self.seed, working)
        numbers = self.numbers()
        state = self.starts(problem, numbers)
        subject = self.rule.subject.name
        scalar = not self.rule.subject.rank
        working = np.dtype(np.float64) if scalar else working  # numbers are Python's
        course = Course(self.rule, numbers, state, float(np.finfo(working).eps))
        inputs = "g" in self.rule.givens
        place = RegimeResult(self.function.name, self.rule.state[subject], f"{STEPS} steps", dtype, self.device, "ok")
        place = replace(place, form=self.way)
        step = self._torch_step(state, numbers, dtype)
        theirs = state[subject]
        worst = None
        for k in range(1, STEPS + 1):
            counts = {COUNTER: self.first + k - 1} if COUNTER in self.rule.givens else {}
            outside: dict[str, Array] = {}
            exact_inputs: dict[str, Array] = {}
            if inputs:
                outside, exact_inputs = self._gradients(problem, state[subject], course, k)
            if subject == "g":
                state, course.state = {}, {}
            try:
                with np.errstate(divide="raise", over="raise", invalid="raise", under="ignore"):
                    run = self.long if self.long and k % 2 == 0 else self.run
                    out = run(**self._arguments({**numbers, **state, **outside, **counts}))
            except (FloatingPointError, ValueError, TypeError, IndexError, NameError) as error:
                return replace(place, kind="error", error=np.inf, detail=f"step {k}: {type(error).__name__}: {error}")
            arrays = out if len(self.function.returns) > 1 else (out,)
            course.step(counts, exact_inputs)
            state = {n: np.asarray(a) for n, a in zip(self.rule.state, arrays, strict=True)}
            for n, a in state.items():
                expected = (SIZE,) * self.rule.givens[n].rank
                if a.shape != expected or (a.dtype != np.dtype(dtype) and not scalar):
                    said = f"{a.dtype}{a.shape}, expected {np.dtype(dtype)}{expected}"
                    return replace(
                        place, kind="error", error=np.inf, detail=f"step {k}: {self.rule.state[n]} is {said}"
                    )
            if step is not None:
                theirs = self._theirs(step, problem, theirs, k, inputs, subject, dtype)
            here = self._compare(place, state[subject], theirs if step else None, course, working, k)
            if worst is None or (here.kind != "ok", here.share) > (worst.kind != "ok", worst.share):
                worst = here
            if here.kind != "ok":
                break
        assert worst is not None
        return worst

    def _gradients(
        self, problem: Problem, at: Array, course: Course, k: int
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """The gradient where our course stands, and where the exact ones stand."""
        if not self.rule.trains:
            g = problem.sample(k)
            return {"g": g}, {"g": np.asarray(g, dtype=FINE)}
        exact = problem.gradient(course.state[self.rule.subject.name], k)
        return {"g": problem.gradient(at, k)}, {"g": course.disturbed("g", exact, problem.scale(k).astype(FINE))}

    def _arguments(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {n: v for n, v in values.items() if n in self.function.arguments}

    # -- torch -------------------------------------------------------------------------------------------------------

    def _torch_step(self, state: Mapping[str, Array], numbers: Mapping[str, float], dtype: str) -> Any:
        if self.counterpart is None:
            return None
        import inspect

        values: dict[str, Any] = dict(numbers)
        for n, v in state.items():
            value = float(v) if v.ndim == 0 else self._tensor(v, dtype)
            values[n] = value
        parameters = inspect.signature(self.counterpart).parameters.values()
        taken = {p.name: values[p.name] for p in parameters if p.name in values}
        with _default_dtype(self.torch, dtype):
            return self.counterpart(self.torch, **taken)

    def _tensor(self, value: Array, dtype: str) -> Any:
        return self.torch.tensor(np.array(value), dtype=getattr(self.torch, dtype), device=self.device)

    def _theirs(
        self, step: Any, problem: Problem, before: Array, k: int, inputs: bool, subject: str, dtype: str
    ) -> Array:
        given = []
        if inputs:
            g = problem.gradient(before.astype(dtype), k) if self.rule.trains else problem.sample(k)
            given = [self._tensor(g, dtype)]
        with _default_dtype(self.torch, dtype):
            return np.array(step(*given).detach().cpu().numpy())

    # -- comparison --------------------------------------------------------------------------------------------------

    def _compare(
        self, place: RegimeResult, ours: Array, theirs: Array | None, course: Course, working: np.dtype[Any], k: int
    ) -> RegimeResult:
        exact = course.exact.reshape(ours.shape)
        middle = np.asarray(exact, dtype=float)
        allowed = bound(middle, course.movement.reshape(ours.shape), working, self.roundings)
        error = np.asarray(np.abs(ours.astype(FINE) - exact), dtype=float)
        far = np.zeros_like(error) if theirs is None else np.asarray(np.abs(theirs.astype(FINE) - exact), dtype=float)
        kind: Kind = "ok"
        detail = f"after step {k}"
        share = error / allowed
        if not np.all(error <= allowed):
            kind = "wrong"
        elif not np.all(far <= allowed):
            if working == np.float64 and not np.all(far <= allowed):
                kind, detail, share = "torch disagrees", f"torch computes another step; {detail}", far / allowed
            else:
                note = f"torch is beyond the error bound ({working}), ours is within it"
                self.notes += [note] if note not in self.notes else []
        share = np.where(np.isfinite(share), share, np.inf)
        at = np.unravel_index(int(np.argmax(share)), share.shape) if share.ndim else ()
        unit = float(np.abs(middle[at])) or float(np.max(np.abs(middle)))
        return replace(
            place,
            kind=kind,
            index=tuple(int(i) for i in at),
            ours=float(ours[at]),
            torch=None if theirs is None else float(theirs[at]),
            exact=f"{float(middle[at])!r}",
            error=in_ulp(float(error[at]), unit, working),
            torch_error=None if theirs is None else in_ulp(float(far[at]), unit, working),
            bound=in_ulp(float(allowed[at]), unit, working),
            detail=detail,
        )


class _default_dtype:
    """Torch keeps some numbers of an optimiser in its default dtype."""

    def __init__(self, torch: Any, dtype: str) -> None:
        self.torch, self.dtype = torch, getattr(torch, dtype)

    def __enter__(self) -> None:
        self.before = self.torch.get_default_dtype()
        self.torch.set_default_dtype(self.dtype)

    def __exit__(self, *error: object) -> None:
        self.torch.set_default_dtype(self.before)
