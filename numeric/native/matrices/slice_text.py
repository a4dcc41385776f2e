"""The C text of steps that go through stacks of matrices slice by slice."""

from __future__ import annotations

from ..loops.text import c_name
from ..scalars import Shape
from .steps import Product, Stack, Stage
from .steps_text import DECLINED, PER_ENTRY, StepsWriter

#: Entries of what is kept of slices: of small slices as many are taken at a time.
FEW = 16384


def slice_text(stack: Stack, real: str, taken: set[str]) -> str:
    """The C function of a stack for floats or doubles. taken: the names of its arguments."""
    return _Writer(stack, real, taken).text()


class _Writer(StepsWriter):
    def __init__(self, stack: Stack, real: str, taken: set[str]) -> None:
        super().__init__(stack, real, taken)
        self.slices, self.slice, self.next, self.few, self.there, self.memory, self.panels, self.failed = map(
            self.fresh, ("slices", "slice", "next", "few", "there", "memory", "panels", "failed")
        )

    def text(self) -> str:
        self._decide()
        self._allocate()
        self.put("#ifdef _OPENMP")
        self.put(f"#pragma omp parallel num_threads((int)threads) if (threads > 1) reduction(|:{self.failed})")
        self.put("#endif")
        self.open("{")
        end = f"{self.memory} + nn_thread() * each"
        for array, shape in self.kept.items():
            self.put(f"{self.real} *const {array} = {end};")
            end = f"{array} + {self._length(shape)}"
        self.put(f"{self.real} *const {self.panels} = {end};")
        self.open("for (;;) {")
        self.put(f"ptrdiff_t {self.slice};")
        self.put("#ifdef _OPENMP")
        self.put("#pragma omp atomic capture")
        self.put("#endif")
        self.put(f"{{ {self.slice} = {self.next}; {self.next} += {self.few}; }}")
        self.put(f"if ({self.slice} >= {self.slices})")
        self.put("    break;")
        self.put(f"const ptrdiff_t {self.there} = nn_smaller({self.slices} - {self.slice}, {self.few});")
        for step in self.stack.steps:
            self._product(step) if isinstance(step, Product) else self._stage(step)
        self.close()
        self.close()
        self.put(f"free({self.memory});")
        self.put(f"return {self.failed};")
        return self.function()

    def _decide(self) -> None:
        """How many threads there are for how many slices, and whether that pays."""
        most = self.fresh("most")
        self.put(f"const ptrdiff_t {self.slices} = {' * '.join(self.stack.axes)};")
        work = " + ".join(map(self.work, self.factors()))
        self.put(f"const ptrdiff_t {most} = nn_slice_threads(({work}) / {PER_ENTRY});")
        arrays = {c_name(name): shape for name, shape, _ in self.stack.function.arrays} | self.shapes
        one = [arrays[name][len(own) :] for name, own in self.stack.leading.items() if name in arrays]
        entries = " + ".join(" * ".join(["1.0", *shape]) for shape in one)
        self.put(f"if (!nn_in_slices({self.slices}, {most}, ({entries}) * sizeof({self.real})))")
        self.put(f"    return {DECLINED};")
        self.put(f"const ptrdiff_t threads = nn_smaller({most}, {self.slices});")

    def _allocate(self) -> None:
        """Memory for what is kept of some slices at a time, and for the panels of products, for each thread."""
        entries = " + ".join(map(self._entries, self.kept.values())) or "1"
        most = f"nn_smaller({FEW} / ({entries}), {self.slices} / (4 * threads)) + 1"
        in_one_order = all(own in ((), self.stack.axes) for own in self.stack.leading.values())
        self.put(f"const ptrdiff_t {self.few} = {most if in_one_order else '1'};")
        total = " + ".join([self.shared(), f"NN_OWN_{self.suffix}", *map(self._length, self.kept.values())])
        self.put(f"const ptrdiff_t each = ({total} + 15) / 16 * 16;")
        self.allocate(self.memory, "threads * each")
        self.put(f"int {self.failed} = 0;")
        self.put(f"ptrdiff_t {self.next} = 0;")

    def _stage(self, step: Stage) -> None:
        f = step.function
        sizes = ["1" if s in self.stack.axes else s for s in f.sizes]
        sizes[f.sizes.index(self.stack.axes[0])] = self.there
        inputs, outputs = ([self.start(c_name(a), shape) for a, shape, *_ in x] for x in (f.arrays, f.outputs))
        passed = [*sizes, *inputs, *map(c_name, (*f.functions, *f.parameters)), *outputs]
        self.put(f"{self.failed} |= {f.name}_{self.suffix}({', '.join(passed)});")

    def _product(self, step: Product) -> None:
        i = "i"
        while i in self.taken:
            i += "_"
        self.open(f"for (ptrdiff_t {i} = 0; {i} < {self.there}; {i}++) {{")
        self.multiply(step, f"nn_part_{self.suffix}(1, 0", self.panels, i)
        self.close()

    def start(self, name: str, shape: Shape, slice_: str = "") -> str:
        own = self.stack.leading.get(name, ())
        if not own:
            return name
        rest = " * ".join(shape[len(own) :]) or "1"
        number = slice_ or "0" if name in self.kept else f"{self.slice} + {slice_}" if slice_ else self.slice
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

    def _entries(self, shape: Shape) -> str:
        """How many entries of an array are in a slice."""
        return " * ".join(shape[len(self.stack.axes) :]) or "1"

    def _length(self, shape: Shape) -> str:
        """Entries of the slices at hand, up to the next line of the cache."""
        return f"({self.few} * {self._entries(shape)} + 15) / 16 * 16"
