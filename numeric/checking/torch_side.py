"""What torch autograd says: values and derivatives of an independently written forward. Torch is imported on use."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ...calculus.derivation import Derivation, Result
from ...calculus.tensors import Tensor

Forward = Callable[..., Any]


class MissingTorch(ImportError):
    """Torch is not installed; the message is the line to type."""

    def __init__(self) -> None:
        super().__init__('pip install "nnmath[torch]"')


class NoCuda(RuntimeError):
    """CUDA was asked for, but torch sees no such device."""


def load(device: str) -> tuple[Any, str]:
    """The torch module and the device to use. Raises :class:`MissingTorch`, :class:`NoCuda` or ``ValueError``."""
    if device not in ("cpu", "cuda", "auto"):
        raise ValueError(f"device is {device!r}; it must be cpu, cuda or auto")
    try:
        import torch
    except ImportError as error:
        raise MissingTorch from error
    available = bool(torch.cuda.is_available())
    if device == "cuda" and not available:
        raise NoCuda(f"torch {torch.__version__} finds no CUDA device; use --device cpu")
    return torch, "cuda" if device == "cuda" or (device == "auto" and available) else "cpu"


class TorchSide:
    """Evaluates the torch counterpart of a derivation."""

    def __init__(self, derivation: Derivation, forward: Forward, device: str, elementwise: bool) -> None:
        self.torch, self.device = load(device)
        self.derivation = derivation
        self.forward = forward
        self.elementwise = elementwise
        self.givens = {t.name: t for t in derivation.givens}
        self.trained = {t.name for r in derivation.wanted for t in r.wrt}

    def can_choose(self, parameters: Iterable[str]) -> bool:
        """Whether the counterpart takes these by name; torch has some constants built in, such as those of selu."""
        return set(parameters) <= set(inspect.signature(self.forward).parameters)

    def results(self, values: Mapping[str, np.ndarray[Any, Any]], dtype: str) -> dict[str, np.ndarray[Any, Any]]:
        """Values of the outputs and every wanted derivative with respect to givens, by name, as float64 arrays."""
        torch = self.torch
        tensors = {name: self._tensor(t, values.get(name), dtype) for name, t in self.givens.items()}
        found: dict[str, np.ndarray[Any, Any]] = {}
        wanted = [r for r in self.derivation.wanted if r.of is not None and all(t.name in self.givens for t in r.wrt)]
        outputs = self._call(tensors)
        for name, value in outputs.items():
            found[name] = _numpy(value)
        for r in wanted:
            assert r.of is not None
            if r.of.name in outputs and r.wrt:
                found[r.name] = _numpy(self._derivative(r, outputs[r.of.name], [tensors[t.name] for t in r.wrt]))
        if self.device == "cuda":
            torch.cuda.synchronize()
        return found

    def _tensor(self, t: Tensor, value: np.ndarray[Any, Any] | None, dtype: str) -> Any:
        torch = self.torch
        if t.domain.function:
            return torch.tanh
        assert value is not None
        if t.domain.below is not None:
            return torch.as_tensor(np.array(value, order="C"), dtype=torch.int64, device=self.device)
        if t.domain.value is not None and t.name not in self.trained and t.rank == 0:
            return float(np.ravel(value)[0])
        tensor = torch.as_tensor(np.array(value, order="C").astype(np.float64), device=self.device)
        return tensor.to(getattr(torch, dtype)).requires_grad_(t.name in self.trained)

    def _call(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs by name. A forward that returns one value returns the definition that is differentiated."""
        parameters = inspect.signature(self.forward).parameters.values()
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            tensors = {p.name: tensors[p.name] for p in parameters if p.name in tensors}
        out = self.forward(self.torch, **tensors)
        if isinstance(out, Mapping):
            return dict(out)
        of = [r.of.name for r in self.derivation.wanted if r.of is not None]
        return {of[0] if of else self.derivation.definitions[-1].name: out}

    def _derivative(self, r: Result, value: Any, wrt: Sequence[Any]) -> Any:
        order = len(wrt)
        if self.elementwise:
            for k, x in enumerate(wrt):
                value = self._grad(value.sum(), x, create_graph=k + 1 < order)
            return value
        for k, x in enumerate(wrt):
            flat = value.reshape(-1)
            last = k + 1 == order
            rows = [self._grad(v, x, create_graph=not last) for v in flat.unbind()]
            value = self.torch.stack(rows).reshape((*value.shape, *x.shape))
        return value

    def _grad(self, value: Any, x: Any, create_graph: bool) -> Any:
        if not value.requires_grad:
            return self.torch.zeros_like(x)
        (g,) = self.torch.autograd.grad(value, x, create_graph=create_graph, retain_graph=True, allow_unused=True)
        return self.torch.zeros_like(x) if g is None else g


def _numpy(value: Any) -> np.ndarray[Any, Any]:
    return np.asarray(value.detach().double().cpu().numpy())
