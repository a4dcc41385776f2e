"""NumPy by hand in the benchmark: the careful functions lose no digits at finite inputs, the quick ones do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from inspect import signature
from typing import Any

import numpy as np
import pytest
from derived import derivation

from nnmath.benchmarks.speed import contestants
from nnmath.benchmarks.speed.cases import CASES
from nnmath.benchmarks.speed.hand_written import BY_HAND
from nnmath.benchmarks.speed.quick_by_hand import QUICK
from nnmath.derivations import catalogue
from nnmath.numeric.accuracy import ArrayReference, ArrayRow, Reference, measured, measured_arrays, points
from nnmath.numeric.accuracy.array_regimes import ArrayRegime
from nnmath.numeric.accuracy.fills import normal
from nnmath.numeric.accuracy.functions import Row
from nnmath.numeric.accuracy.regions import MANY_ULP
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.joint import joint
from nnmath.numeric.numpy_code.generator import assemble

Array = Any
THOROUGH = bool(os.environ.get("NNMATH_THOROUGH"))

#: One case for each formula and part.
DIFFERENT = {(c.formula, c.part): c for c in CASES.values()}
ENTRYWISE = [key for key in BY_HAND if DIFFERENT[key].value == DIFFERENT[key].shapes.get("x")]
ARRAYS = [key for key in BY_HAND if key not in ENTRYWISE]


@pytest.fixture(scope="module", autouse=True)
def fewer_points() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        made = contestants._derivation
        patch.setattr(contestants, "_derivation", lambda id: derivation(id) if id in catalogue() else made(id))
        if not THOROUGH:
            for name in ("LOG_UNIFORM", "MODERATE", "UNIFORM"):
                patch.setattr(points, name, getattr(points, name) // 8)
        yield


def run_as(function: Callable[..., tuple[Array, ...]], names: tuple[str, ...]) -> Callable[..., Any]:
    """The function as an implementation that is measured: its results by name. Upstream gradients are given, or 1."""

    def factory(subject: object, dtype: str) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
        def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
            arrays = {"upstream": np.ones_like(inputs["x"]), **inputs} if "x" in inputs else inputs
            with np.errstate(all="ignore"):
                found = function(**{n: arrays[n].copy() for n in signature(function).parameters if n in arrays})
            return dict(zip(names, found, strict=True))

        return run

    return factory


@cache
def entrywise(id: str) -> Reference:
    return Reference(derivation(id), "float32", infinities=False, thorough=THOROUGH)


def entry_rows(id: str, function: Callable[..., Any]) -> list[Row]:
    return [m.row for m in measured(entrywise(id), run_as(function, ("y", "dy_dx")))]


def right(rng: np.random.Generator, shape: tuple[int, ...], known: Mapping[str, Array]) -> Array:
    """One-hot rows: the target is what the logits say."""
    return np.eye(shape[-1])[known["Z"].argmax(axis=1)]


def says(rng: np.random.Generator, shape: tuple[int, ...], known: Mapping[str, Array]) -> Array:
    return (known["z"] > 0).astype(float)


#: Beside the declared regimes: the loss itself is tiny.
MORE = {
    "softmax-ce": ArrayRegime("right labels", {"Z": normal(30.0), "Y": right}),
    "bce-with-logits": ArrayRegime("right labels", {"z": normal(30.0), "t": says}),
}


@cache
def of_arrays(case: str) -> tuple[ArrayReference, tuple[str, ...]]:
    made, plan = contestants._planned(CASES[case])
    reference = ArrayReference(made, "float32")
    reference.regimes = (*reference.regimes, *([MORE[made.id]] if made.id in MORE else []))
    return reference, tuple(d.name for d in plan.returns)


def array_rows(key: tuple[str, str], function: Callable[..., Any]) -> list[ArrayRow]:
    reference, names = of_arrays(DIFFERENT[key].id)
    found = measured_arrays(reference, run_as(function, names))
    assert len(found) == len(names) * len(reference.regimes)
    return found


def fails(row: ArrayRow) -> bool:
    return not (row.sound and row.slicewise <= MANY_ULP)


@pytest.mark.parametrize("key", ENTRYWISE, ids=" ".join)
def test_careful_functions_have_no_region_of_failure(key: tuple[str, str]) -> None:
    assert [(r.name, r.regions) for r in entry_rows(key[0], BY_HAND[key]) if r.regions] == []


@pytest.mark.parametrize("key", ARRAYS, ids=" ".join)
def test_careful_functions_fail_in_no_regime(key: tuple[str, str]) -> None:
    assert [(r.name, r.regime) for r in array_rows(key, BY_HAND[key]) if fails(r)] == []


@pytest.mark.parametrize("key", QUICK, ids=" ".join)
def test_quick_functions_lose_digits_somewhere(key: tuple[str, str]) -> None:
    """Otherwise they would be the careful ones."""
    if key in ENTRYWISE:
        assert any(r.regions for r in entry_rows(key[0], QUICK[key]))
    else:
        assert any(map(fails, array_rows(key, QUICK[key])))


@pytest.mark.parametrize("id", ["gelu", "gelu-tanh"])
def test_the_quick_ones_lose_the_tails_that_generated_code_keeps(id: str) -> None:
    """What the page on speed says of it."""
    x = np.array([-4.0, -6.0], np.float32)
    made, plan = joint(derivation(id))
    run = load_source(assemble(made, (plan,)).source)[plan.name]
    wide = run(x.astype(np.float64), np.ones(2))[0]
    ulp = np.spacing(np.abs(wide.astype(np.float32)))
    generated, quick = (f(x, np.ones_like(x))[0] for f in (run, QUICK[id, "forward + backward"]))
    assert np.all(np.abs(generated - wide) <= 16 * ulp)
    assert abs(quick[0] - wide[0]) > 1000 * ulp[0] and quick[1] == 0
