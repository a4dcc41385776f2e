"""Accuracy of losses and layers: declared regimes, exact values, and planted failures that must be counted."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnmath.numeric
from nnmath.calculus.balls import Valuation
from nnmath.calculus.sums import Partial
from nnmath.derivations import catalogue
from nnmath.numeric.accuracy import ArrayReference, ArrayRow, measure_arrays, measured_arrays
from nnmath.numeric.accuracy.array_regimes import inputs, regimes
from nnmath.numeric.accuracy.fills import read
from nnmath.numeric.accuracy.implementations import Subject, generated
from nnmath.numeric.accuracy.ulp import exact_values, format_of
from nnmath.page import derive, of_entry

Array = np.ndarray[Any, Any]


DECLARED = [e.id for e in catalogue().values() if e.regimes]
IN_JAX = [e.id for e in catalogue().values() if e.jax is not None and e.topic != "activations"]


@lru_cache
def reference(id: str, dtype: str = "float32", names: tuple[str, ...] | None = None) -> ArrayReference:
    return ArrayReference(of_entry(id, {}).derivation, dtype, names=names)


def rows(of: ArrayReference, chosen: Any = "numpy") -> dict[tuple[str, str], ArrayRow]:
    return {(r.regime, r.name): r for r in measured_arrays(of, chosen)}


def spoiled(name: str, change: Callable[[Array], Array]) -> Callable[[Subject, str], Any]:
    def planted(subject: Subject, dtype: str) -> Any:
        run = generated(subject, dtype)

        def spoil(values: Mapping[str, Any]) -> dict[str, Array]:
            found = dict(run(values))
            found[name] = change(found[name].copy())
            return found

        return spoil

    return planted


@pytest.mark.parametrize("id", DECLARED)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_declared_regimes_fit_the_formula(id: str, dtype: str) -> None:
    """Every name is a given, every array is finite and of the dtype, and each regime draws something of its own."""
    derivation = reference(id).derivation
    found = regimes(derivation, format_of(dtype))
    assert len({r.name for r in found}) == len(found) > 0
    for regime in found:
        case = inputs(derivation, regime, format_of(dtype), 0)
        assert set(regime.fills) <= {t.name for t in derivation.givens}
        for name in regime.fills:
            assert case.values[name].dtype == dtype and np.all(np.isfinite(case.values[name]))
            assert np.any(case.values[name])


def test_exact_gradients_are_the_derivatives_of_the_definitions() -> None:
    """The derived formula, which is what is evaluated, against dual numbers through the definitions."""
    of = reference("softmax-ce-labels", names=("logits of scale 30",))
    case, exact = of.of(of.regimes[0])
    derivation = of.derivation
    tensors = {t.name: t for t in derivation.givens}
    loss = next(d for d in derivation.definitions if d.name == "L")
    values = {t: {at: float(v) for at, v in np.ndenumerate(case.values[n])} for n, t in tensors.items()}
    valuation = Valuation(list(derivation.definitions), case.sizes, values, precision=512)
    result = next(r for r in derivation.wanted if r.name == "dZ")
    expression = Partial(loss.tensor(), tensors["Z"][result.indices])
    for at in [(0, 0), (3, 5), (7, 1)]:
        ball = valuation.value(expression, dict(zip(result.indices, at, strict=True)))
        one = exact_values([ball], of.format)
        assert one.nearest[0] == exact["dZ"].nearest[at] and one.exponent[0] == exact["dZ"].exponent[at]


def test_the_figures_of_torch_on_hard_labels() -> None:
    """About one in six gradients of BCE with logits of scale 30 is 0 in float32 torch, and should not be."""
    page = of_entry("bce-with-logits", {})
    found = measure_arrays(page.derivation, "float32", "torch", forward=page.forward, names=["hard labels, scale 30"])
    dz = next(r for r in found if r.name == "dz")
    assert 0.1 < dz.zeros / dz.entries < 0.25 and not dz.sound and dz.normwise < 1


def test_slices_that_do_not_depend_on_each_other_are_judged_apart() -> None:
    of = reference("softmax-ce-labels")
    assert of.joint_axes("dZ") == (1,) and of.joint_axes("L") == ()
    assert reference("layernorm").joint_axes("dX") == (1,)
    assert reference("batchnorm").joint_axes("dL_dX") == (0,)
    assert reference("bce-with-logits").joint_axes("dz") == (0,)


def test_a_small_row_that_is_wrong_shows_in_its_slice() -> None:
    of = reference("softmax-ce-labels", names=("logits of scale 30",))
    size = np.max(np.abs(of.of(of.regimes[0])[1]["dZ"].nearest), axis=1)
    small = int(np.argmin(size))
    assert size[small] < 1e-4 * size.max()

    def change(dz: Array) -> Array:
        dz[small] *= 1 + 1e-3
        return dz

    found = rows(of, spoiled("dZ", change))["logits of scale 30", "dZ"]
    assert found.normwise < 5 and found.slicewise > 1e3


PLANTED = {
    "nan": lambda a: a * np.where(np.arange(a.size) == 5, np.nan, 1).reshape(a.shape).astype(a.dtype),
    "infinite": lambda a: a + np.where(np.arange(a.size) == 5, np.inf, 0).reshape(a.shape).astype(a.dtype),
    "zeros": lambda a: a * (np.arange(a.size) != 5).reshape(a.shape),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_failure_is_counted(fault: str) -> None:
    of = reference("rmsnorm", names=("typical",))
    sound = rows(of)["typical", "dX"]
    assert sound.sound and sound.normwise < 4
    found = rows(of, spoiled("dX", PLANTED[fault]))["typical", "dX"]
    counts = {"nan": found.nan, "infinite": found.infinite, "zeros": found.zeros}
    assert counts == {"nan": 0, "infinite": 0, "zeros": 0} | {fault: 1}
    assert not found.sound and found.worst > 1e6


def test_an_error_of_the_whole_array_is_given_in_eps() -> None:
    of = reference("rmsnorm", names=("typical",))
    eps = float(np.finfo(np.float32).eps)
    found = rows(of, spoiled("dX", lambda a: a * np.float32(1 + 64 * eps)))["typical", "dX"]
    assert 60 < found.normwise < 70


def test_zeros_fail_only_where_a_regime_is_declared_for_the_formula() -> None:
    derivation = derive("sum(a*b)", given="a: n\nb: n").derivation
    of = ArrayReference(derivation, "float32")
    assert [r.name for r in of.regimes] == ["typical", "scale 30", "offset 1e4"]
    found = rows(of, spoiled("da", lambda a: a * 0))
    assert all(r.zeros == r.entries and r.sound for (_, name), r in found.items() if name == "da")
    assert not any(r.sound for (_, name), r in rows(of, spoiled("da", lambda a: a * np.nan)).items() if name == "da")


def test_the_catalogue_declares_regimes_and_forms() -> None:
    assert len(DECLARED) >= 17 and len(IN_JAX) >= 13


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gaussian 3", "known: normal, near"),
        ("normal", "'normal'.*scale"),
        ("hard 3", "'hard 3'"),
        ("near A", "'near A'"),
    ],
)
def test_inputs_that_cannot_be_read_say_why(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(text)


ROOM = Path(nnmath.numeric.__file__).parent
SOURCES = sorted(ROOM.rglob("*.py"))


def named_ids(text: str) -> set[str]:
    """Ids of the catalogue that stand in the code as texts of their own; the names of elementary functions are none."""
    found = {n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {t for t in found & set(catalogue()) if "-" in t or catalogue()[t].topic not in ("activations", "networks")}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOM)))
def test_no_module_knows_an_id(path: Path) -> None:
    assert named_ids(path.read_text(encoding="utf-8")) == set()


def test_a_table_by_id_would_be_found() -> None:
    assert named_ids('DECLARED = {"softmax-ce": 1, "layernorm": 2, "sigmoid": 3}') == {"softmax-ce", "layernorm"}


def test_an_unknown_regime_says_which_there_are() -> None:
    with pytest.raises(ValueError, match=r"no regime huge; it has typical, .*offset 1e4"):
        reference("layernorm", names=("huge",))


@pytest.mark.parametrize("id", IN_JAX)
def test_the_forms_in_jax_compute_the_same(id: str) -> None:
    pytest.importorskip("jax", reason="jax is an optional extra")
    harmless = reference(id, "float64").regimes[0].name
    found = measured_arrays(reference(id, "float64", (harmless,)), "jax", None, catalogue()[id].jax)
    assert {r.order for r in found} == {0, 1} and all(r.sound and r.normwise < 100 for r in found)
