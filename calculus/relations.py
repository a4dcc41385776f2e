"""Statements as text: ``A = B <= C for i in n``, an equation, an inequality, or a chain of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from sympy import Expr, Integer

from .arrays import ArrayExpr, ShapeError, broadcast_dims, elementwise, readable_indices, shape_text
from .lemmas import GAPS
from .parser import ParseError, parse_array
from .scope import Scope
from .sums import rebuild
from .tensors import Index, Tensor

Relation = Literal["=", "<=", "<", ">=", ">"]

HINT = "A statement reads A = B, A <= B or a chain of such; its free indices stand behind: … for i in n for c in C"
_OPERATOR = re.compile(r"<=|>=|==|!=|=|<|>")
_LOOP = re.compile(r"\s*(\w+)\s+in\s+(\w+)\s*")


@dataclass(frozen=True)
class Chain:
    """``members[0] relations[0] members[1] …`` for all values of the indices."""

    indices: tuple[Index, ...]
    members: tuple[Expr, ...]
    relations: tuple[Relation, ...]

    @property
    def links(self) -> Iterator[tuple[Expr, Relation, Expr]]:
        """The single relations, left to right."""
        return zip(self.members, self.relations, self.members[1:], strict=False)

    @property
    def relation(self) -> Relation | None:
        """How the first member relates to the last; None where the signs point in both directions."""
        signs = set(self.relations) - {"="}
        if not signs:
            return "="
        for weak, strict in (("<=", "<"), (">=", ">")):
            if signs <= {weak, strict}:
                return cast(Relation, strict if strict in signs else weak)
        return None

    @property
    def whole(self) -> tuple[Expr, Relation, Expr]:
        """The first member, its relation to the last one, and the last one."""
        relation = self.relation
        assert relation is not None
        return self.members[0], relation, self.members[-1]


def parse_chain(text: str, tensors: Mapping[str, Tensor]) -> Chain:
    """A statement. Whole arrays are compared entry by entry; a scalar is compared with every entry.

    **Raises** :class:`ParseError` with what was expected and what to type.
    """
    body, loops = _split_loops(" ".join(text.split()))
    sides, relations = _split(body)
    if not relations:
        raise ParseError(f"{text.strip()!r} is not a statement", HINT)
    dims = {str(s): s for t in tensors.values() for d in t.dims for s in d.free_symbols}
    indices = {name: Index(name, _dimension(name, dim, dims, tensors)) for name, dim in loops}
    arrays = [parse_array(side, tensors, indices) for side in sides]
    try:
        axes = broadcast_dims([a.dims for a in arrays])
    except ShapeError as error:
        raise ParseError(str(error), HINT) from None
    free = readable_indices(axes, {*indices, *tensors, *dims})
    members = tuple(_at(a, free, text) for a in arrays)
    chain = Chain((*indices.values(), *free), members, tuple(relations))
    if chain.relation is None:
        raise ParseError(f"the signs of {text.strip()!r} point in both directions", "Write two statements.")
    return chain


def parse_certificate(text: str, tensors: Mapping[str, Tensor], indices: Sequence[Index]) -> Expr:
    """A certificate: an entry over the arrays and hypotheses there are; it may use the named inequalities."""
    array = parse_array(text, tensors, {i.name: i for i in indices}, {n: _gap(f) for n, f in GAPS.items()})
    axes = indices[len(indices) - array.rank :]
    if array.dims != tuple(i.dim for i in axes):
        raise ParseError(f"the certificate {text!r} has shape {shape_text(array.dims)}", "Write it entry by entry.")
    return array.at(*axes)


def _gap(function: Callable[..., Expr]) -> Callable[[Scope, ast.Call], ArrayExpr]:
    return lambda scope, node: elementwise(function, *(scope.read(a) for a in node.args))


def _split(text: str) -> tuple[list[str], list[Relation]]:
    """The sides and the signs between them, where no bracket is open."""
    sides, relations, start = [], [], 0
    for match in _OPERATOR.finditer(text):
        if _depth(text[: match.start()]):
            continue
        if match[0] in ("==", "!="):
            raise ParseError(f"{match[0]} in {text!r} is no relation of a statement", HINT)
        sides.append(text[start : match.start()].strip())
        relations.append(cast(Relation, match[0]))
        start = match.end()
    sides.append(text[start:].strip())
    if not all(sides):
        raise ParseError(f"a side of {text!r} is empty", HINT)
    return sides, relations


def _split_loops(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The statement and its ``for i in n for c in C``."""
    for match in re.finditer(r"\bfor\b", text):
        if not _depth(text[: match.start()]):
            loops = re.split(r"\bfor\b", text[match.end() :])
            found = [_LOOP.fullmatch(loop) for loop in loops]
            if not all(found):
                raise ParseError(f"cannot read the indices of {text!r}", HINT)
            return text[: match.start()], [(m[1], m[2]) for m in found if m]
    return text, []


def _depth(text: str) -> int:
    return sum(text.count(c) for c in "([{") - sum(text.count(c) for c in ")]}")


def _dimension(index: str, name: str, dims: Mapping[str, Expr], tensors: Mapping[str, Tensor]) -> Expr:
    if index in dims or index in tensors:
        raise ParseError(f"the index {index} already names something else", "Choose another letter.")
    if name.isdecimal() and int(name) > 0:
        return Integer(int(name))
    if name not in dims:
        raise ParseError(f"{name} is not a dimension", f"Known: {', '.join(dims) or 'none'}. {HINT}")
    return dims[name]


def _at(array: ArrayExpr, axes: Sequence[Index], text: str) -> Expr:
    """The entry of an array at the axes of the statement; the trailing ones where it has fewer."""
    own = axes[len(axes) - array.rank :]
    if array.dims != tuple(i.dim for i in own):
        raise ParseError(f"the sides of {text.strip()!r} have different shapes", HINT)
    names = dict(zip(array.indices, own, strict=True))
    return rebuild(array.body, names.get)  # type: ignore[arg-type]
