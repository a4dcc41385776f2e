"""nnmath: derives the mathematics of neural networks, proves every step, generates code, checks it against PyTorch.

>>> import nnmath
>>> page = nnmath.derive("softmax-ce")
>>> page.proved
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compiling import compiled
    from .derivations import catalogue
    from .page import Page, derive
    from .verifying import Finding, Report, verify

__all__ = ["Finding", "Page", "Report", "__version__", "catalogue", "compiled", "derive", "verify"]
__version__ = "0.1.0"

#: Where a public name lives. It is imported on first use: SymPy alone takes a third of a second.
_HOMES = {
    "derive": "page",
    "compiled": "compiling",
    "Page": "page",
    "catalogue": "derivations",
    "verify": "verifying",
    "Report": "verifying",
    "Finding": "verifying",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nnmath' has no attribute {name!r}; it has {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
