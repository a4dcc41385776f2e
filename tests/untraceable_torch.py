"""Torch code that has no formula, each for a reason of its own."""

import torch
import torch.nn.functional as F
from traced_torch_layers import MADE_OUTSIDE


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
