"""Training and evaluation: what switches a layer between them, and running it in one or the other."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

_TRAINING = re.compile(r"(is_?|in_?)?(training|train)(_?(mode|phase|flag))?")
_EVALUATION = re.compile(r"(is_?|in_?)?(evaluation|evaluate|eval|inference|testing|test)(_?(mode|phase|flag))?")
#: Layers of torch that compute something else in evaluation.
_SWITCHING = re.compile(r".*(Dropout|BatchNorm|InstanceNorm|RReLU).*")
#: Objects inside objects are looked into this deep.
DEEPEST = 3

_current: bool | None = None


def is_mode(name: str) -> bool:
    """Whether a parameter or an attribute of this name says that a layer is in training, or that it is not."""
    return bool(_TRAINING.fullmatch(name) or _EVALUATION.fullmatch(name))


def said(training: bool) -> str:
    return "training mode" if training else "evaluation mode"


@contextlib.contextmanager
def in_mode(training: bool | None) -> Iterator[None]:
    """Everything inside runs in training or in evaluation mode; None: as the code has it by itself."""
    global _current
    before, _current = _current, training
    try:
        yield
    finally:
        _current = before


def mode_value(parameter: inspect.Parameter) -> Any:
    """What a parameter that says the mode is given; its default, where no mode is asked for."""
    default = parameter.default
    if _current is None and default is not inspect.Parameter.empty:
        return default
    training = _current is None or _current
    return training if _TRAINING.fullmatch(parameter.name) else not training


def switches(obj: Any) -> tuple[str, ...]:
    """The parameters and attributes by which functions and classes are switched between the modes; () where by none."""
    found: dict[str, None] = {}
    for part in obj if isinstance(obj, tuple) else (obj,):
        cls = part if isinstance(part, type) else type(part)
        functions = [part] if inspect.isroutine(part) else [f for c in cls.__mro__[:-1] for f in vars(c).values()]
        if _is_torch(cls):
            modules = part.modules() if not isinstance(part, type) else ()
            found |= dict.fromkeys(["training"] * any(_SWITCHING.fullmatch(type(m).__name__) for m in modules))
            functions = [f for f in vars(cls).values() if inspect.isfunction(f)]
        for function in functions:
            function = getattr(function, "__func__", function)
            code = getattr(function, "__code__", None)
            if code is None:
                continue
            taken = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            found |= {n: None for n in taken if is_mode(n)}
            if not inspect.isroutine(part):
                found |= {n: None for n in code.co_names if _TRAINING.fullmatch(n) and n != "train"}
    return tuple(found)


def starts_in_training(obj: Any) -> bool:
    """The mode that is judged first: that of the default, where a parameter has one; else training."""
    for part in obj if isinstance(obj, tuple) else (obj,):
        for function in [part] if inspect.isroutine(part) else [getattr(part, "forward", None)]:
            with contextlib.suppress(TypeError, ValueError):
                for p in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
                    if is_mode(p.name) and isinstance(p.default, bool):
                        return p.default if _TRAINING.fullmatch(p.name) else not p.default
    return True


def settle_mode(obj: Any, depth: int = 0) -> None:
    """Put an object, and the objects inside it, into the mode that is asked for."""
    if _current is None or depth > DEEPEST or not hasattr(obj, "__dict__") or isinstance(obj, type):
        return
    # A method train alone is one that trains.
    methods = [getattr(type(obj), name, None) for name in ("eval", "train")]
    if all(inspect.isfunction(m) and len(inspect.signature(m).parameters) in (1, 2) for m in methods):
        getattr(obj, "train" if _current else "eval")()
    for name, value in list(vars(obj).items()):
        if isinstance(value, bool) and is_mode(name):
            setattr(obj, name, _current if _TRAINING.fullmatch(name) else not _current)
        for inner in value if isinstance(value, list | tuple) else (value,):
            if not inspect.isroutine(inner):
                settle_mode(inner, depth + 1)


def _is_torch(cls: type) -> bool:
    return any(c.__module__.startswith("torch.nn") for c in cls.__mro__)
