"""Array programs in the words of torch."""

from __future__ import annotations

import re

from ..numpy_code.text import ATOM, w_dim
from ..program import Node
from .tensor_text import Language, TensorWriter, Write
from .torch_helpers import HELPERS, NEEDS


def _transpose(w: TensorWriter, n: Node) -> tuple[str, int]:
    inner = w.operand(n.args[0], ATOM)
    return f"{inner}.T" if n.data == (1, 0) else f"{inner}.permute({', '.join(map(str, n.data))})", ATOM


def _reduce(w: TensorWriter, n: Node) -> tuple[str, int]:
    op, axes, keepdims = n.data
    if op == "argmax":
        return f"{w.operand(n.args[0], ATOM)}.argmax({axes[0]})", ATOM  # type: ignore[index]
    name = {"max": "amax", "min": "amin"}.get(str(op), str(op))
    arguments = []
    if len(axes) < n.args[0].rank or keepdims:  # type: ignore[arg-type]
        arguments.append(f"dim={axes[0] if len(axes) == 1 else axes}")  # type: ignore[arg-type, index]
    if keepdims:
        arguments.append("keepdim=True")
    array = n.args[0] if n.args[0].kind != "bool" else Node("cast", n.args, (), n.args[0].rank)
    return f"{w.operand(array, ATOM)}.{name}({', '.join(arguments)})", ATOM


def _at_largest(w: TensorWriter, n: Node) -> tuple[str, int]:
    x, key = (w.operand(a, ATOM) for a in n.args)
    return f"{x}.gather({n.data[0]}, {key}.argmax({n.data[0]}, keepdim=True))", ATOM


def _eye(w: TensorWriter, n: Node) -> tuple[str, int]:
    dtype = "torch.bool" if n.kind == "bool" else w.dtype
    return f"torch.eye({w_dim(w, str(n.data[0]))}, dtype={dtype}, device={w.anchor}.device)", ATOM


def _arange(w: TensorWriter, n: Node) -> tuple[str, int]:
    return f"torch.arange({w_dim(w, str(n.data[0]))}, device={w.anchor}.device)", ATOM


def _cast(w: TensorWriter, n: Node) -> tuple[str, int]:
    inner = n.args[0]
    if inner.op == "call" and inner.data[0] == "where" and not all(w.is_number(a) for a in inner.args[1:]):
        return w.expression(inner)  # has the dtype of its tensors
    if inner.op == "call" and inner.data[0] == "where":
        # Both values are Python numbers, of which torch would make float32.
        condition, a, b = (w.expression(x)[0] for x in inner.args)
        return f"torch.where({condition}, torch.full((), {a}, dtype={w.dtype}, device={w.anchor}.device), {b})", ATOM
    return f"{w.operand(inner, ATOM)}.to({w.dtype})", ATOM


def _full(w: TensorWriter, n: Node) -> tuple[str, int]:
    """A value spread over a shape, as a tensor of its own."""
    value = w.expression(n.args[0])[0]
    like, shape = n.data
    for size in re.findall(r"[^\W\d]\w*", str(shape or "")):
        w_dim(w, size)
    if w.is_number(n.args[0]):
        if shape is None:
            return (f"torch.zeros_like({like})" if value == "0" else f"torch.full_like({like}, {value})"), ATOM
        return f"torch.full({shape}, {value}, dtype={w.dtype}, device={w.anchor}.device)", ATOM
    text = w.operand(n.args[0], ATOM)
    return f"{text}.expand_as({like}).clone()" if shape is None else f"{text}.expand({shape}).clone()", ATOM


def _bound(side: str, function: str) -> Write:
    """The larger or the smaller of two, of which one may be a number."""

    def write(w: TensorWriter, n: Node) -> tuple[str, int]:
        a, b = n.args if not w.is_number(n.args[0]) else reversed(n.args)
        if w.is_number(b):
            return f"{w.operand(a, ATOM)}.clamp({side}={w.expression(b)[0]})", ATOM
        return f"torch.{function}({w.as_dtype(a)}, {w.as_dtype(b)})", ATOM

    return write


def _where(w: TensorWriter, n: Node) -> tuple[str, int]:
    condition, a, b = n.args
    return f"torch.where({w.expression(condition)[0]}, {w.as_dtype(a)}, {w.as_dtype(b)})", ATOM


def _relu(w: TensorWriter, n: Node) -> tuple[str, int]:
    return f"{w.operand(n.args[0], ATOM)}.clamp(min=0.0)", ATOM


def _clip(w: TensorWriter, n: Node) -> tuple[str, int]:
    low, high = (w.expression(a)[0] for a in n.args[1:])
    return f"{w.operand(n.args[0], ATOM)}.clamp({low}, {high})", ATOM


TORCH = Language(
    title="torch",
    prefix="torch",
    calls={
        **{
            f: f"torch.{f}"
            for f in "exp log tanh sinh cosh sin cos sign sqrt expm1 log1p erf erfc copysign exp2".split()
        },
        "arctan": "torch.atan",
        "power": "torch.pow",
        "erfcx": "torch.special.erfcx",
        "abs": "_abs",
        **{
            f: f"_{f}"
            for f in (
                *("sigmoid", "softplus", "sech2", "xlogx", "log_weighted", "tanh_remainder", "finite"),
                *("sigmoid_minus", "tanh_minus", "power_of_two", "exp_polynomial", "exp_product", "exp_quotient"),
            )
        },
    },
    write={
        "transpose": _transpose,
        "reduce": _reduce,
        "at_largest": _at_largest,
        "eye": _eye,
        "arange": _arange,
        "cast": _cast,
        "full": _full,
        "maximum": _bound("min", "maximum"),
        "minimum": _bound("max", "minimum"),
        "relu": _relu,
        "where": _where,
        "clip": _clip,
    },
    helpers=HELPERS,
    needs=NEEDS,
)
