"""Reductions: the numbers that each keeps while it runs, and what they give in the end."""

from __future__ import annotations

from collections.abc import Sequence

from ..scalars import Scalar
from .text import bare

#: Of each reduction the numbers that it keeps: suffix, start, and how they are joined.
SHAPES: dict[str, list[tuple[str, str, str]]] = {
    "sum": [("", "0.0", "sum")],
    "max": [("", "-INFINITY", "max"), ("_nan", "0.0", "sum")],
    "peak": [("", "-INFINITY", "max")],  # the largest of those that are no NaN
    "others": [("", "0.0", "sum")],  # the sum of those below 1, of numbers up to 1
    "log_sum": [("", "0.0", "sum"), ("_top", "0.0", "sum")],  # these, and how many reach 1
}
SIGN = {"sum": "+", "max": "max"}


def update(name: str, value: str, op: str) -> str:
    return f"{name} = {value} > {name} ? {value} : {name};" if op == "max" else f"{name} += {bare(value)};"


def kept_by(r: Scalar, among: Sequence[Scalar]) -> Scalar:
    """Which of these keeps the numbers of a reduction: those of a sum are in the logarithm of the same sum."""
    logarithm = Scalar("log_sum", r.args, (), r.axes, r.over)
    return logarithm if r.op in ("sum", "others") and logarithm in among else r


def finished(op: str, parts: Sequence[str], used: dict[str, None]) -> str:
    if op == "sum":
        return " + ".join(parts)
    if op in ("others", "peak"):
        return parts[0]
    if op == "max":
        return f"({parts[1]} > 0.0 ? NAN : {parts[0]})"
    used["log1p"] = None
    return f"nn_log1p({parts[0]} + ({parts[1]} - 1.0))"
