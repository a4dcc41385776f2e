"""Correct gradients of losses, as source text that the mutants change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gradient:
    """A correct gradient as source, what it is the gradient of (None: of its own forward), and its arrays.

    The source defines ``grad``, or ``forward`` and ``backward``, or a class ``Layer``; NumPy is imported as ``np``.
    """

    against: str | None
    source: str
    inputs: str | None = None

    @property
    def text(self) -> str:
        return f"import numpy as np\n{self.source}"


LOSSES: dict[str, Gradient] = {
    "softmax_ce": Gradient(
        "softmax-ce",
        """
def grad(Z, Y):
    n = Z.shape[0]
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    dZ = (P - Y) / n
    return dZ
""",
    ),
    "softmax_ce_labels": Gradient(
        "softmax-ce-labels",
        """
def grad(Z, y):
    n = Z.shape[0]
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    dZ = P.copy()
    dZ[np.arange(n), y] -= 1
    return dZ / n
""",
    ),
    "softmax_loss_class": Gradient(
        None,
        """
class Layer:
    def forward(self, Z, y):
        E = np.exp(Z - Z.max(axis=1, keepdims=True))
        self.P = E / E.sum(axis=1, keepdims=True)
        self.y = y
        return -np.mean(np.log(self.P[np.arange(len(y)), y]))

    def backward(self):
        delta = self.P.copy()
        delta[np.arange(len(self.y)), self.y] -= 1
        return delta / len(self.y)
""",
        "Z: n C, y: n int<C",
    ),
    "bce": Gradient(
        "bce-with-logits",
        """
def grad(z, t):
    s = 1 / (1 + np.exp(-np.abs(z)))
    s = np.where(z >= 0, s, 1 - s)
    dz = (s - t) / len(z)
    return dz
""",
    ),
    "logistic": Gradient(
        "z[i] = sum(X[i, j]*w[j] for j in d)\nL = sum(log(1 + exp(z[i])) - t[i]*z[i] for i in n)/n",
        """
def grad(X, w, t):
    z = X @ w
    e = np.exp(-np.abs(z))
    s = np.where(z >= 0, 1, e) / (1 + e)
    dw = X.T @ (s - t) / len(t)
    return dw
""",
        "X: n d, w: d, t: n",
    ),
    "mse": Gradient(
        "mean((X @ w - y)**2)",
        """
def grad(X, w, y):
    n = len(y)
    r = X @ w - y
    dw = 2 / n * X.T @ r
    return dw
""",
        "X: n d, w: d, y: n",
    ),
    "mse_elements": Gradient(
        "mean((P - T)**2)",
        """
def grad(P, T):
    dP = 2 * (P - T) / P.size
    return dP
""",
        "P: n C, T: n C",
    ),
    "l1": Gradient(
        "mean(abs(P - T))",
        """
def grad(P, T):
    r = P - T
    dP = np.sign(r) / r.size
    return dP
""",
        "P: n C, T: n C",
    ),
    "ridge": Gradient(
        "sum((X @ w - y)**2)/n + lam*sum(w**2)",
        """
def grad(X, w, y, lam):
    n = X.shape[0]
    r = X @ w - y
    dw = 2 * X.T @ r / n + 2 * lam * w
    return dw
""",
        "X: n d, w: d, y: n, lam: positive = 0.1",
    ),
    "quadratic": Gradient(
        "x @ A @ x/2 - b @ x",
        """
def grad(A, b, x):
    dx = (A @ x + A.T @ x) / 2 - b
    return dx
""",
        "A: d d, b: d, x: d",
    ),
    "bilinear": Gradient(
        "u @ W @ v",
        """
def grad(u, W, v):
    du = W @ v
    dW = np.outer(u, v)
    dv = W.T @ u
    return du, dW, dv
""",
        "u: n, W: n d, v: d",
    ),
    "mlp": Gradient(
        "mlp-softmax",
        """
def grad(X, W1, b1, W2, b2, Y):
    n = X.shape[0]
    A1 = np.tanh(X @ W1 + b1)
    Z2 = A1 @ W2 + b2
    E = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    dZ2 = (P - Y) / n
    dW2 = A1.T @ dZ2
    db2 = dZ2.sum(axis=0)
    dZ1 = (dZ2 @ W2.T) * (1 - A1**2)
    dW1 = X.T @ dZ1
    db1 = dZ1.sum(axis=0)
    return dW1, db1, dW2, db2
""",
    ),
}
