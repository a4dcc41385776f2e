"""JAX functions: ``custom_vjp`` and any other through ``jax.vjp``; gradients written by hand with ``jax.numpy``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from .pairs import gradient_function
from .protocol import Array, Named, Pass, Subject, SubjectError, call, parameters, place, required


def jax_function(function: Any, name: str) -> Subject:
    """A JAX function, with or without a ``custom_vjp``, differentiated by JAX.

    64 bits are switched on for its calls alone. A ``custom_vjp`` that ``defvjp`` was not called on raises SubjectError.
    """
    inner = getattr(function, "__wrapped__", None) or getattr(function, "fun", function)
    if type(function).__name__ == "custom_vjp" and getattr(function, "bwd", None) is None:
        raise SubjectError(f"{name} is a custom_vjp without rules; call {name}.defvjp(forward, backward) in its file")
    names = tuple(p.name for p in parameters(inner))

    def start(inputs: Mapping[str, Any], previous: Pass | None) -> Pass:
        import jax  # type: ignore[import-not-found,unused-ignore]

        values = {n: np.asarray(inputs[n]) for n in names if n in inputs}
        moving = [n for n, v in values.items() if np.issubdtype(v.dtype, np.floating)]

        def of(*arguments: Any) -> Any:
            fixed = {n: jax.numpy.asarray(v) for n, v in values.items()}
            out = call(function, {**fixed, **dict(zip(moving, arguments, strict=True))})
            return out[0] if isinstance(out, tuple | list) else out

        with _x64():
            out, pull = jax.vjp(of, *(jax.numpy.asarray(values[n]) for n in moving))

        def backward(upstream: Array | None) -> Named:
            with _x64():
                seed = np.ones(out.shape) if upstream is None else np.asarray(upstream)
                found = pull(jax.numpy.asarray(seed, dtype=out.dtype))
            return tuple((f"d{n}", np.array(g)) for n, g in zip(moving, found, strict=True))

        return Pass((), np.array(out), backward)

    file, line = place(inner)
    optional = frozenset(names) - set(required(inner))
    return Subject(name, "jax", file, line, names, (), function, start, function, "cotangent", optional)


def jax_gradient(function: Callable[..., Any], name: str) -> Subject:
    """A function of JAX arrays that returns gradients itself."""
    plain = gradient_function(function, name)

    def start(inputs: Mapping[str, Any], previous: Pass | None) -> Pass:
        import jax

        with _x64():
            one = plain.start({n: jax.numpy.asarray(v) for n, v in inputs.items()}, None)

        def backward(upstream: Array | None) -> Named:
            with _x64():
                found = one.backward(None if upstream is None else jax.numpy.asarray(upstream))
                return tuple((n, None if v is None else np.array(v)) for n, v in found)

        return Pass((), None, backward)

    return Subject(
        name, "jax", plain.file, plain.line, plain.parameter_names, plain.gradient_names, function, start, None,
        plain.upstream_name, plain.optional,
    )  # fmt: skip


@contextmanager
def _x64() -> Iterator[None]:
    """64-bit numbers for a while; older versions of JAX have the switch elsewhere."""
    import jax

    switch: Any = getattr(jax, "enable_x64", None)
    if switch is None:
        from jax import experimental  # type: ignore[import-not-found,unused-ignore]

        switch = experimental.enable_x64
    with switch(True):
        yield
