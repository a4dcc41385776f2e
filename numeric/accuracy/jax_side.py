"""JAX as something to measure: ``jax.nn`` where it has the function, else the formula itself in ``jax.numpy``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy
from sympy import Expr, Symbol

from ...calculus.derivation import Definition, Derivation, Result
from ...calculus.functions import Indicator, NamedFunction, Where, absolute, relu
from ...calculus.sums import rebuild
from ...calculus.tensors import Element
from ..plans import is_elementwise, outputs
from .jax_losses import LOSSES
from .unavailable import Unavailable

#: The function of ``jax.nn`` for an entry, called with the variable and the parameters by name.
NN: Mapping[str, Callable[..., Any]] = {
    "sigmoid": lambda nn, x: nn.sigmoid(x),
    "log-sigmoid": lambda nn, x: nn.log_sigmoid(x),
    "tanh": lambda nn, x: nn.tanh(x),
    "softsign": lambda nn, x: nn.soft_sign(x),
    "relu": lambda nn, x: nn.relu(x),
    "relu6": lambda nn, x: nn.relu6(x),
    "leaky-relu": lambda nn, x, alpha: nn.leaky_relu(x, alpha),
    "elu": lambda nn, x, alpha: nn.elu(x, alpha),
    "celu": lambda nn, x, alpha: nn.celu(x, alpha),
    "selu": lambda nn, x, lam, alpha: nn.selu(x),
    "gelu": lambda nn, x: nn.gelu(x, approximate=False),
    "gelu-tanh": lambda nn, x, k: nn.gelu(x, approximate=True),
    "silu": lambda nn, x: nn.silu(x),
    "mish": lambda nn, x: nn.mish(x),
    "softplus": lambda nn, x, beta: nn.softplus(beta * x) / beta,
    "hardsigmoid": lambda nn, x: nn.hard_sigmoid(x),
    "hardswish": lambda nn, x: nn.hard_swish(x),
}

#: These have constants of their own inside, and are no counterpart at other parameters.
FIXED = {"selu", "gelu-tanh"}


def jax_implementation(derivation: Derivation, dtype: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Values and derivatives by JAX. Raises :class:`Unavailable` for arrays it has no form for, and ``ImportError``."""
    import jax

    if not is_elementwise(derivation):
        if derivation.topic and derivation.id in LOSSES:
            return _of_arrays(derivation, dtype, jax)
        raise Unavailable(f"there is no form of {derivation.id} in jax to measure")
    value = outputs(derivation)[0]
    function = _function(derivation, value, jax)
    wanted = [r for r in derivation.wanted if r.of is not None and r.wrt and r.of.name == value.name]
    one = {value.name: lambda a: function(**a), **{r.name: _derivative(jax, function, r) for r in wanted}}
    compiled = {name: jax.jit(jax.vmap(f)) for name, f in one.items()}

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        with _double(jax):
            arrays = {n: jax.numpy.asarray(np.asarray(v), dtype=dtype) for n, v in values.items()}
            shape = np.broadcast_shapes(*(a.shape for a in arrays.values()))
            arrays = {n: jax.numpy.broadcast_to(a, shape) for n, a in arrays.items()}
            return {name: np.asarray(f(arrays)) for name, f in compiled.items()}

    return run


def _double(jax: Any) -> Any:
    """Within it float64 stays float64. It has moved between versions of JAX."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64

    return enable_x64(True)


def _of_arrays(derivation: Derivation, dtype: str, jax: Any) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    loss = LOSSES[derivation.id]

    givens = {t.name for t in derivation.givens}
    firsts = [r for r in derivation.wanted if r.of is not None and r.of.name == "L" and len(r.wrt) == 1]
    wrt = {r.name: r.wrt[0].name for r in firsts if r.wrt[0].name in givens}

    def compute(arrays: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(loss(jax, **arrays))
        for name, given in wrt.items():
            found[name] = jax.grad(lambda x, n=given: loss(jax, **{**arrays, n: x})["L"])(arrays[given])
        return found

    compiled = jax.jit(compute)

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        with _double(jax):
            given = {n: np.asarray(v) for n, v in values.items()}
            arrays = {n: jax.numpy.asarray(v, dtype=dtype if v.dtype.kind == "f" else None) for n, v in given.items()}
            return {n: np.asarray(v) for n, v in compiled(arrays).items()}

    return run


def _derivative(jax: Any, function: Callable[..., Any], result: Result) -> Callable[[Mapping[str, Any]], Any]:
    def differentiated(f: Callable[..., Any], name: str) -> Callable[..., Any]:
        return lambda **a: jax.grad(lambda x: f(**{**a, name: x}))(a[name])

    for t in result.wrt:
        function = differentiated(function, t.name)
    last = function
    return lambda a: last(**a)


def _function(derivation: Derivation, value: Definition, jax: Any) -> Callable[..., Any]:
    named = NN.get(derivation.id) if derivation.topic == "activations" else None
    if named is not None:
        return lambda **a: named(jax.nn, **a)
    known = {d.name: d for d in derivation.definitions}
    symbols = {t.name: Symbol(f"v{k}", real=True) for k, t in enumerate(derivation.givens)}
    compute = sympy.lambdify(list(symbols.values()), _plain(value.body, known, symbols), modules="jax")
    return lambda **a: compute(*(a[name] for name in symbols))


def _plain(expr: Expr, known: Mapping[str, Definition], symbols: Mapping[str, Symbol]) -> Expr:
    """In SymPy's own functions of plain symbols."""

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Element):
            name = e.tensor.name
            return symbols[name] if name in symbols else _plain(known[name].body, known, symbols)
        if isinstance(e, Where):
            x, a, b = (_plain(arg, known, symbols) for arg in e.args)
            return sympy.Piecewise((a, x > 0), (b, True))
        if isinstance(e, Indicator):
            return sympy.Piecewise((1, _plain(e.args[0], known, symbols) > 0), (0, True))
        if isinstance(e, relu):
            return sympy.Max(_plain(e.args[0], known, symbols), 0)
        if isinstance(e, absolute):
            return sympy.Abs(_plain(e.args[0], known, symbols))
        return _plain(e.as_elementary(), known, symbols) if isinstance(e, NamedFunction) else None

    return rebuild(expr, leaf)
