"""Declarations: the tensors that an entry or a user gives, with their dimensions and domains, from text."""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import sympy
from sympy import Expr, Integer

from .calls import RESERVED
from .dimensions import DefinedDimension, in_free_dimensions
from .grammar import exact_number
from .random_givens import RANDOM_WORDS, Law, law_of, split_law, with_law
from .scope import ParseError, Source
from .tensors import Domain, Tensor, dimension

#: Refuses with (problem, hint) at a place that it knows.
Fail = Callable[..., NoReturn]

DOMAIN_WORDS = ("real", "positive", "nonnegative", "rows", "onehot", "mask", "sign", "unit", "function", *RANDOM_WORDS)
#: The words that may stand together; any other word stands alone.
TOGETHER = ({"positive", "rows"}, {"nonnegative", "rows"}, {"onehot", "rows"})
SIZE_HINT = "A dimension is defined by + - * // of dimensions and whole numbers: O = (H + 2 - U)//2 + 1"
GIVEN_HINT = "A given reads NAME: dimensions domain = value  # description, such as Z: n C  # logits"


class Givens(tuple[Tensor, ...]):
    """The tensors that a text declares, in order; ``sizes``: the dimensions that it defines, by name."""

    sizes: Mapping[str, DefinedDimension]


def parse_givens(text: str) -> tuple[Tensor, ...]:
    """The tensors that a text declares, one a line (``Z: n C  # logits``) or with commas (``z: n C, y: n int<C``).

    A line ``O = (H - U)//2 + 1`` defines a dimension.

    **Raises** :class:`ParseError` with the line, what was expected and what to type.
    """
    found: dict[str, Tensor] = {}
    pieces = list(_pieces(text))
    sizes: dict[str, DefinedDimension] = {}
    for source, piece, start, _ in pieces:
        if ":" not in piece and "=" in piece:
            defined = _size(source, piece, start, sizes)
            sizes[defined.name] = defined
    laws: dict[str, Law] = {}
    for source, piece, start, description in pieces:
        if ":" in piece or "=" not in piece:
            tensor, law = _given(source, piece, start, description, sizes)
            if tensor.name in found:
                _fail_at(source, start, f"{tensor.name} is given twice")
            found[tensor.name] = tensor
            if law is not None:
                laws[tensor.name] = law
    found = {
        name: with_law(t, laws[name], {n: u for n, u in found.items() if n not in laws}) if name in laws else t
        for name, t in found.items()
    }
    shapes = [d for t in found.values() for d in t.dims]
    dims = {str(s) for d in shapes for s in (*d.free_symbols, *in_free_dimensions(d).free_symbols)}
    for tensor in found.values():
        for below in () if tensor.domain.below is None else tensor.domain.below.free_symbols:
            if str(below) not in dims:
                only = f"{tensor.name}: {' '.join(map(str, tensor.dims))} int<{tensor.dims[0]}" if tensor.rank else ""
                compared = f" Labels that are only compared with each other may be any: {only}." if only else ""
                raise ParseError(
                    f"the labels {tensor.name} are below {below}, but no array has that dimension",
                    f"Known: {', '.join(sorted(dims))}.{compared}" if dims else GIVEN_HINT,
                )
    for name in dims & set(found):
        raise ParseError(f"{name} names both a dimension and an array", "Give one of them another name.")
    out = Givens(found.values())
    out.sizes = sizes
    return out


def _pieces(text: str) -> Iterator[tuple[Source, str, int, str]]:
    """The declarations: the line that each stands in, its text, where it starts, and the description of its line."""
    for number, line in enumerate(text.splitlines(), 1):
        code, _, description = line.partition("#")
        for piece in re.finditer(r"[^,]+", code):
            if piece[0].strip():
                yield Source(line, number), piece[0], piece.start(), description.strip()


def _size(source: Source, piece: str, start: int, sizes: Mapping[str, DefinedDimension]) -> DefinedDimension:
    """``O = (H + 2 - U)//2 + 1``: a dimension by its equation."""

    def fail(problem: str, hint: str = SIZE_HINT) -> NoReturn:
        _fail_at(source, start + len(piece) - len(piece.lstrip()), problem, hint)

    head, _, text = piece.partition("=")
    name = check_name(head.strip(), fail)
    if name in sizes:
        fail(f"the dimension {name} is given twice")
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        fail(f"{text.strip()!r} is not an expression of dimensions")
    return DefinedDimension(name, _size_of(node, sizes, fail), ast.unparse(node))


