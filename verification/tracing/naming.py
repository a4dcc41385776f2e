"""Local variables as definitions: what a person's code gives a name to while it is traced keeps that name.

Before every line, the arrays that local variables hold are looked at. One that holds a formula becomes a definition,
and its memory an element of it: what is computed from it refers to it by name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from sympy import Expr

from ...calculus.derivation import Definition
from ...calculus.sums import rebuild
from ...calculus.tensors import Domain, Element, Index, Tensor
from .session import is_persons

#: Arrays in no variable: what a definition is called until it is known what its variable is called.
PROVISIONAL = "·u"


@dataclass
class LocalNames:
    """The definitions met so far, in the order in which they are computed, and what the code calls each.

    names: for every defined tensor the depth of the call and the name, one for each variable that held it.
    """

    definitions: list[Definition] = field(default_factory=list)
    names: dict[Tensor, list[tuple[int, str]]] = field(default_factory=dict)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While it lasts, the lines of the person's code are watched."""
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)

    def name_of(self, tensor: Tensor) -> str | None:
        """What the outermost function calls it, by the first name given there; None for a tensor of no variable."""
        found = self.names.get(tensor)
        return min(found, key=lambda place: place[0])[1] if found else None

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if is_persons(frame.f_code.co_filename) else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event in ("line", "return"):
            for name, value in list(frame.f_locals.items()):
                array = getattr(value, "array", None) if type(value).__name__ == "SymbolicTensor" else value
                if name.isidentifier() and type(array).__name__ == "SymbolicArray":
                    self._look(name, array, frame)
        return self._line

    def _look(self, name: str, array: Any, frame: FrameType) -> None:
        indices = array.indices
        memory = array.memory
        if array.kind != "f" or memory.name or len(indices) != len(memory.indices) or not _is_whole(array):
            return
        body = array.entries.body
        if not _is_named(body, indices):
            if isinstance(body, Element) or not body.atoms(Tensor):
                return
            tensor = self._defined(indices, body)
            own = dict(zip(array.address, memory.indices, strict=True))
            memory.rebase(Element(tensor, *(own[i] for i in indices)))
        elif body.tensor in self.names:
            tensor = body.tensor
        else:
            return
        place = (_depth(frame), name)
        if place not in self.names[tensor]:
            self.names[tensor].append(place)

    def _defined(self, indices: tuple[Index, ...], body: Expr) -> Tensor:
        positive = Domain(positive=bool(body.is_positive))
        tensor = Tensor(f"{PROVISIONAL}{len(self.definitions) + 1}", tuple(i.dim for i in indices), positive)
        own = tuple(Index(f"@{at}", i.dim) for at, i in enumerate(indices))
        self.definitions.append(Definition(tensor, own, rebuild(body, dict(zip(indices, own, strict=True)).get)))  # type: ignore[arg-type]
        self.names[tensor] = []
        return tensor


def _is_whole(array: Any) -> bool:
    """Whether a view sees every entry of its memory once."""
    return len(set(array.address)) == len(array.address) and set(array.address) == set(array.indices)


def _is_named(body: Expr, indices: tuple[Index, ...]) -> bool:
    """Whether an array is a tensor as it stands, its axes in order."""
    return isinstance(body, Element) and body.indices == indices


def _depth(frame: FrameType | None) -> int:
    depth = 0
    while frame is not None:
        depth += is_persons(frame.f_code.co_filename)
        frame = frame.f_back
    return depth
