"""A torch module with a backward written by hand, as a plain object of arrays: autograd has no part in it."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from .protocol import SubjectError, required

#: What every module has of its own.
_OWN = ("training",)


def is_module_by_hand(obj: Any) -> bool:
    """Whether an object is a module, or a class of such, that defines a method ``backward``."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    cls = obj if isinstance(obj, type) else type(obj)
    return issubclass(cls, torch.nn.Module) and inspect.isfunction(inspect.getattr_static(cls, "backward", None))


def plain_object(obj: Any, name: str) -> Any:
    """An object of a class with the methods of the module, and its parameters, buffers and attributes.

    **Raises** :class:`SubjectError` for a module of modules, whose own parameters have no place in it.
    """
    if isinstance(obj, type):
        needed = required(obj)
        if needed:
            raise SubjectError(
                f"{name} takes {', '.join(needed)} when it is made, and what to give there is not known; make one in "
                f"the file, layer = {name}(…), and verify that: FILE.py:layer"
            )
        obj = obj()
    inner = [n for n, m in obj.named_children() if any(True for _ in m.parameters())]
    if inner:
        raise SubjectError(
            f"{name} has a backward of its own and parameters in another module, {inner[0]}; hold them in {name} itself"
        )
    import torch

    cls = type(obj)
    bases = [base for base in cls.__mro__ if base is not torch.nn.Module and not issubclass(torch.nn.Module, base)]
    methods = {n: v for base in reversed(bases) for n, v in vars(base).items() if n not in ("__dict__", "__weakref__")}
    made = type(cls.__name__, (), {**methods, "__module__": cls.__module__, "__qualname__": cls.__qualname__})
    held: Any = object.__new__(made)
    own = {n: v for n, v in vars(obj).items() if not n.startswith("_") or n in _OWN}
    held.__dict__.update(own)
    for n, value in (*obj.named_parameters(), *obj.named_buffers()):
        held.__dict__[n] = value.detach()
    return held
