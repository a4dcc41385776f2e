"""What people get for the formulas that they write: the textbook's result, in matrix notation, all of it proved."""

from __future__ import annotations

import pytest

import nnmath
from nnmath.calculus.functions import Indicator, relu
from nnmath.calculus.parser import ParseError, parse_definitions, parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.sums import BoundSum
from nnmath.calculus.tensors import Index, Tensor, dimension

#: name: definitions, arrays, some of the results
RESULTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "softmax regression": (
        "P = softmax(X@W + b)\nL = -sum(Y*log(P))/n",
        "X: n d, W: d C, b: C, Y: n C rows",
        (
            "∂L/∂X = (P − Y) Wᵀ/n",
            "∂L/∂W = Xᵀ (P − Y)/n",
            "∂L/∂b = (1/n) (P − Y)ᵀ 1",
            "∂L/∂b_c = (1/n) Σ_i (P_ic − Y_ic)",
        ),
    ),
    "targets whose rows need not sum to 1": (
        "P = softmax(X@W)\nL = -sum(Y*log(P))",
        "X: n d, W: d C, Y: n C",
        ("∂L/∂W = Xᵀ (diag(Y 1) P − Y)",),
    ),
    "a penalty beside a cross-entropy": (
        "P = softmax(Z)\nL = sum(P**2) - sum(Y*log(P))",
        "Z: n C, Y: n C",
        ("∂L/∂Z = 2 (P ⊙ P) − diag((2 (P ⊙ P) − Y) 1) P − Y",),
    ),
    "labels": (
        "P = softmax(X@W + b); -mean(log(P[i, y[i]]) for i in n)",
        "X: n d, W: d C, b: C, y: n int<C",
        ("∂L/∂X = (P − onehot(y)) Wᵀ/n", "∂L/∂W = Xᵀ (P − onehot(y))/n"),
    ),
    "an entry of what is computed": (
        "-mean(log_softmax(Z)[i, y[i]] for i in n)",
        "Z: n C, y: n int<C",
        ("∂L/∂Z = (softmax(Z) − onehot(y))/n",),
    ),
    "a network of two layers": (
        "H = tanh(X@V + a)\nP = softmax(H@W + b)\nL = -sum(Y*log(P))/n",
        "X: n d, V: d h, a: h, W: h C, b: C, Y: n C rows",
        ("dH = (P − Y) Wᵀ/n", "dV = Xᵀ (dH ⊙ (1 − H ⊙ H))", "dW = Hᵀ (P − Y)/n"),
    ),
    "sigmoid units": (
        "H = sigmoid(X@W + b)\nL = sum((H - T)**2)",
        "X: n d, W: d h, b: h, T: n h",
        ("dW = Xᵀ (H ⊙ dH ⊙ (1 − H))",),
    ),
    "relu units": (
        "H = relu(X@W + b)\nL = upstream(dH, H)",
        "X: n d, W: d h, b: h, dH: n h",
        ("∂L/∂W = Xᵀ (dH ⊙ [H > 0])", "∂L/∂X = (dH ⊙ [H > 0]) Wᵀ"),
    ),
    "attention": (
        "P = softmax(Q@K.T/sqrt(d))\nO = P@V\nL = upstream(dO, O)",
        "Q: n d, K: m d, V: m v, dO: n v",
        (
            "dQ = (P ⊙ (dP − (P ⊙ dP) 1 1ᵀ)) K/√d",
            "dK = (P ⊙ (dP − (P ⊙ dP) 1 1ᵀ))ᵀ Q/√d",
            "dV = Pᵀ dO",
            "dK_je = (1/√d) Σ_i P_ij Q_ie (dP_ij − Σ_q P_iq dP_iq)",
        ),
    ),
    "a contrastive loss": (
        "S = A@B.T/tau\nL = -mean(diag(log_softmax(S)))",
        "A: n d, B: n d, tau: positive",
        ("dS = (softmax(S) − I)/n", "dA = dS B/τ", "dB = dSᵀ A/τ"),
    ),
    "layer normalisation with axes that are kept": (
        "M = mean(X, axis=1, keepdims=True)\nV = mean((X - M)**2, axis=1, keepdims=True)\n"
        "H = (X - M)/sqrt(V + eps)\nY = g*H + b\nL = upstream(dY, Y)",
        "X: n d, g: d, b: d, eps: positive, dY: n d",
        ("dH = dY diag(g)", "dg = (H ⊙ dY)ᵀ 1", "− ((dH 1) ⊘ √(V + ε 1)) 1ᵀ/d"),
    ),
    "a gated unit, its sums inside of sums": (
        "Y = ((X@W)*sigmoid(X@W)*(X@V))@O\nL = upstream(dY, Y)",
        "X: n d, W: d h, V: d h, O: h d, dY: n d",
        ("∂L/∂X = ((X W) ⊙ (dY Oᵀ) ⊙ σ(X W)) Vᵀ + (", "∂L/∂V = Xᵀ ((X W) ⊙ (dY Oᵀ) ⊙ σ(X W))"),
    ),
    "batch normalisation, its variance beside its own mean": (
        "H = (X - mean(X, 0))/sqrt(var(X, 0) + eps); sum(H*dY)",
        "X: n d, dY: n d, eps: positive",
        (
            "∂L/∂X = (dY − H diag((H ⊙ dY)ᵀ 1)/n − 1 1ᵀ dY/n)",
            "∂L/∂X_ij = (dY_ij − (1/n) Σ_k dY_kj − (H_ij/n) Σ_k dY_kj H_kj)",
            "∂L/∂ε = −(1/2) Σ_i Σ_j dY_ij H_ij / (",
        ),
    ),
    "batch normalisation with its mean and variance by name": (
        "m = mean(X, axis=0, keepdims=True); v = var(X, axis=0, keepdims=True); H = (X - m)/sqrt(v + eps)\n"
        "L = upstream(dH, H)",
        "X: n d, eps: positive, dH: n d",
        (
            "∂L/∂X = (dH − H diag((H ⊙ dH)ᵀ 1)/n − 1 1ᵀ dH/n) diag(√(v + ε 1))⁻¹",
            "∂L/∂ε = −(1/2) Σ_i Σ_j dH_ij H_ij / (v_j + ε)",
        ),
    ),
    "a variance": (
        "v = var(X, axis=0); L = sum(v*g)",
        "X: n d, g: d",
        ("∂L/∂X = 2 (X − 1 1ᵀ X/n) diag(g)/n", "∂L/∂X_li = 2 g_i (X_li − (1/n) Σ_q X_qi)/n"),
    ),
    "a sum of two terms keeps its numbers": (
        "L = sum((X@w)**2) + lam*sum(w**2)",
        "X: n d, w: d, lam: positive",
        ("∂L/∂w = 2 Xᵀ X w + 2 λ w",),
    ),
    "a quadratic form": (
        "L = (x - m)@A@(x - m)/2",
        "x: d, m: d, A: d d",
        ("∂L/∂x = (Aᵀ + A) (x − m)/2", "∂L/∂x_e = (1/2) Σ_r (A_er + A_re) (x_r − m_r)"),
    ),
    "softmax with two other indices": (
        "-sum(Y*log_softmax(Z))",
        "Z: B n C, Y: B n C rows",
        ("∂L/∂Z_ilc = softmax_c(Z_ilc) − Y_ilc",),
    ),
    "softmax of four axes": ("sum(logsumexp(Z))", "Z: A B n C", ("∂L/∂Z_airc = softmax_c(Z_airc)",)),
    "attention without a name for its softmax": (
        "sum(softmax(Q@K.T/sqrt(d))@V)",
        "Q: n d, K: m d, V: m v",
        (
            "P = softmax(Q Kᵀ/√d)",
            "dQ = (P ⊙ (dP − (P ⊙ dP) 1 1ᵀ)) K/√d",
            "dK_je = (1/√d) Σ_i P_ij Q_ie (dP_ij − Σ_q P_iq dP_iq)",
            "dV = Pᵀ 1 1ᵀ dV_ja = Σ_i P_ij",
        ),
    ),
    "pairs in order": (
        "sum(maximum(0, x[i] - x[j]) for i in n for j in n if j < i)",
        "x: n",
        ("∂L/∂x_i = Σ_j [x_i > x_j] [j < i] − Σ_j [x_j > x_i] [i < j]",),
    ),
    "squares of exponentials of sums": ("sum(exp(-(x+y))**2)", "x: n, y: n", ("∂L/∂x_i = −2 exp(−2 (x_i + y_i))",)),
    "exponentials of sums": (
        "L = sum(exp(-(X@W + b)))",
        "X: n d, W: d h, b: h",
        ("L = 1ᵀ exp(−(X W + 1 bᵀ)) 1", "∂L/∂X = −exp(−(X W + 1 bᵀ)) Wᵀ"),
    ),
}


