"""Accuracy in units of the last place: generated code, torch and others against exact values.

``measure(derivation, dtype, implementation)`` measures a function of one variable over the whole finite range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .measure import Row, measure

__all__ = ["Row", "measure"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(".measure", __name__), name)
