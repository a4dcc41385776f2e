"""Writes the page of a derivation: names the indices, recovers matrix notation, explains the signs it used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sympy import Expr, Rational

from ..calculus.derivation import Assumption, Definition, Derivation, Part, Result, Stated, Step
from ..calculus.dimensions import DefinedDimension, defined_dimensions, free_dimensions
from ..calculus.matrix_notation import matrix_notation
from ..calculus.notation import Fill, Hadamard, Notation, Ones, Quotient, Softmax
from ..calculus.softmax_notation import by_softmax
from ..calculus.sums import Partial
from ..calculus.tensors import Element, Index, Tensor
from .box import ATOM, PREFIX, Box, join
from .expressions import Writer
from .letters import alphabet, free_indices
from .matrices import nodes, write_notation
from .names import sentence_with_names
from .page import Assumed, Formula, Given, Line, Page, Section, Size
from .places import size_text
from .style import Style

DIRECT = "∂⁺ is the direct derivative: every other definition is held fixed."
DIRECT_ORDINARY = "∂ is the direct derivative, every other definition held fixed; d is the whole one."
LAYOUT = "A gradient has the shape of its variable."


#: Said where formulas name assumptions and statements; ``before`` is the one of an induction.
SLACK = (
    "In a formula the name of an assumption or of a statement stands for its larger side minus its smaller one; "
    "in an induction step, before stands for the statement at step k."
)


class Author:
    """Writes one page; remembers which signs its formulas used, so that only these are explained."""

    def __init__(self, derivation: Derivation, style: Style) -> None:
        self.derivation = derivation
        self.style = style
        self.signs: set[object] = set()
        tensors = [*derivation.givens, *(d.tensor for d in derivation.definitions)]
        names = [t.name for t in tensors]
        self.writer = Writer(
            style,
            alphabet(derivation),
            places={n: at for at, n in enumerate([*names, *(r.name for r in derivation.results)])},
            known=frozenset(names),
            ordinary=all(t.rank == 0 for t in tensors) and len(_variables(derivation)) == 1,
        )
        self.writer = replace(self.writer, both=_pairs(derivation))
        exprs = [r.expr for r in derivation.results] + [s.right for s in derivation.steps]
        read = {t.name for e in exprs for t in e.atoms(Tensor)} - set(names)
        short = {r.name for r in derivation.results if any(r.name == f"d{w.name}" for w in r.wrt)}
        self.adjoints = short | {r.name for r in derivation.results if r.wrt and r.name in read}
        self.names_in_use = not read.isdisjoint(self.adjoints)

    def page(self, brief: bool, detail: bool) -> Page:
        d = self.derivation
        definitions = tuple(self._definition(x) for x in d.definitions)
        sections: list[Section] = []
        results: list[Formula] = []
        count = 0
        for part in d.parts:
            writer = self._named(part)
            lines = self._lines(part, writer, count, detail)
            count += len(part.steps)
            heading, shape = self._heading(part, writer)
            wanted = not self._is_given(part) if part.result is None else part.result.wanted
            title = self._said(_title(part.stated)) if part.stated is not None else ""
            sections.append(Section(heading, shape, wanted, tuple(lines), self._said(part.note), part, title))
            result = self._result(part, writer)
            if result is not None:
                results.append(result)
        return Page(
            d.id,
            d.title,
            tuple(self._given(t) for t in d.givens),
            definitions,
            () if brief else tuple(sections),
            tuple(results),
            () if brief else tuple(map(self._said, self._conventions())),
            () if brief else tuple(map(self._said, d.pitfalls)),
            () if brief else d.references,
            _totals(d),
            d.verdict,
            tuple(self._size(x) for x in defined_dimensions(d.dims)),
            tuple(self._assumed(a) for a in d.assumptions),
        )

    def _assumed(self, assumption: Assumption) -> Assumed:
        line = self.writer.for_line(assumption.left, assumption.right)
        formula = Formula(
            line(assumption.left), line(assumption.right), relation=self.style.relation[assumption.relation]
        )
        return Assumed(assumption.name, formula, self._said(assumption.words), self.writer.name(assumption.name))

    def _named(self, part: Part) -> Writer:
        """The writer with one letter for each free index of the part, in the order in which a reader meets them."""
        stated = (part.stated.left, part.stated.right) if part.stated is not None else ()
        shown = [*stated, *(e for s in part.steps for e in (s.left, s.right))]
        writer = self.writer.for_line(*(part.result.indices if part.result else ()), *shown)
        order = free_indices(*shown, *(part.result.indices if part.result else ()))
        return replace(self.writer, letters=self.writer.alphabet.name(_own_names_first(order), {})) if order else writer

    def _given(self, tensor: Tensor) -> Given:
        domain = tensor.domain
        words = [tensor.description] if tensor.description else []
        if domain.function:
            member = join(
                [self._name(tensor), ": ", self._word("reals"), self.style.relation["to"], self._word("reals")], ATOM
            )
        else:
            member = join([self._name(tensor), self.style.relation["in"], self._set(tensor)], ATOM)
        said = (
            ""
            if domain.random is None and (domain.below is not None or domain.mask or domain.sign or domain.unit)
            else "differentiable"
            if domain.function
            else str(domain)
        )
        if tensor.rank == 1:
            said = said.replace("rows sum", "entries sum").replace("rows", "entries")
        if said not in ("", "real") and said not in tensor.description:
            words.append(said)
        if domain.value is not None:
            words.append(f"default {_decimal(domain.value)}")
        return Given(tensor, member, self._said(", ".join(words)))

    def _size(self, dim: DefinedDimension) -> Size:
        equals = self.style.relation["="]
        return Size(dim, join([self.writer(dim), equals, size_text(dim.text, self.style)], ATOM))

    def _set(self, tensor: Tensor) -> str:
        latex = self.style.latex
        domain = tensor.domain
        if domain.below is not None:
            top = self.writer(domain.below - 1).text
            base = rf"\lbrace 0, \dots, {top} \rbrace" if latex else f"{{0, …, {top}}}"
        elif domain.mask or domain.onehot:
            base = r"\lbrace 0, 1 \rbrace" if latex else "{0, 1}"
        elif domain.sign:
            base = r"\lbrace -1, 1 \rbrace" if latex else "{−1, 1}"
        elif domain.unit:
            base = "(0, 1)"
        else:
            base = self._word("reals")
        if not tensor.dims:
            return base
        shape = self._shape(tensor.dims).text
        if latex:
            return f"{base}^{{{shape}}}"
        return f"{base}^{shape}" if len(tensor.dims) == 1 and len(shape) == 1 else f"{base}^({shape})"

    def _shape(self, dims: tuple[Expr, ...]) -> Box:
        times = self.style.relation["x"]
        boxes = [self.style.wrap(self.writer(d), PREFIX) for d in dims]
        return join([p for b in boxes for p in (times, b)][1:], ATOM)

    def _definition(self, definition: Definition) -> Formula:
        writer = self.writer.for_line(*definition.indices)
        left = writer(definition.element)
        if definition.pairing:
            gradient, output = self._pair(definition)
            return Formula(
                self._name(definition.tensor), self._derivative(definition.tensor, (output.tensor,)),
                matrix_left=None, matrix_right=self._name(gradient), words="any scalar with", source=definition,
                note=self._said(definition.tensor.description), noted=self._name(definition.tensor),
            )  # fmt: skip
        matrix = self._matrix(definition.body, definition.indices)
        return Formula(
            left, writer(definition.body), self._name(definition.tensor) if matrix else None, matrix,
            source=definition, note=self._said(definition.tensor.description), noted=self._name(definition.tensor),
        )  # fmt: skip

    def _pair(self, definition: Definition) -> tuple[Tensor, Element]:
        elements = sorted(definition.body.atoms(Element), key=lambda e: (e.tensor.name, str(e)))
        for a in elements:
            for b in elements:
                if a.tensor.name == f"d{b.tensor.name}":
                    return a.tensor, b
        return elements[-1].tensor, elements[0]

    def _matrix(self, expr: Expr, indices: tuple[Index, ...]) -> Box | None:
        node = matrix_notation(expr, indices)
        if node is None or (not indices and not expr.atoms(Index)):
            return None
        self._remember(node)
        return write_notation(self.writer, node)

    def _remember(self, node: Notation) -> None:
        for n in nodes(node):
            self.signs.add("rows" if isinstance(n, Softmax) and n.matrix else type(n))

    def _lines(self, part: Part, writer: Writer, before: int, detail: bool) -> list[Line]:
        lines: list[Line] = []
        head: Expr | None = None
        for at, step in enumerate(part.steps, before + 1):
            head = head if step.continues else step.left
            lines.append(self._line(step, str(at), writer, 0, head))
            if detail:
                for k, sub in enumerate(step.detail, 1):
                    lines.append(self._line(sub, f"{at}.{k}", writer, 1, sub.left))
        return lines

    def _line(self, step: Step, number: str, writer: Writer, depth: int, head: Expr | None) -> Line:
        line = writer.only(head, step.left, step.right).for_line(step.left, step.right)
        left = line(step.left)
        counterexample = step.verdict.counterexample
        if counterexample is not None:
            letters = {i.name: c for i, c in line.letters.items()}
            at = {letters.get(k, k): v for k, v in counterexample.at.items() if k in letters or k[:1] not in "~·"}
            counterexample = replace(counterexample, at=at)
        return Line(
            number,
            None if step.continues else left,
            line(step.right),
            step.rule,
            step.verdict,
            counterexample,
            depth,
            left,
            self.style.relation[step.relation],
        )

    def _heading(self, part: Part, writer: Writer) -> tuple[Box | None, Box | None]:
        result = part.result
        if part.stated is not None:
            sides = writer(part.stated.left), writer(part.stated.right)
            return join([sides[0], self.style.relation[part.stated.relation], sides[1]], ATOM), None
        if result is None:
            if part.left is None or not part.steps or self._is_given(part):
                return (writer(part.left) if part.left is not None else None), None
            return join([writer(part.left), self.style.relation["="], writer(part.steps[-1].right)], ATOM), None
        shape = self._shape(result.dims) if result.dims else None
        head = self._head(result)
        if result.of is not None and self._by_name(result):
            head = join([self._derivative(result.of, result.wrt), self.style.relation["="], head], ATOM)
        return head, shape

    def _by_name(self, result: Result) -> bool:
        """True where the gradient is called dW and formulas refer to gradients by name, as backpropagation does."""
        return result.name in self.adjoints and self.names_in_use

    def _head(self, result: Result) -> Box:
        if result.of is None or self._by_name(result):
            return self.writer.name(result.name)
        return self._derivative(result.of, result.wrt)

    def _derivative(self, of: Tensor, wrt: tuple[Tensor, ...]) -> Box:
        mark = "d" if self.writer.ordinary else "∂"
        return self.style.derivative(len(wrt), self._name(of), [self._name(t) for t in wrt], mark)

    def _element_head(self, result: Result, writer: Writer) -> Box:
        ranks = [t.rank for t in (result.of, *result.wrt) if t is not None]
        if result.of is None or sum(ranks) != len(result.indices) or self._by_name(result):
            return writer(Element(result.tensor, *result.indices))
        left = list(result.indices)
        node: Expr = Element(result.of, *(left.pop(0) for _ in range(result.of.rank)))
        for tensor in result.wrt:
            node = Partial(node, Element(tensor, *(left.pop(0) for _ in range(tensor.rank))))
        return writer(node)

    def _result(self, part: Part, writer: Writer) -> Formula | None:
        result = part.result
        if part.stated is not None:
            stated = part.stated
            if stated.impossible:
                return None
            line = writer.only(stated.left, stated.right)
            return Formula(line(stated.left), line(stated.right), relation=self.style.relation[stated.relation])
        if result is None:
            if not part.steps or part.left is None or self._is_given(part):
                return None
            line = writer.only(part.left, part.steps[-1].right)
            return Formula(line(part.left), line(part.steps[-1].right))
        matrix = self._matrix(result.expr, result.indices)
        shown = by_softmax(result.expr, one_too=matrix is None)
        line = writer.only(*result.indices, shown).for_line(*result.indices, shown)
        return Formula(
            self._element_head(result, line), line(shown), self._head(result) if matrix else None, matrix,
            line(result.in_output) if result.in_output is not None else None, source=result,
        )  # fmt: skip

    def _is_given(self, part: Part) -> bool:
        """True where a part only says what is given: the gradient of an unspecified loss in its argument."""
        stand_ins = {x.tensor for x in self.derivation.definitions if x.pairing}
        return isinstance(part.left, Partial) and isinstance(part.left.of, Element) and part.left.of.tensor in stand_ins

    def _conventions(self) -> tuple[str, ...]:
        said = list(self.derivation.conventions)
        ranks = [t.rank for r in self.derivation.results for t in r.wrt if r.of is not None and r.of.rank == 0]
        if any(ranks) and not any(LAYOUT.rstrip(".") in s for s in said):
            said.insert(0, LAYOUT)
        if self._names_slacks():
            said.append(SLACK)
        if self.writer.both:
            said.append(DIRECT_ORDINARY if self.writer.ordinary else DIRECT)
        ones = "1 is a column of ones, and a vector is a column"
        number = "a number in a sum of arrays stands for an array of that number"
        for sign, sentence in (
            ({Hadamard}, "⊙ multiplies entry by entry"),
            ({Quotient}, "⊘ divides entry by entry"),
            ({"rows"}, "softmax acts on each row"),
            ({Ones}, ones),
            ({Fill}, number),
        ):
            if sign & self.signs:
                said.append(sentence[0].upper() + sentence[1:] + ".")
        return tuple(said)

    def _names_slacks(self) -> bool:
        """True where a formula uses an assumption or an earlier statement by its name."""
        named = {a.name for a in self.derivation.assumptions}
        named |= {p.stated.name for p in self.derivation.parts if p.stated is not None}
        return any(t.name in named for s in self.derivation.steps for t in s.right.atoms(Tensor))

    def _said(self, sentence: str) -> str:
        return sentence_with_names(sentence, self.writer.known)

    def _name(self, tensor: Tensor) -> Box:
        return self.writer.name(tensor.name)

    def _word(self, key: str) -> str:
        return self.style.words[key]


def _title(stated: Stated) -> str:
    """``One step (descent)``: the title, and the name that later lines use."""
    name = f"({stated.name})" if stated.name else ""
    return f"{stated.title} {name}".strip()


def _decimal(number: Expr) -> str:
    """A number as people type it: 0.044715, not 8943/200000."""
    if number.is_Integer or not number.is_Rational:
        return str(number)
    decimal = f"{float(number):.12g}"
    return decimal if Rational(decimal) == number else f"{float(number):.8g}…"


def _pairs(derivation: Derivation) -> frozenset[tuple[Tensor, Tensor]]:
    """Pairs whose derivative is met both whole and with the other definitions held fixed."""
    met: dict[bool, set[tuple[Tensor, Tensor]]] = {True: set(), False: set()}
    for step in derivation.steps:
        for node in step.left.atoms(Partial) | step.right.atoms(Partial):
            if isinstance(node.of, Element):
                met[node.held].add((node.of.tensor, node.wrt.tensor))
    definitions = {x.tensor: x for x in derivation.definitions}
    return frozenset(p for p in met[True] & met[False] if _by_two_ways(*p, definitions))


def _by_two_ways(of: Tensor, wrt: Tensor, definitions: Mapping[Tensor, Definition]) -> bool:
    """True where ``of`` reads ``wrt`` itself and through another definition: direct and whole derivative differ."""

    def moves(tensor: Tensor) -> bool:
        return tensor == wrt or (tensor in definitions and any(map(moves, definitions[tensor].inputs())))

    inputs = definitions[of].inputs() if of in definitions else ()
    return wrt in inputs and any(moves(t) for t in inputs if t != wrt)


def _variables(derivation: Derivation) -> set[Tensor]:
    """The givens that are varied: all without a value, and those that a result is differentiated by."""
    asked = {t for r in derivation.results for t in r.wrt}
    return {t for t in derivation.givens if (t.domain.value is None and not t.domain.function) or t in asked}


def _own_names_first(indices: list[Index]) -> list[Index]:
    """An index with a name of its own is named before a fresh one can take its letter."""
    return sorted(indices, key=lambda i: i.is_fresh)


def _totals(derivation: Derivation) -> str:
    """``7 steps: 7 proved, for all n, C``: how many steps met which verdict, and over what the proofs range."""
    kinds = [s.verdict.kind for s in derivation.steps]
    counts = [f"{kinds.count(k)} {k}" for k in ("proved", "refuted", "open") if k in kinds]
    sizes = ", ".join(map(str, free_dimensions(derivation.dims)))
    scope = f", for all {sizes}" if sizes and kinds and set(kinds) == {"proved"} else ""
    return f"{len(kinds)} step{'' if len(kinds) == 1 else 's'}: {', '.join(counts) or 'none'}{scope}"
