"""Torch code as people write it, on whole tensors: the tracing tests run it on symbolic and on real tensors."""

import math

import torch
import torch.nn.functional as F


def arithmetic(x, v):
    n, c = x.shape
    return (
        2 * x + v - x / 3 - 0.5,
        (1 - x) ** 2,
        1 / (x * x + 1),
        2**x,
        x / n,
        x / (n * c),
        x / math.sqrt(c),
        -x,
        abs(x),
    )


def methods(x, v):
    return (
        x.add(v, alpha=2),
        torch.sub(x, v, alpha=0.5),
        x.mul(v).div(3),
        torch.addcmul(x, x, v, value=0.5),
        torch.addcdiv(x, v, x * x + 1),
        x.pow(3).neg(),
        torch.rsub(x, 1),
        torch.lerp(x, v, 0.3),
        x.square().sqrt(),
        torch.rsqrt(x * x + 1),
        x.reciprocal(),
    )


def functions(x, v):
    return (
        torch.exp(x),
        x.tanh(),
        torch.log1p(x.abs()),
        torch.expm1(x),
        torch.sin(x) * torch.cos(x),
        torch.erf(x),
        torch.special.erfc(x),
        torch.atan(x),
        torch.sigmoid(x),
        torch.logaddexp(x, v),
        torch.sign(x),
        torch.special.expit(x),
        torch.logit(torch.sigmoid(x)),
        torch.exp2(x),
        torch.log2(x * x + 1),
    )


def activations(x, v):
    return (
        F.relu(x),
        F.leaky_relu(x, 0.2),
        F.gelu(x),
        F.gelu(x, approximate="tanh"),
        F.silu(x),
        F.mish(x),
        F.softplus(x),
        F.softplus(x, beta=2),
        F.elu(x, alpha=0.7),
        F.celu(x, 1.5),
        F.selu(x),
        F.logsigmoid(x),
        F.softsign(x),
        F.tanhshrink(x),
    )


def hard_activations(x, v):
    return (
        F.hardtanh(x, -0.5, 0.7),
        F.relu6(x * 5),
        F.hardsigmoid(x * 3),
        F.hardswish(x * 3),
        F.softshrink(x, 0.3),
        F.hardshrink(x),
        F.threshold(x, 0.1, -2.0),
        F.prelu(x, v),
        torch.relu(x),
        x.relu(),
        torch.nn.GELU()(x),
        torch.nn.LeakyReLU(0.3)(x),
    )


def reductions(x, v):
    return (
        x.sum(),
        x.sum(0),
        torch.sum(x, dim=1, keepdim=True),
        x.mean(),
        x.mean(dim=-1),
        torch.mean(x, 0, True),
        x.sum(dim=(0, 1)),
        x.sum(axis=0, keepdims=True),
        torch.logsumexp(x, 1),
        x.logsumexp(dim=0, keepdim=True),
    )


def spreads(x, v):
    return (
        x.var(),
        x.var(0, unbiased=False),
        torch.var(x, dim=1, keepdim=True),
        x.std(dim=1, correction=0),
        x.std(1),
        torch.var_mean(x, dim=1, unbiased=False),
        x.var(unbiased=False),
    )


def norms(x, v):
    return (
        x.norm(),
        x.norm(dim=1, keepdim=True),
        torch.norm(x, p=1, dim=0),
        torch.linalg.norm(x, dim=-1),
        torch.linalg.vector_norm(x),
        torch.linalg.norm(v),
    )


def extremes(x, v):
    best, _ = x.max(dim=1)
    return (
        x.max(),
        best,
        x.max(1).values,
        x.max(dim=0, keepdim=True)[0],
        x.min(1).values,
        x.amax(dim=1),
        torch.amin(x, 0),
        x - x.amax(-1, keepdim=True),
        torch.max(x, v),
        torch.minimum(x, v),
        torch.maximum(x, torch.zeros_like(x)),
    )


