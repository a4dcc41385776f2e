"""The C text of steps that go through stacks of matrices slice by slice."""

from __future__ import annotations

from collections.abc import Mapping

from ..plans import fresh_name
from .build import c_arguments, head
from .matrix_products import Factors, steps
from .scalars import Axis, Scalar, Shape, dimension
from .slice_products import suffix
from .slices import results
from .steps import Product, Stack, Stage
from .text import RESERVED, c_name, loop_name

#: What a function returns where slices do not pay: then nothing has been computed.
DECLINED = 3

#: How many products and sums take as long as one entry of a loop, as far as threads are concerned.
PER_ENTRY = 16

#: Entries of what is kept of slices: of small slices as many are taken at a time.
FEW = 16384


def slice_text(stack: Stack, real: str, taken: set[str]) -> str:
    """The C function of a stack for floats or doubles. taken: the names of its arguments."""
    return _Writer(stack, real, taken).text()


class _Writer:
    def __init__(self, stack: Stack, real: str, taken: set[str]) -> None:
        self.stack, self.real, self.suffix = stack, real, suffix(real)
        self.shapes = {c_name(name): shape for s in stack.steps for name, shape in results(s)}
        outputs = {c_name(o) for o, _ in stack.function.outputs}
        self.kept = {name: shape for name, shape in self.shapes.items() if name not in outputs}
        self.taken = {*taken, *self.shapes}
        self.slices, self.slice, self.next, self.few, self.there, self.memory, self.panels, self.failed = map(
            self._fresh, ("slices", "slice", "next", "few", "there", "memory", "panels", "failed")
        )
        self.lines: list[str] = []
        self.depth = 1

    def text(self) -> str:
        f = self.stack.function
        names = (*f.sizes, *map(c_name, (*(a for a, *_ in f.arrays), *f.functions, *f.parameters)))
        self._put(" ".join(f"(void){n};" for n in names))
        self._decide()
        self._allocate()
        self._put("#ifdef _OPENMP")
        self._put(f"#pragma omp parallel num_threads((int)threads) if (threads > 1) reduction(|:{self.failed})")
        self._put("#endif")
        self._open("{")
        end = f"{self.memory} + nn_thread() * each"
        for array, shape in self.kept.items():
            self._put(f"{self.real} *const {array} = {end};")
            end = f"{array} + {self._length(shape)}"
        self._put(f"{self.real} *const {self.panels} = {end};")
        self._open("for (;;) {")
        self._put(f"ptrdiff_t {self.slice};")
        self._put("#ifdef _OPENMP")
        self._put("#pragma omp atomic capture")
        self._put("#endif")
        self._put(f"{{ {self.slice} = {self.next}; {self.next} += {self.few}; }}")
        self._put(f"if ({self.slice} >= {self.slices})")
        self._put("    break;")
        self._put(f"const ptrdiff_t {self.there} = nn_smaller({self.slices} - {self.slice}, {self.few});")
        for step in self.stack.steps:
            self._product(step) if isinstance(step, Product) else self._stage(step)
        self._close()
        self._close()
        self._put(f"free({self.memory});")
        self._put(f"return {self.failed};")
        body = "\n".join(self.lines)
        return f"{head(f'int {f.name}_{self.suffix}', c_arguments(f, self.real))}\n{{\n{body}\n}}"

    def _decide(self) -> None:
        """How many threads there are for how many slices, and whether that pays."""
        work = ["(double)" + " * (double)".join(map(dimension, (*p.place, p.term))) for p in self._factors()]
        most = self._fresh("most")
        self._put(f"const ptrdiff_t {self.slices} = {' * '.join(self.stack.axes)};")
        self._put(f"const ptrdiff_t {most} = nn_slice_threads(({' + '.join(work)}) / {PER_ENTRY});")
        arrays = {c_name(name): shape for name, shape, _ in self.stack.function.arrays} | self.shapes
        one = [arrays[name][len(own) :] for name, own in self.stack.leading.items() if name in arrays]
        entries = " + ".join(" * ".join(["1.0", *shape]) for shape in one)
        self._put(f"if (!nn_in_slices({self.slices}, {most}, ({entries}) * sizeof({self.real})))")
        self._put(f"    return {DECLINED};")
        self._put(f"const ptrdiff_t threads = nn_smaller({most}, {self.slices});")

    def _allocate(self) -> None:
        """Memory for what is kept of some slices at a time, and for the panels of products, for each thread."""
        entries = " + ".join(map(self._entries, self.kept.values())) or "1"
        most = f"nn_smaller({FEW} / ({entries}), {self.slices} / (4 * threads)) + 1"
        in_one_order = all(own in ((), self.stack.axes) for own in self.stack.leading.values())
        self._put(f"const ptrdiff_t {self.few} = {most if in_one_order else '1'};")
        room = self._fresh("room")
        self._put(f"ptrdiff_t {room} = 0;")
        for size in dict.fromkeys(f"{dimension(p.place[-1])}, {dimension(p.term)}" for p in self._factors()):
            self._put(f"{room} = nn_larger({room}, nn_slice_room_{self.suffix}({size}));")
        total = " + ".join([room, *map(self._length, self.kept.values())])
        self._put(f"const ptrdiff_t each = ({total} + 15) / 16 * 16;")
        size = f"(size_t)(threads * each) * sizeof({self.real})"
        self._put(f"{self.real} *const {self.memory} = aligned_alloc(64, {size});")
        self._put(f"if (!{self.memory})")
        self._put("    return 1;")
        self._put(f"int {self.failed} = 0;")
        self._put(f"ptrdiff_t {self.next} = 0;")

    def _stage(self, step: Stage) -> None:
        f = step.function
        sizes = ["1" if s in self.stack.axes else s for s in f.sizes]
        sizes[f.sizes.index(self.stack.axes[0])] = self.there
        inputs, outputs = ([self._start(c_name(a), shape) for a, shape, *_ in x] for x in (f.arrays, f.outputs))
        passed = [*sizes, *inputs, *map(c_name, (*f.functions, *f.parameters)), *outputs]
        self._put(f"{self.failed} |= {f.name}_{self.suffix}({', '.join(passed)});")

    def _product(self, step: Product) -> None:
        f = step.factors
        assert f is not None, "only products of matrices go slice by slice"
        i = "i"
        while i in self.taken:
            i += "_"
        self._open(f"for (ptrdiff_t {i} = 0; {i} < {self.there}; {i}++) {{")
        others = [a for at, a in enumerate(f.place) if a not in self.stack.axes and at not in (f.row, len(f.place) - 1)]
        for a in others:
            n = loop_name(a)
            self._open(f"for (ptrdiff_t {n} = 0; {n} < {dimension(a)}; {n}++) {{")
        row, column, term = f.place[f.row], f.place[-1], f.term
        shape = tuple(map(dimension, f.place))

        def first(array: str, lengths: Shape, apart: Mapping[Axis, str]) -> str:
            places = [f"{loop_name(x)} * ({apart[x]})" for x in others if x in apart]
            return " + ".join([self._start(array, lengths, i), *places])

        left, right, result = _apart(f.a), _apart(f.b), dict(zip(f.place, steps(shape), strict=True))
        operands = [*map(dimension, (row, column, term))]
        operands += [first(str(f.a.data[0]), _shape(f.a), left), left[row], left[term]]
        operands += [first(str(f.b.data[0]), _shape(f.b), right), right[column], right[term]]
        operands += [first(c_name(step.name), shape, result), result[row]]
        self._put(f"nn_slice_product_{self.suffix}({', '.join(operands)}, {self.panels});")
        for _ in (*others, i):
            self._close()

    def _start(self, name: str, shape: Shape, more: str = "") -> str:
        """Where an array begins at the slice at hand, or so many slices later."""
        own = self.stack.leading.get(name, ())
        if not own:
            return name
        rest = " * ".join(shape[len(own) :]) or "1"
        number = more or "0" if name in self.kept else f"{self.slice} + {more}" if more else self.slice
        if own == self.stack.axes:
            return f"{name} + ({number}) * ({rest})" if number != "0" else name
        text = ""
        for at, a in enumerate(self.stack.axes):
            if a in own:
                inner = " * ".join(self.stack.axes[at + 1 :])
                place = f"({number}) / ({inner})" if inner else f"({number})"
                place = f"{place} % {a}" if at else place
                text = f"({text}) * {a} + {place}" if text else place
        return f"{name} + ({text}) * ({rest})"

    def _factors(self) -> list[Factors]:
        return [s.factors for s in self.stack.steps if isinstance(s, Product) and s.factors]

    def _entries(self, shape: Shape) -> str:
        """How many entries of an array are in a slice."""
        return " * ".join(shape[len(self.stack.axes) :]) or "1"

    def _length(self, shape: Shape) -> str:
        """Entries of the slices at hand, up to the next line of the cache."""
        return f"({self.few} * {self._entries(shape)} + 15) / 16 * 16"

    def _fresh(self, base: str) -> str:
        return fresh_name(base, self.taken, RESERVED)

    def _put(self, line: str) -> None:
        self.lines.append(line if line in ("#ifdef _OPENMP", "#endif") else "    " * self.depth + line)

    def _open(self, line: str) -> None:
        self._put(line)
        self.depth += 1

    def _close(self) -> None:
        self.depth -= 1
        self._put("}")


def _apart(load: Scalar) -> dict[Axis, str]:
    """How far apart entries of an operand are along each loop variable."""
    at = [str(s.data[0]) if s.op == "counter" else "" for s in load.args]
    return {a: text for a, text in zip(at, steps(_shape(load)), strict=True) if a}


def _shape(load: Scalar) -> Shape:
    return load.data[1]  # type: ignore[return-value]
