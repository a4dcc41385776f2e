"""What a person's own function computes: derived, proved, generated and checked; and what is refused, in one line."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import own_functions as own
import pytest

import nnmath
from nnmath.calculus.parser import parse_givens
from nnmath.cli import main
from nnmath.numeric import check
from nnmath.numeric.checking.torch_text import text_forward
from nnmath.verification.subjects.protocol import SubjectError
from nnmath.verification.tracing.trace import trace

FILE = Path(own.__file__).name
Output = pytest.CaptureFixture[str]

NET = "X: n D, W1: D H, b1: H, W2: H C, b2: C, y: n int<C"
#: inputs, what to differentiate by ("" for all), and the names of the definitions, which are the code's.
CASES: dict[str, tuple[str, str, str]] = {
    "linear_regression": ("X: n d, w: d, y: n", "", "L"),
    "ridge": ("X: n d, w: d, y: n", "w", "residual L"),
    "logistic_regression": ("X: n d, w: d, b: real, t: n", "w b", "z p L"),
    "labelled_cross_entropy": ("Z: n C, y: n int<C", "", "probs L"),
    "one_hot_cross_entropy": ("Z: n C, y: n int<C", "", "logp L"),
    "two_layer_net": (NET, "W1 b1 W2 b2", "u h scores probs data_loss reg_loss L"),
    "huber": ("X: n d, w: d, y: n", "w", "r small large L"),
    "layernorm": ("x: n d, g: d, b: d", "", "mu var xhat out L"),
    "attention_loss": ("Q: q d, K: s d, V: s e, T: q e", "Q K V", "S A O L"),
    "gaussian_nll": ("x: n d, mu: d, log_sigma: d", "mu log_sigma", "z L"),
    "cosine_loss": ("a: n d, b: n d", "a b", "dots u u2 norms L"),
    "swish": ("x: real", "", "s y"),
    "stable_sigmoid": ("x: real", "", "y"),
    "dense_relu": ("x: n d, W: d h, b: h", "", "z Y L"),
    "autoencoder": ("X: n d, W: d h, V: h d", "W V", "u code decoded error L"),
    "kl_to_standard_normal": ("mu: n d, logvar: n d", "", "L"),
    "rewritten": ("x: n d, w: d k", "w", "h h2 h3 h4 L"),
    "rnn_unrolled": ("X: 3 d, W: d k, U: k k, h0: k", "W U", "u h u2 h2 u3 h3 L"),
}
each_case = pytest.mark.parametrize("name", CASES)


@cache
def page_of(name: str) -> nnmath.Page:
    inputs, wrt, _ = CASES[name]
    return nnmath.derive(getattr(own, name), inputs=inputs, wrt=wrt.split())


@each_case
def test_every_step_is_proved_and_the_code_is_right(name: str) -> None:
    page = page_of(name)
    assert page.proved and page.steps
    report = check(page.derivation, dtypes=("float64",), may_be_undefined=True)
    assert report.passed, report.summary


@each_case
def test_definitions_have_the_names_of_the_local_variables(name: str) -> None:
    assert " ".join(d.name for d in page_of(name).derivation.definitions) == CASES[name][2]


@each_case
def test_the_formulas_are_what_the_function_computes(name: str) -> None:
    """The generated value, from the traced formulas, against the function itself."""
    page = page_of(name)
    rng = np.random.default_rng(3)
    sizes = dict(zip(map(str, page.derivation.dims), (3, 4, 2, 5), strict=False))
    arrays = {}
    for t in parse_givens(CASES[name][0]):
        shape = tuple(int(sizes.get(str(d), 0) or d) for d in t.dims)
        labels = t.domain.below is not None
        arrays[t.name] = rng.integers(0, sizes[str(t.domain.below)], shape) if labels else rng.normal(size=shape)
    namespace: dict[str, object] = {}
    exec(page.numpy_source(), namespace)
    returned = getattr(own, name)(**arrays)
    expected = returned[0] if isinstance(returned, tuple) else returned
    np.testing.assert_allclose(namespace[name](**arrays), expected, rtol=1e-10)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["layernorm", "swish", "two_layer_net"])
def test_the_check_runs_the_function_itself(name: str) -> None:
    page = page_of(name)
    report = page.check(dtypes=("float64",))
    assert report.passed and any(f"{name} itself returns the value of its formula" in n for n in report.notes)
    function = page.function
    assert function is not None
    other = replace(function, call=lambda **arrays: function.call(**arrays) * (1 + 1e-9))
    report = replace(page, function=other).check(dtypes=("float64",))
    assert not report.passed and "the formula that was read from it" in report.summary


def test_second_derivatives() -> None:
    page = nnmath.derive(own.linear_regression, inputs="X: n d, w: d, y: n", wrt="w", order=2)
    assert page.proved and [r.name for r in page.derivation.wanted] == ["dw", "d2L_dw2"]


def test_a_page_of_a_function_has_every_format() -> None:
    page = page_of("two_layer_net")
    assert "align*" in page.latex() and r"\documentclass" in page.latex(document=True)
    assert "scores" in page.markdown() and '"probs"' in page.render("json")
    assert "Of the 4 values that layernorm returns, the first is derived." in str(page_of("layernorm"))
    assert page.forward is None


def test_shapes_from_examples_and_annotations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = (np.ones((3, 2)), np.ones(2), np.ones(3))
    assert nnmath.derive(own.linear_regression, inputs=examples).proved
    (tmp_path / "annotated.py").write_text(
        "import numpy as np\n"
        "def loss(X: \"Float[Array, 'n d']\", w: \"Float[Array, 'd']\"):\n    return np.sum((X @ w)**2)\n"
    )
    (tmp_path / "exampled.py").write_text(
        "import numpy as np\nexample = (np.ones((3, 2)), np.ones(2))\ndef loss(X, w):\n    return np.sum((X @ w)**2)\n"
    )
    monkeypatch.chdir(tmp_path)
    for file in ("annotated.py", "exampled.py"):
        page = nnmath.derive(f"{file}:loss", wrt="w")
        assert page.proved and [str(t.rank) for t in page.derivation.givens] == ["2", "1"]


def test_what_code_prints_and_a_debugger_are_left_alone(tmp_path: Path, capsys: Output) -> None:
    import sys

    file = tmp_path / "noisy.py"
    file.write_text(
        "import numpy as np\nprint('loading')\ndef loss(x):\n    print('in loss')\n    return np.sum(x * x)\n"
    )
    before = sys.gettrace()
    assert main(["derive", f"{file}:loss", "--inputs", "x: n", "--format", "json"]) == 0
    assert capsys.readouterr().out.startswith("{")
    assert sys.gettrace() is before


# -- the command -----------------------------------------------------------------------------------------------------

RIDGE = (f"{FILE}:ridge", "--inputs", "X: n d, w: d, y: n", "--wrt", "w")
FORMULA = ("mean((X @ w - y)**2)", "--given", "X: n d, w: d, y: n", "--wrt", "w")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(own.__file__).parent)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("derive", *RIDGE, "--brief"), ("residual = X w − y", "Checked   7 steps: 7 proved")),
        (("derive", *RIDGE, "--format", "latex", "--document"), (r"\documentclass", "residual")),
        (("derive", *RIDGE, "--order", "2", "--brief"), ("∂²L/∂w²",)),
        (("code", *RIDGE), ("def ridge_gradient(X, w, y):", "residual = X @ w - y")),
        (("code", *FORMULA), ("def expression_gradient(X, w, y):",)),
        (("check", *RIDGE, "--dtype", "float64"), ("1 checked against exact values, without torch",)),
        (("check", *RIDGE, "--dtype", "float64", "--json"), ('"against": "exact values"',)),
    ],
)
def test_the_command_takes_functions_and_formulas(
    arguments: tuple[str, ...], parts: tuple[str, ...], here: None, capsys: Output
) -> None:
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert all(part in " ".join(out.split()) or part in out for part in parts), out


REFUSED = [
    ("sorted_loss", "x: n d, w: d", "line 133: np.sort cannot be traced"),
    ("branching", "x: n d, w: d", "a branch on the value of an array"),
    ("pooled", "x: n d", 'Give d a number: --inputs "x: n 3"'),
    ("rnn_unrolled", "X: T d, W: d h, U: h h, h0: h", 'Give T a number: --inputs "X: 3 d, W: d h'),
    ("raises", "x: n", "it raises RuntimeError: not today"),
    ("returns_text", "x: n", "output 0 is a str, not an array"),
    ("returns_nothing", "x: n", "it returns nothing"),
    ("no_parameters", "x: n", "takes no arguments"),
    ("labels_only", "y: n int<5", "nothing to differentiate by"),
    ("Network", "x: n", "Network is a class"),
    ("NUMBER", "x: n", "NUMBER is a value of type int"),
    ("rigde", "x: n", f"did you mean {FILE}:ridge"),
    ("ridge", "X: n d, w: d, z: n", "--inputs names z, which ridge does not take"),
    ("ridge", "X: n d, w: d", 'type --inputs "X: n d, w: d, y: n"'),
    ("ridge", "X: n d, w: n, y: n", "shapes n×d and n not aligned"),
    ("ridge", "X: n d, w: d, y: n, lam: function", "lam is a function"),
    ("ridge", "", "the shapes of ridge are not known; type --inputs"),
]


@pytest.mark.parametrize(("name", "inputs", "part"), REFUSED, ids=[f"{n} {i}" for n, i, _ in REFUSED])
@pytest.mark.parametrize("command", ["derive", "code"])
def test_what_cannot_be_derived_is_one_line_and_code_2(
    command: str, name: str, inputs: str, part: str, here: None, capsys: Output
) -> None:
    assert main([command, f"{FILE}:{name}", *(["--inputs", inputs] if inputs else [])]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("nnmath: ") and err.count("\n") == 1 and part in err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("derive", f"{FILE}:ridge", "--inputs", "X: n d, w: d, y: n", "--wrt", "q"), "no input of ridge: X, w, y"),
        (("derive", f"{FILE}:labelled_cross_entropy", "--inputs", "Z: n C, y: n int<C", "--wrt", "y"), "not real"),
        (("derive", f"{FILE}:swish", "--inputs", "x: n", "--set", "depth=3"), "a formula has no parameters"),
        (("derive", "no_such_file.py:loss", "--inputs", "x: n"), "there is no file no_such_file.py"),
        (("derive", FILE), f"Write {FILE}:FUNCTION"),
        (("check", "sigmoid", f"{FILE}:ridge"), "one formula of your own at a time"),
        (("check", f"{FILE}:ridge", "--inputs", "X: n d"), "type --inputs"),
        (("check", "mean(x", "--given", "x: n"), "was never closed"),
        (("check", "mean(x)"), "no entry is called"),
        (("derive", "P = softmax(X @ W / sqrt(d)); -mean(log(P[i, y[i]]) for i in n)"), '"X: n d, W: n d, y: n"'),
        (("check", "sigmoid", "--wrt", "x"), "--wrt goes with a formula of your own"),
    ],
)
def test_wrong_usage_is_code_2(arguments: tuple[str, ...], part: str, here: None, capsys: Output) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("nnmath: ") and part in err


def test_a_file_that_does_not_import(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "broken.py").write_text("import numpy as np\nx = 1/0\n")
    assert main(["derive", f"{tmp_path}/broken.py:loss", "--inputs", "x: n"]) == 2
    assert "broken.py:2: ZeroDivisionError" in capsys.readouterr().err


def test_a_function_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    from nnmath.verification.subjects import sandbox

    monkeypatch.setattr(sandbox.guarded, "__defaults__", (0.3,))

    def forever(x: object) -> None:
        while True:
            pass

    with pytest.raises(SubjectError, match="still running after"):
        nnmath.derive(forever, inputs="x: n")


# -- what a trace with names must not do ------------------------------------------------------------------------------


def changed_after_it_was_named(x):  # type: ignore[no-untyped-def]
    a = x * 2
    b = a
    a += 1
    b[0] = 0
    c = a.T * a
    return (c + b).sum()


def a_view_that_is_written(x):  # type: ignore[no-untyped-def]
    h = np.tanh(x)
    row = h[0]
    row *= 3
    t = h.T
    t[1] = 2
    return np.sum(h * h)


@pytest.mark.parametrize("function", [changed_after_it_was_named, a_view_that_is_written])
def test_names_follow_writes(function) -> None:  # type: ignore[no-untyped-def]
    inputs = "x: n" if function is changed_after_it_was_named else "x: n d"
    page = nnmath.derive(function, inputs=inputs)
    x = np.random.default_rng(0).normal(size=(4, 3)[: len(inputs.split()) - 1])
    namespace: dict[str, object] = {}
    exec(page.numpy_source(), namespace)
    np.testing.assert_allclose(namespace[function.__name__](x), function(x.copy()), rtol=1e-12)  # type: ignore[operator]


def test_a_name_is_a_definition_of_what_came_before() -> None:
    traced = trace(own.autoencoder, parse_givens("X: n d, W: d h, V: h d"), naming=True)
    assert [traced.local_names[d.tensor] for d in traced.definitions] == ["code", "decoded", "error"]
    for at, d in enumerate(traced.definitions):
        later = {e.tensor for e in traced.definitions[at:]}
        assert later.isdisjoint(d.body.atoms(type(d.tensor)))


# -- the text of a formula, evaluated by torch ------------------------------------------------------------------------

TEXTS = ("gelu", "softmax-ce", "softmax-ce-labels", "softmax-jacobian", "dense", "mlp-softmax", "backprop", "elu")


@pytest.mark.parametrize("id", TEXTS)
def test_torch_reads_the_text_of_entries(id: str) -> None:
    pytest.importorskip("torch", reason="torch evaluates the text")
    page = nnmath.derive(id)
    forward = text_forward(page.entry.given, page.entry.define)  # type: ignore[arg-type]
    regimes = ("typical",) if all(not t.rank for t in page.derivation.givens) else ("unequal sizes",)
    report = check(page.derivation, forward, dtypes=("float64",), regimes=regimes)
    assert report.passed, report.summary


FORMULAS = [
    ("L = sum((Z[i, c] - Z[j, c])**2 for i in n for j in n for c in C if j != i)", "Z: n C"),
    ("S[i: n] = sum(a[k]*delta(k, y[i]) for k in C)\nL = mean(S**2)", "a: C, y: n int<C"),
    ("L = sum(log(1 + exp(-t[i]*sum(X[i, k]*w[k] for k in d))) for i in n)/n", "X: n d, w: d, t: n"),
    ("L = sum(max(x - 1, 0) + min(x, y) + where(x > y, x, 2*y) + abs(x))", "x: n, y: n"),
    ("L = sum(outer(x, x)*diag(x)) + logsumexp(x) + sum(log_softmax(x)*softmax(x)) + pi + e", "x: n"),
    ("mean(sum(X*X, axis=0, keepdims=True) - X[0, 0])", "X: n d"),
    ("mean((X.T @ X)**2, axis=(0, 1)) + x[0]*n", "X: n d, x: d"),
    ("mean((X @ w + b - y)**2) + lam*sum(w**2)", "X: n d, w: d, b: real, y: n, lam: positive = 0.1"),
]


@pytest.mark.parametrize(("text", "given"), FORMULAS)
def test_torch_agrees_with_the_derivatives_of_formulas(text: str, given: str) -> None:
    pytest.importorskip("torch", reason="torch evaluates the text")
    page = nnmath.derive(text, given=given)
    assert page.proved and page.forward is not None
    report = check(page.derivation, page.forward, dtypes=("float64",), regimes=("unequal sizes", "equal sizes"))
    assert report.passed, report.summary


@pytest.mark.parametrize("wrong", ["sum(X @ w - y)**2", "mean((X @ w + y)**2)", "mean((X @ w - y)**3)"])
def test_torch_notices_another_formula(wrong: str) -> None:
    pytest.importorskip("torch", reason="torch evaluates the text")
    given = "X: n d, w: d, y: n"
    page = nnmath.derive("mean((X @ w - y)**2)", given=given)
    report = check(page.derivation, text_forward(given, f"L = {wrong}"), dtypes=("float64",))
    assert not report.passed and "torch computes something else" in report.summary


def test_text_that_torch_is_not_told_of() -> None:
    assert text_forward("x: n", "L = __import__('os')") is None
    assert text_forward("x: real, g: function", "y = g.prime(x)") is None
    assert text_forward("x: n", "L = sum(x") is None


def test_a_formula_without_a_value_anywhere_does_not_pass() -> None:
    page = nnmath.derive("sum(log(-x*x))", given="x: n")
    report = check(page.derivation, dtypes=("float64",), may_be_undefined=True)
    assert not report.passed and "no exact value in any regime" in report.summary
