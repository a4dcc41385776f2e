"""Compiled functions that are called as those of the generated NumPy module are.

A call with contiguous float32 or float64 arrays of the right shapes goes to C directly. Every other call, a wrong one
included, goes to the NumPy function of the same name: so checks, messages and the rules for dtypes are the same.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...calculus.derivation import Derivation
from ..checking.execution import load_source
from ..numpy_code.generator import assemble
from ..plans import GeneratedFunction, Plan, plans
from .compiler import NoCompiler, load, threads_spin
from .module import CFunction, write
from .python_side import driven, wrapped

Array = np.ndarray[Any, Any]

#: C that stands behind the module: entries for Python, which get array objects. The address of the numbers is the third
#: word of such an object (after the count of references and the type); :func:`_reads_objects` tries whether it is.
PROBE = "\nvoid *nn_probe(void **object) { return object[2]; }\n"
LABELS = """
static int nn_outside(ptrdiff_t n, const int64_t *y, int64_t below) {
    int outside = 0;
    for (ptrdiff_t i = 0; i < n; i++)
        outside |= y[i] < 0 || y[i] >= below;
    return outside;
}
"""


class CompiledModule:
    """Functions of a derivation as attributes, by their names in the generated NumPy module.

    functions: those names. notes: for each function that NumPy serves, why. products: those with matrix products, which
    NumPy computes, or C where they are of stacks. source: the C text. library: what it was compiled to; None if it was
    not. failed: the error then.
    """

    def __init__(
        self,
        derivation: Derivation,
        chosen: Sequence[Plan] | None = None,
        *,
        products: bool = True,
        elsewhere: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda function: function,
        altered: Callable[[str], str] = str,
    ) -> None:
        """chosen: what the functions return; by default those of the generated NumPy module.

        products: NumPy multiplies matrices, but for stacks of them; else C does, as it is printed. elsewhere: from a
        NumPy function to what takes the calls that do not go to C. altered: from the C text to what is compiled.
        """
        chosen = plans(derivation) if chosen is None else chosen
        generated = assemble(derivation, chosen)
        self.numpy = load_source(generated.source)
        self.functions = tuple(f.name for f in generated.functions)
        self.described: tuple[GeneratedFunction, ...] = generated.functions
        module = write(derivation, chosen, products)
        self.source = altered(module.source)
        self.notes: dict[str, str] = {n: f"{why}; NumPy serves" for n, why in module.missing.items()}
        made: dict[str, Callable[..., Any]] = {f.name: partial(wrapped, f) for f in module.functions}
        made |= {d.signature.name: partial(driven, d) for d in module.drivers}
        self.library = library = None
        self.failed: NoCompiler | None = None
        parts = [part.function for d in module.drivers for part in d.parts]
        compiled = (*module.functions, *parts)
        if compiled or module.drivers:
            below = {str(t.name): str(t.domain.below) for t in derivation.givens if t.domain.below is not None}
            entries = "".join(_entry(f, below) for f in compiled)
            try:
                self.library = library = load(self.source + PROBE + LABELS + entries)
            except NoCompiler as error:
                self.failed = error
                self.notes.update({n: f"{error}; NumPy serves" for n in made})
        ready = library is not None and _reads_objects(library)
        if library is not None and ready:
            _alone_after_fork(library)
            if module.drivers and threads_spin():
                _one_thread(library, "nn_thread_limit")
        for f in generated.functions:
            self.__dict__[f.name] = self.numpy[f.name]
        for name, make in made.items():
            if library is None or not ready:
                self.notes.setdefault(name, "array objects lie in memory in an unknown way; NumPy serves")
                continue
            function = make(library, elsewhere(self.numpy[name]))
            if isinstance(function, str):
                self.notes[name] = f"{function}; NumPy serves"
            else:
                self.__dict__[name] = function
        self.products = tuple(d.signature.name for d in module.drivers if d.signature.name not in self.notes)

    @property
    def namespace(self) -> Mapping[str, Any]:
        """The functions by name."""
        return {n: self.__dict__[n] for n in self.functions}

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"no function is called {name!r}; there are {', '.join(self.__dict__.get('functions', ()))}"
        )

    def __repr__(self) -> str:
        text = ", ".join(n + (" (NumPy)" if n in self.notes else "") for n in self.functions)
        return f"<compiled functions: {text}>"


def _entry(c: CFunction, below: Mapping[str, str]) -> str:
    """The entries of one function for Python, in C."""
    text = ""
    for suffix in ("f32", "f64"):
        name = f"{c.name}_{suffix}"
        head = [f"ptrdiff_t {s}" for s in c.sizes] + [f"void **{a}" for a, *_ in c.arrays]
        head += [f"double (*{f})(double)" for f in c.functions]
        head += [f"double {p}" for p in c.parameters] + [f"void **{o}" for o, _ in c.outputs]
        passed = [*c.sizes, *(f"{a}[2]" for a, *_ in c.arrays), *c.functions, *c.parameters]
        passed += [f"{o}[2]" for o, _ in c.outputs]
        checks = "".join(
            f"    if (nn_outside({' * '.join(shape) or '1'}, {a}[2], {below[a]}))\n        return 2;\n"
            for a, shape, whole in c.arrays
            if whole and a in below
        )
        text += f"\nint nn_call_{name}({', '.join(head)})\n{{\n{checks}    return {name}({', '.join(passed)});\n}}\n"
    return text


def _reads_objects(library: ctypes.CDLL) -> bool:
    """Whether the numbers of an array are where the entries look for them."""
    probe = library.nn_probe
    probe.argtypes, probe.restype = [ctypes.py_object], ctypes.c_void_p
    arrays: list[Array] = [np.zeros(3), np.zeros((2, 2), dtype=np.float32)[1:]]
    return all(probe(a) == a.ctypes.data for a in arrays)


def _one_thread(library: ctypes.CDLL, *limits: str) -> None:
    for limit in limits:
        if hasattr(library, limit):
            ctypes.c_int.in_dll(library, limit).value = 1


def _alone_after_fork(library: ctypes.CDLL) -> None:
    """A forked process has none of the threads of its parent, and must not wait for them."""
    kept = weakref.ref(library)

    def single() -> None:
        found = kept()
        if found is not None:
            _one_thread(found, "nn_thread_limit", "nn_slice_limit")

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=single)
