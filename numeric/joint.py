"""Value and gradients in one function, as a training step needs them: what both read is computed once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..calculus.derivation import Derivation, Part, Result
from ..calculus.tensors import Element, Tensor
from .lower import Unsupported
from .plans import Plan, is_elementwise, outputs, plans

#: What multiplies the derivative of a function of one variable.
UPSTREAM = "upstream"


def joint(derivation: Derivation, of: Collection[str] = ()) -> tuple[Derivation, Plan]:
    """A derivation and the plan of ``NAME_value_and_gradient``: what is computed, then its gradients, in order.

    A function of scalars takes an upstream gradient as well, and its gradients are the products with that. of: names of
    the losses that are meant, where a derivation has several; all for none. Raises :class:`~.lower.Unsupported` where
    no gradient of first order is wanted.
    """
    first = [r for r in derivation.wanted if r.of is not None and len(r.wrt) == 1]
    if of:
        first = [r for r in first if r.of is not None and r.of.name in of]
    if not first:
        raise Unsupported(f"{derivation.id} has no gradients that could stand beside its value")
    name = f"{plans(derivation)[0].name}_value_and_gradient"
    if is_elementwise(derivation):
        derivation, first = _times_upstream(derivation, first)
    returns = (*outputs(derivation, of), *(r.definition for r in first))
    return derivation, Plan(name, returns, "derivative", "value and gradient", 1)


def _times_upstream(derivation: Derivation, first: list[Result]) -> tuple[Derivation, list[Result]]:
    taken = {t.name for t in derivation.givens} | {d.name for d in derivation.definitions}
    given = Tensor(next(n for n in (UPSTREAM, "upstream_gradient", "dL") if n not in taken), description="gradient")
    made = [replace(r, name=f"d{r.wrt[0].name}", expr=r.expr * Element(given)) for r in first]
    parts = (*derivation.parts, *(Part(None, (), r) for r in made))
    return replace(derivation, givens=(*derivation.givens, given), parts=parts), made
