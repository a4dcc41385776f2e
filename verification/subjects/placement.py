"""NumPy arrays for code that wants tensors: on another device, in a dtype that NumPy lacks, with the same strides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .protocol import Array, Named, Pass, Subject

#: Kinds of subject that are made of torch code, whatever they look like.
TORCH = ("torch function", "torch callable")


def placed(subject: Subject, device: str = "cpu", dtype: str | None = None) -> Subject:
    """The subject with every array handed to it as a tensor on a device, real ones in ``dtype`` where that is given.

    What it returns is an array again. What it writes into a tensor is seen in the array that the tensor was made of.
    """

    def start(inputs: Mapping[str, Any], previous: Pass | None) -> Pass:
        tensors = {n: tensor_of(v, device, dtype) for n, v in inputs.items()}
        one = subject.start(tensors, previous)
        _write_back(tensors, inputs)

        def backward(upstream: Array | None) -> Named:
            seed = None if upstream is None else tensor_of(upstream, device, dtype)
            found = one.backward(seed)
            _write_back(tensors, inputs)
            if upstream is not None:
                _write_back({"": seed}, {"": upstream})
            return tuple((n, array_of(v)) for n, v in found)

        forwarded = tuple((n, array_of(v)) for n, v in one.forwarded)
        return replace(one, forwarded=forwarded, out=array_of(one.out), backward=backward)

    return replace(subject, start=start)


def tensor_of(value: Any, device: str = "cpu", dtype: str | None = None) -> Any:
    """A tensor with the entries and the strides of an array; over the same memory where nothing has to change.

    torch has no negative strides: such a view is copied.
    """
    import torch

    if isinstance(value, torch.Tensor):
        tensor = value
    else:
        array = np.asarray(value)
        if any(s < 0 for s in array.strides) or not array.flags.aligned:
            array = np.ascontiguousarray(array)
        tensor = torch.from_numpy(array) if array.ndim else torch.as_tensor(array)
    wanted = getattr(torch, dtype) if dtype is not None and tensor.is_floating_point() else tensor.dtype
    if tensor.device.type == torch.device(device).type and tensor.dtype == wanted:
        return tensor
    return _laid_out(tensor, device, wanted)


def _laid_out(tensor: Any, device: str, dtype: Any) -> Any:
    """A copy elsewhere with the same strides; axes of stride 0 stay of stride 0."""
    import torch

    repeated = [k for k, s in enumerate(tensor.stride()) if s == 0 and tensor.shape[k] > 1]
    narrow = tensor
    for k in repeated:
        narrow = narrow.narrow(k, 0, 1)
    copy = torch.empty_strided(narrow.shape, narrow.stride(), device=device, dtype=dtype)
    copy.copy_(narrow)
    return copy.expand(tensor.shape) if repeated else copy


def array_of(value: Any) -> Any:
    """A tensor as an array, half precision that NumPy lacks as float32; anything else as it is."""
    detach = getattr(value, "detach", None)
    if detach is None:
        return value
    tensor = detach().cpu()
    return tensor.float().numpy() if str(tensor.dtype) == "torch.bfloat16" else tensor.numpy()


def _write_back(tensors: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """What code has written into copies, written into the arrays as well."""
    for name, tensor in tensors.items():
        array, now = arrays[name], array_of(tensor)
        if isinstance(array, np.ndarray) and not np.shares_memory(now, array):
            if not np.array_equal(now, array, equal_nan=array.dtype.kind == "f") and array.flags.writeable:
                array[...] = now
