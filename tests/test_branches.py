"""Code with a plain form beside an exact one: both are checked, and each input gets the one that it needs."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from derived import derivation, module
from flint import arb, ctx

from nnmath.derivations.build import derive_entry
from nnmath.derivations.expression import entry_from_expression
from nnmath.numeric.checking import code
from nnmath.numeric.checking.crosscheck import check
from nnmath.numeric.checking.execution import load_source
from nnmath.numeric.joint import joint
from nnmath.numeric.numpy_code.generator import assemble
from nnmath.numeric.plans import GeneratedModule

DTYPES = ("float32", "float64")

#: What is computed where no probability is above 0.8, and where one is; with an error, and the functions that have it.
GRADIENT, JOINT = "softmax_ce_gradient", "softmax_ce_value_and_gradient"
PLANTED = [
    ("        logs = np.log(total)", "        logs = -np.log(total)", {JOINT}),
    ("        logs = np.log(total)", "        logs = np.log1p(total)", {JOINT}),
    ("    total = _sum_exponentials(P)", "    total = 1 + _sum_exponentials(P)", {GRADIENT, JOINT}),
    ("np.subtract(P, Y, out=P)", "np.add(P, Y, out=P)", {GRADIENT, JOINT}),
    ("if sure:\n        own", "if True:\n        rest = 1 - total\n        own", {GRADIENT, JOINT}),
    ("        logs = np.log1p(rest)", "        logs = -np.log1p(rest)", {JOINT}),
    ("        logs = np.log1p(rest)", "        logs = np.log(rest)", {JOINT}),
    ("        total = 1 + rest", "        total = 1 - rest", {GRADIENT, JOINT}),
    ("        rest = P.sum(axis=1)", "        rest = -P.sum(axis=1)", {GRADIENT, JOINT}),
    ("        P.put(place, 0.0)\n", "", {GRADIENT, JOINT}),
    ("(1 - own - own * rest) / total", "(own - 1 - own * rest) / total", {GRADIENT, JOINT}),
    ("(1 - own - own * rest) / total", "(1 - own + own * rest) / total", {GRADIENT, JOINT}),
    ("if sure:\n        own", "if not sure:\n        rest = total - 1\n        own", {GRADIENT, JOINT}),
]


@cache
def together(id: str) -> GeneratedModule:
    both, plan = joint(derivation(id))
    return assemble(both, (plan,))


def spoilt(made: GeneratedModule, old: str, new: str) -> GeneratedModule:
    return GeneratedModule(made.source.replace(old, new), made.functions)


@pytest.mark.parametrize(("old", "new", "where"), PLANTED, ids=[p[1].strip() for p in PLANTED])
def test_an_error_in_either_form_is_found(old: str, new: str, where: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(old in made.source for made in (module("softmax-ce"), together("softmax-ce"))[GRADIENT not in where :])
    monkeypatch.setattr(code, "generate", lambda _: spoilt(module("softmax-ce"), old, new))
    monkeypatch.setattr(code, "assemble", lambda *_: spoilt(together("softmax-ce"), old, new))
    report = check(derivation("softmax-ce"), dtypes=("float64",))
    assert {r.function for r in report.failures} == where


def run(Z: np.ndarray, Y: np.ndarray, old: str = "", new: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Value and gradient of softmax-ce, by its code with a change."""
    with np.errstate(all="ignore"):
        return load_source(spoilt(together("softmax-ce"), old, new).source)[JOINT](Z, Y)  # type: ignore[no-any-return]


