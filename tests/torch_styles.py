"""Correct gradients in torch in more styles: gradient functions, pairs, modules, Functions that call each other."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from correct_gradients import Correct
from correct_torch import Dense, Softmax
from torch.autograd.function import once_differentiable

# -- Functions, verified against their own forward ---------------------------------------------------------------------


class SetUp(torch.autograd.Function):
    """The newer form: forward without ctx."""

    @staticmethod
    def forward(x, weight):
        return torch.einsum("nd,dh->nh", x, weight)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, weight = inputs
        ctx.save_for_backward(x, weight)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx, grad_output):
        x, weight = ctx.saved_tensors
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = torch.einsum("nh,dh->nd", grad_output, weight)
        if ctx.needs_input_grad[1]:
            grad_weight = torch.einsum("nd,nh->dh", x, grad_output)
        return grad_x, grad_weight


class Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.tanh()
        ctx.y = y
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, dy):
        return torch.addcmul(dy, dy, ctx.y * ctx.y, value=-1)


class TutorialReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return input.clamp(min=0)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        grad_input = grad_output.clone()
        grad_input[input < 0] = 0
        return grad_input


class Legendre(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


class LeakyReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x > 0)
        return F.leaky_relu(x, 0.1)

    @staticmethod
    def backward(ctx, grad):
        (mask,) = ctx.saved_tensors
        return torch.where(mask, grad, 0.1 * grad)


class BatchedMatrixProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return torch.bmm(a, b)

    @staticmethod
    def backward(ctx, grad):
        a, b = ctx.saved_tensors
        return torch.bmm(grad, b.transpose(1, 2)), torch.bmm(a.transpose(1, 2), grad)


class Embedding(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, ids):
        ctx.save_for_backward(ids)
        ctx.rows = weight.size(0)
        return F.embedding(ids, weight)

    @staticmethod
    def backward(ctx, grad):
        (ids,) = ctx.saved_tensors
        return grad.new_zeros(ctx.rows, grad.size(1)).index_add_(0, ids, grad), None


class LogSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        shifted = z - z.amax(dim=1, keepdim=True)
        out = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx, g):
        (out,) = ctx.saved_tensors
        return g - torch.exp(out) * g.sum(dim=1, keepdim=True)


class SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gate, up):
        ctx.save_for_backward(gate, up)
        return F.silu(gate) * up

    @staticmethod
    def backward(ctx, g):
        gate, up = ctx.saved_tensors
        s = gate.sigmoid()
        return g * up * s * (1 + gate * (1 - s)), g * gate * s


class MeanAndScale(torch.autograd.Function):
    """Two outputs, one of which no gradient flows through."""

    @staticmethod
    def forward(ctx, x):
        centre = x.mean(dim=1, keepdim=True)
        ctx.mark_non_differentiable(centre)
        return x - centre, centre

    @staticmethod
    def backward(ctx, g, _):
        return g - g.mean(dim=1, keepdim=True)


# -- functions of torch tensors ----------------------------------------------------------------------------------------


def two_layers(x, w1, w2):
    """Two custom Functions in one forward pass, and torch's own in between."""
    hidden = Tanh.apply(SetUp.apply(x, w1))
    return (2 * hidden @ w2).square().sum()


softmax = Softmax.apply


def weighted_softmax(z, w):
    return (softmax(z / math.sqrt(z.shape[1])) * w).sum(1)


def grad_cross_entropy(z, y):
    p = torch.softmax(z, dim=1)
    p[torch.arange(z.size(0)), y] -= 1
    return p.div_(z.size(0))


def grad_cross_entropy_one_hot(z, y):
    return (torch.softmax(z, -1) - F.one_hot(y, z.shape[-1])) / len(z)


def grad_cross_entropy_scatter(z, y):
    p = z.log_softmax(1).exp()
    dz = p.scatter_add(1, y.unsqueeze(1), -torch.ones(z.size(0), 1, dtype=z.dtype))
    return dz / z.shape[0]


def mse_gradient(X, w, y):
    residual = torch.mv(X, w) - y
    return 2 / X.size(0) * X.t() @ residual


@torch.no_grad()
def bce_gradient(z, t):
    return (z.sigmoid() - t) / z.numel()


