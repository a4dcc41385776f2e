"""This project on the timed gradients: the entries as text, deriving them, and deriving and proving them."""

from __future__ import annotations

from typing import Any

from cases import Case

from nnmath.calculus.backward import Backward
from nnmath.calculus.derivation import Derivation, Part, Verdict
from nnmath.calculus.letters import Letters
from nnmath.calculus.parser import parse_definitions, parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.tensors import Tensor
from nnmath.derivations import Entry, catalogue
from nnmath.derivations.build import derive_entry

MLP = catalogue()["mlp-softmax"].at()

#: Without claims: a closed form that an entry states is checked, and deriving needs none.
ENTRIES = {
    "softmax-ce": Entry(
        id="softmax-ce",
        title="Softmax cross-entropy",
        given="Z: n C\nY: n C rows",
        define="P[i, c] = exp(Z[i, c])/sum(exp(Z[i, k]) for k in C)\nL = -sum(Y*log(P))/n",
        wanted=("dL/dZ",),
    ),
    "mlp": Entry(id="mlp", title="Two-layer perceptron", given=MLP.given, define=MLP.define, wanted=("dL/dW1",)),
    "attention": Entry(
        id="attention",
        title="Scaled dot-product attention",
        given="Q: n d\nK: m d\nV: m e\ndO: n e",
        define="""
            S = Q @ K.T/sqrt(d)
            A[i, j] = exp(S[i, j])/sum(exp(S[i, k]) for k in m)
            O = A @ V
            L = upstream(dO, O)
        """,
        wanted=("dL/dQ",),
    ),
}


class Unjudged(Prover):
    """Takes every step as it comes, so that deriving alone can be timed."""

    def judge(self, left: Any, right: Any) -> Verdict:
        return Verdict("open", "not judged")


def prove(entry: Entry, **parameters: int) -> Derivation:
    """The whole derivation of an entry, every step judged."""
    return derive_entry(entry, **parameters)


def derive(entry: Entry, **parameters: int) -> list[Part]:
    """The same equations as :func:`prove`, from the text of the entry on, but no step is judged."""
    entry = entry.at(**parameters)
    givens = parse_givens(entry.given)  # type: ignore[arg-type]
    definitions = parse_definitions(entry.define, givens)  # type: ignore[arg-type]
    tensors = {t.name: t for t in (*givens, *(d.tensor for d in definitions))}
    letters = Letters(definitions, [d for t in tensors.values() for d in t.dims])
    definitions = tuple(letters.name_definition(d) for d in definitions)
    pairs = [text.removeprefix("d").split("/d") for text in tuple(entry.wanted)]  # type: ignore[arg-type]
    targets: list[Tensor] = [tensors[wrt] for _, wrt in pairs]
    backward = Backward(definitions, letters, Unjudged(definitions, givens))
    return backward.derive(tensors[pairs[0][0]], targets, names={t: f"d{t.name}" for t in targets})


def gradient(case: Case) -> Any:
    """The gradient at the case's point, by the generated NumPy code of the proved derivation.

    **Raises** ArithmeticError where a step is not proved.
    """
    from nnmath.numeric.numpy_code.generator import generate

    derivation = prove(ENTRIES[case.id])
    if not derivation.proved:
        raise ArithmeticError(f"{case.id}: {derivation.verdict}")
    module = generate(derivation)
    namespace: dict[str, Any] = {}
    exec(module.source, namespace)
    (function,) = (f for f in module.functions if f.role == "derivative")
    out = namespace[function.name](**{name: case.point[name] for name in function.arguments})
    return dict(zip(function.returns, out, strict=True))[f"d{case.wrt}"] if isinstance(out, tuple) else out
