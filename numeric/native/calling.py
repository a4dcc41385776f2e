"""Compiled functions that are called as those of the generated NumPy module are.

A call with contiguous float32 or float64 arrays of the right shapes goes to C directly. Every other call, a wrong one
included, goes to the NumPy function of the same name: so checks, messages and the rules for dtypes are the same.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...calculus.derivation import Derivation
from ..execution import load_source
from ..generator import assemble
from ..plans import GeneratedFunction, Plan, plans
from .compiler import NoCompiler, load
from .module import CFunction, write

Array = np.ndarray[Any, Any]
F32, F64, I64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)

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

    functions: those names. notes: for each function that NumPy serves, why. source: the C text.
    """

    def __init__(self, derivation: Derivation, chosen: Sequence[Plan] | None = None) -> None:
        """chosen: what the functions return; by default those of the generated NumPy module."""
        chosen = plans(derivation) if chosen is None else chosen
        generated = assemble(derivation, chosen)
        self.numpy = load_source(generated.source)
        self.functions = tuple(f.name for f in generated.functions)
        self.described: tuple[GeneratedFunction, ...] = generated.functions
        module = write(derivation, chosen)
        self.source = module.source
        self.notes: dict[str, str] = {n: f"{why}; NumPy serves" for n, why in module.missing.items()}
        library = None
        if module.functions:
            below = {str(t.name): str(t.domain.below) for t in derivation.givens if t.domain.below is not None}
            entries = "".join(_entry(f, below) for f in module.functions)
            try:
                library = load(module.source + PROBE + LABELS + entries)
            except NoCompiler as error:
                self.notes.update({f.function.name: str(error) for f in module.functions})
        ready = library is not None and _reads_objects(library)
        if library is not None and ready:
            _alone_after_fork(library)
        for f in generated.functions:
            self.__dict__[f.name] = self.numpy[f.name]
        for c in module.functions:
            name = c.function.name
            if library is None or not ready:
                self.notes.setdefault(name, "array objects lie in memory in an unknown way; NumPy serves")
                continue
            made = _wrapped(c, library, self.numpy[name])
            if isinstance(made, str):
                self.notes[name] = f"{made}; NumPy serves"
            else:
                self.__dict__[name] = made

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
        name = f"{c.function.name}_{suffix}"
        head = [f"ptrdiff_t {s}" for s in c.sizes] + [f"void **{a}" for a, *_ in c.arrays]
        head += [f"double {p}" for p in c.parameters] + [f"void **{o}" for o, _ in c.outputs]
        passed = [*c.sizes, *(f"{a}[2]" for a, *_ in c.arrays), *c.parameters, *(f"{o}[2]" for o, _ in c.outputs)]
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


def _alone_after_fork(library: ctypes.CDLL) -> None:
    """A forked process has none of the threads of its parent, and must not wait for them."""
    kept = weakref.ref(library)

    def single() -> None:
        found = kept()
        if found is not None:
            ctypes.c_int.in_dll(found, "nn_thread_limit").value = 1

    if hasattr(os, "register_at_fork") and hasattr(library, "nn_thread_limit"):
        os.register_at_fork(after_in_child=single)


