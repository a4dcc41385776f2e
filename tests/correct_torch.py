"""Correct gradients in torch: autograd Functions with a backward of their own, and functions that use them."""

from __future__ import annotations

import math

import torch
from correct_gradients import Correct


class CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, labels):
        log_probs = torch.log_softmax(logits, dim=1)
        ctx.save_for_backward(log_probs, labels)
        return -log_probs[torch.arange(len(labels)), labels].mean()

    @staticmethod
    def backward(ctx, grad_output):
        log_probs, labels = ctx.saved_tensors
        grad = torch.exp(log_probs)
        grad[torch.arange(len(labels)), labels] -= 1
        return grad_output * grad / len(labels), None


class Dense(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return x @ weight + bias

    @staticmethod
    def backward(ctx, grad_output):
        x, weight = ctx.saved_tensors
        return grad_output @ weight.t(), x.t() @ grad_output, grad_output.sum(0)


class TransposedDense(torch.autograd.Function):
    """The weight has the shape of torch.nn.Linear."""

    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x.mm(weight.t())

    @staticmethod
    def backward(ctx, grad_output):
        x, weight = ctx.saved_tensors
        return grad_output.mm(weight), grad_output.t().mm(x)


class ReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        grad_input = grad_output.clone()
        grad_input[x <= 0] = 0
        return grad_input


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grad_output * (s + x * s * torch.sigmoid(-x))


class GELU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 0.5 * x * torch.special.erfc(-x / math.sqrt(2))

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        cdf = 0.5 * torch.special.erfc(-x / math.sqrt(2))
        density = torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        return grad_output * (cdf + x * density)


class Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        p = torch.softmax(z, dim=-1)
        ctx.save_for_backward(p)
        return p

    @staticmethod
    def backward(ctx, grad_output):
        (p,) = ctx.saved_tensors
        return p * (grad_output - (grad_output * p).sum(dim=-1, keepdim=True))


class LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta):
        mean = x.mean(dim=-1, keepdim=True)
        inv = torch.rsqrt(((x - mean) ** 2).mean(dim=-1, keepdim=True) + 1e-5)
        h = (x - mean) * inv
        ctx.save_for_backward(h, inv, gamma)
        return h * gamma + beta

    @staticmethod
    def backward(ctx, dy):
        h, inv, gamma = ctx.saved_tensors
        dh = dy * gamma
        dx = inv * (dh - dh.mean(-1, keepdim=True) - h * (dh * h).mean(-1, keepdim=True))
        return dx, (dy * h).sum(0), dy.sum(0)


class RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):
        r = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        ctx.save_for_backward(x, weight, r)
        return x * r * weight

    @staticmethod
    def backward(ctx, dy):
        x, weight, r = ctx.saved_tensors
        g = dy * weight
        return r * g - x * r**3 * (g * x).mean(-1, keepdim=True), (dy * x * r).sum(0)


class Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v):
        a = torch.softmax(q @ k.transpose(0, 1) / math.sqrt(q.shape[-1]), dim=-1)
        ctx.save_for_backward(q, k, v, a)
        return a @ v

    @staticmethod
    def backward(ctx, do):
        q, k, v, a = ctx.saved_tensors
        da = do @ v.transpose(0, 1)
        ds = a * (da - (da * a).sum(-1, keepdim=True)) / math.sqrt(q.shape[-1])
        return ds @ k, ds.transpose(0, 1) @ q, a.transpose(0, 1) @ do


class MSE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, pred, target):
        ctx.save_for_backward(pred, target)
        return ((pred - target) ** 2).mean()

    @staticmethod
    def backward(ctx, grad_output):
        pred, target = ctx.saved_tensors
        return grad_output * 2 * (pred - target) / pred.numel(), None


def dense_layer(x, weight, bias):
    return Dense.apply(x, weight, bias)


def dense_relu(x, weight, bias):
    return ReLU.apply(Dense.apply(x, weight, bias))


def logits_loss(z, t):
    return torch.nn.functional.binary_cross_entropy_with_logits(z, t)


LAYERNORM = """
    mu[i] = sum(x[i, k] for k in D)/D
    v[i] = sum((x[i, k] - mu[i])**2 for k in D)/D
    h[i, d] = (x[i, d] - mu[i])/sqrt(v[i] + 0.00001)
    Y[i, d] = h[i, d]*gamma[d] + beta[d]
    L = upstream(dy, Y)
"""
RMSNORM = """
    r[i] = sqrt(sum(x[i, k]**2 for k in D)/D + 0.000001)
    Y[i, d] = x[i, d]/r[i]*weight[d]
    L = upstream(dy, Y)
"""
TORCH = {
    "CrossEntropy": Correct(CrossEntropy, "softmax-ce-labels"),
    "Dense": Correct(Dense, "dense"),
    "TransposedDense": Correct(
        TransposedDense, "Y = x @ weight.T\nL = upstream(grad_output, Y)", "x: n D, weight: H D, grad_output: n H"
    ),
    "ReLU": Correct(ReLU, "relu"),
    "Swish": Correct(Swish, "silu"),
    "GELU": Correct(GELU, "gelu"),
    "Softmax": Correct(Softmax, "P = softmax(z)\nL = upstream(grad_output, P)", "z: n C, grad_output: n C"),
    "LayerNorm": Correct(LayerNorm, LAYERNORM, "x: n D, gamma: D, beta: D, dy: n D"),
    "RMSNorm": Correct(RMSNorm, RMSNORM, "x: n D, weight: D, dy: n D"),
    "Attention": Correct(
        Attention,
        "S = q @ k.T / sqrt(d)\nA = softmax(S)\nO = A @ v\nL = upstream(do, O)",
        "q: n d, k: m d, v: m e, do: n e",
    ),
    "MSE": Correct(MSE, "mean((pred - target)**2)", "pred: n C, target: n C"),
    "dense_layer": Correct(dense_layer, "dense"),
    "dense_relu": Correct(
        dense_relu,
        "a = x @ weight + bias\nY = where(a > 0, a, 0)\nL = upstream(dY, Y)",
        "x: n D, weight: D H, bias: H, dY: n H",
    ),
    "logits_loss": Correct(logits_loss, "bce-with-logits"),
}
