"""From formulas to numbers: NumPy source, input regimes, exact values, and the cross-check with PyTorch.

``generate(derivation)`` gives the source of a module; ``check(derivation, torch_forward)`` runs it against exact
values and against PyTorch's autograd. Both are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .crosscheck import check
    from .generator import generate

__all__ = ["check", "generate"]

_HOMES = {"check": "crosscheck", "generate": "generator"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
