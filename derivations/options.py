"""Parameters of an entry: what each may be, and how a value that a user gives is read."""

from __future__ import annotations

from typing import TypeAlias

#: A value of a parameter.
Value: TypeAlias = int | float | bool | str

#: What an entry states for a parameter. A number is its default: a whole one (from 1), or a decimal (any finite one).
#: True or False is a switch and its default. A tuple lists the choices, the default first.
Kind: TypeAlias = int | float | bool | tuple[str, ...] | tuple[int, ...]

LARGEST_PARAMETER = 64
SWITCH = {"yes": True, "no": False, "true": True, "false": False}


class ParameterError(ValueError):
    """A parameter that an entry does not have, or a value that it cannot take."""


def default(kind: Kind) -> Value:
    """The value of a parameter that nobody sets."""
    return kind[0] if isinstance(kind, tuple) else kind


def read(id: str, name: str, kind: Kind, value: Value) -> Value:
    """A value for a parameter of the entry ``id``; text is read as what the parameter is.

    **Raises** :class:`ParameterError` with what was given, what is expected and what to type.
    """

    def refuse(expected: str, example: Value) -> ParameterError:
        return ParameterError(f"{name}={value!r} for {id}: {expected} is expected, such as {name}={example}")

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
        number = int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else value
        if type(number) is int and 1 <= number <= LARGEST_PARAMETER:
            return number
        raise refuse(f"a whole number from 1 to {LARGEST_PARAMETER}", kind)
    try:
        decimal = float("nan") if isinstance(value, bool) else float(value)
    except ValueError:
        decimal = float("nan")
    if abs(decimal) < float("inf"):
        return decimal
    raise refuse("a number", kind)


def stated(kinds: dict[str, Kind]) -> str:
    """The parameters of an entry for a message: ``reduction=mean|sum, weights=no, depth=3``."""

    def one(kind: Kind) -> str:
        if isinstance(kind, tuple):
            return "|".join(map(str, kind))
        return ("no", "yes")[kind] if isinstance(kind, bool) else str(kind)

    return ", ".join(f"{name}={one(kind)}" for name, kind in kinds.items()) or "none"


def is_kind(kind: object) -> bool:
    """Whether an entry may state this for a parameter."""
    if isinstance(kind, tuple):
        plain = all(type(c) is str and c for c in kind) or all(type(c) is int for c in kind)
        return plain and len(set(kind)) == len(kind) > 1
    return isinstance(kind, bool | float) or (type(kind) is int and kind > 0)
