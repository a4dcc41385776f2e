"""Torch code as people write it: the snippets that the tracing tests run on symbolic and on real tensors."""

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


# -- what has no formula -----------------------------------------------------------------------------------------------


def sorts(x):
    return torch.sort(x, dim=1).values


def inverts(x):
    return torch.linalg.inv(x.T @ x)


def branches(x):
    if x.sum() > 0:
        return x
    return -x


def drops(x):
    return F.dropout(x, 0.5)


def randomizes(x):
    return x + torch.randn(x.shape[0], x.shape[1])


def rounds(x):
    return x.round()


def uses_places(x):
    values, places = x.max(dim=1)
    return values * places


def counts_classes(y):
    return F.one_hot(y)


def reads_pointer(x):
    return x if x.data_ptr() else -x


def strides_by_hand(x):
    return torch.as_strided(x, (2, 2), (1, 1))


def differentiates(x):
    (found,) = torch.autograd.grad((x**2).sum(), x)
    return found


def goes_backward(x):
    (x**2).sum().backward()
    return x.grad


def loops(x):
    return torch.stack([row.sum() for row in x])


def converts(x):
    return x * float(x.sum())


def gives_list(x):
    return x * x.sum(0).tolist()[0]


def writes_outside(x):
    out = MADE_OUTSIDE.clone()
    return out, MADE_OUTSIDE.add_(x.sum())


def no_dim(x):
    return F.softmax(x)


def guards(x):
    return F.normalize(x, dim=1)


def writes_out(x):
    out = torch.zeros_like(x)
    torch.exp(x, out=out)
    return out


def stands_for_infinity(x):
    return x.masked_fill(x > 0, torch.finfo(torch.float64).min)


def sums_integers(x):
    return x.sum(dtype=torch.int64)


def truncates(x):
    return torch.div(x, 2, rounding_mode="trunc")


def convolves(x):
    return F.conv1d(x[None], x[None])


def through_array(x):
    import numpy as np

    return torch.from_numpy(np.asarray(x) * 2)
