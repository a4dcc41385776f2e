"""The mutants that are not found, and those that are found without their name. Together they bound what is claimed."""

from __future__ import annotations

#: Not found, and why.
MISSED: dict[str, str] = {}

#: Found to be wrong, and reported as ``unnamed``, with the difference of the two formulas where it is short.
UNNAMED: tuple[str, ...] = (
    "softmax_ce: E.sum(axis=1, keepdims=True) → E.sum(axis=0, keepdims=True)",
    "bce: np.where(z >= 0, s, 1 - s) → s",
    "ridge: + 2 * lam * w → + 2 * lam * w / n",
    "layernorm: + 1e-5 → + 1e-3",
    "layernorm: h * (dh * h) → (dh * h)",
    "rmsnorm: dh = dY * g → dh = dY",
    "rmsnorm: (dh * h).mean(axis=1, keepdims=True) → (dh * h).mean(axis=0, keepdims=True)",
    "attention: A * (dA - → (dA -",
    "attention: (dA * A).sum(axis=1, keepdims=True) → (dA * A).sum(axis=0, keepdims=True)",
    "softmax: (dP * P).sum(axis=1, keepdims=True) → (dP * P).sum(axis=0, keepdims=True)",
    "softmax: P * (dP - (dP * P).sum(axis=1, keepdims=True)) → dP * P * (1 - P)",
    "logistic: (s - t) → ((s - t) * s * (1 - s))",
    "logistic: np.where(z >= 0, 1, e) → np.where(z >= 0, 1, 1)",
    "l1: np.sign(r) → r / (np.abs(r) + 1e-2)",
    "quadratic: ) / 2 - b → ) - b",
    "batchnorm: (dh - dh.mean(axis=0) - h * (dh * h).mean(axis=0)) → dh",
    "batchnorm: h * (dh * h).mean(axis=0) → h * (dh * h).mean(axis=1, keepdims=True)",
    "log_softmax: dY - P * dY.sum → dY - dY.sum",
    "log_softmax: P * dY.sum(axis=1, keepdims=True) → P * dY",
    "embedding: np.add.at(dW, ids, dY) → dW[ids] += dY",
    "embedding: np.add.at(dW, ids, dY) → dW[ids] = dY",
    "leaky: *= 0.01 → *= 0.1",
    "leaky: X <= 0 → X <= 1",
    "sigmoid: / (1 + e)**2 → / (1 + e)",
    "gelu_tanh: 3 * 0.044715 → 0.044715",
    "gelu_tanh: (1 - t**2) * c * → (1 - t**2) *",
    "gelu_tanh: c = np.sqrt(2 / np.pi) → c = 0.79",
    "normalise: dY - u * (dY → dY - (dY",
    "normalise: (dY * u).sum(axis=1, keepdims=True) → (dY * u).sum(axis=0, keepdims=True)",
    "swish_torch: return grad_output → return grad_output.half().double()",
)
