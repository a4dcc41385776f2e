"""A class with one method that returns a loss and its gradients: ``loss(X, y) -> loss, grads``, as a layer."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from .naming import returned_names
from .protocol import parameters

#: How such a method is called.
METHODS = ("loss", "loss_and_grad", "loss_and_grads", "compute_loss", "cost_function", "cost", "forward_backward")


def combined(obj: Any) -> Any:
    """The class, or the object, with ``forward`` and ``backward`` in the place of that method; None without one."""
    cls = obj if isinstance(obj, type) else type(obj)
    found = [n for n in METHODS if inspect.isfunction(inspect.getattr_static(cls, n, None))]
    name = next((n for n in found if len(returned_names(getattr(cls, n))) > 1), None)
    if name is None or not parameters(getattr(cls, name)):
        return None
    method = getattr(cls, name)

    @functools.wraps(method)
    def forward(self: Any, *arguments: Any, **options: Any) -> Any:
        value, *rest = method(self, *arguments, **options)
        # A function, since an attribute that holds the arrays would be state that the person's class does not keep.
        self.returned_beside = lambda: rest[0] if len(rest) == 1 else tuple(rest)
        return value

    def backward(self: Any) -> Any:
        return self.returned_beside()

    made = type(cls.__name__, (cls,), {"forward": forward, "backward": backward, "__doc__": cls.__doc__})
    made.__module__, made.__qualname__ = cls.__module__, cls.__qualname__
    if isinstance(obj, type):
        return made
    held: Any = object.__new__(made)
    held.__dict__.update(obj.__dict__)
    return held
