"""The Python side of compiled functions: checks of the arguments, arrays for the results, and the calls of C.

It is made of text, so that a call costs little.
"""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .loops.in_place import into, usable
from .matrices.steps import OTHERWISE, Driver, Product, Stack, Stage
from .matrices.steps_text import DECLINED
from .module import CFunction
from .results import Results

#: A function of one number, for C.
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
F32, F64, I64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)


def wrapped(c: CFunction, library: ctypes.CDLL, numpy: Callable[..., Any]) -> Callable[..., Any] | str:
    """The Python function of a C function; or why there is none. numpy: the function for all other calls."""
    scalars = [not c.arrays if c.elementwise else not shape for _, shape in c.outputs]
    returned = ", ".join(f"{o}[()]" if s else o for (o, _), s in zip(c.outputs, scalars, strict=True))
    return _made(c, [*_stage(c, 0)], returned, [_runs(c, library)], numpy)


def driven(driver: Driver, library: ctypes.CDLL, numpy: Callable[..., Any]) -> Callable[..., Any] | str:
    """The same of a function whose matrix products NumPy computes."""
    lines: list[str] = []
    runs: list[tuple[Any, Any]] = []

    def add(step: Product | Stage | Stack, indent: str = "") -> None:
        if isinstance(step, Product):
            lines.extend(indent + line for line in step.lines)
            return
        lines_of = _stage(step.function, len(runs))
        runs.append(_runs(step.function, library))
        if isinstance(step, Stage):
            lines.extend(indent + line for line in lines_of)
            return
        lines.extend(indent + line for line in (*lines_of[:-2], f"if failed == {DECLINED}:"))
        for inner in step.otherwise:
            add(inner, indent + "    ")
        lines.extend(indent + line for line in ("elif failed:", f"    {OTHERWISE}"))

    for step in driver.steps:
        add(step)
    return _made(driver.signature, lines, ", ".join(driver.returned), runs, numpy)


def _runs(c: CFunction, library: ctypes.CDLL) -> tuple[Any, Any]:
    """The entries of a function for floats and for doubles."""
    kinds = [ctypes.c_ssize_t] * len(c.sizes) + [ctypes.py_object] * len(c.arrays)
    runs = []
    for suffix in ("f32", "f64"):
        run = getattr(library, f"nn_call_{c.name}_{suffix}")
        run.argtypes = [*kinds, *[CALLBACK] * len(c.functions), *[ctypes.c_double] * len(c.parameters)]
        run.argtypes += [ctypes.py_object] * len(c.outputs)
        run.restype = ctypes.c_int
        runs.append(run)
    return runs[0], runs[1]


def _stage(c: CFunction, at: int) -> list[str]:
    """The lines that call one C function."""
    fresh = {o: f"empty({'shape' if c.elementwise else _tuple(shape)}, kind)" for o, shape in c.outputs}
    lines = [f"{o} = {new}" for o, new in fresh.items()]
    if c.in_place:
        lines = [f"{', '.join(fresh)}, = ({', '.join(fresh.values())},) if out is None else out"]
    own = [*(f"CALLBACK({f})" for f in c.functions), *c.parameters, *(o for o, _ in c.outputs)]
    passed = ", ".join([*c.sizes, *(a for a, *_ in c.arrays), *own])
    called = [f"failed = steps[{at}]({passed})", "if failed == 1:", "    raise MemoryError"]
    return [*lines, *called, "if failed:", f"    {OTHERWISE}"]


def _tuple(shape: Sequence[str]) -> str:
    return f"({', '.join(shape)}{',' if len(shape) == 1 else ''})"


def _checks(c: CFunction) -> tuple[list[str], list[str]] | str:
    """Lines that name the sizes, and conditions for a call of C; or why it cannot be called."""
    floats = [a for a, _, whole in c.arrays if not whole]
    if not floats and not (c.elementwise and not c.arrays):
        return "no argument is an array of floats"
    tests = [f"type({a}) is ndarray and {a}.flags.num & 257 == 257" for a, *_ in c.arrays]  # contiguous and aligned
    tests += [f"{a}.dtype is {'I64' if whole else 'kind'}" for a, _, whole in c.arrays if a != floats[0]]
    tests += [f"type({p}) in NUMBERS" for p in c.parameters]
    lines = [f"kind = {floats[0]}.dtype" if floats else "kind = F64"]
    if not floats:  # numbers, such as a learning rate and the steps so far
        lines += ["shape = ()", "count = 1"]
    elif c.elementwise:
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
        for d, equation in c.defined:
            if d in known:
                tests.append(f"{d} == {equation}")
            else:
                lines.append(f"{d} = {equation}")
                tests.append(f"{d} > 0")
                known.add(d)
        unknown = [s for s in c.sizes if s not in known]
        if unknown:
            return f"the size {unknown[0]} is not the length of an axis of an argument"
    return lines, tests


