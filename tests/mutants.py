"""Planted errors: correct gradients, and single changes to their source with the kind of finding that names each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gradient:
    """A correct gradient as source, what it is the gradient of, and its arrays (where the reference is a formula)."""

    against: str
    source: str
    inputs: str | None = None


@dataclass(frozen=True)
class Mutant:
    """A change to the source of a gradient, and the kinds that name it rightly (the first is the usual one)."""

    gradient: str
    kinds: tuple[str, ...]
    old: str
    new: str

    @property
    def id(self) -> str:
        return f"{self.gradient}-{self.kinds[0]}-{self.old}"[:80]


LAYERNORM = """mu[i] = sum(X[i, k] for k in D)/D
v[i] = sum((X[i, k] - mu[i])**2 for k in D)/D
H[i, d] = (X[i, d] - mu[i]) / sqrt(v[i] + 0.00001)
Y[i, d] = H[i, d]*g[d] + b[d]
L = upstream(dY, Y)"""
RMSNORM = """r[i] = sqrt(sum(X[i, k]**2 for k in D)/D + 0.00001)
Y[i, d] = X[i, d]/r[i]*g[d]
L = upstream(dY, Y)"""
ATTENTION = """S = Q @ K.T / sqrt(d)
A = softmax(S)
O = A @ V
L = upstream(dO, O)"""

GRADIENTS: dict[str, Gradient] = {
    "softmax_ce": Gradient(
        "softmax-ce",
        """
import numpy as np

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
import numpy as np

def grad(Z, y):
    n = Z.shape[0]
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    dZ = P.copy()
    dZ[np.arange(n), y] -= 1
    return dZ / n
""",
    ),
    "bce": Gradient(
        "bce-with-logits",
        """
import numpy as np

def grad(z, t):
    s = 1 / (1 + np.exp(-np.abs(z)))
    s = np.where(z >= 0, s, 1 - s)
    dz = (s - t) / len(z)
    return dz
""",
    ),
    "dense": Gradient(
        "dense",
        """
import numpy as np

def forward(X, W, b):
    return X @ W + b, (X, W)

def backward(dY, cache):
    X, W = cache
    dX = dY @ W.T
    dW = X.T @ dY
    db = dY.sum(axis=0)
    return dX, dW, db
""",
    ),
    "mse": Gradient(
        "mean((X @ w - y)**2)",
        """
import numpy as np

def grad(X, w, y):
    n = len(y)
    r = X @ w - y
    dw = 2 / n * X.T @ r
    return dw
""",
        "X: n d, w: d, y: n",
    ),
    "ridge": Gradient(
        "sum((X @ w - y)**2)/n + lam*sum(w**2)",
        """
import numpy as np

def grad(X, w, y, lam):
    n = X.shape[0]
    r = X @ w - y
    dw = 2 * X.T @ r / n + 2 * lam * w
    return dw
""",
        "X: n d, w: d, y: n, lam: positive = 0.1",
    ),
    "layernorm": Gradient(
        LAYERNORM,
        """
import numpy as np

def grad(X, g, b, dY):
    mu = X.mean(axis=1, keepdims=True)
    xc = X - mu
    inv = 1 / np.sqrt((xc**2).mean(axis=1, keepdims=True) + 1e-5)
    h = xc * inv
    dh = dY * g
    dX = inv * (dh - dh.mean(axis=1, keepdims=True) - h * (dh * h).mean(axis=1, keepdims=True))
    dg = (dY * h).sum(axis=0)
    db = dY.sum(axis=0)
    return dX, dg, db
""",
        "X: n D, g: D, b: D, dY: n D",
    ),
    "rmsnorm": Gradient(
        RMSNORM,
        """
import numpy as np

def grad(X, g, dY):
    inv = 1 / np.sqrt((X**2).mean(axis=1, keepdims=True) + 1e-5)
    h = X * inv
    dh = dY * g
    dX = inv * (dh - h * (dh * h).mean(axis=1, keepdims=True))
    dg = (dY * h).sum(axis=0)
    return dX, dg
""",
        "X: n D, g: D, dY: n D",
    ),
    "attention": Gradient(
        ATTENTION,
        """
import numpy as np

def grad(Q, K, V, dO):
    d = Q.shape[1]
    S = Q @ K.T / np.sqrt(d)
    E = np.exp(S - S.max(axis=1, keepdims=True))
    A = E / E.sum(axis=1, keepdims=True)
    dV = A.T @ dO
    dA = dO @ V.T
    dS = A * (dA - (dA * A).sum(axis=1, keepdims=True))
    dQ = dS @ K / np.sqrt(d)
    dK = dS.T @ Q / np.sqrt(d)
    return dQ, dK, dV