def _wrapped(c: CFunction, library: ctypes.CDLL, numpy: Callable[..., Any]) -> Callable[..., Any] | str:
    """The Python function, made of text so that a call costs little; or why there is none."""
    runs = {}
    kinds = [ctypes.c_ssize_t] * len(c.sizes) + [ctypes.py_object] * len(c.arrays)
    for suffix in ("f32", "f64"):
        run = getattr(library, f"nn_call_{c.function.name}_{suffix}")
        run.argtypes = [*kinds, *[ctypes.c_double] * len(c.parameters), *[ctypes.py_object] * len(c.outputs)]
        run.restype = ctypes.c_int
        runs[suffix] = run
    floats = [a for a, _, whole in c.arrays if not whole]
    if not floats:
        return "no argument is an array of floats"
    tests = [f"type({a}) is ndarray and {a}.flags.num & 257 == 257" for a, *_ in c.arrays]  # contiguous and aligned
    tests += [f"{a}.dtype is {'I64' if whole else 'kind'}" for a, _, whole in c.arrays if a != floats[0]]
    tests += [f"type({p}) in NUMBERS" for p in c.parameters]
    lines = [f"kind = {floats[0]}.dtype"]
    if c.elementwise:
        lines += [f"shape = {floats[0]}.shape", f"count = {floats[0]}.size"]
        tests += ["shape and count"] + [f"{a}.shape == shape" for a in floats[1:]]
    else:
        known: set[str] = set()
        for a, shape, _ in c.arrays:
            new = [d for d in shape if not d.isdigit() and d not in known]
            if new and len(set(shape)) == len(shape) and all(d in new for d in shape):
                lines.append(f"{', '.join(shape)}{',' if len(shape) == 1 else ''} = {a}.shape")
                tests += [f"{d} > 0" for d in shape]
                known |= set(shape)
        for a, shape, _ in c.arrays:
            for at, d in enumerate(shape):
                if not d.isdigit() and d not in known:
                    lines.append(f"{d} = {a}.shape[{at}]")
                    tests.append(f"{d} > 0")
                    known.add(d)
            tests.append(f"{a}.shape == ({', '.join(shape)}{',' if len(shape) == 1 else ''})")
        unknown = [s for s in c.sizes if s not in known]
        if unknown or c.defined:
            return f"the size {(*unknown, *c.defined)[0]} is not the length of an axis of an argument"
    made = []
    for o, shape in c.outputs:
        dims = "shape" if c.elementwise else f"({', '.join(shape)}{',' if len(shape) == 1 else ''})"
        made.append(f"{o} = empty({dims}, kind)")
    scalars = [not c.elementwise and not shape for _, shape in c.outputs]
    returned = ", ".join(f"{o}[()]" if s else o for (o, _), s in zip(c.outputs, scalars, strict=True))
    passed = ", ".join([*c.sizes, *(a for a, *_ in c.arrays), *c.parameters, *(o for o, _ in c.outputs)])
    import inspect

    signature = inspect.signature(numpy)
    head = ", ".join(str(p) for p in signature.parameters.values())
    names = ", ".join(f"{p}={p}" for p in signature.parameters)
    text = [f"def {c.function.name}({head}):", "    try:"]
    text += [f"        {line}" for line in lines]
    text += [f"        if {' and '.join(tests)}:"]
    text += [
        "            run = f32 if kind is F32 else f64 if kind is F64 else None",
        "            if run is not None:",
    ]
    text += [f"                {m}" for m in made]
    text += [f"                failed = run({passed})", "                if not failed:"]
    text += [
        f"                    return {returned}",
        "                if failed == 1:",
        "                    raise MemoryError",
    ]
    text += [
        "    except (AttributeError, ValueError, IndexError, TypeError):",
        "        pass",
        f"    return other({names})",
    ]
    namespace: dict[str, Any] = {"ndarray": np.ndarray, "empty": np.empty, "F32": F32, "F64": F64, "I64": I64, **runs}
    namespace["NUMBERS"] = (float, int, np.float64, np.float32)
    again = {**namespace, "other": numpy}
    for names_of in (namespace, again):
        exec("\n".join(text), names_of)  # the text is ours: a signature and the checks above
    function: Callable[..., Any] = namespace[c.function.name]
    namespace["other"] = _other(c, again[c.function.name], numpy)
    function.__doc__ = numpy.__doc__
    return function


def _other(c: CFunction, function: Callable[..., Any], numpy: Callable[..., Any]) -> Callable[..., Any]:
    """For calls that do not go to C as they are: with copies of strided arrays, or else to NumPy."""
    floats = [a for a, _, whole in c.arrays if not whole]
    labels = [a for a, _, whole in c.arrays if whole]

    def other(**arguments: Any) -> Any:
        changed = dict(arguments)
        values = [arguments[a] for a in (*floats, *labels)]
        if all(isinstance(v, np.ndarray) and v.ndim and v.size for v in values):
            kinds = {v.dtype for v in values[: len(floats)]}
            if len(kinds) == 1 and kinds <= {F32, F64} and all(v.dtype.kind == "i" for v in values[len(floats) :]):
                if c.elementwise and len({v.shape for v in values}) > 1:
                    try:
                        values = list(np.broadcast_arrays(*values))
                    except ValueError:
                        return numpy(**arguments)
                for a, v in zip((*floats, *labels), values, strict=True):
                    kind = I64 if a in labels else F32 if v.dtype == F32 else F64  # these very objects are looked for
                    changed[a] = np.require(np.asarray(v), kind, ["C", "A"])
                for p in c.parameters:  # a number given as an array without axes
                    if isinstance(changed[p], np.ndarray) and not changed[p].ndim and changed[p].dtype.kind in "fiu":
                        changed[p] = float(changed[p])
                if any(changed[a] is not arguments[a] for a in changed):
                    return function(**changed)
        return numpy(**arguments)

    return other
