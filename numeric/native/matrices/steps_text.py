"""The C text of several steps in one function: what stacks made slice by slice and whole functions have in common."""

from __future__ import annotations

from collections.abc import Mapping

from ...plans import fresh_name
from ..build import c_arguments, head
from ..loops.lines import Lines
from ..loops.text import RESERVED, c_name, loop_name
from ..scalars import Axis, Scalar, Shape, dimension
from .matrix_products import Factors, steps
from .slices import results
from .steps import Product, Stack
from .team_products import suffix

#: What a function returns where it does not pay: then nothing has been computed.
DECLINED = 3

#: How many products and sums take as long as one entry of a loop, as far as threads are concerned.
PER_ENTRY = 16


class StepsWriter(Lines):
    """Writes a stack for floats or doubles. taken: the names of its arguments."""

    def __init__(self, stack: Stack, real: str, taken: set[str]) -> None:
        super().__init__()
        self.stack, self.real, self.suffix = stack, real, suffix(real)
        self.shapes = {c_name(name): shape for s in stack.steps for name, shape in results(s)}
        outputs = {c_name(o) for o, _ in stack.function.outputs}
        self.kept = {name: shape for name, shape in self.shapes.items() if name not in outputs}
        self.taken = {*taken, *self.shapes}
        f = stack.function
        names = (*f.sizes, *map(c_name, (*(a for a, *_ in f.arrays), *f.functions, *f.parameters)))
        self.put(" ".join(f"(void){n};" for n in names))

    def function(self) -> str:
        """The whole function, after its lines are written."""
        f, body = self.stack.function, "\n".join(self.lines)
        return f"{head(f'int {f.name}_{self.suffix}', c_arguments(f, self.real))}\n{{\n{body}\n}}"

    def factors(self) -> list[Factors]:
        return [s.factors for s in self.stack.steps if isinstance(s, Product) and s.factors]

    def work(self, f: Factors) -> str:
        """The terms of all sums of a product."""
        return "(double)" + " * (double)".join(map(dimension, (*f.place, f.term)))

    def shared(self) -> str:
        """A variable that has as many entries as the panels of any right operand."""
        room = self.fresh("room")
        self.put(f"ptrdiff_t {room} = 0;")
        for f in self.factors():
            size = ", ".join(map(dimension, (f.place[f.row], f.place[-1], f.term)))
            self.put(f"{room} = nn_larger({room}, nn_shared_{self.suffix}({size}));")
        return room

    def allocate(self, name: str, entries: str) -> None:
        self.put(f"{self.real} *const {name} = aligned_alloc(64, (size_t)({entries}) * sizeof({self.real}));")
        self.put(f"if (!{name})")
        self.put("    return 1;")

    def multiply(self, step: Product, team: str, panels: str, slice_: str = "") -> None:
        """The product of matrices, in loops over the axes that both operands and the result have, as far as these are
        none of the stack. team: the first arguments. slice_: the variable that tells which slice it is.
        """
        f = step.factors
        assert f is not None, "only products of matrices are made here"
        others = [a for at, a in enumerate(f.place) if a not in self.stack.axes and at not in (f.row, len(f.place) - 1)]
        for a in others:
            n = loop_name(a)
            self.open(f"for (ptrdiff_t {n} = 0; {n} < {dimension(a)}; {n}++) {{")
        row, column, term = f.place[f.row], f.place[-1], f.term
        shape = tuple(map(dimension, f.place))

        def first(array: str, lengths: Shape, apart: Mapping[Axis, str]) -> str:
            places = [f"{loop_name(x)} * ({apart[x]})" for x in others if x in apart]
            return " + ".join([self.start(array, lengths, slice_), *places])

        left, right, result = _apart(f.a), _apart(f.b), dict(zip(f.place, steps(shape), strict=True))
        operands = [*map(dimension, (row, column, term))]
        operands += [first(str(f.a.data[0]), _shape(f.a), left), left[row], left[term]]
        operands += [first(str(f.b.data[0]), _shape(f.b), right), right[column], right[term]]
        operands += [first(c_name(step.name), shape, result), result[row]]
        self.put(f"{team}, {', '.join(operands)}{', 1' if slice_ else ''}, {panels});")
        for _ in others:
            self.close()

    def start(self, name: str, shape: Shape, slice_: str = "") -> str:
        """Where an array begins, at the slice at hand or so many slices later."""
        return name

    def fresh(self, base: str) -> str:
        return fresh_name(base, self.taken, RESERVED)


def _apart(load: Scalar) -> dict[Axis, str]:
    """How far apart entries of an operand are along each loop variable."""
    at = [str(s.data[0]) if s.op == "counter" else "" for s in load.args]
    return {a: text for a, text in zip(at, steps(_shape(load)), strict=True) if a}


def _shape(load: Scalar) -> Shape:
    return load.data[1]  # type: ignore[return-value]
