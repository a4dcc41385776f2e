"""torch as a library of arrays with reverse mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from ..checking.torch_side import MissingTorch


class Library:
    """What a cross-check of torch code needs of torch. Raises :class:`~..torch_side.MissingTorch`."""

    flushes = False

    def __init__(self) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingTorch from error
        self.torch = torch
        self.tanh = (torch.tanh, lambda x: 1 / torch.cosh(x) ** 2, lambda x: -2 * torch.tanh(x) / torch.cosh(x) ** 2)

    def tensor(self, array: Any) -> Any:
        return self.torch.from_numpy(np.array(array))

    def array(self, tensor: Any) -> Any:
        return tensor.detach().numpy()

    def spread(self, tensor: Any, shape: tuple[int, ...]) -> Any:
        return tensor.expand(shape).clone()

    def ones(self, tensor: Any) -> Any:
        return self.torch.ones_like(tensor)

    def units(self, tensor: Any) -> Any:
        return self.torch.eye(tensor.numel(), dtype=tensor.dtype).reshape(-1, *tensor.shape)

    def stack(self, tensors: Sequence[Any]) -> Any:
        return self.torch.stack(list(tensors))

    def reverse(
        self, f: Callable[[Mapping[str, Any]], Any], values: Mapping[str, Any], name: str
    ) -> tuple[Any, Callable[[Any], Any]]:
        leaf = values[name] if values[name].requires_grad else values[name].detach().requires_grad_()
        value = f({**values, name: leaf})

        def pull(weight: Any) -> Any:
            if not value.requires_grad:
                return self.torch.zeros_like(leaf)
            (found,) = self.torch.autograd.grad(value, leaf, weight, create_graph=True, allow_unused=True)
            return self.torch.zeros_like(leaf) if found is None else found

        return value, pull

    def run(self, f: Callable[[Mapping[str, Any]], Any], values: Mapping[str, Any]) -> Any:
        return f(values)

    def double(self) -> AbstractContextManager[Any]:
        return nullcontext()
