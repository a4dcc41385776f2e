"""The derivation and the page of every entry, made once in a process: many test files read the same ones."""

from __future__ import annotations

from functools import cache

from nnmath.calculus.derivation import Derivation
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
