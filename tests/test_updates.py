"""Update rules: every option against torch.optim for a hundred steps; planted errors are found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler
from planted_updates import IN_CODE, IN_FORMULAS

import nnmath
from nnmath.derivations import catalogue, find
from nnmath.derivations.build import EntryError, derive_entry
from nnmath.derivations.options import ParameterError
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.checking.recurrence import Course
from nnmath.numeric.checking.trajectories import SIZE, STEPS, check
from nnmath.numeric.checking.updates import Rule, generate
from nnmath.numeric.native.rules import compiled_rule
from nnmath.numeric.plans import GeneratedModule

RULES = {id: entry for id, entry in catalogue().items() if entry.kind == "update"}
SETTINGS = [(id, setting) for id, entry in RULES.items() for setting in ({}, *entry.variants)]
OPTIMISERS = [id for id in RULES if id not in ("clip-norm", "clip-value") and not id.endswith(("decay", "annealing"))]


def rule_of(id: str, setting: Mapping[str, Any], define: Any = None) -> tuple[Rule, Any]:
    """The rule of an entry, without its proofs, and its counterpart."""
    entry = replace(find(id).at(**setting), proof=(), assume={})
    if define is not None:
        entry = replace(entry, define=define(entry.define))
    return Rule(derive_entry(entry), entry.state, entry.start), entry.torch


def name(setting: Any) -> str:
    return (", ".join(setting) or "plain") if isinstance(setting, dict) else str(setting)


def test_ids() -> None:
    assert [id for id, e in catalogue().items() if e.topic == "optimisers"] == [
        *("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta"),
        *("adam", "adamw", "adamax", "nadam", "radam", "lamb"),
        *("step-decay", "exponential-decay", "cosine-annealing", "clip-norm", "clip-value"),
    ]


@pytest.mark.parametrize(("id", "setting"), SETTINGS, ids=name)
def test_every_option_against_torch(id: str, setting: Mapping[str, Any]) -> None:
    rule, counterpart = rule_of(id, setting)
    report = check(rule, counterpart)
    assert report.passed, report.summary
    assert [r.dtype for r in report.results] == ["float64", "float32"]


NUMBERS: list[tuple[str, dict[str, Any], dict[str, float]]] = [
    (
        "sgd",
        {"momentum": True, "dampening": True, "weight_decay": True},
        {"eta": 0.02, "mu": 0.5, "tau": 0.7, "lam": 0.2},
    ),
    ("adagrad", {"lr_decay": True}, {"eta": 0.3, "gamma": 0.5, "eps": 1e-3}),
    ("rmsprop", {"centered": True, "momentum": True}, {"eta": 0.002, "alpha": 0.8, "mu": 0.3, "eps": 1e-2}),
    ("adadelta", {}, {"eta": 0.5, "rho": 0.7, "eps": 1e-3}),
    ("adam", {"amsgrad": True}, {"eta": 0.05, "beta1": 0.7, "beta2": 0.9, "eps": 1e-3}),
    ("adamw", {}, {"eta": 0.02, "lam": 0.3, "eps": 1e-2}),
    ("adamax", {}, {"eta": 0.05, "beta1": 0.6, "beta2": 0.8, "eps": 1e-2}),
    ("nadam", {"weight_decay": True}, {"eta": 0.02, "psi": 0.05, "beta1": 0.8, "lam": 0.1}),
    ("radam", {}, {"eta": 0.01, "beta2": 0.9}),
    ("lamb", {}, {"eta": 0.05, "lam": 0.5, "beta2": 0.9}),
    ("step-decay", {}, {"s": 7, "gamma": 0.9}),
    ("cosine-annealing", {}, {"T": 101, "low": 0.05}),
    ("clip-norm", {}, {"c": 5.0}),
    ("clip-value", {}, {"c": 0.1}),
]


@pytest.mark.parametrize(("id", "setting", "numbers"), NUMBERS, ids=name)
def test_other_numbers_than_the_defaults(id: str, setting: Mapping[str, Any], numbers: Mapping[str, float]) -> None:
    rule, counterpart = rule_of(id, setting)
    assert set(numbers) <= set(rule.givens)
    report = check(rule, counterpart, numbers=numbers)
    assert report.passed, report.summary


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("code", ["numpy", pytest.param("c", marks=needs_compiler)])
def test_a_gradient_that_explodes_is_clipped_to_the_largest_norm(code: str, dtype: str) -> None:
    """Its squares overflow from 2e19 on in float32; c over an infinite norm would be 0."""
    rule, _ = rule_of("clip-norm", {})
    step = compiled_rule(rule).clip_norm if code == "c" else load_source(generate(rule).source)["clip_norm"]
    for scale in (1.0, 1e20, 1e36) if dtype == "float32" else (1.0, 1e160, 1e300):
        g = (np.array([3.0, -4.0] * 50) * scale).astype(dtype)
        for c in (2.0, 1e-3, 1e30):
            h = step(g, c=c)
            assert h.dtype == dtype
            factor = min(c / (np.sqrt(50) * 5 * scale + 1e-6), 1.0)
            np.testing.assert_allclose(h, g * factor, rtol=4 * np.finfo(dtype).eps)


def test_an_ordinary_gradient_is_not_scaled() -> None:
    rule, _ = rule_of("clip-norm", {})
    scale = load_source(generate(rule).source)["_array_scale"]
    for entries, power in (((1.0, -3.0), 1.0), ((0.0, 0.0), 1.0), ((np.inf, 1.0), 1.0), ((np.nan, 1.0), 1.0)):
        assert scale(np.array(entries, np.float32)) == power
    for entries, power in (((1e-30, -3e-30), 2.0**-99), ((-3e30, 0.0), 2.0**101)):
        found = scale(np.array(entries, np.float32))
        assert found == power and found.dtype == np.float32
    assert scale(np.full(3, 1e-30, np.float32), least=0.5) == 1.0


@pytest.mark.parametrize(("id", "setting"), [s for s in SETTINGS if s[1]], ids=name)
def test_proofs_with_every_option(id: str, setting: Mapping[str, Any]) -> None:
    page = nnmath.derive(id, **setting)
    assert page.proved, [str(s) for s in page.steps if not s.verdict.is_proved]


@pytest.mark.parametrize(("id", "setting", "old", "new"), IN_CODE)
def test_an_error_planted_in_the_code_is_found(id: str, setting: Mapping[str, Any], old: str, new: str) -> None:
    rule, counterpart = rule_of(id, setting)
    module = generate(rule)
    assert module.source.count(old) >= 1, module.source
    spoiled = GeneratedModule(module.source.replace(old, new), module.functions)
    report = check(rule, counterpart, module=spoiled, dtypes=("float64",))
    (result,) = report.results
    assert result.kind == "wrong", report.summary
    assert result.ours != result.torch and "after step" in result.detail


@pytest.mark.parametrize(("id", "setting", "old", "new"), IN_FORMULAS)
def test_an_error_planted_in_the_definitions_is_found(id: str, setting: Mapping[str, Any], old: str, new: str) -> None:
    def spoil(text: str) -> str:
        assert old in text, text
        return text.replace(old, new)

    rule, counterpart = rule_of(id, setting, spoil)
    report = check(rule, counterpart, dtypes=("float64",))
    (result,) = report.results
    assert result.kind == "torch disagrees" or not np.isfinite(result.error), report.summary


def test_many_errors_are_planted() -> None:
    assert len(IN_CODE) + len(IN_FORMULAS) >= 25
    assert {id for id, *_ in (*IN_CODE, *IN_FORMULAS)} == set(RULES)


def test_the_bound_holds_a_disturbed_course_and_is_small() -> None:
    rule, _ = rule_of("adam", {})
    numbers = {"eta": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    start = {n: np.full(SIZE, v) for n, v in {"w": 1.0, "m": 0.0, "v": 0.0}.items()}
    course = Course(rule, numbers, start, float(np.finfo(float).eps))
    for t in range(1, STEPS + 1):
        course.step({"t": t}, {"g": np.ones((1, SIZE), dtype=np.longdouble)})
    assert np.all(course.movement > 0) and np.all(course.movement < 1e-12)
    # With a constant gradient every step is η g/(|g| + ε): what the entry proves.
    assert np.allclose(course.exact.astype(float), 1.0 - STEPS * 0.001 / (1 + 1e-8), rtol=0, atol=1e-15)


@pytest.mark.parametrize("id", OPTIMISERS)
def test_the_loop_over_named_arrays_is_the_step(id: str) -> None:
    """NAME_update on arrays of any shape does what NAME_step does on each, and keeps dtypes and inputs."""
    rule, _ = rule_of(id, {})
    base = id.replace("-", "_")
    names = load_source(generate(rule).source)
    init, update, step = (names[f"{base}_{part}"] for part in ("init", "update", "step"))
    rng = np.random.default_rng(0)
    parameters = {"W": rng.normal(size=(3, 2)).astype(np.float32), "b": rng.normal(size=2)}
    before = {k: a.copy() for k, a in parameters.items()}
    state = init(parameters)
    flat = {k: [a.ravel(), *(state[m.name][k].ravel() for m in rule.memory if m.rank)] for k, a in parameters.items()}
    alone = {k: dict(zip(rule.state, arrays, strict=False)) for k, arrays in flat.items()}
    for m in rule.memory:
        for k in parameters:
            alone[k].setdefault(m.name, state[m.name][k])
    current = parameters
    for t in (1, 2, 3):
        gradients = {k: rng.normal(size=a.shape).astype(a.dtype) for k, a in current.items()}
        current, state = update(current, gradients, state)
        for k in parameters:
            counted = {"t": t} if "t" in rule.givens else {}
            out = step(**alone[k], g=gradients[k].ravel(), **counted)
            alone[k] = dict(zip(rule.state, out if isinstance(out, tuple) else (out,), strict=True))
            assert current[k].shape == parameters[k].shape and current[k].dtype == parameters[k].dtype
            assert np.array_equal(current[k].ravel(), alone[k]["w"])
    assert all(np.array_equal(before[k], parameters[k]) for k in before)


def test_state_that_does_not_start_at_zero() -> None:
    rule, _ = rule_of("adagrad", {"initial_accumulator_value": True})
    names = load_source(generate(rule).source)
    parameters = {"b": np.zeros(2)}
    assert np.array_equal(names["adagrad_init"](parameters)["s"]["b"], [0.1, 0.1])
    assert np.array_equal(names["adagrad_init"](parameters, tau=0.5)["s"]["b"], [0.5, 0.5])


@pytest.mark.parametrize(
    "setting", [{"nesterov": True}, {"dampening": True}, {"momentum": True, "nesterov": True, "dampening": True}]
)
def test_options_that_torch_refuses_are_refused(setting: Mapping[str, Any]) -> None:
    with pytest.raises(ParameterError, match="momentum"):
        nnmath.derive("sgd", **setting)


@pytest.mark.parametrize(
    "state", [{"v": "w1"}, {"w": "w2"}, {"w": "eta"}], ids=["no given", "no definition", "another shape"]
)
def test_a_state_that_is_not_there_is_refused(state: Mapping[str, str]) -> None:
    with pytest.raises(EntryError, match="a given and a definition of its shape"):
        derive_entry(replace(find("sgd").at(), state=state))


def test_half_precision_is_refused_in_words() -> None:
    rule, counterpart = rule_of("sgd", {})
    with pytest.raises(ValueError, match="float64 and float32, not in bfloat16"):
        check(rule, counterpart, dtypes=("bfloat16",))


@pytest.mark.parametrize("output", ["0.5", "np.zeros(3)", "w.astype(np.float32)", "w + np.nan"])
def test_a_step_of_the_wrong_kind_is_found(output: str) -> None:
    rule, counterpart = rule_of("sgd", {})
    module = generate(rule)
    spoiled = GeneratedModule(module.source.replace("return w - eta * g", f"return {output}"), module.functions)
    report = check(rule, counterpart, module=spoiled, dtypes=("float64",))
    assert not report.passed


def test_the_page_says_what_a_step_replaces() -> None:
    text = str(nnmath.derive("nadam"))
    assert "One step replaces w by w₁, m by m₁, v by v₁ and p by p₁." in text
    assert "Before the first step m and v are 0." in text and "Before the first step p is 1." in text


def test_a_sum_in_front_of_an_array_stands_in_brackets() -> None:
    shown = [line for line in nnmath.derive("adam").latex().splitlines() if line.startswith("m_{1} &=")]
    assert shown and all(r"m_{1} &= (1 - \beta_{1}) g + \beta_{1} m" in line for line in shown)


@pytest.mark.parametrize(("id", "setting"), SETTINGS, ids=name)
def test_the_code_needs_numpy_only_and_is_readable(id: str, setting: Mapping[str, Any]) -> None:
    source = generate(rule_of(id, setting)[0]).source
    imports = [line for line in source.splitlines() if line.startswith(("import", "from"))]
    assert imports == ["import numpy as np"] and max(map(len, source.splitlines())) <= 120