def clamps(x, v):
    return (
        x.clamp(min=0),
        x.clamp(-0.5, 0.5),
        torch.clamp(x, max=0.3),
        x.clamp_min(0.1),
        torch.clip(x, torch.tensor(-1.0), v),
    )


def comparisons(x, v):
    return (
        x * (x > 0),
        (x >= 0).float(),
        (x < v).to(x.dtype),
        torch.where(x > 0, x, 0.1 * x),
        x.where(x > v, v),
        (x > 0) & (v > 0),
        ~(x > 0),
        (x <= 0) | (v > 0),
        torch.logical_and(x > 0, v > 0),
        (x > 0).sum(),
        (x > 0).logical_not(),
        torch.gt(x, v) ^ (x > 0),
    )


def masks(x, v):
    a, b, c = x.clone(), x.clone(), x.clone()
    a[x <= 0] = 0
    b[x > v] *= 2
    c.masked_fill_(c < 0, -1.0)
    return a, b, c, x.masked_fill(x > 0, 0.5), x[x > 0].sum(), (x * (x > v)).mean()


def in_place(x, v):
    a = torch.zeros_like(x)
    a += x
    a *= 2
    a[0] = v
    a[:, 1] -= 1
    b = a.clone().add_(v).mul_(x).sub_(1).div_(2).neg_()
    c = x.clone()
    c[1:].zero_()
    d = torch.empty_like(x)
    d.copy_(x)
    d.exp_()
    e = torch.ones(x.shape)
    e.fill_(3)
    return a, b, c, d, e, x.clone().clamp_(min=0)


def in_place_options(x, v):
    a, b = x.clone(), x.clone()
    y = F.relu(a, inplace=True)
    torch.nn.ELU(inplace=True)(b)
    F.dropout(b, training=False, inplace=True)
    return a, b, y, (x > 0).sum(dtype=x.dtype), (x > 0).cumsum(1)


def views(x, v):
    a = x.clone()
    row = a[0]
    row += 1
    b = x.clone()
    b.t()[1] = 0
    c = x.clone()
    c.view(-1)[0] = 5.0
    d = x.clone()
    e = d.detach()
    e[1, 1] = 2.0
    return a, b, c, d


def slices(x, v):
    return (
        x[0],
        x[:, 1],
        x[1:, :2],
        x[-1],
        x[..., 0],
        x[None],
        x[:, None, :] * v,
        x[0, 1],
        x.select(1, 2),
        x.narrow(1, 0, 2),
    )


def shapes(x, v):
    n, c = x.size(0), x.size(-1)
    return (
        x.t(),
        x.T,
        x.mT,
        x.transpose(0, 1),
        x.permute(1, 0),
        x.view(-1),
        x.reshape(n * c),
        x.unsqueeze(0),
        x.unsqueeze(-1).squeeze(-1),
        x.flatten(),
        v.expand(n, c),
        v.expand_as(x),
        v.unsqueeze(0).expand(n, -1),
        v.broadcast_to(x.shape),
        v.repeat(n, 1),
        x.movedim(0, 1),
        x.contiguous(),
        x.view(n, c, 1).swapaxes(0, 2),
        x.reshape(-1, c),
        x.numel() * x,
        x / x.shape.numel(),
        x / x.ndim,
    )


def joins(x, v):
    return (
        torch.cat([x, x], dim=0),
        torch.cat((x, v[None]), 0),
        torch.stack([x, 2 * x], dim=1),
        torch.stack([v, v]),
        torch.hstack([v, v]),
        torch.vstack([v, v]),
        x.repeat_interleave(2, dim=1),
        x.flip(0),
        F.pad(x, (1, 2)),
        F.pad(x, (0, 0, 1, 0), value=0.5),
        torch.tile(x, (1, 2)),
    )


def cuts(x):
    a, b = x.chunk(2, dim=1)
    c, d = torch.split(x, 2, dim=1)
    e, f = x.split([1, 3], dim=-1)
    g, *_ = x.unbind(1)
    return a * b, c - d, e * f, g, x.unfold(1, 2, 1), x.unflatten(1, (2, 2)), x.view(x.size(0), 2, 2).flatten(1)
