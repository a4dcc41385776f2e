"""A reference that cannot be traced: its autograd in float64 is what a gradient is compared with.

That proves nothing, and what autograd rounds away is not seen. The report says so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..calculus.derivation import Derivation
from ..calculus.tensors import Tensor
from ..numeric.checking.regimes import Case, Regime, applicable, draw
from .probing.observations import as_array
from .report import Finding, Report, verdict_of
from .subjects.adapters import one_line
from .subjects.binding import Binding
from .subjects.protocol import Array, Subject, SubjectError
from .subjects.sandbox import guarded
from .tracing.session import Untraceable

#: What is granted beyond the movement of the result when every input moves by one rounding.
SLACK = 16.0
#: The step of a difference that confirms a derivative.
STEP = 1e-6
#: Random roundings of the inputs from which that movement is measured.
DRAWS = 6


class NeedsAutograd(Exception):
    """The reference has no formula, but torch can differentiate it. own: it is the forward of the subject itself."""

    def __init__(self, other: Subject, tensors: Mapping[str, Tensor], why: Untraceable, own: bool = False) -> None:
        super().__init__(str(why))
        self.other, self.tensors, self.why, self.own = other, tensors, why, own


@dataclass(frozen=True)
class _Compared:
    """One gradient at one point: what the code gives, what autograd gives, and whether that is the same."""

    tensor: str
    got: Array | None
    exact: Array
    ok: bool
    case: Case
    dtype: str
    error: str = ""


def judged_by_autograd(
    subject: Subject, binding: Binding, asked: NeedsAutograd, dtypes: Sequence[str] | None = None
) -> Report:
    """The report on a gradient against the autograd of a reference, on every ordinary family of inputs.

    **Raises** SubjectError where autograd is not the derivative of the reference either.
    """
    started = time.perf_counter()
    given = (*binding.tensors, *([binding.upstream] if binding.upstream is not None else []))
    bare = Derivation("", "", tuple(dict.fromkeys(given)), (), ())
    flat = all(t.rank == 0 for t in given)
    if asked.own:
        _confirm(asked, binding, bare, flat)
    seen: list[_Compared] = []
    covered: dict[str, list[str]] = {}
    errors: dict[str, str] = {}
    for dtype in dtypes or ("float64", "float32"):
        for regime in applicable(bare, flat):
            if regime.ordinary and not errors:
                found, failed = _at(subject, binding, asked, bare, regime, dtype, flat)
                errors |= failed
                seen += found
                covered.setdefault(dtype, []).extend([regime.name] if found else [])
    findings = [Finding("error", subject.where, text) for text in errors.values()] or _findings(subject, seen)
    wanted = [t for t in binding.gradient_of if t is not None]
    return Report(
        subject=subject.name,
        verdict=verdict_of(findings, [], len(wanted), len({c.tensor for c in seen})),
        findings=tuple(findings),
        not_tested=(
            f"not proved: the reference cannot be traced ({asked.why}); its autograd in float64 is the oracle",
            "extreme inputs, memory layouts and what the code shares with its caller",
        ),
        binding=str(binding),
        reference=f"the autograd of {asked.other.name} in float64",
        covered=tuple(f"{dtype}: {', '.join(names)}" for dtype, names in covered.items()),
        where=subject.where,
        seconds=time.perf_counter() - started,
    )


def _confirm(asked: NeedsAutograd, binding: Binding, bare: Derivation, flat: bool) -> None:
    """Autograd against a difference of values: a forward that detaches, or calls a kernel, has another gradient."""
    regime = next(r for r in applicable(bare, flat) if r.ordinary)
    case = draw(bare, regime, np.dtype(float), 0, flat)
    rng = np.random.default_rng(11)
    ways = {t.name: rng.normal(size=np.shape(case.values[t.name])) for t in asked.tensors.values()}

    def value(step: float) -> float:
        inputs = {}
        for name, t in asked.tensors.items():
            array = np.asarray(case.values[t.name])
            inputs[name] = np.asarray(array + step * ways[t.name]) if array.dtype.kind == "f" else array
        return float(np.sum(weights * asked.other.start(inputs, None).out))

    def run() -> tuple[float, float]:
        exact = _autograd(asked, case, weights, binding, 0)[0]
        along = sum(float(np.sum(g * ways[name])) for name, g in exact.items())
        return along, (value(STEP) - value(-STEP)) / (2 * STEP)

    out = guarded(lambda: asked.other.start({n: case.values[t.name] for n, t in asked.tensors.items()}, None).out)
    weights = np.asarray(1.0) if out.error is not None else rng.normal(size=np.shape(out.value))
    compared = guarded(run)
    why = ""
    if compared.error is not None:
        why = f"and torch does not run it either: {one_line(compared.error)}"
    elif not np.isclose(compared.value[0], compared.value[1], rtol=1e-4, atol=1e-6):
        why = "and autograd does not give its derivative: a part of it is detached, or not of torch's own operations"
    if why:
        raise SubjectError(
            f"the formula of {asked.other.name} cannot be read from its code ({asked.why}), {why}. "
            "Say what it computes: --against ID or an expression"
        ) from asked.why


def _at(
    subject: Subject, binding: Binding, asked: NeedsAutograd, bare: Derivation, regime: Regime, dtype: str, flat: bool
) -> tuple[list[_Compared], dict[str, str]]:
    case = draw(bare, regime, np.dtype(dtype), 0, flat)
    inputs = {a: case.values[t.name] for a, t in zip(binding.arguments, binding.tensors, strict=True)}
    truth = guarded(lambda: _autograd(asked, case, None, binding, 0))
    if truth.error is not None:
        return [], {"reference": f"the reference {asked.other.name} raises {one_line(truth.error)}"}
    exact, upstream = truth.value
    weights = None if upstream is None or binding.upstream is None else upstream.astype(dtype)
    ran = guarded(lambda: subject.start({a: v.copy() for a, v in inputs.items()}, None).backward(weights))
    if ran.error is not None:
        return [], {"code": f"the code raises {one_line(ran.error)}"}
    if len(ran.value) != len(binding.gradient_of):
        return [], {"count": f"{len(ran.value)} values came back for {len(binding.gradient_of)} gradients"}
    moved = _movement(asked, case, binding, exact, upstream, dtype)
    found = []
    for t, (_, value) in zip(binding.gradient_of, ran.value, strict=True):
        if t is None or t.name not in exact:
            continue
        got, true = as_array(value), exact[t.name]
        fits = got is not None and got.shape == true.shape
        eps = float(np.finfo(dtype).eps)
        allowed = SLACK * (moved[t.name] + eps * (1 + float(np.max(np.abs(true), initial=0.0))))
        ok = fits and bool(np.all(np.abs(got.astype(float) - true) <= allowed))  # type: ignore[union-attr]
        shape = (
            "" if fits else f"d{t.name} has shape {None if got is None else got.shape}, and {t.name} has {true.shape}"
        )
        found.append(_Compared(t.name, got, true, ok, case, dtype, shape))
    return found, {}


def _autograd(
    asked: NeedsAutograd, case: Case, upstream: Array | None, binding: Binding, draw_number: int, eps: float = 0.0
) -> tuple[dict[str, Array], Array | None]:
    """The gradients by tensor in float64, and the upstream gradient that they are for."""
    rng = np.random.default_rng(draw_number)
    inputs: dict[str, Any] = {}
    for name, t in asked.tensors.items():
        value = case.values[t.name]
        if value.dtype.kind == "f":
            value = value.astype(float) * (1 + eps * rng.choice((-1.0, 1.0), size=value.shape))
        inputs[name] = np.asarray(value)
    started = asked.other.start(inputs, None)
    if upstream is None and np.ndim(started.out) and binding.upstream is not None:
        known = case.values.get(binding.upstream.name)
        shape = np.shape(started.out)
        upstream = known if known is not None and known.shape == shape else np.random.default_rng(7).normal(size=shape)
    elif upstream is None and binding.upstream is not None:
        upstream = np.asarray(1.5)
    weights = None if upstream is None else np.asarray(upstream, dtype=float)
    names = {f"d{name}": t.name for name, t in asked.tensors.items()}
    found = started.backward(weights)
    return {
        names[n]: np.zeros_like(case.values[names[n]], dtype=float) if v is None else np.asarray(v, dtype=float)
        for n, v in found
        if n in names
    }, upstream


def _movement(
    asked: NeedsAutograd, case: Case, binding: Binding, exact: Mapping[str, Array], upstream: Any, dtype: str
) -> dict[str, float]:
    """How far each gradient moves when every input moves by one rounding of the dtype."""
    most = dict.fromkeys(exact, 0.0)
    for k in range(DRAWS):
        moved, _ = _autograd(asked, case, upstream, binding, k + 1, float(np.finfo(dtype).eps))
        for name, value in moved.items():
            most[name] = max(most[name], float(np.max(np.abs(value - exact[name]), initial=0.0)))
    return most


def _findings(subject: Subject, seen: Sequence[_Compared]) -> list[Finding]:
    found = []
    for name in dict.fromkeys(c.tensor for c in seen):
        own = [c for c in seen if c.tensor == name]
        bad = [c for c in own if not c.ok]
        if not bad:
            continue
        worst = min(bad, key=lambda c: c.exact.size)
        if worst.error:
            found.append(Finding("shape", subject.where, worst.error))
            continue
        factor = _factor(own)
        words = (
            f"d{name} is {factor:g} times that of the reference" if factor else f"d{name} is not that of the reference"
        )
        fix = f"multiply by {1 / factor:g}" if factor else ""
        found.append(Finding("scale" if factor else "unnamed", subject.where, words, _example(name, worst), fix))
    return found


def _factor(own: Sequence[_Compared]) -> float | None:
    """The one number that every entry is too large by, at all sizes; None where there is none."""
    ratios = []
    for c in own:
        large = np.abs(c.exact) > 1e-3 * np.max(np.abs(c.exact), initial=0.0)
        if c.got is not None and c.dtype == "float64" and large.any():
            ratios.append(c.got[large].astype(float) / c.exact[large])
    values = np.concatenate([r.ravel() for r in ratios]) if ratios else np.zeros(0)
    if not values.size or np.ptp(values) > 1e-6 * abs(values[0]) or values[0] == 0:
        return None
    return float(round(values[0], 9))


def _example(name: str, c: _Compared) -> str:
    assert c.got is not None
    error = np.abs(c.got.astype(float) - c.exact)
    at = np.unravel_index(int(np.nanargmax(error)), error.shape) if error.ndim else ()
    sizes = ", ".join(f"{k} = {v}" for k, v in c.case.sizes.items())
    place = f"[{', '.join(str(int(k)) for k in at)}]" if at else ""
    values = f"d{name}{place} = {float(c.got[at]):.6g}, autograd {float(c.exact[at]):.6g}"
    return f"{sizes + ': ' if sizes else ''}{values} ({c.dtype}, {c.case.regime.name})"
