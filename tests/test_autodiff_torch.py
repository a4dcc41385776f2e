"""What a trace says of torch's autograd is what torch's autograd computes, also at kinks and with custom Functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="these are torch functions; type: pip install torch")

import torch_styles as styles  # noqa: E402
from planted_torch import Hidden  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from traced_values import evaluated, numbers, sizes_of  # noqa: E402

from nnmath.calculus.parser import parse_givens  # noqa: E402
from nnmath.verification.formulas import trace_gradients  # noqa: E402
from nnmath.verification.subjects.autograd import torch_callable  # noqa: E402

XW = "x: n C, w: C H"


def network(x: Any, w: Any) -> Any:
    return torch.log_softmax(torch.tanh(x @ w), dim=1).mean()


def shifted(x: Any, w: Any) -> Any:
    z = x @ w
    e = torch.exp(z - z.max(dim=1, keepdim=True).values)
    return (e / e.sum(1, keepdim=True))[:, 0]


def normed(x: Any, w: Any) -> Any:
    return F.layer_norm(x, (x.shape[-1],)) @ w


def detached(x: Any, w: Any) -> Any:
    z = x @ w
    return z * torch.sigmoid(z).detach() + z.data


def under_no_gradient(x: Any, w: Any) -> Any:
    with torch.no_grad():
        scale = (x * x).mean()
    return scale * (x @ w) ** 2


def straight_through(x: Any, w: Any) -> Any:
    z = x @ w
    return z + (torch.sign(z) - z).detach()


def in_place(x: Any, w: Any) -> Any:
    z = x @ w
    z = z.clone()
    z[z < 0] *= 0.1
    z[0] = 0
    z += 1
    return z * z


def joined(x: Any, w: Any) -> Any:
    z = torch.cat([x, 2 * x], dim=0)
    a, b = torch.chunk(z @ w, 2, dim=0)
    return torch.stack([a, b]).prod(dim=0)


def kinked_relu(x: Any, w: Any) -> Any:
    return torch.relu(x) * 2 + x.clamp(min=0)


def kinked_extremes(x: Any, w: Any) -> Any:
    return 2 * torch.maximum(x, -x) + torch.minimum(x, 3 * x)


def kinked_pieces(x: Any, w: Any) -> Any:
    return x.abs() + F.leaky_relu(x, 0.3) + F.hardtanh(x, 0, 1)


def kinked_choices(x: Any, w: Any) -> Any:
    return torch.where(x > 0, x, 2 * x) + F.elu(x) + F.threshold(x, 0, 0)


def own_backwards(x: Any, w: Any) -> Any:
    return Hidden.apply(styles.SetUp.apply(Hidden.apply(x), w)) * x.sum()


def used_twice(x: Any, w: Any) -> Any:
    h = styles.Tanh.apply(x @ w)
    return h * h + styles.Tanh.apply(h)


def two_outputs(x: Any, w: Any) -> Any:
    centred, centre = styles.MeanAndScale.apply(x @ w)
    return centred * centred + centre


def function_without_gradient(x: Any, w: Any) -> Any:
    with torch.no_grad():
        h = styles.Tanh.apply(x @ w)
    return h * (x @ w)


def heads(q: Any, k: Any) -> Any:
    a = torch.softmax(q @ k.mT / math.sqrt(q.size(-1)), dim=-1)
    return torch.einsum("bts,bsd->btd", a, k).flatten(1)


def labelled(z: Any, y: Any) -> Any:
    return F.cross_entropy(z, y, label_smoothing=0.1) + z.gather(1, y[:, None]).square().sum()


def looked_up(w: Any, ids: Any) -> Any:
    return torch.tanh(F.embedding(ids, w)).sum(0)


CASES: dict[Callable[..., Any], str] = {
    **dict.fromkeys((network, shifted, normed, detached, under_no_gradient, straight_through, in_place, joined), XW),
    **dict.fromkeys((own_backwards, used_twice, two_outputs, function_without_gradient), XW),
    # Some entries are zero: there every kink is met.
    **dict.fromkeys((kinked_relu, kinked_extremes, kinked_pieces, kinked_choices), XW),
    heads: "q: B T D, k: B T D",
    labelled: "z: n C, y: n int<C",
    looked_up: "w: V D, ids: n int<V",
}


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_gradients_are_those_of_autograd(function: Callable[..., Any]) -> None:
    tensors = parse_givens(CASES[function])
    sizes = sizes_of(tensors)
    values = numbers(tensors, sizes)
    for t in tensors:
        if values[t].dtype.kind == "f":
            values[t][..., 0] = 0
    given = [torch.from_numpy(values[t].copy()) for t in tensors]
    leaves = [a.requires_grad_() for a in given if a.is_floating_point()]
    found_by_torch = torch.autograd.grad(function(*given).sum(), leaves, allow_unused=True)
    expected = [g for g in found_by_torch if g is not None]
    subject = torch_callable(function, function.__name__)
    traced = trace_gradients(subject, dict(zip(subject.parameter_names, tensors, strict=True)), None)
    traced = replace(traced, entries=tuple(e for e in traced.entries if e is not None))
    found = evaluated(traced, tensors, values, sizes)
    assert len(found) == len(expected)
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-9, atol=1e-9, err_msg=f"gradient {k}")
