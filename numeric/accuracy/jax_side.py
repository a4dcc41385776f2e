"""JAX as something to measure: the form that an entry has in it, else the formula itself in ``jax.numpy``."""

from __future__ import annotations

import inspect
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
from .unavailable import Unavailable

#: Takes ``jax`` and the givens by name.
Form = Callable[..., Any]


def jax_implementation(
    derivation: Derivation, dtype: str, form: Form | None = None
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Values and derivatives by JAX: of a form as people write it there; without one, of the formula itself.

    Raises :class:`Unavailable` for arrays without a form and for parameters that the form does not take, and
    ``ImportError``.
    """
    import jax

    if not is_elementwise(derivation):
        if form is None:
            raise Unavailable(f"there is no form of {derivation.id} in jax to measure")
        return _of_arrays(derivation, dtype, jax, form)
    value = outputs(derivation)[0]
    function = _function(derivation, value, jax) if form is None else _by_name(form, jax)
    constants = {} if form is None else _constants(derivation, form)
    wanted = [r for r in derivation.wanted if r.of is not None and r.wrt and r.of.name == value.name]
    one = {value.name: lambda a: function(**a), **{r.name: _derivative(jax, function, r) for r in wanted}}
    compiled = {name: jax.jit(jax.vmap(f)) for name, f in one.items()}

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        for name, default in constants.items():
            if np.any(np.asarray(values[name]) != np.asarray(default, dtype=dtype)):
                raise Unavailable(f"the form of {derivation.id} in jax is that for {name}={default:g}")
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


def _by_name(form: Form, jax: Any) -> Callable[..., Any]:
    takes = inspect.signature(form).parameters
    return lambda **a: form(jax, **{name: v for name, v in a.items() if name in takes})


def _constants(derivation: Derivation, form: Form) -> dict[str, float]:
    """The parameters that a form does not take, which has their defaults inside."""
    takes = inspect.signature(form).parameters
    values = {t.name: t.domain.value for t in derivation.givens if t.name not in takes}
    return {name: float(value) for name, value in values.items() if value is not None}


def _of_arrays(
    derivation: Derivation, dtype: str, jax: Any, loss: Form
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
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
    """The formula in ``jax.numpy``."""
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