def linear_forward(x, w, b):
    return F.linear(x, w, b), (x, w)


def linear_backward(dout, cache):
    x, w = cache
    return dout @ w, dout.mT @ x, dout.sum(dim=0)


def norm_forward(x, gamma):
    inv = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
    return x * inv * gamma, (x, gamma, inv)


def norm_backward(dout, cache):
    x, gamma, inv = cache
    d = x.size(-1)
    dn = dout * gamma
    dx = inv * dn - x * inv.pow(3) * (dn * x).sum(-1, keepdim=True) / d
    return dx, (dout * x * inv).sum(0)


def attention_forward(q, k, v):
    a = F.softmax(q @ k.mT * q.size(-1) ** -0.5, dim=-1)
    return a @ v, (q, k, v, a)


def attention_backward(do, saved):
    q, k, v, a = saved
    da = do @ v.mT
    ds = a * (da - (a * da).sum(-1, keepdim=True)) * q.size(-1) ** -0.5
    return ds @ k, ds.mT @ q, a.mT @ do


# -- references in torch -----------------------------------------------------------------------------------------------


class SummedLoss(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.loss = torch.nn.CrossEntropyLoss(reduction="sum")

    def forward(self, z, y):
        return self.loss(z, y)


def summed_gradient(z, y):
    return z.softmax(dim=1) - F.one_hot(y, z.size(1))


def squared_error(pred, target):
    return F.mse_loss(pred, target, reduction="sum")


def squared_error_gradient(pred, target):
    return 2 * (pred - target)


class Affine(torch.nn.Module):
    """A module whose own parameters are tensors of the reference."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(4, 3))
        self.bias = torch.nn.Parameter(torch.ones(3))

    def forward(self, x):
        return Dense.apply(x, self.weight, self.bias).tanh()


AFFINE = "Y = tanh(x @ weight + bias)\nL = upstream(dY, Y)"
STYLES = {
    "SetUp": Correct(SetUp, None, "x: n D, weight: D H"),
    "Tanh": Correct(Tanh, None, "x: n D"),
    "TutorialReLU": Correct(TutorialReLU, None, "input: n D"),
    "Legendre": Correct(Legendre, None, "input: n"),
    "LeakyReLU": Correct(LeakyReLU, None, "x: n D"),
    "BatchedMatrixProduct": Correct(BatchedMatrixProduct, None, "a: B n D, b: B D m"),
    "Embedding": Correct(Embedding, None, "weight: V D, ids: n int<V"),
    "LogSoftmax": Correct(LogSoftmax, None, "z: n C"),
    "SwiGLU": Correct(SwiGLU, None, "gate: n D, up: n D"),
    "MeanAndScale": Correct(MeanAndScale, None, "x: n D"),
    "two_layers": Correct(two_layers, None, "x: n D, w1: D H, w2: H C"),
    "weighted_softmax": Correct(weighted_softmax, None, "z: n C, w: C"),
    "grad_cross_entropy": Correct(grad_cross_entropy, "softmax-ce-labels"),
    "grad_cross_entropy_one_hot": Correct(grad_cross_entropy_one_hot, F.cross_entropy, "z: n C, y: n int<C"),
    "grad_cross_entropy_scatter": Correct(grad_cross_entropy_scatter, "softmax-ce-labels"),
    "mse_gradient": Correct(mse_gradient, "mean((X @ w - y)**2)", "X: n d, w: d, y: n"),
    "bce_gradient": Correct(bce_gradient, "bce-with-logits"),
    "linear": Correct((linear_forward, linear_backward), None, "x: n D, w: H D, b: H"),
    "norm": Correct((norm_forward, norm_backward), None, "x: n D, gamma: D"),
    "attention": Correct(attention_backward, None, "q: n d, k: m d, v: m e", attention_forward),
    "summed_gradient": Correct(summed_gradient, SummedLoss, "z: n C, y: n int<C"),
    "squared_error_gradient": Correct(squared_error_gradient, squared_error, "pred: n C, target: n C"),
    "Affine": Correct(Affine, AFFINE, "x: n 4, weight: 4 3, bias: 3, dY: n 3"),
}
