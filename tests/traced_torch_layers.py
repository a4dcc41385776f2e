"""Torch code as people write it: products, layers and losses, for symbolic and for real tensors."""

import math

import torch
import torch.nn.functional as F


def products(x, w, v):
    return (
        x @ w,
        torch.mm(x, w),
        x.matmul(w),
        torch.matmul(x, v),
        x.mv(v),
        torch.dot(v, v),
        v @ v,
        torch.outer(v, v),
        torch.addmm(x @ w, x, w, beta=0.5, alpha=2),
        torch.einsum("nd,dh->nh", x, w),
        torch.einsum("nd,d->n", x, v),
        torch.einsum("...d,de->...e", x, w),
        torch.tensordot(x, w, dims=1),
        torch.inner(v, v),
        F.linear(x, w),
        F.linear(x, w, v),
        torch.trace(x.T @ x),
        torch.diagonal(x.T @ x),
        torch.diag(v),
        x.new_ones(x.shape[0]) @ x,
    )


def batched(q, k):
    s = torch.bmm(q, k.transpose(1, 2))
    return (
        s,
        q @ k.mT,
        torch.einsum("btd,bsd->bts", q, k),
        torch.baddbmm(s, q, k.mT),
        (q * k).sum((0, 1)),
        q.flatten(0, 1),
    )


def softmaxes(x, v):
    e = torch.exp(x - x.max(dim=1, keepdim=True).values)
    return (
        torch.softmax(x, 1),
        F.softmax(x, dim=-1),
        x.softmax(0),
        torch.log_softmax(x, dim=1),
        F.log_softmax(x, dim=0),
        F.softmin(x, dim=1),
        torch.nn.Softmax(dim=1)(x),
        e / e.sum(1, keepdim=True),
    )


def layers(x, v):
    c = x.shape[1]
    return (
        F.layer_norm(x, (c,)),
        F.layer_norm(x, (c,), v, v, 1e-3),
        F.rms_norm(x, (c,), v, eps=1e-4),
        F.batch_norm(x, None, None, v, v, training=True),
        F.batch_norm(x, v, v * v + 1, eps=1e-3),
        F.dropout(x, 0.5, training=False),
        torch.nn.Identity()(x),
    )


def attention(q, k):
    v = q + k
    return (
        F.scaled_dot_product_attention(q, k, v),
        F.scaled_dot_product_attention(q, k, v, is_causal=True),
        F.scaled_dot_product_attention(q, k, v, scale=0.5),
    )


def causal(q, k):
    t = q.shape[1]
    mask = torch.triu(torch.ones(t, t, dtype=torch.bool), diagonal=1)
    scores = (q @ k.mT / math.sqrt(q.size(-1))).masked_fill(mask, float("-inf"))
    lower = torch.tril(torch.ones(t, t))
    return torch.softmax(scores, dim=-1), (q @ k.mT) * lower, (q @ k.mT).tril()


def labels(z, y):
    n, c = z.shape
    p = z.softmax(1)
    q = p.clone()
    q[torch.arange(n), y] -= 1
    r = p.scatter_add(1, y[:, None], -torch.ones(n, 1))
    s = torch.zeros_like(z).scatter_(1, y.unsqueeze(1), 1.0)
    return (
        p[torch.arange(n), y],
        p.gather(1, y.view(-1, 1)),
        p.gather(1, y.unsqueeze(1)).squeeze(1),
        q,
        r,
        s,
        F.one_hot(y, c),
        F.one_hot(y, num_classes=c).to(z.dtype) - p,
        torch.eye(c)[y],
        torch.zeros(n, c).index_put((torch.arange(n), y), torch.ones(n)),
        torch.arange(c) == y[:, None],
    )


def embeddings(w, ids, g):
    return (
        F.embedding(ids, w),
        w[ids],
        torch.index_select(w, 0, ids),
        torch.zeros_like(w).index_add(0, ids, g),
        torch.zeros_like(w).index_add_(0, ids, g),
        torch.zeros_like(w).index_put_((ids,), g, accumulate=True),
        F.one_hot(ids, w.shape[0]).to(g.dtype).T @ g,
    )


def losses(x, v):
    t = torch.sigmoid(v)
    p = torch.sigmoid(x)
    return (
        F.mse_loss(x, x * v),
        F.mse_loss(x, x * v, reduction="sum"),
        F.l1_loss(x, 2 * x, reduction="none"),
        F.huber_loss(x, x * v, delta=0.5),
        F.smooth_l1_loss(x, x * v, beta=0.5),
        F.binary_cross_entropy(p, t.expand_as(p)),
        F.binary_cross_entropy_with_logits(x, t.expand_as(x)),
        F.binary_cross_entropy_with_logits(x, t.expand_as(x), reduction="sum", pos_weight=v * v),
        F.kl_div(F.log_softmax(x, 1), F.softmax(x * v, 1), reduction="batchmean"),
        F.kl_div(F.log_softmax(x, 1), F.log_softmax(x * v, 1), reduction="sum", log_target=True),
        F.soft_margin_loss(x, torch.sign(x * v)),
        F.margin_ranking_loss(x, x * v, torch.sign(x), margin=0.1),
        torch.nn.MSELoss()(x, x * v),
        F.cross_entropy(x, F.softmax(x * v, 1)),
        F.cross_entropy(x, F.softmax(x * v, 1), label_smoothing=0.1, weight=v * v),
    )


def label_losses(z, y):
    w = torch.ones(z.shape[1]) + torch.arange(z.shape[1])
    return (
        F.cross_entropy(z, y),
        F.cross_entropy(z, y, reduction="sum"),
        F.cross_entropy(z, y, reduction="none"),
        F.cross_entropy(z, y, label_smoothing=0.1),
        F.cross_entropy(z, y, weight=w),
        F.cross_entropy(z, y, ignore_index=0),
        F.cross_entropy(z, y, weight=w, reduction="sum", ignore_index=1),
        F.nll_loss(F.log_softmax(z, 1), y),
        torch.nn.CrossEntropyLoss(reduction="sum")(z, y),
        torch.nn.NLLLoss()(z.log_softmax(1), y),
    )


def creations(x, v):
    n, c = x.shape
    return (
        torch.zeros(n, c) + x,
        torch.ones((n, c)),
        torch.full((n,), 0.5),
        torch.eye(n),
        torch.arange(n),
        torch.arange(1, c + 1) * v,
        torch.full_like(x, 2.0),
        x.new_zeros(n),
        x.new_full((c,), 3.0),
        torch.tensor([1.0, 2.0]),
        torch.tensor(0.1) * x,
        torch.tensor(2.0).sqrt() * x,
        torch.ones_like(x) / n,
        torch.linspace(0, 1, 3),
        torch.as_tensor(0.3) + v,
        x * torch.pi,
    )


def cumulated(x, v):
    return x.cumsum(1), torch.cumsum(v, dim=0)


def through_numpy(x, v):
    import numpy as np

    a = x.detach().numpy()
    return torch.from_numpy(np.exp(a)) * x


def without_gradient(x, v):
    with torch.no_grad():
        p = torch.softmax(x, dim=1)
    return p * v.detach(), p.data + 1, x.requires_grad_().double()


def integers_first(x):
    return x[0, :, [0, 1]], x[:, 0, [0, 1]], x[0][:, [1, 0]]


MADE_OUTSIDE = torch.tensor([[0.1, -2.0, 0.5], [1.5, 0.25, -0.75]])


def made_outside(x):
    return x @ MADE_OUTSIDE.to(x.dtype).T + MADE_OUTSIDE[0, 0].to(x.dtype)