""",
        "Q: n d, K: m d, V: m k, dO: n k",
    ),
    "softmax": Gradient(
        "P = softmax(Z)\nL = upstream(dP, P)",
        """
import numpy as np

def grad(Z, dP):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    dZ = P * (dP - (dP * P).sum(axis=1, keepdims=True))
    return dZ
""",
        "Z: n C, dP: n C",
    ),
    "relu": Gradient(
        "relu",
        """
import numpy as np

def forward(x):
    return np.maximum(x, 0), x

def backward(dout, x):
    dx = dout * (x > 0)
    return dx
""",
    ),
    "tanh": Gradient(
        "tanh",
        """
import numpy as np

def forward(x):
    y = np.tanh(x)
    return y, y

def backward(dout, y):
    dx = dout * (1 - y) * (1 + y)
    return dx
""",
    ),
    "silu": Gradient(
        "silu",
        """
import numpy as np

def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)

def forward(x):
    return x * sigmoid(x), x

def backward(dout, x):
    s = sigmoid(x)
    dx = dout * (s + x * s * sigmoid(-x))
    return dx
""",
    ),
    "mlp": Gradient(
        "mlp-softmax",
        """
import numpy as np

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


def _mutants(gradient: str, *rows: tuple[str, str, str]) -> list[Mutant]:
    return [Mutant(gradient, tuple(kinds.split()), old, new) for kinds, old, new in rows]


