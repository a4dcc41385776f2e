"""The error of a command line that makes no sense."""

from __future__ import annotations


class WrongUsage(ValueError):
    """Arguments that do not go together."""
