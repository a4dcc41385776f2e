"""Random expressions: gradients agree, rewritings are proved equal, different expressions are never proved equal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product
from random import Random
from typing import Any

import pytest
import sympy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_changes import MUTATIONS, REWRITINGS, changed, rewritten
from random_expressions import (
    FLOATS,
    FREE,
    INPUTS,
    SIZES,
    SMOOTH,
    Evaluator,
    M,
    N,
    Writer,
    gradient_bounds,
    torch_arithmetic,
)
from sympy import Expr, Integer

from nnmath.calculus.backward import Backward
from nnmath.calculus.balls import Valuation
from nnmath.calculus.derivation import Counterexample, Definition, Verdict
from nnmath.calculus.letters import Letters
from nnmath.calculus.prover import Prover
from nnmath.calculus.sampling import Draw
from nnmath.calculus.sums import Partial, bound_sum
from nnmath.calculus.tensors import Element, Index, Tensor


def examples(count: int) -> Callable[[Any], Callable[[], None]]:
    """The same examples in every run, so that a failure is a failure of the commit. The seed tells which one failed."""
    quiet = settings(
        max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )

    def decorate(test: Callable[[Random], None]) -> Callable[[], None]:
        @quiet
        @given(st.integers(0, 2**48))
        def run(seed: int) -> None:
            test(Random(seed))

        return run

    return decorate


# -- what is proved is equal, and what differs is never proved ---------------------------------------------------------


def draw(rng: Random, depth: int = 3) -> Expr:
    return Writer(rng).real(FREE, depth)


def judge(left: Expr, right: Expr) -> Verdict:
    return Prover((), INPUTS).judge(left, right)


def as_floats(values: Any) -> dict[str, dict[tuple[int, ...], float]]:
    return {t.name: {at: float(v.p) / float(v.q) for at, v in array.items()} for t, array in values.items()}


def floats_at(example: Counterexample) -> Any:
    """The point of a counterexample, read from its printed text, for the evaluator that is not the engine's."""
    arrays: dict[str, dict[tuple[int, ...], float]] = {}
    for tensor in INPUTS:
        shape = [example.sizes.get(str(d), 1) for d in tensor.dims]
        places = product(*map(range, shape))
        text = example.values.get(tensor.name)
        arrays[tensor.name] = {at: nested(text, at) for at in places} if text is not None else {}
    return Evaluator(FLOATS, {N: example.sizes.get("n", 1), M: example.sizes.get("m", 1)}, arrays)


def nested(text: Any, at: tuple[int, ...]) -> float:
    for k in at:
        text = text[k]
    return float(text)


def assert_genuine(left: Expr, right: Expr, example: Counterexample) -> None:
    """Plain floating-point evaluation at the printed point gives the printed sides."""
    evaluate = floats_at(example)
    free = {k for side in (left, right) for k in side.free_symbols if isinstance(k, Index)}
    at = {k: example.at[k.name] for k in free}
    assert example.left != example.right
    for side, text in ((left, example.left), (right, example.right)):
        assert math.isclose(evaluate(side, at), float(text), rel_tol=1e-5, abs_tol=1e-9), (str(side), str(example))


def test_rewritings_are_proved_equal() -> None:
    used: Counter[str] = Counter()

    @examples(350)
    def run(rng: Random) -> None:
        expr = draw(rng)
        new, names = rewritten(rng, expr)
        verdict = judge(expr, new)
        assert verdict.is_proved, (str(verdict), names, str(expr), str(new), str(verdict.counterexample))
        used.update(n for n in names if n)

    run()
    assert used.total() >= 350
    assert set(used) == {r.__name__ for r in REWRITINGS}, used


def test_a_sum_does_not_know_the_names_of_its_indices() -> None:
    @examples(100)
    def run(rng: Random) -> None:
        k, new = rng.sample((*FREE, Index("j", N), Index("b", M)), 2)
        if k.dim == new.dim:
            body = Writer(rng).real((*FREE, k), 3)
            if new not in body.free_symbols:
                assert bound_sum(body, k) == bound_sum(body.xreplace({k: new}), new)
            assert k not in bound_sum(body, k).free_symbols

    run()