def batch(largest: float, dtype: str, rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose first probability is so large in every row; the targets are there."""
    Z = np.random.default_rng(5).standard_normal((rows, 10))
    Z[:, 0] = np.log(np.exp(Z[:, 1:]).sum(axis=1)) + np.log(largest) - np.log1p(-largest)
    return Z.astype(dtype), np.eye(10, dtype=dtype)[np.zeros(rows, int)]


def exact(Z: np.ndarray) -> tuple[arb, np.ndarray]:
    """Loss and gradient for targets in the first column, as balls."""
    others = np.array([[(arb(float(z)) - arb(float(row[0]))).exp() for z in row[1:]] for row in Z])
    rest = others.sum(axis=1)
    first, total = -rest / (rest + 1), rest + 1
    loss = sum((r.log1p() for r in rest), arb(0)) / len(Z)
    return loss, np.column_stack([first, others / total[:, None]]) / len(Z)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("largest", "eps"), [(0.3, 3), (0.6, 4), (0.79, 9), (0.81, 3), (0.99, 5), (1 - 2.0**-40, 8)])
def test_digits_are_kept_on_both_sides(largest: float, eps: float, dtype: str) -> None:
    """Errors in units of rounding: of the loss, and of every row of the gradient relative to its largest entry.

    An entry that is 28 below the largest is rounded by up to 14 units of its exponential.
    """
    Z, Y = batch(largest, dtype)
    L, dZ = run(Z, Y)
    with ctx.workprec(300):
        loss, gradient = exact(Z)
        off = np.vectorize(lambda g, t: abs(float((arb(float(g)) - t).mid())))(dZ, gradient)
        wrong = abs(float(((arb(float(L)) - loss) / loss).mid()))
    unit = float(np.finfo(dtype).eps)
    assert (off.max(axis=1) / np.abs(dZ).max(axis=1)).max() <= eps * unit
    assert wrong <= eps * unit


@pytest.mark.parametrize("dtype", DTYPES)
def test_without_the_exact_form_they_are_lost(dtype: str) -> None:
    Z, Y = batch(1 - 2.0**-40, dtype)
    right, plain = run(Z, Y), run(Z, Y, "< 1.25", "< 0.5")
    assert right[0] > 0 and np.all(right[1][:, 0] < 0)
    worst = np.abs(plain[1][:, 0] / right[1][:, 0] - 1).max()
    assert worst > 1e-5 and abs(plain[0] / right[0] - 1) > 1e-6


def test_rows_beside_nan_and_infinity_keep_their_digits() -> None:
    Z, Y = batch(1 - 2.0**-50, "float64", 4)
    alone = run(Z[2:], Y[2:])[1]
    Z[0, 3], Z[1, 3] = np.nan, np.inf
    L, dZ = run(Z, Y)
    assert np.isnan(L) and np.isnan(dZ[0]).all()
    np.testing.assert_array_equal(2 * dZ[2:], alone)
    assert np.all(dZ[2:, 0] < 0)


@pytest.mark.parametrize(("largest", "plain"), [(0.3, True), (0.79, True), (0.81, False), (1 - 1e-9, False)])
def test_one_row_decides_for_all(largest: float, plain: bool) -> None:
    Z, Y = batch(0.3, "float32", 64)
    Z[17] = batch(largest, "float32", 64)[0][17]
    stopped = "raise ArithmeticError"
    if plain:
        run(Z, Y, "P.put(place, 0.0)", stopped)
        with pytest.raises(ArithmeticError):
            run(Z, Y, "logs = np.log(total)", stopped)
    else:
        run(Z, Y, "logs = np.log(total)", stopped)
        with pytest.raises(ArithmeticError):
            run(Z, Y, "P.put(place, 0.0)", stopped)


#: Formulas with a difference that has both forms, and formulas that have the exact one only, as their value needs it.
TWO_FORMS = ("mlp-softmax", "mlp-deep", "softmax-ce", "softmax-ce-hessian")
EXACT = ("logsumexp-gradient", "softmax-ce-labels", "log-softmax")


@pytest.mark.parametrize("id", [*TWO_FORMS, *EXACT])
def test_a_look_at_the_totals_stands_where_a_difference_needs_it(id: str) -> None:
    assert ("    sure = " in together(id).source) == (id in TWO_FORMS)


#: Other formulas with both forms: given, define.
FORMULAS = [
    ("Z: n C, Y: n C rows", "P = softmax(Z/3); L = -9*sum(Y*log(P))/n"),
    ("Z: n C, Q: n C rows", "P = softmax(Z); L = sum(Q*(log(Q) - log(P)))/n"),
    ("Z: b n C, Y: b n C rows", "P = softmax(Z); L = -sum(Y*log(P))"),
    (
        "Z: n C, U: n C, Y: n C rows, Q: n C rows",
        "P = softmax(Z); R = softmax(U); L = -sum(Y*log(P))/n - sum(Q*log(R))",
    ),
]


SQUARES = ("Z: n C, Y: n C rows", "P = softmax(Z); L = sum((P - Y)**2)/2")
LABELS = ("Z: n C, y: n int<C", "P = softmax(Z); L = -sum(log(P[i, y[i]]) for i in n)/n")

#: Helpers with a branch: a formula that calls one, and an error in one of its forms.
HELPERS = [
    (*SQUARES, "_row_minus", "    else:\n        p -= t", "    else:\n        p += t"),
    (*SQUARES, "_row_minus", "(large - own) +", "(own - large) +"),
    (*SQUARES, "_row_minus", "        p.put(place, top)", "        p.put(place, -top)"),
    (*LABELS, "_zero_sum", "left = own - less", "left = own + less"),
    (*LABELS, "_zero_sum", "np.where(cancels, 0.0 - x.sum(axis), left)", "np.where(cancels, x.sum(axis), left)"),
    (*LABELS, "_zero_sum", "np.where(cancels, 0.0 - x.sum(axis), left)", "0.0 - x.sum(axis) + left"),
]


@pytest.mark.parametrize(("given", "define", "helper", "old", "new"), HELPERS, ids=[h[4].strip() for h in HELPERS])
def test_an_error_in_either_form_of_a_helper_is_found(
    given: str, define: str, helper: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    d = derive_entry(entry_from_expression(define, given, ["Z"]))
    both, plan = joint(d)
    right = assemble(both, (plan,))
    assert f"def {helper}" in right.source and old in right.source
    monkeypatch.setattr(code, "assemble", lambda *_: spoilt(right, old, new))
    assert {r.function for r in check(d, dtypes=("float64",)).failures} == {plan.name}


@pytest.mark.parametrize(("given", "define"), FORMULAS)
def test_other_formulas_have_both_forms_and_pass(given: str, define: str, monkeypatch: pytest.MonkeyPatch) -> None:
    d = derive_entry(entry_from_expression(define, given, [n for n in "ZU" if f"{n}:" in given]))
    assert check(d, dtypes=("float64",)).passed
    both, plan = joint(d)
    right = assemble(both, (plan,))
    assert "--" not in right.source and "- -" not in right.source
    for old, new in (("logs = np.log(total)", "logs = -np.log(total)"), ("total = 1 + rest", "total = 1 - rest")):
        changed = spoilt(right, old, new)
        assert changed.source != right.source
        with monkeypatch.context() as patched:
            patched.setattr(code, "assemble", lambda *_, changed=changed: changed)
            assert {r.function for r in check(d, dtypes=("float64",)).failures} == {plan.name}