def _made(
    c: CFunction,
    calls: Sequence[str],
    returned: str,
    runs: Sequence[tuple[Any, Any]],
    numpy: Callable[..., Any],
) -> Callable[..., Any] | str:
    checks = _checks(c)
    if isinstance(checks, str):
        return checks
    lines, tests = checks
    signature = inspect.signature(numpy)
    head = ", ".join(str(p) for p in signature.parameters.values()) + (", *, out=None" if c.in_place else "")
    names = ", ".join(f"{p}={p}" for p in signature.parameters)
    rest = f"other({names})"
    if c.in_place:
        results = tuple(o for o, _ in c.outputs)
        inputs = "".join(f"{a}, " for a, *_ in c.arrays)
        rest = f"{rest} if out is None else into(out, {c.name}({names}), {results!r})"
        shape = "shape" if c.elementwise else _tuple(c.outputs[0][1])
        tests = [*tests, f"(out is None or usable(out, ({inputs}), kind, {shape}, {len(results)}))"]
    inside = [line.replace(OTHERWISE, f"return {rest}") for line in calls]
    text = [f"def {c.name}({head}):", "    try:"]
    text += [f"        {line}" for line in lines]
    text += [f"        if {' and '.join(tests)}:"]
    text += ["            steps = STEPS32 if kind is F32 else STEPS64 if kind is F64 else None"]
    text += ["            if steps is not None:"]
    text += [f"                {line}" for line in inside]
    text += [f"                return {returned}"]
    text += ["    except (AttributeError, ValueError, IndexError, TypeError):", "        pass"]
    text += [f"    return {rest}"]
    kept = Results(2 * sum(call.count("empty(") for call in calls))  # those of the last call are often still held
    namespace: dict[str, Any] = {"ndarray": np.ndarray, "empty": kept.empty, "F32": F32, "F64": F64, "I64": I64}
    namespace |= {"einsum": np.einsum, "tensordot": np.tensordot, "CALLBACK": CALLBACK}
    namespace |= {"contiguous": np.ascontiguousarray, "asarray": np.asarray}
    namespace |= {"STEPS32": tuple(r[0] for r in runs), "STEPS64": tuple(r[1] for r in runs)}
    namespace |= {"usable": usable, "into": into}
    namespace["NUMBERS"] = (float, int, np.float64, np.float32)
    again = {**namespace, "other": numpy}
    for names_of in (namespace, again):
        exec("\n".join(text), names_of)  # the text is ours: a signature, the checks above, and the calls
    function: Callable[..., Any] = namespace[c.name]
    namespace["other"] = _other(c, again[c.name], numpy)
    function.__doc__ = numpy.__doc__
    return function


def _other(c: CFunction, function: Callable[..., Any], numpy: Callable[..., Any]) -> Callable[..., Any]:
    """For calls that do not go to C as they are: with copies of strided arrays, or else to NumPy."""
    floats = [a for a, _, whole in c.arrays if not whole]
    labels = [a for a, _, whole in c.arrays if whole]
    single = {a for a, shape, _ in c.arrays if not shape}

    def other(**arguments: Any) -> Any:
        changed = dict(arguments)
        values = [arguments[a] for a in (*floats, *labels)]
        values = [np.asarray(v) if isinstance(v, np.generic) else v for v in values]
        if all(
            isinstance(v, np.ndarray) and v.size and (v.ndim or a in single)
            for a, v in zip((*floats, *labels), values, strict=True)
        ):
            kinds = {v.dtype for v in values[: len(floats)]}
            whole = all(v.dtype.kind == "i" for v in values[len(floats) :])
            if (not c.arrays or len(kinds) == 1) and kinds <= {F32, F64} and whole:
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
