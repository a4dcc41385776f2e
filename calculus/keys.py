"""Cheap total orders on expressions, blind to the order of commutative arguments and to chosen index names."""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Add, Mul
from sympy.core.basic import Basic

from .sums import Delta
from .tensors import Index, Tensor

_UNORDERED = (Add, Mul, Delta)
_cache: dict[Basic, str] = {}


def key(expr: Basic) -> str:
    """A text that is equal for equal expressions; cached."""
    found = _cache.get(expr)
    if found is None:
        if len(_cache) > 200_000:
            _cache.clear()
        found = _cache[expr] = _key(expr, {})
    return found


def labelled_key(expr: Basic, labels: Mapping[Index, str]) -> str:
    """The key with some indices shown under labels instead of their names."""
    return _key(expr, labels)


def _key(expr: Basic, labels: Mapping[Index, str]) -> str:
    if isinstance(expr, Index):
        return labels.get(expr) or f"{expr.name}:{expr.dim}"
    if isinstance(expr, Tensor):
        return expr.name
    if not expr.args:
        return str(expr)
    parts = [key(a) if not labels or not _mentions(a, labels) else _key(a, labels) for a in expr.args]
    if isinstance(expr, _UNORDERED):
        parts.sort()
    return f"{type(expr).__name__}({','.join(parts)})"


def _mentions(expr: Basic, labels: Mapping[Index, str]) -> bool:
    return not expr.free_symbols.isdisjoint(labels)
