"""Accuracy in units of the last place: generated code, torch and others against exact values.

``measure(derivation, dtype, implementation)`` measures a function of one variable over the whole finite range,
``measure_arrays`` a loss or a layer on declared inputs. A :class:`Reference` or :class:`ArrayReference` holds the exact
values for several implementations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .arrays import ArrayReference, ArrayRow, measure_arrays, measured_arrays
    from .functions import Reference, Row, measure, measured

__all__ = [
    "ArrayReference",
    "ArrayRow",
    "Reference",
    "Row",
    "measure",
    "measure_arrays",
    "measured",
    "measured_arrays",
]

_HOMES = {name: "arrays" if "rray" in name else "functions" for name in __all__}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
