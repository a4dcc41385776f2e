"""Planted errors: single changes to the source of correct gradients, with the kind of finding that names each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutated_layers import LAYERS
from mutated_losses import LOSSES, Gradient

GRADIENTS: dict[str, Gradient] = {**LOSSES, **LAYERS}


@dataclass(frozen=True)
class Mutant:
    """A change to the source of a gradient, and the kinds that name it rightly.

    The first kind is the class of the mutant. The others are as true of what the change does to the numbers: a sum in
    place of a mean is a wrong scale or another loss, a term that is halved has a wrong scale or is half missing.
    """

    gradient: str
    kinds: tuple[str, ...]
    old: str
    new: str

    @property
    def id(self) -> str:
        return f"{self.gradient}: {self.old.strip()} → {self.new.strip()}"

    @property
    def text(self) -> str:
        """The changed source; the old text stands in it, or the table is wrong."""
        text = GRADIENTS[self.gradient].text
        if self.old not in text:
            raise LookupError(f"{self.gradient} does not contain {self.old!r}")
        return text.replace(self.old, self.new)


def written(text: str, folder: Path, name: str) -> str:
    """The source in a file of its own, as ``FILE.py:OBJECT``: a finding shows lines, and lines stand in files."""
    file = folder / f"{name}.py"
    file.write_text(text)
    return f"{file}:{'Layer' if 'class Layer' in text else 'grad' if 'def grad' in text else 'backward'}"


def judged(gradient: Gradient, text: str, folder: Path, name: str, dtypes: Sequence[str] | None = None) -> Any:
    """The report of nnmath.verify on a source."""
    import nnmath

    return nnmath.verify(written(text, folder, name), against=gradient.against, inputs=gradient.inputs, dtypes=dtypes)


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
        ("scale", "X.T @ dY", "X.T @ dY / len(X)"),
        ("shape", "dW = X.T @ dY", "dW = (X.T @ dY).reshape(-1)"),
        ("swapped shape", "    dX = dY @ W.T\n    dW = X.T @ dY\n", "    dW = dY @ W.T\n    dX = X.T @ dY\n"),
        ("sign", "dX = dY @ W.T", "dX = -dY @ W.T"),
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
        ("scale missing-term extra-term", "+ 2 * lam * w", "+ 2 * lam * w / n"),
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
        ("swapped", "return dX, dg, db", "dg, db = db, dg\n    return dX, dg, db"),
        ("cancellation epsilon", "(xc**2).mean(axis=1, keepdims=True)", "((X**2).mean(axis=1, keepdims=True) - mu**2)"),
        ("epsilon constant", "+ 1e-5", "+ 1e-3"),
        ("epsilon constant", " + 1e-5", ""),
        ("chain-factor", "h * (dh * h)", "(dh * h)"),
        ("scale", "(xc**2).mean(axis=1, keepdims=True)", "X.var(axis=1, ddof=1, keepdims=True)"),
    ),
    *_mutants(
        "rmsnorm",
        ("missing-term", " - h * (dh * h).mean(axis=1, keepdims=True)", ""),
        ("scale", "(dh * h).mean(axis=1, keepdims=True)", "(dh * h).sum(axis=1, keepdims=True)"),
        ("chain-factor", "dh = dY * g", "dh = dY"),
        ("chain-factor", "inv * (dh", "(dh"),
        ("sign", "dh - h", "dh + h"),
        ("swapped chain-factor", "(dY * h).sum(axis=0)", "(dY * X).sum(axis=0)"),
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
        ("sign", "return dQ, dK, dV", "return dQ, dK, -dV"),
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
        ("detached chain-factor missing-term", "P * (dP - (dP * P).sum(axis=1, keepdims=True))", "dP * P * (1 - P)"),
        ("chain-factor", "P * (dP - (dP * P).sum(axis=1, keepdims=True))", "P * (1 - P.sum(axis=1, keepdims=True))"),
        ("overflow", "Z - Z.max(axis=1, keepdims=True)", "Z"),
    ),
    *_mutants(
        "relu",
        ("mask", "dout * (x > 0)", "dout * (x < 0)"),
        ("mask chain-factor", "dout * (x > 0)", "dout + 0 * x"),
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
        ("missing-term constant", "(1 - y) * (1 + y)", "-y**2"),
    ),
    *_mutants(
        "silu",
        ("missing-term chain-factor", " + x * s * sigmoid(-x)", ""),
        ("missing-term constant", "s + x * s * sigmoid(-x)", "x * s * sigmoid(-x)"),
        ("chain-factor", "x * s * sigmoid(-x)", "s * sigmoid(-x)"),
        ("sign", "s + x * s", "s - x * s"),
        ("chain-factor", "x * s * sigmoid(-x)", "x * s"),
        ("overflow", "np.where(x >= 0, 1, e) / (1 + e)", "np.exp(x) / (1 + np.exp(x))"),
    ),
    *_mutants(
        "mlp",
        ("scale contract", "(P - Y) / n", "P - Y"),
        ("chain-factor", " * (1 - A1**2)", ""),
        ("sign", "(1 - A1**2)", "(1 + A1**2)"),
        ("scale", "dZ2.sum(axis=0)", "dZ2.mean(axis=0)"),
        ("swapped", "(1 - A1**2)", "(1 - (X @ W1 + b1)**2)"),
        ("scale", "X.T @ dZ1", "X.T @ dZ1 / n"),
        ("extra-term", "X.T @ dZ1", "X.T @ dZ1 + 0.01 * W1"),
        ("detached", "dZ1 = (dZ2 @ W2.T)", "dZ1 = 0 * (dZ2 @ W2.T)"),
    ),
    *_mutants(
        "softmax_loss_class",
        ("aliasing", "self.P.copy()", "self.P"),
        ("contract scale", "delta / len(self.y)", "delta"),
        ("contract scale", "-np.mean(", "-np.sum("),
        ("state", "E / E.sum(axis=1, keepdims=True)", "getattr(self, 'P', E / E.sum(axis=1, keepdims=True))"),
        ("state", "self.y = y", "self.y = self.__dict__.get('y', y)"),
        ("dtype", "self.P.copy()", "self.P.astype(np.float32)"),
        ("overflow", "Z.max(axis=1, keepdims=True)", "Z.max()"),
        ("mutation", "E = np.exp(Z - ", "Z -= 1; E = np.exp(Z - "),
    ),
    *_mutants(
        "logistic",
        ("scale contract", " / len(t)", ""),
        ("sign", "(s - t)", "(t - s)"),
        ("contract chain-factor", "(s - t)", "((s - t) * s * (1 - s))"),
        ("overflow", "np.where(z >= 0, 1, e) / (1 + e)", "np.exp(z) / (1 + np.exp(z))"),
        ("mask", "np.where(z >= 0, 1, e)", "np.where(z >= 0, 1, 1)"),
        ("missing-term", "(s - t)", "s"),
        ("scale contract", " / len(t)", " / X.size"),
    ),
    *_mutants(
        "mse_elements",
        ("contract scale", "P.size", "len(P)"),
        ("contract scale", " / P.size", ""),
        ("scale contract", "2 * (P - T)", "(P - T)"),
        ("sign", "(P - T)", "(T - P)"),
        ("mutation", "dP = 2 * (P - T)", "P -= T; dP = 2 * P"),
        ("dtype", "return dP", "return dP.astype(np.float32)"),
        ("missing-term", "(P - T)", "P"),
        ("constant", "(P - T) / P.size", "(P - T) / P.size + 1e-4"),
        ("extra-term", "return dP", "return dP + 0.01 * P"),
    ),
    *_mutants(
        "l1",
        ("kink", "np.sign(r)", "np.where(r == 0, 5.0, np.sign(r))"),
        ("kink overflow", "np.sign(r)", "r / np.abs(r)"),
        ("epsilon kink", "np.sign(r)", "r / (np.abs(r) + 1e-2)"),
        ("scale contract", " / r.size", ""),
        ("sign", "np.sign(r)", "-np.sign(r)"),
        ("contract chain-factor swapped", "np.sign(r)", "r"),
    ),
    *_mutants(
        "quadratic",
        ("transpose", "A.T @ x) / 2", "A @ x) / 2"),
        ("missing-term", " + A.T @ x", ""),
        ("sign", " - b", " + b"),
        ("missing-term", " - b", ""),
        ("scale", ") / 2 - b", ") - b"),
    ),
    *_mutants(
        "bilinear",
        ("transpose swapped", "dW = np.outer(u, v)", "dW = np.outer(v, u)"),
        ("swapped shape", "return du", "du, dv = dv, du\n    return du"),
        ("scale", "W @ v", "2 * W @ v"),
        ("detached", "dW = np.outer(u, v)", "dW = np.zeros_like(W)"),
        ("aliasing mutation", "dv = W.T @ u", "dv = W.T @ u; W[...] = dW; dW = W"),
    ),
    *_mutants(
        "dense_class",
        ("state", "self.X = X", "self.X = getattr(self, 'X', X)"),
        ("stride", "self.X.T @ dY", "self.X.T @ dY.ravel(order='K').reshape(dY.shape)"),
        ("stride", "return dY @", "return np.frombuffer(dY.tobytes('A')).reshape(dY.shape) @"),
        ("mutation", "self.db = dY", "dY *= 2; self.db = dY / 2; dY = dY"),
        ("state mutation scale", "return dY @", "self.W *= 0.9; return dY @"),
        ("dtype", "self.X.T @ dY", "(self.X.T @ dY).astype(np.float16)"),
        ("scale", "self.X.T @ dY", "self.X.T @ dY / len(dY)"),
        ("transpose shape", "self.X.T @ dY", "dY.T @ self.X"),
        ("broadcast shape", "dY.sum(axis=0)", "dY"),
    ),
    *_mutants(
        "batchnorm",
        ("missing-term", " - dh.mean(axis=0)", ""),
        ("missing-term", " - h * (dh * h).mean(axis=0)", ""),
        ("detached missing-term", "(dh - dh.mean(axis=0) - h * (dh * h).mean(axis=0))", "dh"),
        ("wrong-axis", "h * (dh * h).mean(axis=0)", "h * (dh * h).mean(axis=1, keepdims=True)"),
        ("cancellation epsilon", "(xc**2).mean(axis=0)", "((X**2).mean(axis=0) - X.mean(axis=0)**2)"),
    ),
    *_mutants(
        "log_softmax",
        ("missing-term", " - P * dY.sum(axis=1, keepdims=True)", ""),
        ("chain-factor", "dY - P * dY.sum", "dY - dY.sum"),
        ("sign", "dY - P", "dY + P"),
        ("wrong-axis", "dY.sum(axis=1, keepdims=True)", "dY.sum(axis=0, keepdims=True)"),
        ("scale", "dY.sum(axis=1, keepdims=True)", "dY.mean(axis=1, keepdims=True)"),
        ("chain-factor missing-term", "P * dY.sum(axis=1, keepdims=True)", "P * dY"),
        ("overflow", "Z - Z.max(axis=1, keepdims=True)", "Z"),
    ),
    *_mutants(
        "embedding",
        ("missing-term", "np.add.at(dW, ids, dY)", "dW[ids] += dY"),
        ("missing-term", "np.add.at(dW, ids, dY)", "dW[ids] = dY"),
        ("sign", "np.add.at(dW, ids, dY)", "np.subtract.at(dW, ids, dY)"),
        ("scale", "np.add.at(dW, ids, dY)", "np.add.at(dW, ids, dY / len(ids))"),
        ("dtype", "np.zeros_like(W)", "np.zeros(W.shape, dtype=np.float32)"),
        ("aliasing mutation", "dW = np.zeros_like(W)", "dW = W; dW[...] = 0"),
    ),
    *_mutants(
        "leaky",
        ("aliasing mutation", "dY.copy()", "dY"),
        ("kink", "dX[X <= 0] *= 0.01", "dX[X <= 0] *= 0.01; dX[X == 0] *= 500"),
        ("mask", "X <= 0", "X >= 0"),
        ("mask constant chain-factor", "*= 0.01", "= 0"),
        ("constant scale", "*= 0.01", "*= 0.1"),
        ("mask chain-factor", "    dX[X <= 0] *= 0.01\n", ""),
        ("mask constant", "X <= 0", "X <= 1"),
        ("stride", "dY.copy()", "dY.ravel(order='K').reshape(dY.shape).copy()"),
    ),
    *_mutants(
        "sigmoid",
        ("chain-factor", " / (1 + e)**2", " / (1 + e)"),
        ("sign", "dout * e", "-dout * e"),
        ("chain-factor", "dout * e", "e"),
        ("overflow", "dx = dout * e", "e = np.exp(x); dx = dout * e"),
        ("scale", "dout * e", "4 * dout * e"),
        ("dtype cancellation", "dx = dout * e", "dx = np.float32(1) * dout.astype(np.float32) * e.astype(np.float32)"),
    ),
    *_mutants(
        "gelu_tanh",
        ("constant", "3 * 0.044715", "0.044715"),
        ("chain-factor", "(1 - t**2) * c *", "(1 - t**2) *"),
        ("chain-factor missing-term", " * (1 + 3 * 0.044715 * X**2)", ""),
        ("missing-term", " + 0.5 * X * (1 - t**2) * c * (1 + 3 * 0.044715 * X**2)", ""),
        ("sign", "0.5 * (1 + t) +", "0.5 * (1 + t) -"),
        ("constant", "c = np.sqrt(2 / np.pi)", "c = 0.79"),
        ("chain-factor", "0.5 * X * (1 - t**2)", "0.5 * (1 - t**2)"),
    ),
    *_mutants(
        "dropout",
        ("mask chain-factor", "dY * M / q", "dY / q"),
        ("scale chain-factor", "dY * M / q", "dY * M"),
        ("scale chain-factor", "dY * M / q", "dY * M * q"),
        ("mask", "dY * M / q", "dY * (1 - M) / q"),
        ("chain-factor", "dY * M / q", "M / q"),
    ),
    *_mutants(
        "normalise",
        ("missing-term", " - u * (dY * u).sum(axis=1, keepdims=True)", ""),
        ("chain-factor", "keepdims=True)) / r", "keepdims=True))"),
        ("chain-factor", "dY - u * (dY", "dY - (dY"),
        ("sign", "dY - u", "dY + u"),
        ("wrong-axis", "(dY * u).sum(axis=1, keepdims=True)", "(dY * u).sum(axis=0, keepdims=True)"),
        ("scale", "(dY * u).sum(", "(dY * u).mean("),
        ("epsilon chain-factor", "dX = (dY", "r = r + 1e-4; dX = (dY"),
    ),
    *_mutants(
        "swish_torch",
        (
            "chain-factor",
            "return grad_output * (s + x * s * torch.sigmoid(-x))",
            "return s + x * s * torch.sigmoid(-x)",
        ),
        ("missing-term chain-factor", " + x * s * torch.sigmoid(-x)", ""),
        ("sign", "s + x * s", "s - x * s"),
        ("mutation", "return grad_output * (s", "grad_output *= 2; return grad_output / 2 * (s"),
        ("stride", "return grad_output", "return torch.as_strided(grad_output, grad_output.shape, (1,))"),
        ("dtype", "return grad_output", "return grad_output.half().double()"),
    ),
]
