"""What a statement assumes: named equations and inequalities, and what each of them lets a proof use.

A hypothesis ``A <= B`` named h becomes an array h with the entries B − A, of which nothing is known but that they are
not negative: a certificate uses it by its name. An equation that gives the entries of an array becomes its definition;
of any other equation the slack A − B is known to be zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .derivation import Assumption, Definition
from .expectation import is_average, is_random
from .intervals import NONNEGATIVE, POSITIVE, Interval, point
from .parser import ParseError, domain_of
from .relations import Chain, parse_chain
from .tensors import REAL, Element, Index, Tensor


@dataclass(frozen=True)
class Hypothesis:
    """A relation by name, the array of its slack, and where the entries of that lie.

    solved: the definition that an equation amounts to; it then holds at every point.
    """

    name: str
    chain: Chain
    slack: Definition
    interval: Interval
    words: str = ""
    solved: Definition | None = None

    @property
    def assumption(self) -> Assumption:
        """What the page shows."""
        left, relation, right = self.chain.whole
        return Assumption(self.name, left, relation, right, self.words)


def slack_of(name: str, chain: Chain) -> tuple[Definition, Interval]:
    """The slack of a relation as a definition, and its interval where the relation holds."""
    left, relation, right = chain.whole
    interval = point(0) if relation == "=" else POSITIVE if relation in "<>" else NONNEGATIVE
    body = right - left if relation[0] == "<" else left - right
    tensor = Tensor(name, tuple(i.dim for i in chain.indices), domain_of(body))
    return Definition(tensor, chain.indices, body), interval


def parse_hypotheses(
    texts: Mapping[str, str], givens: Sequence[Tensor], definitions: Sequence[Definition]
) -> tuple[Hypothesis, ...]:
    """The hypotheses of an entry, by name; a text may end in words: ``f1 <= f0  # the loss falls``.

    **Raises** :class:`ParseError` for a text that is no single relation, or a name that is taken.
    """
    tensors = {t.name: t for t in (*givens, *(d.tensor for d in definitions))}
    found: list[Hypothesis] = []
    for name, text in texts.items():
        if name in tensors or not name.isidentifier():
            raise ParseError(f"the hypothesis {name!r} needs a name of its own", "Use a word, such as smooth.")
        statement, _, words = text.partition("#")
        chain = parse_chain(statement, tensors)
        if len(chain.relations) != 1:
            raise ParseError(f"the hypothesis {name} has {len(chain.relations)} relations", "Give each its own name.")
        if any(is_random(e) or is_average(e) for e in chain.members):
            hint = "What is assumed of a random array stands behind its name: x: n random independent mean=0 var=s2"
            raise ParseError(f"the hypothesis {name} is about random values", hint)
        slack, interval = slack_of(name, chain)
        solved = _solved(chain, givens, [*definitions, *(h.solved for h in found if h.solved)])
        found.append(Hypothesis(name, chain, slack, interval, words.strip(), solved))
    return tuple(found)


def _solved(chain: Chain, givens: Sequence[Tensor], definitions: Sequence[Definition]) -> Definition | None:
    """The definition of a given that ``x[i] = …`` amounts to; x is real, and the right side does not depend on it."""
    left, relation, right = chain.whole
    if relation != "=" or not isinstance(left, Element) or left.tensor not in givens or left.tensor.domain != REAL:
        return None
    if any(d.tensor == left.tensor for d in definitions):
        return None
    plain = all(isinstance(i, Index) for i in left.indices) and len(set(left.indices)) == len(left.indices)
    if not plain or set(left.indices) != set(chain.indices):
        return None
    if left.tensor in _reads(right.atoms(Tensor), definitions):
        return None
    return Definition(left.tensor, left.indices, right)  # type: ignore[arg-type]


def _reads(tensors: Iterable[Tensor], definitions: Sequence[Definition]) -> set[Tensor]:
    """The tensors and all that they read through definitions."""
    by_tensor = {d.tensor: d for d in definitions}
    found: set[Tensor] = set()
    queue = list(tensors)
    while queue:
        tensor = queue.pop()
        if tensor not in found:
            found.add(tensor)
            if tensor in by_tensor:
                queue += by_tensor[tensor].inputs()
    return found


def in_order(definitions: Iterable[Definition]) -> list[Definition]:
    """Definitions so that each stands behind all that it reads; otherwise as they were."""
    waiting = {d.tensor: d for d in definitions}
    ordered: dict[Tensor, Definition] = {}

    def place(definition: Definition) -> None:
        if definition.tensor in waiting:
            del waiting[definition.tensor]
            for tensor in definition.inputs():
                if tensor in waiting:
                    place(waiting[tensor])
            ordered[definition.tensor] = definition

    while waiting:
        place(next(iter(waiting.values())))
    return list(ordered.values())