@pytest.mark.parametrize(("formula", "given", "wanted"), RESULTS.values(), ids=RESULTS)
def test_what_a_formula_gives(formula: str, given: str, wanted: tuple[str, ...]) -> None:
    page = nnmath.derive(formula, given=given)
    text = " ".join(str(page).split())
    for result in wanted:
        assert result in text, str(page)
    assert page.derivation.proved


TRACES = {
    "trace(A)": "tr(A)",
    "trace(A @ B)": "tr(A B)",
    "trace(A.T @ B)": "⟨A, B⟩_F",
    "trace(A.T @ B @ A)": "tr(Aᵀ B A)",
    "sum(A * (B @ A))": "tr(Aᵀ B A)",
    "sum(A.T * B)": "tr(A B)",
    "x @ A @ x": "xᵀ A x",
    "x @ A @ B @ A.T @ x": "xᵀ A B Aᵀ x",
    "sum(-(x + y))": "−1ᵀ (x + y)",
    "sum(exp(-(x + y)))": "1ᵀ exp(−(x + y))",
    "sum(diag(A)**2)": "Σ_i A_ii²",
}


@pytest.mark.parametrize("formula", TRACES)
def test_how_a_scalar_is_written(formula: str) -> None:
    page = nnmath.derive(formula, given="A: n n, B: n n, x: n, y: n")
    assert f"L = {TRACES[formula]}" in " ".join(str(page).split()), str(page)
    assert page.derivation.proved