def _size_of(node: ast.expr, sizes: Mapping[str, DefinedDimension], fail: Fail) -> Expr:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return Integer(node.value)
    if isinstance(node, ast.Name):
        return sizes.get(node.id) or dimension(check_name(node.id, fail))
    if isinstance(node, ast.BinOp) and type(node.op) in SIZE_OPERATORS:
        left, right = (_size_of(side, sizes, fail) for side in (node.left, node.right))
        if isinstance(node.op, ast.FloorDiv) and not (right.is_Integer and right > 0):
            fail(f"{ast.unparse(node)} does not divide by a whole number")
        return SIZE_OPERATORS[type(node.op)](left, right)
    fail(f"{ast.unparse(node)} is not a size")


SIZE_OPERATORS: dict[type[ast.operator], Callable[[Expr, Expr], Expr]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: sympy.floor(a / b),
}


def _given(
    source: Source, piece: str, start: int, description: str, sizes: Mapping[str, DefinedDimension]
) -> tuple[Tensor, Law | None]:
    def fail(problem: str, hint: str = GIVEN_HINT) -> NoReturn:
        _fail_at(source, start + len(piece) - len(piece.lstrip()), problem, hint)

    head, colon, rest = piece.partition(":")
    name = check_name(head.strip(), fail)
    if not colon:
        fail(
            f"{name} has no colon",
            f"For a scalar write {name}: real, for an array {name}: n. "
            f"Dimensions are separated by blanks. {GIVEN_HINT}",
        )
    rest, moments = split_law(rest)
    rest, equals, value = rest.partition("=")
    words = re.sub(r"int\s*<\s*", "int<", rest).split()
    dims: list[Expr] = []
    kinds: list[str] = []
    for word in words:
        if word in DOMAIN_WORDS or word.startswith("int<"):
            kinds.append(word)
        elif kinds:
            fail(
                f"{word} stands behind the domain {kinds[-1]}",
                f"Domains: {', '.join(DOMAIN_WORDS)}, int<C. {GIVEN_HINT}",
            )
        else:
            dims.append(sizes.get(word) or _dimension(word, fail))
    law = law_of(name, kinds, moments, fail)
    domain = _domain(name, [k for k in kinds if k not in RANDOM_WORDS], bool(dims), fail)
    if equals:
        domain = replace(domain, value=_value(name, value.strip(), domain, bool(dims), fail))
    return Tensor(name, tuple(dims), domain, description), law


def _fail_at(source: Source, column: int, problem: str, hint: str = "") -> NoReturn:
    raise ParseError(problem, hint, source.text, source.first, column)


def check_name(text: str, fail: Fail) -> str:
    """A name for an array: an identifier that is neither a keyword of Python nor a function of the grammar."""
    name = unicodedata.normalize("NFKC", text)  # as Python's own parser does, so that both spell it alike
    if not name.isidentifier():
        word = next((w for w in DOMAIN_WORDS if w == name.replace("-", "").lower()), None)  # one-hot, non-negative
        fail(f"{text!r} is not a name", f"Did you mean {word}?" if word else GIVEN_HINT)
    if keyword.iskeyword(name):
        fail(f"{name} is a keyword of Python and cannot be a name", f"Write {name[:3]} instead.")
    if name in RESERVED or name in DOMAIN_WORDS:
        fail(f"{name} already means something in the grammar", f"Write {name}_ or another name.")
    return name


def _dimension(word: str, fail: Fail) -> Expr:
    if word.isdecimal():
        if int(word) < 1:
            fail(f"the dimension {word} is empty", "A dimension is at least 1.")
        return Integer(int(word))
    return dimension(check_name(word, fail))


def _domain(name: str, kinds: Sequence[str], has_axes: bool, fail: Fail) -> Domain:
    labels = [k for k in kinds if k.startswith("int<")]
    words = set(kinds) - {"real"}
    if (len(words) > 1 and words not in TOGETHER) or (words and "real" in kinds):
        fail(
            f"the domains {' '.join(kinds)} contradict each other",
            "Together may stand: positive rows, nonnegative rows.",
        )
    if not has_axes and words & {"rows", "onehot"}:
        fail(f"{name} has no axis, so it has no {kinds[0]}", f"Write {name}: n C {kinds[0]}")
    if has_axes and "function" in words:
        fail(f"the function {name} has dimensions", f"Write {name}: function; it applies to every entry.")
    if labels:
        return Domain(below=_dimension(labels[0][4:], fail))
    flags: dict[str, Any] = dict.fromkeys(words, True)
    return Domain(**flags)


def _value(name: str, text: str, domain: Domain, has_axes: bool, fail: Fail) -> Expr:
    if has_axes or domain.function:
        fail(f"only a number can be given a value, and {name} is not one", f"Write {name}: real = {text}")
    try:
        value = exact_number(text)
    except (ValueError, TypeError, ZeroDivisionError):
        fail(f"{text!r} is not a number", "A value is a decimal or a fraction: 0.01, 1e-5, 1/3.")
    if (domain.positive and not value > 0) or (domain.nonnegative and value < 0):
        fail(f"{name} is {domain}, but its value is {value}")
    return value
