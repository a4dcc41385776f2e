"""PyTensor on the timed gradients."""

from __future__ import annotations

from typing import Any

import pytensor
import pytensor.tensor as pt
from cases import Case

NAME, VERSION = "PyTensor", pytensor.__version__


def _softmax_ce(Z: Any, Y: Any) -> Any:
    return -(Y * pt.log(pt.special.softmax(Z, axis=-1))).sum() / Z.shape[0]


def _mlp(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, Y: Any) -> Any:
    return _softmax_ce(pt.tanh(X @ W1 + b1) @ W2 + b2, Y)


def _attention(Q: Any, K: Any, V: Any, dO: Any) -> Any:
    weights = pt.special.softmax(Q @ K.T / pt.sqrt(Q.shape[1].astype("float64")), axis=-1)
    return (weights @ V * dO).sum()


LOSSES = {"softmax-ce": _softmax_ce, "mlp": _mlp, "attention": _attention}


def derive(case: Case) -> tuple[dict[str, Any], Any]:
    """The inputs by name and the graph of the gradient, sizes left open."""
    inputs = {name: pt.tensor(name, dtype="float64", shape=(None,) * len(d)) for name, d in case.shapes.items()}
    return inputs, pt.grad(LOSSES[case.id](**inputs), inputs[case.wrt])


def compiled(case: Case) -> Any:
    """A compiled function of the gradient."""
    inputs, gradient_ = derive(case)
    return pytensor.function(list(inputs.values()), gradient_, on_unused_input="ignore")


def gradient(case: Case) -> Any:
    """The gradient at the case's point."""
    return compiled(case)(*case.point.values())