def test_kept_axes() -> None:
    """An array on the way has no axis of length 1; one that is the result, or has an upstream gradient, keeps it."""
    givens = parse_givens("X: n d, dY: n 1")
    first, middle, last = parse_definitions(
        "m = sum(X, axis=1, keepdims=True)\nZ = X - m\nk[i, j] = m[i, 0]*Z[i, j]", givens
    )
    n, d = givens[0].dims
    assert (first.tensor.dims, middle.tensor.dims, last.tensor.dims) == ((n,), (n, d), (n, d))
    (alone,) = parse_definitions("m = sum(X, axis=1, keepdims=True)", givens)
    assert alone.tensor.dims == (n, 1)
    kept, _ = parse_definitions("Y = sum(X, axis=1, keepdims=True)\nL = upstream(dY, Y)", givens)
    assert kept.tensor.dims == (n, 1)
    _, product = parse_definitions("m = sum(X, axis=1, keepdims=True)\nL = sum(m.T @ m)", givens)
    assert len(product.body.atoms(BoundSum)) == 1  # none over an axis of length 1


TEXTS = [
    "r = X@w - y; mean(r**2)",
    "r = X@w - y\nL = mean(r**2)",
    "r = X@w - y;\nmean(\n    r**2\n)",
    "# residuals\nr = X@w - y  # of n; of all\n\nL = mean(r**2);  # the loss\n# end",
]


@pytest.mark.parametrize("text", TEXTS)
def test_definitions_on_lines_or_with_semicolons(text: str) -> None:
    page = nnmath.derive(text, given="X: n d, w: d, y: n", wrt="w")
    assert "∂L/∂w = 2 Xᵀ r/n" in str(page)
    assert page.entry.title == "Derivatives of L"


@pytest.mark.parametrize(
    ("text", "problem"),
    [("mean((X@w;-y)**2)", "invalid syntax"), (";", "invalid syntax"), ("r = X@w; mean((r - y)**2", "never closed")],
)
def test_texts_that_are_none(text: str, problem: str) -> None:
    with pytest.raises(ParseError, match=problem):
        nnmath.derive(text, given="X: n d, w: d, y: n")


UNDEFINED = {
    "sum(1/(x[i] - x[j]) for i in n for j in n if j != i)": True,
    "sum(log(abs(x[i] - x[j])) for i in n for j in n if j < i)": True,
    "sum(1/(x[i] - x[j] + delta(i, j)) for i in n for j in n if j != i)": False,
    "sum(x[i]/x[j] for i in n for j in n if i > j)": False,
}


@pytest.mark.parametrize("formula", UNDEFINED)
def test_a_condition_leaves_no_division_by_zero_out(formula: str) -> None:
    if UNDEFINED[formula]:
        with pytest.raises(ParseError, match=r"the term has no value where j = i(.|\n)*delta\(j, i\)"):
            nnmath.derive(formula, given="x: n")
    else:
        assert nnmath.derive(formula, given="x: n").derivation.proved


n, d = dimension("n"), dimension("d")
i, a = Index("i", n), Index("a", d)
x, X, w = Tensor("x", (n,)), Tensor("X", (n, d)), Tensor("w", (d,))


def test_where_relu_is_positive() -> None:
    prover = Prover((), (x,))
    assert prover.judge(Indicator(x[i]), Indicator(relu(x[i]))).is_proved
    assert prover.judge(Indicator(-x[i]), Indicator(relu(x[i]))).kind == "refuted"
    assert prover.judge(Indicator(x[i]), Indicator(relu(-x[i]))).kind == "refuted"
