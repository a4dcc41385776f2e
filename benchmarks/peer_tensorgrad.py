"""tensorgrad on the timed gradients, and a small NumPy evaluator of its expressions.

Its own evaluation needs torch's named tensors, which torch no longer has.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from importlib.metadata import version
from typing import Any

import numpy as np
import tensorgrad.functions as F
from cases import SIZES, Case
from sympy import Symbol, symbols
from tensorgrad import Delta, Function, Product, Sum, Tensor, Variable, Zero
from tensorgrad.tensor import Rename

NAME, VERSION = "tensorgrad", version("tensorgrad")


def _softmax_ce(Z: Any, Y: Any) -> Any:
    return F.sum(F.cross_entropy(Z, Y, dim="C")) / Delta(Z.shape["n"])


def _mlp(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, Y: Any) -> Any:
    return _softmax_ce(F.tanh(X @ W1 + b1) @ W2 + b2, Y)


def _attention(Q: Any, K: Any, V: Any, dO: Any) -> Any:
    scores = (Q @ K) * F.pow(Delta(Q.shape["d"]), Fraction(-1, 2))
    return F.sum((F.softmax(scores, dim="m") @ V) * dO)


LOSSES = {"softmax-ce": _softmax_ce, "mlp": _mlp, "attention": _attention}


def variables(case: Case) -> dict[str, Variable]:
    """The inputs by name; the edges of a tensor have the names of its dimensions."""
    dims = {name: symbols(name) for name in SIZES}
    return {name: Variable(name, *(dims[d] for d in edges)) for name, edges in case.shapes.items()}


def derive(case: Case) -> Tensor:
    """The simplified gradient; its edges are those of the variable."""
    inputs = variables(case)
    names = {edge: edge for edge in case.shapes[case.wrt]}
    return LOSSES[case.id](**inputs).grad(inputs[case.wrt], names).full_simplify()


def gradient(case: Case) -> Any:
    """The gradient at the case's point."""
    values = {variable: case.point[name] for name, variable in variables(case).items()}
    sizes = {symbols(name): size for name, size in SIZES.items()}
    return evaluate(derive(case), values, sizes, case.shapes[case.wrt])


ELEMENTWISE = {"exp": np.exp, "log": np.log, "tanh": np.tanh}


def evaluate(tensor: Tensor, values: Mapping[Variable, Any], sizes: Mapping[Symbol, int], edges: Any) -> Any:
    """The array of a simplified expression, its axes in the order of ``edges``.

    **Raises** NotImplementedError for a kind of node that these gradients do not need.
    """
    edges = list(edges)

    def inner(t: Tensor, order: Any) -> Any:
        return evaluate(t, values, sizes, order)

    if isinstance(tensor, Variable):
        names = list(tensor.edges)
        array = next(a for v, a in values.items() if v.name == tensor.name)
        return np.transpose(array, [names.index(e) for e in edges])
    if isinstance(tensor, Rename):
        back = {new: old for old, new in tensor.mapping.items()}
        return inner(tensor.tensor, [back.get(e, e) for e in edges])
    if isinstance(tensor, Delta):
        size = sizes[tensor.size]
        return np.fromfunction(lambda *at: _all_equal(at), (size,) * len(edges)) if edges else np.float64(size)
    if isinstance(tensor, Zero):
        return np.zeros([sizes[tensor.shape[e]] for e in edges])
    if isinstance(tensor, Sum):
        pairs = zip(tensor.weights, tensor.terms, strict=True)
        return sum((float(w) * inner(t, edges) for w, t in pairs), start=np.float64(0))
    if isinstance(tensor, Product):
        numbers = {e: k for k, e in enumerate(sorted({e for t in tensor.factors for e in t.edges}))}
        operands: list[Any] = [np.float64(1), []]
        for factor in tensor.factors:
            operands += [inner(factor, list(factor.edges)), [numbers[e] for e in factor.edges]]
        return np.einsum(*operands, [numbers[e] for e in edges])
    if isinstance(tensor, Function) and len(tensor.inputs) == 1 and set(tensor.inputs[0].edges) == set(edges):
        return _function(tensor.signature, inner(tensor.inputs[0], edges))
    raise NotImplementedError(f"no NumPy form for {type(tensor).__name__}")


def _function(signature: Any, x: Any) -> Any:
    if signature.name in ELEMENTWISE:
        return ELEMENTWISE[signature.name](x)
    if hasattr(signature, "k"):
        return x ** float(signature.k)
    if hasattr(signature, "alpha"):
        return float(signature.alpha) * _function(signature.inner, x)
    raise NotImplementedError(f"no NumPy form for the function {signature.name}")


def _all_equal(indices: Any) -> Any:
    same = np.ones(indices[0].shape)
    for index in indices[1:]:
        same = same * (index == indices[0])
    return same
