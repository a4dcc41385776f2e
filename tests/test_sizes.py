"""All sizes distinct, all equal, and one: every derived gradient is the same mathematics at each of them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from itertools import product
from random import Random
from typing import Any

import pytest
from derived import derivation
from flint import arb
from sympy import Expr, Symbol

from nnmath.calculus.balls import Valuation
from nnmath.calculus.derivation import Part
from nnmath.calculus.dimensions import fitted, free_dimensions
from nnmath.calculus.parser import parse_givens
from nnmath.calculus.sampling import Draw
from nnmath.calculus.tensors import Tensor
from nnmath.derivations import catalogue

#: The size of a dimension, by its place among the dimensions of the entry.
SIZES = {"distinct": lambda place: 2 + place, "equal": lambda place: 3, "one": lambda place: 1}
Positions = dict[tuple[int, ...], Any]


def part_of(id: str, wanted: str) -> Part:
    """The part that derives ``dL/dZ`` or ``d2L/dz2``."""
    of, wrt = wanted.split("/")
    names = (of[2:], wrt[1:-1], wrt[1:-1]) if of.startswith("d2") else (of[1:], wrt[1:])
    (part,) = (p for p in derivation(id).parts if p.result is not None and p.result.wanted and named(p) == names)
    return part


def named(part: Part) -> tuple[str, ...]:
    result = part.result
    assert result is not None and result.of is not None
    return (result.of.name, *(t.name for t in result.wrt))


def named_given(id: str, wanted: str) -> bool:
    wrt = wanted.split("/")[1][1:].removesuffix("2" if wanted.startswith("d2") else "")
    return wrt in {t.name for t in parse_givens(catalogue()[id].at().given)}


WANTED = [(id, text) for id, entry in catalogue().items() for text in entry.at().wanted if "=" not in text]
CASES = [(id, text, sizes) for id, text in WANTED for sizes in SIZES]
each_case = pytest.mark.parametrize(("id", "wanted", "sizes"), CASES, ids=[" ".join(c) for c in CASES])


def sized(id: str, name: str) -> dict[Symbol, int]:
    dims = derivation(id).dims
    return fitted({d: SIZES[name](place) for place, d in enumerate(free_dimensions(dims))}, dims)


def drawn(id: str, sizes: Mapping[Symbol, int]) -> dict[Tensor, Positions]:
    draw = Draw(Random(len(sizes)), sizes, "mixed", named=True)
    return {t: draw.tensor(t) for t in derivation(id).givens if not t.domain.function}


def arrays(id: str, part: Part, sizes: Mapping[Symbol, int]) -> tuple[list[Positions], Positions]:
    """The result in each of its forms, and the derivative node by dual numbers."""
    found = derivation(id)
    adjoints = (p.result.definition for p in found.parts if p.result is not None and not p.result.of.rank)
    names = {t.name for t in found.givens}
    definitions = (*found.definitions, *(d for d in adjoints if d.name not in names))
    valuation = Valuation(definitions, sizes, drawn(id, sizes), kinks=False)
    clipped = Valuation(definitions, sizes, drawn(id, sizes))  # an output may be at a border wherever it is flat
    result = part.result
    assert result is not None and part.left is not None
    shape = [range(int(d.xreplace(dict(sizes)))) for d in result.dims]
    places = [dict(zip(result.indices, at, strict=True)) for at in product(*shape)]
    forms = [evaluated(valuation, result.expr, places)]
    if result.in_output is not None:
        forms.append(evaluated(clipped, result.in_output, places))
    return forms, evaluated(valuation, part.left, places)


def evaluated(valuation: Valuation, expr: Expr, places: list[Any]) -> Positions:
    return {tuple(place.values()): valuation.value(expr, place) for place in places}


@each_case
def test_the_result_is_the_derivative_by_dual_numbers(id: str, wanted: str, sizes: str) -> None:
    forms, exact = arrays(id, part_of(id, wanted), sized(id, sizes))
    for form in forms:
        for place, ball in form.items():
            assert ball.is_finite() and ball.overlaps(exact[place]), (place, str(ball), str(exact[place]))
            assert ball.rad() < arb(2) ** -100 * (1 + abs(ball)), "too wide to say anything"


#: An intermediate is no input of the torch forward; its gradient enters those of the inputs.
INTO_GIVENS = [c for c in CASES if named_given(*c[:2])]


@pytest.mark.parametrize(("id", "wanted", "sizes"), INTO_GIVENS, ids=[" ".join(c) for c in INTO_GIVENS])
def test_the_result_is_the_gradient_of_torch(id: str, wanted: str, sizes: str) -> None:
    torch = pytest.importorskip("torch")
    numbers = sized(id, sizes)
    part = part_of(id, wanted)
    forms, _ = arrays(id, part, numbers)
    theirs = torch_derivative(torch, id, part, drawn(id, numbers))
    for place, ball in forms[0].items():
        value = float(theirs[place]) if place else float(theirs)
        assert abs(value - float(ball.mid())) <= 1e-12 * (1 + abs(value)), (place, value, str(ball))


def torch_derivative(torch: Any, id: str, part: Part, values: Mapping[Tensor, Positions]) -> Any:
    """The derivative of the entry's torch forward: as often as the result says, output axes first."""
    entry, result = catalogue()[id].at(), part.result
    assert entry.torch is not None and result is not None and result.of is not None
    inputs = {t.name: tensor_of(torch, t, array) for t, array in values.items()}
    inputs |= {t.name: stand_in(torch, t.name) for t in derivation(id).givens if t.domain.function}
    name = result.wrt[0].name

    def forward(x: Any) -> Any:
        out = entry.torch(torch, **{**inputs, name: x})
        return out[result.of.name] if isinstance(out, dict) else out  # type: ignore[union-attr]

    jacobian = torch.autograd.functional.jacobian
    if len(result.wrt) == 1:
        return jacobian(forward, inputs[name])
    return jacobian(lambda x: jacobian(forward, x, create_graph=True), inputs[name])


def tensor_of(torch: Any, tensor: Tensor, array: Positions) -> Any:
    shape = [1 + max(axis) for axis in zip(*array, strict=True)]
    flat = [float(v.p) / float(v.q) if hasattr(v, "q") else float(v) for v in array.values()]
    kind = torch.int64 if tensor.domain.below is not None else torch.float64
    return torch.tensor(flat, dtype=kind).reshape(shape)


def stand_in(torch: Any, name: str) -> Any:
    """The concrete function that stands for an unspecified one, as the rigorous evaluation has it."""
    seed = zlib.crc32(name.encode())
    a, b, c = (5 + seed % 7) / 8, (1 + seed // 7 % 13) / 8, (3 + seed // 91 % 5) / 8
    return lambda x: torch.sin(a * x + b) + c * x * x / 2
