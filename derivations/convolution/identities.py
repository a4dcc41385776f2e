"""What holds of convolutions: they are a matrix product over patches, and they move with their input."""

from __future__ import annotations

from ..entry import Entry
from .windows import AXES, CORRELATION, DUMOULIN, GOODFELLOW, OUTSIDE, PER_AXIS, Pair, count, place, places

IM2COL = "Chellapilla, Puri and Simard, High performance convolutional neural networks for document processing, 2006"


def _im2col_given(stride: Pair, padding: Pair, dilation: Pair) -> str:
    return f"""
        X: n C H W   # inputs: samples, channels, rows, columns
        K: F C U V   # kernels
        O = {count("H", "U", stride[0], dilation[0], padding[0])}  # windows
        P = {count("W", "V", stride[1], dilation[1], padding[1])}
        M = C*U*V    # entries of a patch
        S = O*P      # patches of a sample
    """


def _im2col_define(stride: Pair, padding: Pair, dilation: Pair) -> str:
    x, y = places(stride, padding, dilation)
    return f"""
        A[i, s: S, m: M] = sum(
            delta(s, P*o + p)*delta(m, U*V*c + V*u + v)*X[i, c, {x}, {y}]
            for o in O for p in P for c in C for u in U for v in V)
        R[m: M, f] = sum(delta(m, U*V*c + V*u + v)*K[f, c, u, v] for c in C for u in U for v in V)
        Z = A @ R
        Y[i, s: S, f] = sum(
            delta(s, P*o + p)*K[f, c, u, v]*X[i, c, {x}, {y}]
            for o in O for p in P for c in C for u in U for v in V)
    """


def _im2col(torch, X, K, stride=1, padding=0, dilation=1):  # type: ignore[no-untyped-def]
    patches = torch.nn.functional.unfold(X, K.shape[2:], dilation, padding, stride)
    Y = torch.nn.functional.conv2d(X, K, None, stride, padding, dilation)
    return {"Z": patches.transpose(1, 2) @ K.flatten(1).T, "Y": Y.flatten(2).transpose(1, 2)}


im2col = Entry(
    id="im2col",
    title="Convolution is a matrix product over patches",
    parameters=PER_AXIS,
    variants=({"stride": 2, "padding": 1, "dilation": 2}, {"stride": (1, 2), "padding": (3, 2), "dilation": (2, 1)}),
    given=_im2col_given,
    define=_im2col_define,
    wanted=("Z = Y",),
    torch=_im2col,
    kind="identity",
    conventions=(
        CORRELATION,
        OUTSIDE,
        AXES,
        "Row-major order: place (o, p) is row P·o + p of A, entry (c, u, v) of a kernel is row U·V·c + V·u + v of R.",
    ),
    pitfalls=(
        "A holds every input up to U·V times: it is what makes the product fast, and what fills the memory.",
        "torch.nn.functional.unfold has the patches as columns: it returns Aᵀ for each sample.",
    ),
    references=(IM2COL, DUMOULIN),
    uses=("conv2d",),
)


def _shift_given(stride: int, shift: int) -> str:
    return f"""
        X: n C H  # inputs
        K: F C U  # kernels
        M = H - {stride * shift}  # places of the shifted input
        N = {count("H", "U", stride)}  # windows of the input
        O = N - {shift}  # windows of the shifted input
    """


def _shift_define(stride: int, shift: int) -> str:
    return f"""
        S[i, c, m: M] = X[i, c, m + {stride * shift}]
        Y[i, f, q: N] = sum(K[f, c, u]*X[i, c, {place("q", "u", stride)}] for c in C for u in U)
        Z[i, f, o: O] = sum(K[f, c, u]*S[i, c, {place("o", "u", stride)}] for c in C for u in U)
        V[i, f, o: O] = Y[i, f, o + {shift}]
    """


def _shifted(torch, X, K, stride=1, shift=1):  # type: ignore[no-untyped-def]
    conv1d = torch.nn.functional.conv1d
    return {
        "Z": conv1d(X[:, :, stride * shift :], K, stride=stride),
        "V": conv1d(X, K, stride=stride)[:, :, shift:],
    }


conv_equivariance = Entry(
    id="conv-equivariance",
    title="A shift of the input shifts the output of a convolution",
    parameters={"stride": 1, "shift": 1},
    variants=({"stride": 2, "shift": 3},),
    given=_shift_given,
    define=_shift_define,
    wanted=("Z = V",),
    torch=_shifted,
    kind="identity",
    conventions=(
        CORRELATION,
        "Only windows that lie inside are compared: with padding the windows at the border see other zeros.",
    ),
    pitfalls=(
        "With stride s the output moves by one place for s places of the input; other shifts change its values.",
        "Pooling with a stride and padding break equivariance at other shifts and at the border.",
    ),
    references=(GOODFELLOW + ".2",),
    uses=("conv1d",),
)
