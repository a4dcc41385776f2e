"""Which functions a generated module has: for the value, and for each kind of derivative that is wanted."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from keyword import iskeyword
from typing import Literal

from ..calculus.derivation import Definition, Derivation, Result
from .lower import Unsupported

Role = Literal["value", "derivative"]


@dataclass(frozen=True)
class LongForm:
    """A way in which a function computes long arrays, and no others.

    kind: ``near``, entries of moderate size by a shorter form, and the others among them once more; ``blocks``, the
    same form for some entries at a time; ``rows``, some rows of its arrays at a time; ``threads``, in several threads.
    arrays: the arguments that it divides; the first one decides whether they are long. above: of how many bytes it is
    then more. block: bytes of one array that are computed at a time. low, high: between which the first argument is of
    moderate size.
    """

    kind: Literal["near", "blocks", "rows", "threads"]
    arrays: tuple[str, ...]
    above: int
    block: int
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class GeneratedFunction:
    """One function of a generated module: its name, the names of its arguments, what it returns, in order.

    defaults: arguments that have a default value. returns: names of definitions or results. long: how it computes long
    arrays, where it does so in another way.
    """

    name: str
    arguments: tuple[str, ...]
    returns: tuple[str, ...]
    role: Role
    defaults: tuple[str, ...] = ()
    order: int = 0
    long: tuple[LongForm, ...] = ()


@dataclass(frozen=True)
class GeneratedModule:
    """Source text and its public functions."""

    source: str
    functions: tuple[GeneratedFunction, ...]


@dataclass(frozen=True)
class Plan:
    """What one function computes: named values on the way, and what it returns."""

    name: str
    returns: tuple[Definition, ...]
    role: Role
    kind: str = "value"
    order: int = 0


def is_elementwise(derivation: Derivation) -> bool:
    """True when everything is a scalar: then the code works entry by entry on arrays of any shape."""
    tensors = (*derivation.givens, *(d.tensor for d in derivation.definitions))
    return all(t.rank == 0 and not t.domain.function for t in tensors)


def outputs(derivation: Derivation, of: Collection[str] = ()) -> tuple[Definition, ...]:
    """The definitions that nothing else reads; a pairing stands for the array it pairs with its upstream gradient.

    of: names of those that are meant; all for none.
    """
    read = {t.name for d in derivation.definitions for t in d.inputs()}
    known = {d.name: d for d in derivation.definitions}
    found = []
    for d in derivation.definitions:
        if d.name not in read and (not of or d.name in of):
            found.append(next(known[t.name] for t in d.inputs() if t.name in known) if d.pairing else d)
    return tuple(found)


def plans(derivation: Derivation) -> tuple[Plan, ...]:
    """The functions of a module."""
    base = identifier(derivation.id)
    for suffix in ("gradient", "derivative", "jacobian", "hessian", "backward"):
        base = base.removesuffix(f"_{suffix}")
    derivatives = [r for r in derivation.wanted if r.of is not None and r.wrt]
    found = [Plan(base, outputs(derivation), "value")]
    paired = {d.name for d in derivation.definitions if d.pairing}
    for order in sorted({len(r.wrt) for r in derivatives}):
        same: dict[str, list[Definition]] = {}
        for r in derivatives:
            if len(r.wrt) == order:
                same.setdefault(_suffix(derivation, r, order, paired), []).append(r.definition)
        for suffix, returns in same.items():
            found.append(Plan(f"{base}_{suffix}", tuple(returns), "derivative", suffix.replace("_", " "), order))
    return tuple(found)


def _suffix(derivation: Derivation, result: Result, order: int, paired: set[str]) -> str:
    if is_elementwise(derivation):
        if order > 3:
            raise Unsupported(f"derivatives of order {order} have no name yet")
        return ("derivative", "second_derivative", "third_derivative")[order - 1]
    if order == 2:
        return "hessian"
    if result.of is not None and result.of.rank:
        return "jacobian"
    return "backward" if result.of is not None and result.of.name in paired else "gradient"


def fresh_name(base: str, taken: set[str], reserved: Collection[str] = ()) -> str:
    """A name that is neither taken nor reserved: the base, or with a number from 2 on. From now on it is taken."""
    name, number = base, 1
    while name in taken or name in reserved:
        number += 1
        name = f"{base}{number}"
    taken.add(name)
    return name


def identifier(name: str) -> str:
    """A Python name for an id or a tensor name."""
    text = re.sub(r"\W", "_", name.replace("′", "_prime"))
    return f"{text}_" if iskeyword(text) or text == "np" else text if not text[:1].isdigit() else f"_{text}"
