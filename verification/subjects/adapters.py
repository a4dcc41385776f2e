"""From ``FILE.py:OBJECT`` or a Python object to a Subject: find it, find out what it is, make it callable one way."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from .autograd import (
    is_jax,
    is_torch_callable,
    is_torch_class,
    is_torch_code,
    is_torch_function,
    returns_gradients,
    torch_callable,
    torch_function,
)
from .combined import combined
from .jax_functions import jax_function, jax_gradient
from .kernels import kernel_of
from .layers import layer, methods
from .pairs import gradient_function, pair
from .protocol import Pass, Subject, SubjectError, shown
from .sandbox import TOTAL, guarded
from .torch_classes import class_of_arrays
from .torch_code import on_arrays
from .torch_modules import is_module_by_hand, plain_object

__all__ = ["Pass", "Subject", "SubjectError", "adapt", "load"]

HINT = "write FILE.py:OBJECT, such as mylayer.py:backward"

#: How the two halves of a pair are called: in the name of one, either word for the other.
HALVES = (("backward", "forward"), ("bwd", "fwd"), ("bprop", "fprop"), ("backprop", "forward"), ("grad", "forward"))


def load(text: str) -> Any:
    """The object that ``FILE.py:OBJECT`` names; OBJECT may be dotted. NAME stands for NAME_forward and NAME_backward.

    **Raises** :class:`SubjectError` for a missing file, a file that does not import (with its error and line), or a
    missing object (with the closest names).
    """
    path_text, colon, dotted = text.rpartition(":")
    if text.endswith(".py") and Path(text).is_file():
        raise SubjectError(_names_in(text))
    if not colon or not path_text or not dotted or not path_text.endswith(".py"):
        raise SubjectError(f"{text!r} does not name an object in a file; {HINT}")
    path = Path(path_text)
    if not path.is_file():
        near = (
            get_close_matches(path.name, [p.name for p in path.parent.glob("*.py")], 1) if path.parent.is_dir() else []
        )
        raise SubjectError(f"there is no file {path_text}; " + (f"did you mean {near[0]}?" if near else HINT))
    module = _module(path)
    obj: Any = module
    for part in dotted.split("."):
        if not hasattr(obj, part):
            halves = _halves_named(obj, part)
            if halves:
                return halves
            public = [n for n in vars(obj) if not n.startswith("_")] if hasattr(obj, "__dict__") else []
            own = [n for n in public if _is_own(getattr(obj, n), module)]
            near = get_close_matches(part, own, 1)
            where = path_text if obj is module else f"{path_text}:{dotted.rpartition('.')[0]}"
            guess = f"did you mean {path_text}:{near[0]}? " if near and obj is module else ""
            raise SubjectError(f"{where} has no {part}; {guess}it has {', '.join(own) or 'no functions or classes'}")
        obj = getattr(obj, part)
    return obj


def _names_in(path: str) -> str:
    """What to type for a file that is named alone: each function and class in it could be meant."""
    module = _module(Path(path))
    own = [n for n, v in vars(module).items() if not n.startswith("_") and _is_own(v, module)]
    if not own:
        return f"{path} is a file without functions and classes; {HINT}"
    if len(own) == 1:
        return f"{path} is a file; say which object in it is meant: write {path}:{own[0]}"
    return f"{path} is a file with {', '.join(own)}; say which of them is meant: write {path}:{own[0]}"


def _is_own(value: Any, module: ModuleType) -> bool:
    return callable(value) and getattr(value, "__module__", module.__name__) == module.__name__


def _halves_named(module: Any, stem: str) -> tuple[Any, Any] | None:
    """NAME_forward and NAME_backward, for NAME."""
    for back, forth in HALVES[:3]:
        found = getattr(module, f"{stem}_{forth}", None), getattr(module, f"{stem}_{back}", None)
        if all(map(callable, found)):
            return found
    return None


def _module(path: Path) -> ModuleType:
    """Import a file under its own name, so that its neighbours can be imported from it."""
    full = path.resolve()
    name = f"_subject_{full.stem}_{abs(hash(str(full)))}"
    spec = importlib.util.spec_from_file_location(name, full)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(full.parent))
    execute = spec.loader.exec_module
    ran = guarded(lambda: execute(module), TOTAL)
    sys.path.remove(str(full.parent))
    if ran.error is not None:
        del sys.modules[name]
        raise SubjectError(f"{path} does not import: {one_line(ran.error, str(full))}")
    return module


def one_line(error: BaseException, file: str | None = None) -> str:
    """``file:line: KeyError: 'W1'``: the person's error and the deepest line of their own code on the way to it."""
    frames = traceback.extract_tb(error.__traceback__)
    here = str(Path(__file__).parents[1])
    own = [f for f in frames if file and f.filename == file] or [
        f for f in frames if not f.filename.startswith((here, "<frozen")) and "site-packages" not in f.filename
    ]
    message = " ".join(str(error).split())[:300]
    said = f"{type(error).__name__}: {message}" if message else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return f"{shown(error.filename)}:{error.lineno}: {type(error).__name__}: {error.msg}"
    return f"{shown(own[-1].filename)}:{own[-1].lineno}: {said}" if own else said


