"""The C text of a function with matrix products that needs no NumPy: all threads make each product, and each stage."""

from __future__ import annotations

from ..loops.text import c_name
from ..scalars import Shape
from .steps import Product, Stack
from .steps_text import DECLINED, PER_ENTRY, StepsWriter


def team_text(stack: Stack, real: str, taken: set[str]) -> str:
    """The C function for floats or doubles. taken: the names of its arguments."""
    return _Writer(stack, real, taken).text()


class _Writer(StepsWriter):
    def text(self) -> str:
        threads, memory, failed = map(self.fresh, ("threads", "memory", "failed"))
        self.put("if (!nn_in_teams())")
        self.put(f"    return {DECLINED};")
        self.put(f"ptrdiff_t {threads} = 1;")
        for work in map(self.work, self.factors()):
            self.put(f"{threads} = nn_larger({threads}, {self._threads(work)});")
        panels = f"{self.shared()} + {threads} * NN_OWN_{self.suffix}"
        total = " + ".join([panels, *map(_length, self.kept.values())])
        self.allocate(memory, f"({total} + 15) / 16 * 16")
        end = memory
        for array, shape in self.kept.items():
            self.put(f"{self.real} *const {array} = {end};")
            end = f"{array} + {_length(shape)}"
        self.put(f"{self.real} *const {(panels := self.fresh('panels'))} = {end};")
        self.put(f"int {failed} = 0;")
        self.put("nn_alone = 1;")
        for step in self.stack.steps:
            if isinstance(step, Product):
                assert step.factors is not None
                self.multiply(step, f"nn_multiply_{self.suffix}({self._threads(self.work(step.factors))}", panels)
            else:
                f = step.function
                arrays, outputs = ([c_name(a) for a, *_ in x] for x in (f.arrays, f.outputs))
                passed = [*f.sizes, *arrays, *map(c_name, (*f.functions, *f.parameters)), *outputs]
                self.put(f"{failed} |= {f.name}_{self.suffix}({', '.join(passed)});")
        self.put("nn_alone = 0;")
        self.put(f"free({memory});")
        self.put(f"return {failed};")
        return self.function()

    def _threads(self, work: str) -> str:
        return f"nn_slice_threads({work} / {PER_ENTRY})"


def _length(shape: Shape) -> str:
    """Entries of an array, up to the next line of the cache."""
    return f"({' * '.join(shape) or '1'} + 15) / 16 * 16"
