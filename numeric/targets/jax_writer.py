"""Array programs in the words of JAX, which are NumPy's but for a few."""

from __future__ import annotations

from .. import program
from ..numpy_code.text import ATOM, WRITE
from ..program import Node
from .jax_helpers import HELPERS, NEEDS
from .tensor_text import Language, TensorWriter, Write


def _at_largest(w: TensorWriter, n: Node) -> tuple[str, int]:
    x, key = w.expression(n.args[0])[0], w.operand(n.args[1], ATOM)
    return f"jnp.take_along_axis({x}, {key}.argmax({n.data[0]}, keepdims=True), {n.data[0]})", ATOM


def _cast(w: TensorWriter, n: Node) -> tuple[str, int]:
    return f"{w.operand(n.args[0], ATOM)}.astype({w.dtype})", ATOM


def _where(w: TensorWriter, n: Node) -> tuple[str, int]:
    condition, a, b = n.args
    text = f"jnp.where({w.expression(condition)[0]}, {w.as_dtype(a)}, {w.as_dtype(b)})"
    return (f"{text}.astype({w.dtype})" if w.is_number(a) and w.is_number(b) else text), ATOM


def _mul(w: TensorWriter, n: Node) -> tuple[str, int]:
    """A product with a truth value is written out: XLA makes of it a choice that gives 0 at NaN."""
    split: int = n.data[0]  # type: ignore[assignment]
    masks = [a for a in n.args[:split] if a.kind == "bool"]
    over = tuple(a for a in n.args[:split] if a.kind != "bool")
    if not masks or all(w.is_number(a) for a in over):
        return WRITE["mul"](w, n)
    inner = program.mul(over, n.args[split:])
    text = w.expression(inner, inline=True)[0]
    for mask in masks:
        text = f"{w.helper('_when')}({w.expression(mask)[0]}, {text})"
    return text, ATOM


def _relu(w: TensorWriter, n: Node) -> tuple[str, int]:
    return f"{w.helper('_relu')}({w.expression(n.args[0])[0]})", ATOM


def _in_jnp(op: str) -> Write:
    """NumPy's text, of arrays of numbers."""

    def write(w: TensorWriter, n: Node) -> tuple[str, int]:
        text, precedence = WRITE[op](w, n)
        return text.replace("np.", "jnp."), precedence

    return write


JAX = Language(
    title="JAX",
    prefix="jnp",
    calls={
        **{f: f"jnp.{f}" for f in "exp log tanh sinh cosh sin cos sign sqrt expm1 log1p copysign exp2 arctan".split()},
        **{f: f"jnp.{f}" for f in "power minimum maximum clip".split()},
        **{
            f: f"_{f}"
            for f in (
                *("abs", "sigmoid", "softplus", "sech2", "xlogx", "log_weighted", "tanh_remainder", "finite"),
                *("sigmoid_minus", "tanh_minus", "power_of_two", "exp_polynomial", "exp_product", "exp_quotient"),
                "rounded",
                *("erf", "erfc", "erfcx"),
            )
        },
    },
    write={
        "transpose": WRITE["transpose"],
        "at_largest": _at_largest,
        "eye": _in_jnp("eye"),
        "arange": _in_jnp("arange"),
        "full": _in_jnp("full"),
        "cast": _cast,
        "mul": _mul,
        "relu": _relu,
        "where": _where,
    },
    helpers=HELPERS,
    needs=NEEDS,
)
