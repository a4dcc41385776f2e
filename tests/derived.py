"""The derivation and the page of every entry, made once in a process; and derivations of formulas of no entry."""

from __future__ import annotations

from functools import cache

from nnmath.calculus.derivation import Derivation
from nnmath.calculus.parser import parse_definitions, parse_givens
from nnmath.derivations import catalogue
from nnmath.derivations.build import derive_entry
from nnmath.numeric import generate
from nnmath.numeric.plans import GeneratedModule
from nnmath.page import Page


@cache
def derivation(id: str) -> Derivation:
    """The derivation of an entry at its defaults."""
    return derive_entry(catalogue()[id])


@cache
def page(id: str) -> Page:
    """The page of an entry, as ``nnmath.derive(id)`` gives it."""
    return Page(catalogue()[id].at(), derivation(id))


@cache
def module(id: str) -> GeneratedModule:
    """The generated code of an entry."""
    return generate(derivation(id))


def formula(given: str, define: str) -> Derivation:
    """Definitions that no entry holds, as a derivation of which nothing is wanted."""
    givens = parse_givens(given)
    return Derivation("formula", "A formula", tuple(givens), parse_definitions(define, givens), ())
