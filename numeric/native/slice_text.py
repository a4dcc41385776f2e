"""The C text of steps that go through stacks of matrices slice by slice."""

from __future__ import annotations

from collections.abc import Sequence

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
        self.slices, self.slice, self.memory, self.panels, self.room, self.failed = map(
            self._fresh, ("slices", "slice", "memory", "panels", "room", "failed")
        )
        self.lines: list[str] = []
        self.depth = 1
        #: Where the slice at hand of an array begins, by the C name of the array.
        self.starts: dict[str, str] = {}

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
        self._put("const ptrdiff_t me = nn_thread(), team = nn_team();")
        end = f"{self.memory} + me * each"
        for array, shape in self.kept.items():
            self._put(f"{self.real} *const {array} = {end};")
            end = f"{array} + {self._length(shape)}"
        self._put(f"{self.real} *const {self.panels} = {end};")
        first, last = (f"{self.slices} * {thread} / team" for thread in ("me", "(me + 1)"))
        self._open(f"for (ptrdiff_t {self.slice} = {first}; {self.slice} < {last}; {self.slice}++) {{")
        self._begin()
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
        threads = "nn_threads_alone(" if self.stack.alone else "nn_threads(PTRDIFF_MAX, "
        self._put(f"const ptrdiff_t {self.slices} = {' * '.join(self.stack.axes)};")
        self._put(f"const ptrdiff_t {most} = {threads}({' + '.join(work)}) / {PER_ENTRY});")
        self._put(f"if (!nn_in_slices({self.slices}, {most}))")
        self._put(f"    return {DECLINED};")
        self._put(f"const ptrdiff_t threads = nn_smaller({most}, {self.slices});")

    def _allocate(self) -> None:
        """Memory for what is kept of a slice, and for the panels of its products, for each thread."""
        self._put(f"ptrdiff_t {self.room} = 0;")
        for size in dict.fromkeys(f"{dimension(p.place[-1])}, {dimension(p.term)}" for p in self._factors()):
            self._put(f"{self.room} = nn_larger({self.room}, nn_slice_room_{self.suffix}({size}));")
        total = " + ".join([self.room, *map(self._length, self.kept.values())])
        self._put(f"const ptrdiff_t each = ({total} + 15) / 16 * 16;")
        size = f"(size_t)(threads * each) * sizeof({self.real})"
        self._put(f"{self.real} *const {self.memory} = aligned_alloc(64, {size});")
        self._put(f"if (!{self.memory})")
        self._put("    return 1;")
        self._put(f"int {self.failed} = 0;")

    def _begin(self) -> None:
        """Where the arrays from outside begin in this slice."""
        axes = self.stack.axes
        left = self.slice
        for at in range(len(axes) - 1, -1, -1):
            if len(axes) > 1:
                self._put(f"const ptrdiff_t {loop_name(axes[at])} = {f'{left} % {axes[at]}' if at else left};")
            left = f"{left} / {axes[at]}"
        f = self.stack.function
        whole = {c_name(a) for a, _, ints in f.arrays if ints}
        outside = {c_name(name): shape for name, shape, *_ in (*f.arrays, *f.outputs)}
        for name, shape in outside.items():
            own = self.stack.leading.get(name, ())
            if own:
                kind = ("const " if name not in self.shapes else "") + ("int64_t" if name in whole else self.real)
                start = self.starts[name] = self._fresh(f"{name}_slice")
                rest = " * ".join(shape[len(own) :]) or "1"
                self._put(f"{kind} *const {start} = {name} + {self._number(own)} * ({rest});")

    def _number(self, own: Sequence[Axis]) -> str:
        """The number of the slice among those of an array that has these of the stack axes."""
        if tuple(own) == self.stack.axes:
            return self.slice
        text = ""
        for a in own:
            text = f"({text} * {a} + {loop_name(a)})" if text else loop_name(a)
        return text

    def _stage(self, step: Stage) -> None:
        f = step.function
        sizes = ["1" if s in self.stack.axes else s for s in f.sizes]
        arrays = [self._at(c_name(a)) for a, *_ in (*f.arrays, *f.outputs)]
        own = map(c_name, (*f.functions, *f.parameters))
        passed = ", ".join([*sizes, *arrays[: len(f.arrays)], *own, *arrays[len(f.arrays) :]])
        self._put(f"{self.failed} |= {f.name}_{self.suffix}({passed});")

    def _product(self, step: Product) -> None:
        f = step.factors
        assert f is not None, "only products of matrices go slice by slice"
        lead = len(self.stack.axes)
        others = [a for at, a in enumerate(f.place) if at >= lead and at not in (f.row, len(f.place) - 1)]
        for a in others:
            n = loop_name(a)
            self._open(f"for (ptrdiff_t {n} = 0; {n} < {dimension(a)}; {n}++) {{")
        row, column, term = f.place[f.row], f.place[-1], f.term
        c = dict(zip(f.place, steps(tuple(map(dimension, f.place))), strict=True))
        a, b = _apart(f.a), _apart(f.b)
        operands = [
            *map(dimension, (row, column, term)),
            *(self._entry(str(f.a.data[0]), others, a), a[row], a[term]),
            *(self._entry(str(f.b.data[0]), others, b), b[column], b[term]),
            *(self._entry(c_name(step.name), others, c), c[row]),
        ]
        self._put(f"nn_slice_product_{self.suffix}({', '.join(operands)}, {self.panels});")
        for _ in others:
            self._close()

    def _entry(self, name: str, others: Sequence[Axis], apart: dict[Axis, str]) -> str:
        """The address of the first entry of a matrix, at the places of these loops."""
        return " + ".join([self._at(name), *(f"{loop_name(a)} * ({apart[a]})" for a in others if a in apart)])

    def _at(self, name: str) -> str:
        return self.starts.get(name, name)

    def _factors(self) -> list[Factors]:
        return [s.factors for s in self.stack.steps if isinstance(s, Product) and s.factors]

    def _length(self, shape: Shape) -> str:
        """Entries of one slice, up to the next line of the cache."""
        return f"({' * '.join(shape[len(self.stack.axes) :]) or '1'} + 15) / 16 * 16"

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
    lengths: Shape = load.data[1]  # type: ignore[assignment]
    at = [str(s.data[0]) if s.op == "counter" else "" for s in load.args]
    return {a: text for a, text in zip(at, steps(lengths), strict=True) if a}
