"""jax.test_util.check_grads on a hand-written gradient, as a custom_vjp that calls the NumPy code; in float64."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np
from checkers import layer_of
from jax.test_util import check_grads

jax.config.update("jax_enable_x64", True)


def check(name: str, text: str, folder: Path, file: str) -> tuple[bool, str]:
    """Whether check_grads objects, and its first line. A torch Function is not for jax: never found."""
    layer = layer_of(name, text, folder, file)
    if layer.torch_function is not None:
        return False, "not for jax"
    moving = [layer.values[n] for n in layer.moving]

    def run(*arrays: Any) -> Any:
        given = {**layer.values, **dict(zip(layer.moving, (np.array(a) for a in arrays), strict=True))}
        return layer.run(*(given[n] for n in layer.values))

    def value(*arrays: Any) -> Any:
        return np.asarray(run(*arrays)[0])

    def gradients(d: Any, *arrays: Any) -> Any:
        return tuple(np.asarray(g) for g in run(*arrays)[1](np.array(d)))

    out = jax.ShapeDtypeStruct(np.shape(value(*moving)), np.dtype(float))

    @jax.custom_vjp
    def function(*arrays: Any) -> Any:
        return jax.pure_callback(value, out, *arrays)

    def forward(*arrays: Any) -> Any:
        return function(*arrays), arrays

    def backward(arrays: Any, d: Any) -> Any:
        shapes = tuple(jax.ShapeDtypeStruct(np.shape(a), np.dtype(float)) for a in arrays)
        return jax.pure_callback(gradients, shapes, d, *arrays)

    function.defvjp(forward, backward)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            check_grads(function, moving, order=1, modes=["rev"])
    except Exception as error:
        return True, f"{type(error).__name__}: {error}".splitlines()[0][:120]
    return False, "passed"
