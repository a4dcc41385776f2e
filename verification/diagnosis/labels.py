"""Integer labels where a reference has target distributions: ``Y[i, c] = δ(c, y[i])``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...calculus.arrays import readable_indices
from ...calculus.derivation import Definition
from ...calculus.sums import Delta
from ...calculus.tensors import Domain, Element, Tensor
from ..reference import Formulas


def with_labels(formulas: Formulas, stated: Sequence[Tensor] = ()) -> Formulas | None:
    """The formulas with labels as the given, and the distributions defined by them; None where there are none.

    stated: the tensors that a person declared; labels among them give the name.
    """
    rows = [t for t in formulas.givens if t.domain.rows or t.domain.onehot]
    if len(rows) != 1 or rows[0].rank < 1:
        return None
    (target,) = rows
    taken = {t.name for t in (*formulas.givens, *(d.tensor for d in formulas.definitions))}
    name = next((t.name for t in stated if t.domain.below is not None), "")
    if not name or name in taken:
        name = next(n for n in (target.name.lower(), "labels", "y") if n not in taken)
    labels = Tensor(name, target.dims[:-1], Domain(below=target.dims[-1]), "labels")
    indices = readable_indices(target.dims, taken | {name})
    body = Delta(indices[-1], Element(labels, *indices[:-1]))
    return replace(
        formulas,
        givens=tuple(labels if t == target else t for t in formulas.givens),
        definitions=(Definition(target, indices, body), *formulas.definitions),
    )
