"""Gradients written by hand: adapters, tracing, proof, probing, diagnosis, report."""

from __future__ import annotations

from typing import Any

__all__ = ["Finding", "Report", "SubjectError", "Trace", "Untraceable"]

#: Where a public name lives; imported on first use.
_HOMES = {
    "Finding": "report",
    "Report": "report",
    "SubjectError": "subjects.protocol",
    "Trace": "tracing.trace",
    "Untraceable": "tracing.session",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
