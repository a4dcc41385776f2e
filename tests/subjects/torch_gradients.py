"""Hand-written gradients in torch."""

import torch


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        s = torch.sigmoid(x)
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    def backward(ctx, grad_output):
        x, s = ctx.saved_tensors
        return grad_output * (s + x * s * (1 - s))


class SwishNoUpstream(Swish):
    @staticmethod
    def backward(ctx, grad_output):
        x, s = ctx.saved_tensors
        return s + x * s * (1 - s)


class Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return x @ w + b

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        return dy @ w.T, x.T @ dy, dy.sum(0)


class LinearTransposed(Linear):
    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        buffer = torch.as_strided(dy, dy.shape, (dy.shape[1], 1))  # as a kernel reads a pointer
        return buffer @ w.T, x.T @ buffer, buffer.sum(0)


class CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, labels):
        p = torch.softmax(logits, 1)
        ctx.save_for_backward(p, labels)
        return -torch.log(p[torch.arange(len(labels)), labels]).mean()

    @staticmethod
    def backward(ctx, g):
        p, labels = ctx.saved_tensors
        d = p.clone()
        d[torch.arange(len(labels)), labels] -= 1
        return g * d / len(labels), None


class CrossEntropyIgnores(CrossEntropy):
    @staticmethod
    def backward(ctx, g):
        p, labels = ctx.saved_tensors
        d = p.clone()
        d[torch.arange(len(labels)), labels] -= 1
        return d / len(labels), None


def through_function(x, w, b):
    return Linear.apply(x, w, b)


def torch_silu(x):
    return x * torch.sigmoid(x)


def softmax_ce_grad(z, y):
    dz = torch.softmax(z, 1)
    dz[torch.arange(len(y)), y] -= 1
    return dz / len(y)


def softmax_ce_summed(z, y):
    dz = torch.softmax(z, 1)
    dz[torch.arange(len(y)), y] -= 1
    return dz


def tanh_layer_forward(x):
    out = torch.tanh(x)
    return out, out


def tanh_layer_backward(dout, out):
    return dout * (1 - out**2)
