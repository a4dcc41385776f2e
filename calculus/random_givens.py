"""Random givens as text: ``W: n m random independent mean=0 var=s**2``."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sympy import Expr, Integer, Mul

from .arrays import shape_text
from .calls import read_call
from .derivation import Assumption
from .expectation import Covariance, Expectation, Variance, is_average
from .grammar import ATOMS_AND_OPERATORS
from .moments import Entrywise, Moments
from .scope import ParseError, Scope, Source
from .sums import Delta
from .tensors import Domain, Element, Index, Tensor

RANDOM_WORDS = ("random", "independent", "uncorrelated", "gaussian", "symmetric")
HINT = (
    "A random given reads W: n m random independent mean=0 var=s2; also uncorrelated, gaussian, symmetric, cov=…, "
    "and no blanks behind the equals sign"
)
#: What a random array may be besides.
BESIDES = {"real", "positive", "mask"}
_MOMENT = re.compile(r"\s(mean|var|cov)=(\S+)")


@dataclass(frozen=True)
class Law:
    """The words and the texts of the moments of one random given."""

    words: frozenset[str]
    texts: Mapping[str, str]


def split_law(text: str) -> tuple[str, dict[str, str]]:
    """A declaration without its moments, and these by name."""
    return _MOMENT.sub("", text), dict(_MOMENT.findall(text))


def law_of(name: str, kinds: Sequence[str], texts: Mapping[str, str], fail: Callable[..., None]) -> Law | None:
    """What a declaration says of the law of an array, if it is random; its words are checked, not its moments yet."""
    words = frozenset(kinds) & frozenset(RANDOM_WORDS)
    if not words and not texts:
        return None
    if "random" not in words:
        fail(f"{name} is not random, but it has {', '.join([*sorted(words), *texts])}", HINT)
    if set(kinds) - words - BESIDES:
        fail(
            f"{name} is random and {', '.join(sorted(set(kinds) - words))}", "Random values are real, positive or mask."
        )
    if "independent" in words and ("uncorrelated" in words or "cov" in texts):
        fail(f"the entries of {name} are independent, so they have no covariance", HINT)
    if "uncorrelated" in words and ("cov" in texts or "var" not in texts):
        fail(f"{name} is uncorrelated: its variance is expected, and no covariance", HINT)
    if "symmetric" in words and texts.get("mean", "0") != "0":
        fail(f"{name} is symmetric, so its mean is 0", HINT)
    return Law(words, texts)


def with_law(tensor: Tensor, law: Law, givens: Mapping[str, Tensor]) -> Tensor:
    """The tensor with its law; its moments are read over the other givens.

    **Raises** ParseError for a moment that is random itself or does not fit the shape.
    """
    plain = {n: t for n, t in givens.items() if t.domain.random is None and n != tensor.name}
    moments = {name: _moment(tensor, name, text, plain) for name, text in law.texts.items()}
    if "uncorrelated" in law.words:
        moments["cov"] = Entrywise((), Integer(0))
    cov = moments.get("cov")
    if cov is not None and not cov.indices and "var" not in moments:
        raise ParseError(
            f"the covariance of {tensor.name} is one number for all pairs", "State its variance too: var=…"
        )
    if cov is not None and cov.indices and "var" in moments:
        raise ParseError(f"the variance of {tensor.name} is stated twice", "It is part of the covariance.")
    symmetric = "symmetric" in law.words
    if symmetric:
        moments["mean"] = Entrywise((), Integer(0))
    found = Moments(
        mean=moments.get("mean"),
        var=moments.get("var"),
        cov=moments.get("cov"),
        independent="independent" in law.words,
        gaussian="gaussian" in law.words,
        symmetric=symmetric or ("gaussian" in law.words and "mean" in moments and moments["mean"].body == 0),
    )
    domain: Domain = replace(tensor.domain, random=found)
    return Tensor(tensor.name, tensor.dims, domain, tensor.description)


def assumed(givens: Sequence[Tensor]) -> list[Assumption]:
    """The moments of random givens as equations, for a page."""
    found: list[Assumption] = []
    for tensor in givens:
        law = tensor.domain.random
        if law is None:
            continue
        both = [Index(n, d) for n, d in zip("ijklabcd", tensor.dims * 2, strict=False)]
        at, other = both[: tensor.rank], both[tensor.rank :]
        x, y = Element(tensor, *at), Element(tensor, *other)
        same = Mul(*(Delta(a, b) for a, b in zip(at, other, strict=True)))
        of = f"of {tensor.name}"
        if law.mean is not None:
            found.append(Assumption("mean", Expectation(x), "=", law.mean.at(*_places(law.mean, at)), of))
        if law.cov is not None:
            if law.cov.indices or law.var is None:
                shared = law.cov.at(*_places(law.cov, [*at, *other]))
            else:
                shared = same * law.var.at(*_places(law.var, at)) + (1 - same) * law.cov.body
            found.append(Assumption("covariance", Covariance(x, y), "=", shared, of))
        elif law.var is not None:
            found.append(Assumption("variance", Variance(x), "=", law.var.at(*_places(law.var, at)), of))
    return found


def _places(moment: Entrywise, at: Sequence[Index]) -> Sequence[Index]:
    return at if moment.indices else ()


def _moment(tensor: Tensor, name: str, text: str, givens: Mapping[str, Tensor]) -> Entrywise:
    dims = {str(s): s for t in (tensor, *givens.values()) for d in t.dims for s in d.free_symbols}
    source = Source(text)
    scope = Scope(source, givens, dims, {}, {**ATOMS_AND_OPERATORS, ast.Call: read_call})
    array = scope.read(source.parse("eval").body)
    shape = tensor.dims * 2 if name == "cov" else tensor.dims
    if is_average(array.body) or (array.dims and array.dims != shape):
        wanted = f"a number, or an array of shape {shape_text(shape)}"
        raise ParseError(
            f"the {name} of {tensor.name} is {text}, of shape {shape_text(array.dims)}", f"It is {wanted}."
        )
    places: tuple[Index, ...] = tuple(Index(f"·at{k}", d) for k, d in enumerate(array.dims))
    body: Expr = array.at(*places)
    return Entrywise(places, body)
