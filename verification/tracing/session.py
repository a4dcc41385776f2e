"""One trace in progress: what it has met so far, where the person's code stands, and how it gives up."""

from __future__ import annotations

import linecache
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy
import sympy

if TYPE_CHECKING:
    from ...calculus.tensors import Tensor
    from .naming import LocalNames
    from .opaque import Opaque
    from .recognition import Recognition
    from .sizes import StandIns

#: A trace with more array operations than this is a loop over something large.
MAX_OPERATIONS = 20_000

_TRACER = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.dirname(os.path.dirname(_TRACER))
#: Code in these folders is not the person's.
_MACHINERY = tuple(
    os.path.join(folder, "")
    for folder in (
        *(os.path.join(_ROOT, room) for room in ("calculus", "derivations", "numeric", "rendering", "verification")),
        os.path.dirname(numpy.__file__),
        os.path.dirname(sympy.__file__),
        os.path.dirname(os.__file__),
    )
)
#: The classes of symbolic arrays, by name.
_ARRAYS = ("SymbolicArray", "SymbolicTensor")
_PACKAGES = os.path.join("", "site-packages", "")


class Untraceable(Exception):
    """The code does something that has no formula here: which operation, where, and why.

    sizes: the symbolic sizes that it would have to know; with numbers in their place the trace goes on from here.
    """

    def __init__(self, operation: str, file: str, line: int, reason: str, sizes: Iterable[Any] = ()) -> None:
        super().__init__(operation, file, line, reason, sizes)
        self.operation, self.file, self.line, self.reason = operation, file, line, reason
        self.sizes: tuple[Any, ...] = tuple(sorted({s for e in sizes for s in e.free_symbols}, key=str))

    def __str__(self) -> str:
        place = f"{os.path.basename(self.file)}, line {self.line}: " if self.file else ""
        return f"{place}{self.operation} cannot be traced: {self.reason}"


@dataclass(frozen=True)
class Write:
    """An in-place write to an array that has other names: an input, an attribute, an element of a cache.

    through: the expression at the left of the write, as the source says it. also: the other names of that memory.
    inputs: the arguments of the traced function whose memory it is.
    """

    through: str
    also: tuple[str, ...]
    inputs: tuple[str, ...]
    file: str
    line: int


@dataclass
class Session:
    """The state of one run of the person's code on symbolic arrays. is_concrete: no size is symbolic.

    naming: makes definitions of local variables, where that is wanted. places: the labels that stand for one-hot rows,
    with these.
    """

    standins: StandIns
    recognition: Recognition | None = None
    naming: LocalNames | None = None
    opaque: list[Opaque] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    operations: int = 0
    is_concrete: bool = False
    failed: Untraceable | None = None
    places: dict[Tensor, Tensor] = field(default_factory=dict)


_current: ContextVar[Session] = ContextVar("trace")


def session() -> Session:
    """The trace in progress. Raises ``LookupError`` outside of one."""
    return _current.get()


def entered(new: Session) -> Any:
    """Make a session the current one; the token that :func:`left` wants."""
    return _current.set(new)


def left(token: Any) -> None:
    _current.reset(token)


def untraceable(operation: str, reason: str, *sizes: Any) -> Untraceable:
    """The exception to raise. The trace fails even where the code catches it: what follows would be a guess.

    sizes: what it depends on, where numbers in the place of sizes would help.
    """
    frame = person()
    file, line = (frame.f_code.co_filename, frame.f_lineno) if frame else ("", 0)
    failure = Untraceable(operation, file, line, reason, sizes)
    current = _current.get(None)
    if current is not None and current.failed is None:
        current.failed = failure
    return failure


def is_persons(file: str) -> bool:
    """Whether a source file is the person's, and not part of Python, a library or this package."""
    if os.path.dirname(file) == _ROOT:
        return False
    return not (file.startswith((*_MACHINERY, "<frozen", "<__array")) or _PACKAGES in file)


def person() -> FrameType | None:
    """The innermost frame of the person's own code."""
    return next(persons_frames(), None)


def persons_frames() -> Iterator[FrameType]:
    """The frames of the person's code, innermost first, up to where the trace called it."""
    frame: FrameType | None = sys._getframe(1)
    inside = False
    while frame is not None:
        mine = is_persons(frame.f_code.co_filename)
        if inside and frame.f_code.co_filename.startswith(_TRACER) and frame.f_code.co_name == "_run":
            return
        if mine:
            inside = True
            yield frame
        frame = frame.f_back


def line_text(frame: FrameType) -> str:
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()


def record_write(memory: object) -> None:
    """Note a write to memory that somebody else can see: an argument, an attribute, an element of a cache."""
    frame = person()
    if frame is None:
        return
    name = getattr(memory, "name", "")
    target = re.match(r"[A-Za-z_][\w.]*?(?=\.\w+_\(|[^\w.]|$)", line_text(frame))
    through = target[0] if target else ""
    places: dict[Any, str] = {}
    for f in persons_frames():
        for path, place in names_of(memory, f.f_locals):
            places.setdefault(place, path)
    also = tuple(n for n in dict.fromkeys(places.values()) if n != through and ("." in n or "[" in n))
    if name or also:
        write = Write(through, also, (name,) if name else (), frame.f_code.co_filename, frame.f_lineno)
        session().writes.append(write)


def names_of(memory: object, namespace: Any) -> Iterator[tuple[str, Any]]:
    """The local names, attributes and container entries that hold an array in this memory, each with its place."""
    for name, value in list(namespace.items()):
        if _is_in(memory, value):
            yield name, (id(namespace), name)
        for path, place, inner in _parts(name, value):
            if _is_in(memory, inner):
                yield path, place


def _is_in(memory: object, value: Any) -> bool:
    return type(value).__name__ in _ARRAYS and value.memory is memory


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any, Any]]:
    """What a container or an object holds: path, place, value; attributes that are containers are opened too."""
    kind = type(value)
    if kind in (tuple, list) and len(value) < 100:
        yield from ((f"{name}[{k}]", (id(value), k), v) for k, v in enumerate(value))
    elif kind is dict and len(value) < 100:
        yield from ((f"{name}[{k!r}]", (id(value), k), v) for k, v in value.items())
    elif kind.__module__ not in ("numpy", "sympy", "builtins") and kind.__name__ not in (*_ARRAYS, "type"):
        attributes = getattr(value, "__dict__", None)
        for key, inner in list(attributes.items()) if isinstance(attributes, dict) else ():
            yield f"{name}.{key}", (id(value), key), inner
            if type(inner) in (tuple, list, dict):
                yield from _parts(f"{name}.{key}", inner)
