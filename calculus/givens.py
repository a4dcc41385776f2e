"""Declarations: the tensors that an entry or a user gives, with their dimensions and domains, from text."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NoReturn

from sympy import Expr, Integer

from .calls import RESERVED
from .grammar import exact_number
from .scope import ParseError, Source
from .tensors import Domain, Tensor, dimension

#: Refuses with (problem, hint) at a place that it knows.
Fail = Callable[..., NoReturn]

DOMAIN_WORDS = ("real", "positive", "nonnegative", "rows", "onehot", "mask", "sign", "unit", "function")
#: The words that may stand together; any other word stands alone.
TOGETHER = ({"positive", "rows"}, {"nonnegative", "rows"}, {"onehot", "rows"})
GIVEN_HINT = "A given reads NAME: dimensions domain = value  # description, such as Z: n C  # logits"


def parse_givens(text: str) -> tuple[Tensor, ...]:
    """The tensors that a text declares, one a line (``Z: n C  # logits``) or with commas (``z: n C, y: n int<C``).

    **Raises** :class:`ParseError` with the line, what was expected and what to type.
    """
    found: dict[str, Tensor] = {}
    for number, line in enumerate(text.splitlines(), 1):
        code, _, description = line.partition("#")
        for piece in re.finditer(r"[^,]+", code):
            if piece[0].strip():
                tensor = _given(Source(line, number), piece[0], piece.start(), description.strip())
                if tensor.name in found:
                    _fail_at(Source(line, number), piece.start(), f"{tensor.name} is given twice")
                found[tensor.name] = tensor
    dims = {str(s) for t in found.values() for d in t.dims for s in d.free_symbols}
    for tensor in found.values():
        for below in () if tensor.domain.below is None else tensor.domain.below.free_symbols:
            if str(below) not in dims:
                raise ParseError(
                    f"the labels {tensor.name} are below {below}, but no array has that dimension",
                    f"Known: {', '.join(sorted(dims))}." if dims else GIVEN_HINT,
                )
    for name in dims & set(found):
        raise ParseError(f"{name} names both a dimension and an array", "Give one of them another name.")
    return tuple(found.values())


def _given(source: Source, piece: str, start: int, description: str) -> Tensor:
    def fail(problem: str, hint: str = GIVEN_HINT) -> NoReturn:
        _fail_at(source, start + len(piece) - len(piece.lstrip()), problem, hint)

    head, colon, rest = piece.partition(":")
    name = check_name(head.strip(), fail)
    if not colon:
        fail(f"{name} has no colon", f"Dimensions are separated by blanks. {GIVEN_HINT}")
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
            dims.append(_dimension(word, fail))
    domain = _domain(name, kinds, bool(dims), fail)
    if equals:
        domain = replace(domain, value=_value(name, value.strip(), domain, bool(dims), fail))
    return Tensor(name, tuple(dims), domain, description)


def _fail_at(source: Source, column: int, problem: str, hint: str = "") -> NoReturn:
    raise ParseError(problem, hint, source.text, source.first, column)


def check_name(text: str, fail: Fail) -> str:
    """A name for an array: an identifier that is neither a keyword of Python nor a function of the grammar."""
    name = unicodedata.normalize("NFKC", text)  # as Python's own parser does, so that both spell it alike
    if not name.isidentifier():
        fail(f"{text!r} is not a name", GIVEN_HINT)
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
    return Domain(**{word: True for word in words})


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