MUTANTS: list[Mutant] = [
    *_mutants(
        "softmax_ce",
        ("scale contract", "(P - Y) / n", "P - Y"),
        ("sign", "(P - Y) / n", "(Y - P) / n"),
        ("contract scale", "(P - Y) / n", "(P - Y) / Z.size"),
        ("scale contract", "(P - Y) / n", "2 * (P - Y) / n"),
        ("missing-term", "(P - Y) / n", "P / n"),
        ("sign missing-term", "(P - Y) / n", "(P + Y) / n"),
        ("wrong-axis", "E.sum(axis=1, keepdims=True)", "E.sum(axis=0, keepdims=True)"),
        ("extra-term", "(P - Y) / n", "(P - Y) / n + 0.01 * Z"),
        ("constant", "(P - Y) / n", "(P - Y) / n + 0.001"),
        ("overflow", "Z - Z.max(axis=1, keepdims=True)", "Z"),
        ("overflow", "Z.max(axis=1, keepdims=True)", "Z.max()"),
        ("mutation", "dZ = (P - Y) / n", "Y -= P; dZ = -Y / n"),
        ("chain-factor", "(P - Y) / n", "(P - Y) * P / n"),
        ("shape", "return dZ", "return dZ.reshape(-1)"),
        ("detached", "(P - Y) / n", "np.zeros_like(P)"),
        ("swapped", "(P - Y) / n", "(Z - Y) / n"),
        ("transpose shape", "return dZ", "return dZ.T"),
    ),
    *_mutants(
        "softmax_ce_labels",
        ("scale contract", "dZ / n", "dZ"),
        ("sign missing-term", "-= 1", "+= 1"),
        ("scale missing-term", "-= 1", "-= 2"),
        ("missing-term", "    dZ[np.arange(n), y] -= 1\n", ""),
        ("scale contract", "dZ / n", "dZ / Z.shape[1]"),
        ("overflow", "Z - Z.max(axis=1, keepdims=True)", "Z"),
        ("broadcast shape", "dZ / n", "dZ.sum(axis=0) / n"),
    ),
    *_mutants(
        "bce",
        ("scale contract", " / len(z)", ""),
        ("sign", "(s - t)", "(t - s)"),
        ("missing-term", "(s - t)", "s"),
        ("swapped", "(s - t)", "(z - t)"),
        ("chain-factor", "(s - t)", "(s - t) * s * (1 - s)"),
        ("scale contract", "(s - t)", "2 * (s - t)"),
        ("mask", "np.where(z >= 0, s, 1 - s)", "s"),
    ),
    *_mutants(
        "dense",
        ("transpose", "X.T @ dY", "(X.T @ dY).T"),
        ("scale", "dY.sum(axis=0)", "dY.mean(axis=0)"),
        ("wrong-axis shape broadcast", "dY.sum(axis=0)", "dY.sum(axis=1)"),
        ("broadcast shape", "dY.sum(axis=0)", "dY"),
        ("shape", "dY.sum(axis=0)", "dY.sum(axis=0, keepdims=True)"),
        ("scale", "X.T @ dY", "X.T @ dY / len(X)"),
        ("sign", "dX = dY @ W.T", "dX = -dY @ W.T"),
        ("swapped shape", "return dX, dW, db", "return dW, dX, db"),
        ("extra-term", "X.T @ dY", "X.T @ dY + 0.1 * W"),
        ("chain-factor", "X.T @ dY", "X.T @ np.ones_like(dY)"),
        ("detached", "dX = dY @ W.T", "dX = np.zeros_like(X)"),
        ("mutation", "dX = dY @ W.T", "dY *= 1.0; dY += 0.0; dY[0] *= 2; dX = dY @ W.T"),
    ),
    *_mutants(
        "mse",
        ("scale contract", "2 / n * ", "1 / n * "),
        ("scale contract", "2 / n * ", "2 * "),
        ("sign", "2 / n", "-2 / n"),
        ("missing-term", "X @ w - y", "X @ w"),
        ("sign missing-term", "X @ w - y", "X @ w + y"),
        ("scale contract", "2 / n * ", "2 / X.size * "),
    ),
    *_mutants(
        "ridge",
        ("missing-term", " + 2 * lam * w", ""),
        ("scale", "2 * lam * w", "lam * w"),
        ("sign", "+ 2 * lam * w", "- 2 * lam * w"),
        ("scale missing-term", "+ 2 * lam * w", "+ 2 * lam * w / n"),
        ("chain-factor scale missing-term", "+ 2 * lam * w", "+ 2 * w"),
        ("constant chain-factor missing-term", "+ 2 * lam * w", "+ 2 * lam"),
        ("scale missing-term", "X.T @ r / n", "X.T @ r"),
    ),
    *_mutants(
        "layernorm",
        ("missing-term", " - dh.mean(axis=1, keepdims=True)", ""),
        ("missing-term", " - h * (dh * h).mean(axis=1, keepdims=True)", ""),
        ("chain-factor", "inv * (dh -", "(dh -"),
        ("scale", "dh.mean(axis=1, keepdims=True)", "dh.sum(axis=1, keepdims=True)"),
        ("wrong-axis", "dh.mean(axis=1, keepdims=True)", "dh.mean(axis=0, keepdims=True)"),
        ("chain-factor", "dh = dY * g", "dh = dY"),
        ("chain-factor", "(dY * h).sum(axis=0)", "dY.sum(axis=0)"),
        ("scale", "(dY * h).sum(axis=0)", "(dY * h).mean(axis=0)"),
        ("sign", "- dh.mean(", "+ dh.mean("),
        ("swapped", "(dY * h).sum(axis=0)", "(dY * X).sum(axis=0)"),
        ("swapped", "return dX, dg, db", "return dX, db, dg"),
        ("cancellation", "(xc**2).mean(axis=1, keepdims=True)", "((X**2).mean(axis=1, keepdims=True) - mu**2)"),
        ("epsilon", "+ 1e-5", "+ 1e-8"),
        ("epsilon", " + 1e-5", ""),
        ("chain-factor", "h * (dh * h)", "(dh * h)"),
        ("scale", "(xc**2).mean(axis=1, keepdims=True)", "(xc**2).sum(axis=1, keepdims=True) / (X.shape[1] - 0.5)"),
    ),
    *_mutants(
        "rmsnorm",
        ("missing-term", " - h * (dh * h).mean(axis=1, keepdims=True)", ""),
        ("scale", "(dh * h).mean(axis=1, keepdims=True)", "(dh * h).sum(axis=1, keepdims=True)"),
        ("chain-factor", "dh = dY * g", "dh = dY"),
        ("chain-factor", "inv * (dh", "(dh"),
        ("sign", "dh - h", "dh + h"),
        ("swapped", "(dY * h).sum(axis=0)", "(dY * X).sum(axis=0)"),
        ("scale", "(dY * h).sum(axis=0)", "(dY * h).mean(axis=0)"),
        ("wrong-axis", "(dh * h).mean(axis=1, keepdims=True)", "(dh * h).mean(axis=0, keepdims=True)"),
    ),
    *_mutants(
        "attention",
        ("scale", "dS @ K / np.sqrt(d)", "dS @ K"),
        ("scale", "dS.T @ Q / np.sqrt(d)", "dS.T @ Q / d"),
        ("missing-term", " - (dA * A).sum(axis=1, keepdims=True)", ""),
        ("chain-factor", "A * (dA -", "(dA -"),
        ("wrong-axis", "(dA * A).sum(axis=1, keepdims=True)", "(dA * A).sum(axis=0, keepdims=True)"),
        ("sign", "dA - (dA", "dA + (dA"),
        ("swapped", "return dQ, dK, dV", "return dQ, dK, -dV"),
        ("overflow", "S - S.max(axis=1, keepdims=True)", "S"),
        ("scale chain-factor", "Q @ K.T / np.sqrt(d)", "Q @ K.T"),
        ("detached", "dS.T @ Q / np.sqrt(d)", "0 * K"),
    ),
    *_mutants(
        "softmax",
        ("missing-term", " - (dP * P).sum(axis=1, keepdims=True)", ""),
        ("chain-factor", "P * (dP", "(dP"),
        ("sign", "dP - (dP", "dP + (dP"),
        ("wrong-axis", "(dP * P).sum(axis=1, keepdims=True)", "(dP * P).sum(axis=0, keepdims=True)"),
        ("scale", "(dP * P).sum(axis=1, keepdims=True)", "(dP * P).mean(axis=1, keepdims=True)"),
        ("detached chain-factor", "P * (dP - (dP * P).sum(axis=1, keepdims=True))", "dP * P * (1 - P)"),
        ("chain-factor", "P * (dP - (dP * P).sum(axis=1, keepdims=True))", "P * (1 - P.sum(axis=1, keepdims=True))"),
        ("overflow", "Z - Z.max(axis=1, keepdims=True)", "Z"),
    ),
    *_mutants(
        "relu",
        ("mask", "dout * (x > 0)", "dout * (x < 0)"),
        ("mask", "dout * (x > 0)", "dout + 0 * x"),
        ("chain-factor", "dout * (x > 0)", "1.0 * (x > 0)"),
        ("sign", "dout * (x > 0)", "-dout * (x > 0)"),
        ("scale", "dout * (x > 0)", "2 * dout * (x > 0)"),
        ("mutation", "dx = dout * (x > 0)", "dout[x <= 0] = 0; dx = dout"),
        ("chain-factor mask", "dout * (x > 0)", "dout * np.maximum(x, 0)"),
    ),
    *_mutants(
        "tanh",
        ("chain-factor missing-term", "(1 - y) * (1 + y)", "(1 - y)"),
        ("sign", "(1 - y) * (1 + y)", "(1 + y**2)"),
        ("chain-factor", "dout * (1 - y) * (1 + y)", "dout"),
        ("chain-factor", "dout * (1 - y)", "(1 - y)"),
        ("scale", "dout *", "0.5 * dout *"),
        ("missing-term", "(1 - y) * (1 + y)", "-y**2"),
    ),
    *_mutants(
        "silu",
        ("missing-term", " + x * s * sigmoid(-x)", ""),
        ("missing-term", "s + x * s * sigmoid(-x)", "x * s * sigmoid(-x)"),
        ("chain-factor", "x * s * sigmoid(-x)", "s * sigmoid(-x)"),
        ("sign", "s + x * s", "s - x * s"),
        ("chain-factor", "x * s * sigmoid(-x)", "x * s"),
        ("overflow", "np.where(x >= 0, 1, e) / (1 + e)", "1 / (1 + np.exp(-x))"),
    ),
    *_mutants(
        "mlp",
        ("scale contract", "(P - Y) / n", "P - Y"),
        ("chain-factor", " * (1 - A1**2)", ""),
        ("chain-factor", "(1 - A1**2)", "(1 - A1)"),
        ("sign", "(1 - A1**2)", "(1 + A1**2)"),
        ("scale", "dZ1.sum(axis=0)", "dZ1.mean(axis=0)"),
        ("scale", "dZ2.sum(axis=0)", "dZ2.mean(axis=0)"),
        ("swapped", "(1 - A1**2)", "(1 - (X @ W1 + b1)**2)"),
        ("scale", "X.T @ dZ1", "X.T @ dZ1 / n"),
        ("extra-term", "X.T @ dZ1", "X.T @ dZ1 + 0.01 * W1"),
        ("detached", "dZ1 = (dZ2 @ W2.T)", "dZ1 = 0 * (dZ2 @ W2.T)"),
        ("missing-term", "(P - Y) / n", "P / n"),
    ),
]
