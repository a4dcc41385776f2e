"""How far a proof reaches, in words: all sizes, or those that somebody stated as numbers."""

from __future__ import annotations

from collections.abc import Iterable

from ..calculus.tensors import Tensor


def has_numbers(tensors: Iterable[Tensor | None]) -> bool:
    """Whether a size is a number. A one is no size, but an axis that is there for broadcasting."""
    return any(d.is_Integer and d != 1 for t in tensors if t is not None for d in t.dims)


def proved_for(tensors: Iterable[Tensor | None]) -> str:
    """What is proved of formulas over these arrays is so for all inputs, and for all sizes that are no numbers."""
    return f"proved for all inputs {'at the sizes that are stated' if has_numbers(tensors) else 'and sizes'}"
