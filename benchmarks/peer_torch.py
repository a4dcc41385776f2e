"""torch.autograd.gradcheck on a hand-written gradient, as a Function that calls the NumPy code; in float64."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from checkers import Layer, layer_of


class _Wrapped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, run: Any, *tensors: Any) -> Any:
        out, ctx.back = run(*(t.detach().numpy() for t in tensors))
        return torch.as_tensor(np.asarray(out))

    @staticmethod
    def backward(ctx: Any, d: Any) -> Any:
        return (None, *(torch.as_tensor(np.asarray(g)) for g in ctx.back(d.numpy())))


def check(name: str, text: str, folder: Path, file: str) -> tuple[bool, str]:
    """Whether gradcheck objects, and its first line."""
    return objects(layer_of(name, text, folder, file))


def objects(layer: Layer) -> tuple[bool, str]:
    """The same for a layer at its own point."""
    moving = [torch.tensor(layer.values[n], requires_grad=True) for n in layer.moving]

    def function(*tensors: Any) -> Any:
        if layer.torch_function is not None:
            return layer.torch_function.apply(*tensors)
        given = dict(zip(layer.moving, tensors, strict=True))

        def run(*arrays: Any) -> Any:
            return layer.run(
                *({**layer.values, **dict(zip(layer.moving, arrays, strict=True))}[n] for n in layer.values)
            )

        return _Wrapped.apply(run, *given.values())

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            torch.autograd.gradcheck(function, moving)
    except Exception as error:
        return True, f"{type(error).__name__}: {error}".splitlines()[0][:120]
    return False, "passed"
