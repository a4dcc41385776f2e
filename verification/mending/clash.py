"""Where code raised because shapes do not fit, and which arrays stood there."""

from __future__ import annotations

import ast
import linecache
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, islice
from types import FrameType, TracebackType
from typing import Any

from ..tracing.session import is_persons
from .source import Position

#: What NumPy and torch raise where shapes do not fit, and what a person's own check of them raises.
ERRORS = (ValueError, IndexError, RuntimeError, AssertionError)
#: A shape in a message of NumPy's: ``(3,4)``, ``(3,)``.
_SHAPE = re.compile(r"\(\d+,(?:\d+,?)*\)")


@dataclass(frozen=True)
class Clash:
    """A call that raised: the places of the person's code that it went through, the innermost last.

    arrays: the shapes of the arrays that have a name there.
    """

    places: tuple[Position, ...]
    arrays: Mapping[str, tuple[int, ...]]
    error: str

    @property
    def at(self) -> Position:
        return self.places[-1]

    @property
    def where(self) -> str:
        """``layer.py:4: dX = dY @ W``."""
        text = linecache.getline(self.at.file, self.at.line).strip()
        return f"{os.path.basename(self.at.file)}:{self.at.line}: {text}"

    def precedes(self, other: Clash) -> bool:
        """Whether the other one lies further on in the same function."""
        here, there = self.at, other.at
        return here.file == there.file and (here.line, here.end_column) < (there.line, there.end_column)


def clash_of(error: BaseException | None) -> Clash | None:
    """Where an error of shapes was raised; None for any other error."""
    if not isinstance(error, ERRORS):
        return None
    found = [(f, p) for f, at in _frames(error.__traceback__) if (p := _position(f, at)) is not None]
    if not found:
        return None
    frame = found[-1][0]
    arrays = dict(_named_shapes(frame.f_locals))
    said = " ".join(str(error).split())
    return Clash(
        tuple(p for _, p in found), arrays, f"{type(error).__name__}: {said}" if said else type(error).__name__
    )


def _frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while traceback is not None:
        if is_persons(traceback.tb_frame.f_code.co_filename):
            yield traceback.tb_frame, traceback.tb_lasti
        traceback = traceback.tb_next


def _position(frame: FrameType, at: int) -> Position | None:
    line, end, column, end_column = next(islice(frame.f_code.co_positions(), at // 2, None), (None,) * 4)
    if line is None or end is None or column is None or end_column is None:
        return None
    return Position(frame.f_code.co_filename, line, end, column, end_column)


def _named_shapes(values: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Local arrays by name, and those that a local object or dict holds: ``self.W``, ``cache['X']``."""
    for name, value in values.items():
        shape = _shape(value)
        if shape is not None:
            yield name, shape
            continue
        inside = value if type(value) is dict else getattr(value, "__dict__", None)
        if not isinstance(inside, dict) or isinstance(value, type) or len(inside) > 100:
            continue
        for key, inner in inside.items():
            shape = _shape(inner)
            if shape is not None:
                yield f"{name}[{key!r}]" if type(value) is dict else f"{name}.{key}", shape


def _shape(value: Any) -> tuple[int, ...] | None:
    shape = getattr(value, "shape", None)
    try:
        return tuple(int(s) for s in shape) if shape is not None else None
    except (TypeError, ValueError):
        return None


def shapes_in(node: ast.AST, clash: Clash, sizes: Mapping[str, int]) -> str:
    """``dY is n×H, W is D×H``: what meets in an expression, or the arrays that it names; empty where it names none."""
    said = [tuple(map(int, re.findall(r"\d+", s))) for s in _SHAPE.findall(clash.error)]
    sides = [ast.unparse(s) for s in (getattr(node, "left", None), getattr(node, "right", None)) if s is not None]
    if len(said) == len(sides) == 2:
        return ", ".join(f"{s} is {in_letters(shape, sizes)}" for s, shape in zip(sides, said, strict=True))
    found: dict[str, str] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Name | ast.Attribute | ast.Subscript):
            name = ast.unparse(part)
            if clash.arrays.get(name):
                found[name] = in_letters(clash.arrays[name], sizes)
    return ", ".join(f"{name} is {shape}" for name, shape in found.items())


def in_letters(shape: tuple[int, ...], sizes: Mapping[str, int]) -> str:
    """A shape by the names of the sizes, ``n×H``; a number that is no size stays one."""
    return "×".join(_letter(s, sizes) for s in shape) or "scalar"


def _letter(size: int, sizes: Mapping[str, int]) -> str:
    own = [name for name, value in sizes.items() if value == size]
    if len(own) == 1 and size > 1:
        return own[0]
    products = [f"{a}·{b}" for a, b in combinations(sizes, 2) if sizes[a] * sizes[b] == size]
    return products[0] if not own and len(products) == 1 else str(size)
