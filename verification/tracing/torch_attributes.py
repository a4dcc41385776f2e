"""What a symbolic tensor answers about itself, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .masked import Masked
from .memory import is_contiguous
from .session import untraceable
from .symbolic import SymbolicArray
from .torch_tape import detached, is_recording
from .torch_tensor import dtype_of, shape_of, unwrapped, wrapped

#: Functions whose result is different every time.
RANDOM = frozenset(
    "rand randn randint randperm rand_like randn_like randint_like bernoulli normal multinomial poisson uniform"
    " random exponential cauchy geometric log_normal alpha_dropout gumbel_softmax rrelu".split()
)
#: In-place forms of these change the shape of the tensor, not only its entries.
SHAPE_CHANGING = frozenset("squeeze unsqueeze t transpose swapaxes swapdims resize resize_as set".split())


def array_of(tensor: Any) -> SymbolicArray:
    """The array behind a tensor, of which a plain attribute is asked."""
    found = unwrapped(tensor)
    if type(found) is Masked:
        raise untraceable("the shape of masked entries", "how many there are depends on the inputs")
    return found  # type: ignore[no-any-return]


def _size(tensor: Any, dim: Any = None) -> Any:
    shape = shape_of(array_of(tensor))
    return shape if dim is None else shape[dim]


def _strides(tensor: Any, *arguments: Any) -> Any:
    raise untraceable("x.stride()", "how far apart entries lie is not known")


def _refused(operation: str, reason: str) -> Callable[..., Any]:
    def function(*arguments: Any, **options: Any) -> Any:
        raise untraceable(operation, reason)

    return function


def _is_contiguous(tensor: Any, **options: Any) -> bool:
    array = array_of(tensor)
    return is_contiguous(array.memory, array.address, array.axes)


def _item(tensor: Any) -> Any:
    array = array_of(tensor)
    return wrapped(array.item())


def _set_data(tensor: Any, value: Any) -> None:
    raise untraceable("an assignment to .data", "write x.copy_(value)")


def _requires_grad(tensor: Any) -> bool:
    return array_of(tensor).kind == "f" and is_recording()


def _device(tensor: Any) -> Any:
    import torch

    return torch.device("cpu")


def _layout(tensor: Any) -> Any:
    import torch

    return torch.strided


def _apply_to_rows(tensor: Any) -> Any:
    return iter([wrapped(row) for row in array_of(tensor)])


def _to_number(kind: Any) -> Callable[[Any], Any]:
    def function(tensor: Any) -> Any:
        return kind(array_of(tensor))

    return function


def _index(tensor: Any) -> int:
    return array_of(tensor).__index__()


def _length(tensor: Any) -> int:
    return len(array_of(tensor))


def _numel(tensor: Any) -> Any:
    return array_of(tensor).size


_NO_NUMBERS = "it wants numbers, and these are formulas"
#: Attributes (with a dot) and functions that are not about entries.
ATTRIBUTES: dict[str, Callable[..., Any]] = {
    ".shape": _size,
    "size": _size,
    ".dtype": lambda x: dtype_of(getattr(unwrapped(x), "kind", "f")),
    ".device": _device,
    ".layout": _layout,
    ".ndim": lambda x: array_of(x).ndim,
    "dim": lambda x: array_of(x).ndim,
    "ndimension": lambda x: array_of(x).ndim,
    "numel": _numel,
    "nelement": _numel,
    "__len__": _length,
    "__bool__": _to_number(bool),
    "__float__": _to_number(float),
    "__int__": _to_number(int),
    "__index__": _index,
    "__iter__": _apply_to_rows,
    "__contains__": _refused("in", "whether a value is in a tensor depends on the inputs"),
    "__hash__": id,
    "is_floating_point": lambda x: array_of(x).kind == "f",
    "is_complex": lambda x: False,
    "is_contiguous": _is_contiguous,
    "is_tensor": lambda x: True,
    "is_nonzero": _to_number(bool),
    "stride": _strides,
    "data_ptr": _refused("x.data_ptr()", _NO_NUMBERS),
    "storage": _refused("x.storage()", _NO_NUMBERS),
    "untyped_storage": _refused("x.untyped_storage()", _NO_NUMBERS),
    "tolist": _refused("x.tolist()", _NO_NUMBERS),
    "item": _item,
    "numpy": lambda x, **options: array_of(x),
    ".requires_grad": _requires_grad,
    ".requires_grad =": lambda x, value: None,
    "requires_grad_": lambda x, *value, **options: x,
    "retain_grad": lambda x: None,
    ".is_leaf": lambda x: True,
    ".grad_fn": lambda x: None,
    ".grad": lambda x: None,
    ".is_cuda": lambda x: False,
    ".is_sparse": lambda x: False,
    ".is_quantized": lambda x: False,
    ".is_meta": lambda x: False,
    ".is_mkldnn": lambda x: False,
    ".is_nested": lambda x: False,
    ".is_cpu": lambda x: True,
    ".names": lambda x: (None,) * array_of(x).ndim,
    ".itemsize": lambda x: dtype_of(array_of(x).kind).itemsize,
    "element_size": lambda x: dtype_of(array_of(x).kind).itemsize,
    ".data": lambda x: wrapped(detached(array_of(x))),
    ".data =": _set_data,
    "detach": lambda x: wrapped(detached(array_of(x))),
    "cpu": lambda x, **options: x,
    "cuda": lambda x, *arguments, **options: x,
    "backward": _refused("x.backward()", "autograd inside of the traced code is not followed"),
    "register_hook": _refused("x.register_hook()", "hooks are not followed"),
    "allclose": _refused("torch.allclose", "the answer depends on the inputs"),
    "equal": _refused("torch.equal", "the answer depends on the inputs"),
    "isfinite": _refused("torch.isfinite", "in real numbers every entry is finite"),
    "isnan": _refused("torch.isnan", "in real numbers every entry is a number"),
}