def adapt(obj: Any, *, forward: Callable[..., Any] | None = None, name: str = "") -> Subject:
    """The subject that an object is.

    **Arguments**: a gradient function; a backward function with ``forward`` or with a function NAME_forward beside it;
    a pair (forward, backward); a class or object with forward and backward; a ``torch.autograd.Function``, module or
    function of torch tensors; a JAX function. A function of tensors that has a backward function beside it, an upstream
    gradient among its parameters or a gradient in its return is taken for hand-written, any other for autograd's.

    **Raises** :class:`SubjectError` for anything else.
    """
    name = name or getattr(obj, "__name__", None) or type(obj).__name__
    if isinstance(obj, tuple) and len(obj) == 2 and all(map(callable, obj)):
        return pair(*_halves(*obj), getattr(obj[1], "__name__", name))
    if forward is not None:
        if not callable(obj) or not callable(forward):
            raise SubjectError(f"{name} and forward must both be functions; pass verify(backward, forward=forward)")
        return pair(*_halves(forward, obj), name)
    if is_torch_function(obj):
        return torch_function(obj, name)
    if is_module_by_hand(obj):
        return layer(class_of_arrays(plain_object(obj, name)), name)
    if (is_torch_callable(obj) or is_torch_code(obj)) and not returns_gradients(obj) and not _halves_beside(obj):
        return torch_callable(obj, name)
    if is_jax(obj):
        return jax_gradient(obj, name) if returns_gradients(obj) else jax_function(obj, name)
    if isinstance(obj, type) or not (inspect.isroutine(obj) or hasattr(obj, "func")):
        if methods(obj) is not None:
            return layer(class_of_arrays(obj) if is_torch_class(obj) else obj, name)
        both = combined(obj)
        if both is not None:
            return layer(class_of_arrays(both) if is_torch_class(obj) else both, name)
        if isinstance(obj, type) or not callable(obj):
            has = [n for n in dir(obj) if not n.startswith("_")]
            raise SubjectError(
                f"{name} is {_described(obj)} without forward and backward; a class has methods forward(x) and "
                f"backward(dout)" + (f", this one has {', '.join(has[:8])}" if has else "")
            )
    halves = _halves_beside(obj)
    if halves is not None:
        return pair(*_halves(*halves), name)
    return gradient_function(on_arrays(obj) if is_torch_code(obj) else obj, name)


def as_reference(obj: Any) -> Subject:
    """The subject that a forward pass is, to compare a gradient with: torch code is always run forward.

    **Raises** :class:`SubjectError` as :func:`adapt`.
    """
    name = getattr(obj, "__name__", None) or type(obj).__name__
    if is_torch_callable(obj) or is_torch_code(obj):
        return torch_callable(obj, name)
    return adapt(obj)


def _halves(forward: Any, backward: Any) -> tuple[Any, Any]:
    """A forward and a backward function, of arrays where one of them is torch code."""
    both = forward, backward
    return (on_arrays(forward), on_arrays(backward)) if any(map(is_torch_code, both)) else both


def on_tensors(obj: Any) -> bool:
    """Whether functions work on torch tensors: their own code speaks of torch, or launches a kernel."""
    parts = obj if isinstance(obj, tuple) else (obj,)
    return any(is_torch_callable(p) or is_torch_code(p) or kernel_of(p) is not None for p in parts)


def _described(obj: Any) -> str:
    return "a class" if isinstance(obj, type) else f"an object of type {type(obj).__name__}"


def _halves_beside(obj: Any) -> tuple[Any, Any] | None:
    """The pair that a function is one half of, by the names in its module."""
    own, around = getattr(obj, "__name__", ""), getattr(obj, "__globals__", {})
    for back, forth in HALVES:
        for mine, other in ((back, forth), (forth, back)):
            if mine not in own.lower().split("_"):
                continue
            partner = around.get(own.replace(mine, other))
            if partner is None and mine == back:
                partner = around.get(own.replace(f"_{mine}", "")) if own != mine else None
            if callable(partner) and partner is not obj:
                return (partner, obj) if mine == back else (obj, partner)
    return None
