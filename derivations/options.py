"""Parameters of an entry: what each may be, and how a value that a user gives is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

LARGEST_PARAMETER = 64


@dataclass(frozen=True)
class PerAxis:
    """A whole number for each of two axes, rows first: ``2`` for both, or ``(2, 1)``. default holds for both axes."""

    default: int = 1
    least: int = 1
    most: int = LARGEST_PARAMETER

    def read(self, value: Value) -> tuple[int, int] | None:
        """Both numbers; None where the value is neither a number nor two of them, or one is out of range."""
        parts = value.replace("x", ",").split(",") if isinstance(value, str) else value
        found = [_whole(p) for p in (parts if isinstance(parts, list | tuple) else (parts,))]
        pair = tuple(n for n in found if n is not None and self.least <= n <= self.most)
        return (pair[0], pair[-1]) if len(pair) == len(found) and len(pair) in (1, 2) else None


#: A value of a parameter.
Value: TypeAlias = int | float | bool | str | tuple[int, int]

#: What an entry states for a parameter. A number is its default: a whole one (from 1), or a decimal (any finite one).
#: True or False is a switch and its default. A tuple lists the choices, the default first.
Kind: TypeAlias = int | float | bool | tuple[str, ...] | tuple[int, ...] | PerAxis

SWITCH = {"yes": True, "no": False, "true": True, "false": False}


class ParameterError(ValueError):
    """A parameter that an entry does not have, or a value that it cannot take."""


def default(kind: Kind) -> Value:
    """The value of a parameter that nobody sets."""
    if isinstance(kind, PerAxis):
        return (kind.default, kind.default)
    return kind[0] if isinstance(kind, tuple) else kind


def _whole(value: Value) -> int | None:
    """A whole number, or its text."""
    if isinstance(value, str):
        return int(value) if value.strip().isdecimal() and len(value) < 10 else None
    return value if type(value) is int else None


def read(id: str, name: str, kind: Kind, value: Value) -> Value:
    """A value for a parameter of the entry ``id``; text is read as what the parameter is.

    **Raises** :class:`ParameterError` with what was given, what is expected and what to type.
    """

    def refuse(expected: str, example: Value) -> ParameterError:
        return ParameterError(f"{name}={value!r} for {id}: {expected} is expected, such as {name}={example}")

    if isinstance(kind, PerAxis):
        if (pair := kind.read(value)) is not None:
            return pair
        numbers = f"a whole number from {kind.least} to {kind.most}, or one for each axis,"
        raise refuse(numbers, f"{kind.least + 1},{kind.least}")
    if isinstance(kind, tuple):
        for choice in kind:
            if value == choice or (isinstance(value, str) and value == str(choice)):
                return choice
        raise refuse(f"one of {', '.join(map(str, kind))}", kind[0])
    if isinstance(kind, bool):
        found = SWITCH.get(value.lower(), value) if isinstance(value, str) else value
        if isinstance(found, bool):
            return found
        raise refuse("yes or no", "no" if kind else "yes")
    if isinstance(kind, int):
        number = _whole(value)
        if number is not None and 1 <= number <= LARGEST_PARAMETER:
            return number
        raise refuse(f"a whole number from 1 to {LARGEST_PARAMETER}", kind)
    try:
        decimal = float("nan") if isinstance(value, bool | tuple) else float(value)
    except ValueError:
        decimal = float("nan")
    if abs(decimal) < float("inf"):
        return decimal
    raise refuse("a number", kind)


def shown(value: Value) -> str:
    """A value as ``--set`` takes it: ``2,1``, ``yes``, ``0.5``."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def stated(kinds: dict[str, Kind]) -> str:
    """The parameters of an entry for a message: ``reduction=mean|sum, weights=no, depth=3``."""

    def one(kind: Kind) -> str:
        if isinstance(kind, PerAxis):
            return f"{kind.default},{kind.default}"
        if isinstance(kind, tuple):
            return "|".join(map(str, kind))
        return ("no", "yes")[kind] if isinstance(kind, bool) else str(kind)

    return ", ".join(f"{name}={one(kind)}" for name, kind in kinds.items()) or "none"


def is_kind(kind: object) -> bool:
    """Whether an entry may state this for a parameter."""
    if isinstance(kind, PerAxis):
        return 0 <= kind.least <= kind.default <= kind.most and kind.least < kind.most
    if isinstance(kind, tuple):
        plain = all(type(c) is str and c for c in kind) or all(type(c) is int for c in kind)
        return plain and len(set(kind)) == len(kind) > 1
    return isinstance(kind, bool | float) or (type(kind) is int and kind > 0)