def test_different_expressions_are_never_proved_equal() -> None:
    kinds: Counter[str] = Counter()
    used: Counter[str] = Counter()

    @examples(450)
    def run(rng: Random) -> None:
        expr = draw(rng)
        new, name = changed(rng, expr, MUTATIONS)
        if new.has(sympy.I, sympy.Abs):
            return  # a root of what is not positive any more: no expression of ours
        verdict = judge(expr, new)  # raises where a proof and a ball contradict each other
        kinds[verdict.kind] += 1
        if verdict.counterexample is not None:
            assert_genuine(expr, new, verdict.counterexample)
            used[name] += 1

    run()
    assert kinds["refuted"] >= 0.9 * kinds.total() and kinds["open"] <= 0.02 * kinds.total(), kinds
    assert set(used) == {m.__name__ for m in MUTATIONS}, used


# -- gradients ---------------------------------------------------------------------------------------------------------


class Unjudged(Prover):
    """Leaves every step open: the gradients of the rules alone, which no proof holds back."""

    def judge(self, left: Expr, right: Expr) -> Verdict:
        return Verdict("open")


def gradients(program: Sequence[Definition], wanted: Sequence[Tensor], prover: Prover) -> Any:
    """The parts of ∂L/∂x for every wanted x, and all definitions, adjoints included."""
    letters = Letters(program, (N, M))
    backward = Backward(program, letters, prover)
    return backward.derive(program[-1].tensor, wanted, names={t: f"d{t.name}" for t in wanted})


def test_gradients_agree_with_torch_and_with_dual_numbers() -> None:
    torch = pytest.importorskip("torch")
    compared: Counter[str] = Counter()

    @examples(280)
    def run(rng: Random) -> None:
        program = Writer(rng).program(2)
        wanted = [t for t in rng.sample(SMOOTH, 3) if is_read(program, t)]
        parts = gradients(program, wanted, Unjudged(program, INPUTS))
        results = [p.result for p in parts if p.result is not None]
        assert {r.wrt[0] for r in results if r.wanted} == set(wanted)
        sizes = rng.choice(SIZES)
        values = {t: Draw(rng, sizes, "mixed", named=False).tensor(t) for t in INPUTS}
        adjoints = [r.definition for r in results if not r.wanted]
        valuation = Valuation((*program, *adjoints), sizes, values, kinks=False)
        floats = as_floats(values)
        theirs = torch_gradients(torch, program, sizes, floats)
        bounds = gradient_bounds(program, sizes, floats)
        for result in (r for r in results if r.wanted):
            (wrt,) = result.wrt
            for at in product(*(range(sizes[d]) for d in wrt.dims)):
                ours = valuation.value(result.expr, dict(zip(result.indices, at, strict=True)))
                dual = valuation.value(Partial(program[-1].element, Element(wrt, *map(Integer, at))))
                if not (ours.is_finite() and dual.is_finite()):
                    compared["undefined"] += 1
                    continue
                assert ours.overlaps(dual), (str(result.expr), at, str(ours), str(dual))
                assert abs(ours - theirs[wrt.name, at]) <= bounds[wrt.name, at], (str(result.expr), at, str(ours))
                compared["agreed"] += 1

    run()
    assert compared["agreed"] >= 1000 > 20 * compared["undefined"], compared


def is_read(program: Sequence[Definition], tensor: Tensor) -> bool:
    return any(tensor in d.inputs() for d in program)


def torch_gradients(torch: Any, program: Sequence[Definition], sizes: Any, floats: Any) -> dict[Any, float]:
    """Autograd through plain loops over scalars."""
    leaves = {
        name: {at: torch.tensor(v, dtype=torch.float64, requires_grad=True) for at, v in array.items()}
        for name, array in floats.items()
    }
    arithmetic = torch_arithmetic(torch)
    evaluate = Evaluator(arithmetic, sizes, leaves, {d.name: d for d in program})
    evaluate.entry("L", ()).backward()
    return {
        (name, at): 0.0 if leaf.grad is None else float(leaf.grad)
        for name, array in leaves.items()
        for at, leaf in array.items()
    }


def test_every_step_to_a_random_gradient_is_proved() -> None:
    verdicts: Counter[str] = Counter()

    @examples(100)
    def run(rng: Random) -> None:
        program = Writer(rng).program(1)
        wanted = [t for t in rng.sample(SMOOTH, 2) if is_read(program, t)]
        for part in gradients(program, wanted, Prover(program, INPUTS)):
            for step in part.steps:
                verdicts[step.verdict.kind] += 1
                assert step.verdict.kind != "refuted", (step.rule, str(step.left), str(step.right))

    run()
    assert verdicts["proved"] >= 300 > 100 * verdicts["open"], verdicts
