"""JAX as a library of arrays with reverse mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np


class MissingJax(ImportError):
    """JAX is not installed; the message is the line to type."""

    def __init__(self) -> None:
        super().__init__('pip install "nnmath[jax]"')


class Library:
    """What a cross-check of JAX code needs of JAX, in float64 as well. Raises :class:`MissingJax`."""

    flushes = True  # XLA does on the CPU

    def __init__(self) -> None:
        try:
            import jax
        except ImportError as error:
            raise MissingJax from error
        self.jax, self.jnp = jax, jax.numpy
        jnp = jax.numpy
        self.tanh = (jnp.tanh, lambda x: 1 / jnp.cosh(x) ** 2, lambda x: -2 * jnp.tanh(x) / jnp.cosh(x) ** 2)

    def tensor(self, array: Any) -> Any:
        return self.jnp.asarray(array)

    def array(self, tensor: Any) -> Any:
        return np.asarray(tensor)

    def spread(self, tensor: Any, shape: tuple[int, ...]) -> Any:
        return self.jnp.broadcast_to(tensor, shape)

    def ones(self, tensor: Any) -> Any:
        return self.jnp.ones_like(tensor)

    def units(self, tensor: Any) -> Any:
        return self.jnp.eye(tensor.size, dtype=tensor.dtype).reshape(-1, *tensor.shape)

    def stack(self, tensors: Sequence[Any]) -> Any:
        return self.jnp.stack(list(tensors))

    def reverse(
        self, f: Callable[[Mapping[str, Any]], Any], values: Mapping[str, Any], name: str
    ) -> tuple[Any, Callable[[Any], Any]]:
        value, pull = self.jax.vjp(lambda x: f({**values, name: x}), values[name])
        return value, lambda weight: pull(weight)[0]

    def run(self, f: Callable[[Mapping[str, Any]], Any], values: Mapping[str, Any]) -> Any:
        arrays = {n: v for n, v in values.items() if isinstance(v, self.jax.Array)}
        return self.jax.jit(lambda given: f({**values, **given}))(arrays)

    def double(self) -> AbstractContextManager[Any]:
        if hasattr(self.jax, "enable_x64"):
            return self.jax.enable_x64(True)  # type: ignore[no-any-return]
        from jax.experimental import enable_x64

        return enable_x64(True)  # type: ignore[no-any-return]
