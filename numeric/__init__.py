"""From formulas to numbers: NumPy source, input regimes, exact values, and the cross-check with PyTorch.

``generate(derivation, target)`` gives the source of a module; ``check(derivation, torch_forward)`` runs it against
exact values and against PyTorch's autograd. ``generate_update`` and ``check_update`` do so for an update rule. All are
imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checking.crosscheck import check
    from .checking.trajectories import check as check_update
    from .checking.updates import generate as generate_update
    from .targets import generate

__all__ = ["check", "check_update", "generate", "generate_update"]

_HOMES = {
    "check": ("checking.crosscheck", "check"),
    "check_update": ("checking.trajectories", "check"),
    "generate": ("targets", "generate"),
    "generate_update": ("checking.updates", "generate"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    from importlib import import_module

    module, function = _HOMES[name]
    return getattr(import_module(f".{module}", __name__), function)
