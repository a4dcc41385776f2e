"""What cannot be measured, in words for the user."""

from __future__ import annotations


class NotMeasurable(ValueError):
    """A formula whose accuracy cannot be measured; the message says why."""


class Unavailable(ValueError):
    """An implementation that there is not for this formula, or not here; the message says why and what to type."""
