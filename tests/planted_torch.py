"""Errors that people make in torch gradients, each with the kinds by which it may be named."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import correct_torch as right
import torch
import torch.nn.functional as F
import torch_styles as styles


@dataclass(frozen=True)
class Planted:
    """A wrong gradient: the code, its arrays, and the kinds of finding that name the error; () for any."""

    subject: Any
    inputs: str | None
    kinds: tuple[str, ...]
    against: Any = None
    forward: Any = None


def saved(function, backward):
    """The Function with another backward, which takes the saved tensors and the upstream gradient."""

    class Changed(function):
        @staticmethod
        def backward(ctx, g):
            return backward(*ctx.saved_tensors, g)

    Changed.__name__ = Changed.__qualname__ = function.__name__
    return Changed


def ce_not_divided(log_probs, labels, g):
    grad = torch.exp(log_probs)
    grad[torch.arange(len(labels)), labels] -= 1
    return g * grad, None


def ce_divided_by_all(log_probs, labels, g):
    grad = torch.exp(log_probs)
    grad[torch.arange(len(labels)), labels] -= 1
    return g * grad / grad.numel(), None


def ce_without_upstream(log_probs, labels, g):
    grad = torch.exp(log_probs)
    grad[torch.arange(len(labels)), labels] -= 1
    return grad / len(labels), None


def ce_plus(log_probs, labels, g):
    return g * (torch.exp(log_probs) + F.one_hot(labels, log_probs.shape[1])) / len(labels), None


def ce_log_probs(log_probs, labels, g):
    return g * (log_probs - F.one_hot(labels, log_probs.shape[1])) / len(labels), None


def dense_transposed(x, weight, g):
    return g @ weight.t(), g.t() @ x, g.sum(0)


def dense_mean_bias(x, weight, g):
    return g @ weight.t(), x.t() @ g, g.mean(0)


def dense_no_sum(x, weight, g):
    return g @ weight.t(), x.t() @ g, g[0]


def dense_sign(x, weight, g):
    return -(g @ weight.t()), x.t() @ g, g.sum(0)


def softmax_diagonal(p, g):
    return g * p * (1 - p)


def softmax_wrong_axis(p, g):
    return p * (g - (g * p).sum(dim=0, keepdim=True))


def softmax_no_p(p, g):
    return g - (g * p).sum(dim=-1, keepdim=True)


def norm_without_mean(h, inv, gamma, g):
    dh = g * gamma
    return inv * (dh - h * (dh * h).mean(-1, keepdim=True)), (g * h).sum(0), g.sum(0)


def norm_without_projection(h, inv, gamma, g):
    dh = g * gamma
    return inv * (dh - dh.mean(-1, keepdim=True)), (g * h).sum(0), g.sum(0)


def norm_detached_statistics(h, inv, gamma, g):
    return inv * g * gamma, (g * h).sum(0), g.sum(0)


def norm_beta_mean(h, inv, gamma, g):
    dh = g * gamma
    dx = inv * (dh - dh.mean(-1, keepdim=True) - h * (dh * h).mean(-1, keepdim=True))
    return dx, (g * h).sum(0), g.mean(0)


def rms_sum(x, weight, r, g):
    d = g * weight
    return r * d - x * r**3 * (d * x).sum(-1, keepdim=True), (g * x * r).sum(0)


def rms_square(x, weight, r, g):
    d = g * weight
    return r * d - x * r**2 * (d * x).mean(-1, keepdim=True), (g * x * r).sum(0)


def attention_unscaled(q, k, v, a, g):
    da = g @ v.transpose(0, 1)
    ds = a * (da - (da * a).sum(-1, keepdim=True))
    return ds @ k, ds.transpose(0, 1) @ q, a.transpose(0, 1) @ g


def attention_no_row_term(q, k, v, a, g):
    ds = a * (g @ v.transpose(0, 1)) / math.sqrt(q.shape[-1])
    return ds @ k, ds.transpose(0, 1) @ q, a.transpose(0, 1) @ g


def mse_half(pred, target, g):
    return g * (pred - target) / pred.numel(), None


def mse_rows(pred, target, g):
    return g * 2 * (pred - target) / pred.shape[0], None


def mse_swapped(pred, target, g):
    return g * 2 * (target - pred) / pred.numel(), None


def swish_no_product_rule(x, g):
    s = torch.sigmoid(x)
    return g * x * s * (1 - s)


def gelu_no_density(x, g):
    return g * 0.5 * torch.special.erfc(-x / math.sqrt(2))


def gelu_unnormalised(x, g):
    cdf = 0.5 * torch.special.erfc(-x / math.sqrt(2))
    return g * (cdf + x * torch.exp(-0.5 * x * x))


def relu_of_output(x, g):
    return g * (x > 1)


def legendre_factor(x, g):
    return g * 0.5 * (15 * x**2 - 6)


def embedding_overwrites(ids, g):
    out = torch.zeros(int(ids.max()) + 1, g.shape[1], dtype=g.dtype)
    out[ids] = g
    return out, None


def log_softmax_no_sum(out, g):
    return g - torch.exp(out)


def swiglu_sigmoid(gate, up, g):
    return g * up * gate.sigmoid(), g * gate * gate.sigmoid()


def grad_not_divided(z, y):
    p = torch.softmax(z, dim=1)
    p[torch.arange(z.size(0)), y] -= 1
    return p


def mse_gradient_n(X, w, y):
    return 2 * X.t() @ (torch.mv(X, w) - y)


def bce_gradient_row(z, t):
    return (z.sigmoid() - t).div(z.numel()).neg()


def linear_backward(dout, cache):
    x, w = cache
    return dout @ w, dout.mT @ x, dout.mean(dim=0)


def mean_gradient(pred, target):
    return 2 * (pred - target) / pred.numel()


Hidden = saved(right.Swish, swish_no_product_rule)


def hidden_in_a_forward(x, w):
    return Hidden.apply(x @ w).sum()


LN, RMS = "x: n D, gamma: D, beta: D", "x: n D, weight: D"
CE, DENSE, QKV = "logits: n C, labels: n int<C", "x: n D, weight: D H, bias: H", "q: n d, k: m d, v: m e"
PLANTED = {
    "ce_not_divided": Planted(saved(right.CrossEntropy, ce_not_divided), CE, ("scale", "contract")),
    "ce_divided_by_all": Planted(saved(right.CrossEntropy, ce_divided_by_all), CE, ("scale", "contract")),
    "ce_without_upstream": Planted(saved(right.CrossEntropy, ce_without_upstream), CE, ("chain-factor",)),
    "ce_plus": Planted(saved(right.CrossEntropy, ce_plus), CE, ("sign",)),
    "ce_log_probs": Planted(saved(right.CrossEntropy, ce_log_probs), CE, ()),
    "dense_transposed": Planted(saved(right.Dense, dense_transposed), DENSE, ("transpose", "error", "shape")),
    "dense_mean_bias": Planted(saved(right.Dense, dense_mean_bias), DENSE, ("scale",)),
    "dense_no_sum": Planted(saved(right.Dense, dense_no_sum), DENSE, ()),
    "dense_sign": Planted(saved(right.Dense, dense_sign), DENSE, ("sign", "scale")),
    "softmax_diagonal": Planted(saved(right.Softmax, softmax_diagonal), "z: n C", ()),
    "softmax_wrong_axis": Planted(saved(right.Softmax, softmax_wrong_axis), "z: n C", ("wrong-axis",)),
    "softmax_no_p": Planted(saved(right.Softmax, softmax_no_p), "z: n C", ("chain-factor",)),
    "norm_without_mean": Planted(saved(right.LayerNorm, norm_without_mean), LN, ("missing-term", "detached")),
    "norm_without_projection": Planted(
        saved(right.LayerNorm, norm_without_projection), LN, ("missing-term", "detached")
    ),
    "norm_detached_statistics": Planted(saved(right.LayerNorm, norm_detached_statistics), LN, ()),
    "norm_beta_mean": Planted(saved(right.LayerNorm, norm_beta_mean), LN, ("scale",)),
    "rms_sum": Planted(saved(right.RMSNorm, rms_sum), RMS, ("scale",)),
    "rms_square": Planted(saved(right.RMSNorm, rms_square), RMS, ("chain-factor",)),
    "attention_unscaled": Planted(saved(right.Attention, attention_unscaled), QKV, ("scale",)),
    "attention_no_row_term": Planted(saved(right.Attention, attention_no_row_term), QKV, ("missing-term", "detached")),
    "mse_half": Planted(saved(right.MSE, mse_half), "pred: n C, target: n C", ("scale", "contract")),
    "mse_rows": Planted(saved(right.MSE, mse_rows), "pred: n C, target: n C", ("scale", "contract")),
    "mse_swapped": Planted(saved(right.MSE, mse_swapped), "pred: n C, target: n C", ("sign", "scale", "swapped")),
    "swish_no_product_rule": Planted(Hidden, "x: n d", ("missing-term", "detached")),
    "gelu_no_density": Planted(saved(right.GELU, gelu_no_density), "x: n d", ("missing-term", "detached")),
    "gelu_unnormalised": Planted(saved(right.GELU, gelu_unnormalised), "x: n d", ()),
    "relu_of_output": Planted(saved(right.ReLU, relu_of_output), "x: n d", ()),
    "legendre_factor": Planted(saved(styles.Legendre, legendre_factor), "input: n", ("extra-term",)),
    "embedding_overwrites": Planted(saved(styles.Embedding, embedding_overwrites), "weight: V D, ids: n int<V", ()),
    "log_softmax_no_sum": Planted(
        saved(styles.LogSoftmax, log_softmax_no_sum), "z: n C", ("chain-factor", "missing-term")
    ),
    "swiglu_sigmoid": Planted(
        saved(styles.SwiGLU, swiglu_sigmoid), "gate: n D, up: n D", ("missing-term", "detached", "chain-factor")
    ),
    "grad_not_divided": Planted(grad_not_divided, None, ("scale", "contract"), "softmax-ce-labels"),
    "mse_gradient_n": Planted(mse_gradient_n, "X: n d, w: d, y: n", ("scale", "contract"), "mean((X @ w - y)**2)"),
    "bce_gradient_row": Planted(bce_gradient_row, None, ("sign", "scale"), "bce-with-logits"),
    "linear_bias_mean": Planted(linear_backward, "x: n D, w: H D, b: H", ("scale",), None, styles.linear_forward),
    "mean_gradient": Planted(mean_gradient, "pred: n C, target: n C", ("scale", "contract"), styles.squared_error),
    "hidden_in_a_forward": Planted(hidden_in_a_forward, "x: n D, w: D H", ("missing-term", "detached", "unnamed")),
}
