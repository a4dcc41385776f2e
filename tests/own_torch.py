"""Forward passes in torch: what derive reads from them is checked against torch's autograd of the same code."""

import torch
import torch.nn.functional as F


def cross_entropy(X, W1, b1, W2, b2, y):
    h = torch.tanh(X @ W1 + b1)
    logits = h @ W2 + b2
    return F.cross_entropy(logits, y)


def rms_norm(x, g, eps=1e-6):
    r = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)
    return x * r * g


def logistic(X, w, b, t):
    z = X @ w + b
    return F.binary_cross_entropy_with_logits(z, t)


def detached(x):
    m = torch.mean(x).detach()
    return torch.sum((x - m) ** 2)


def sorted_values(x):
    return torch.sort(x).values.sum()
