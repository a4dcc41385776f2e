"""What PyTorch does in one step, as a function: the counterparts of the update rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Step = Callable[..., Any]


def stepping(optimizer: Any) -> Step:
    """One step of a ``torch.optim`` optimiser that has one array: from its gradient to the parameters then."""
    (w,) = optimizer.param_groups[0]["params"]

    def step(g: Any) -> Any:
        w.grad = g
        optimizer.step()
        return w

    return step


def scheduled(torch: Any, lr: float, schedule: Callable[[Any], Any]) -> Step:
    """One step of a ``torch.optim.lr_scheduler``: the learning rate after it."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=float(lr))
    scheduler = schedule(optimizer)

    def step() -> Any:
        optimizer.step()
        scheduler.step()
        return torch.as_tensor(scheduler.get_last_lr()[0], dtype=torch.float64)

    return step
