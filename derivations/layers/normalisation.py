"""Normalisation: over features, over the batch, over groups of channels, and of weights."""

from .. import in_jax
from ..conventions import LAYOUT, UPSTREAM
from ..entry import Entry
from ..regimes import normalised

MOMENTS = "The variance divides by the number of entries, not by one less, and ε stands under the root, as in PyTorch."
SHIFTED = (
    "The gradient of the mean and of the variance must go back to X too: dropping them (treating μ and σ as constants) "
    "leaves R ⊙ dH, which is wrong by the two means."
)
CANCELLATION = "E[x²] − E[x]² for the variance cancels when the mean is large; subtract the mean first, as here."

layernorm = Entry(
    id="layernorm",
    title="Layer normalisation",
    given="""
        X: n D                # inputs
        g: D                  # gain
        b: D                  # bias
        dY: n D               # upstream gradient
        eps: positive = 1e-5  # keeps the root away from 0
    """,
    define="""
        M[i] = sum(X[i, d] for d in D)/D             # mean of a row
        V[i] = sum((X[i, d] - M[i])**2 for d in D)/D # its variance
        R[i] = 1/sqrt(V[i] + eps)
        H[i, d] = (X[i, d] - M[i])*R[i]              # normalised
        Y[i, d] = g[d]*H[i, d] + b[d]
        L = upstream(dY, Y)
    """,
    wanted=("dL/dX", "dL/dg", "dL/db"),
    claim={
        "dL/db": "sum(dY, axis=0)",
        "dL/dg": "sum(dY*H, axis=0)",
        "dL/dX": "i, d: R[i]*(dH[i, d] - sum(dH[i, k] for k in D)/D - H[i, d]*sum(dH[i, k]*H[i, k] for k in D)/D)",
    },
    torch=lambda torch, X, g, b, dY, eps: (torch.nn.functional.layer_norm(X, X.shape[1:], g, b, float(eps)) * dY).sum(),
    jax=in_jax.layernorm,
    regimes=normalised("X"),
    conventions=(LAYOUT, UPSTREAM, MOMENTS, "Rows are positions; all leading axes of a batch count as rows."),
    pitfalls=(
        SHIFTED,
        CANCELLATION,
        "The sums of dX over each row are 0: a backward whose row sums are not is missing the mean term.",
        "With one feature (D = 1) the output is b whatever X is, and dX is 0: such a test sees nothing.",
    ),
    references=("Ba, Kiros and Hinton, Layer normalization, 2016, section 3",),
)

rmsnorm = Entry(
    id="rmsnorm",
    title="Root-mean-square normalisation",
    given="""
        X: n D                # inputs
        g: D                  # gain
        dY: n D               # upstream gradient
        eps: positive = 1e-6  # keeps the root away from 0
    """,
    define="""
        S[i] = sum(X[i, d]**2 for d in D)/D  # mean square of a row
        R[i] = 1/sqrt(S[i] + eps)
        H[i, d] = X[i, d]*R[i]               # normalised
        Y[i, d] = g[d]*H[i, d]
        L = upstream(dY, Y)
    """,
    wanted=("dL/dX", "dL/dg"),
    claim={
        "dL/dg": "sum(dY*H, axis=0)",
        "dL/dX": "i, d: R[i]*(dH[i, d] - H[i, d]*sum(dH[i, k]*H[i, k] for k in D)/D)",
    },
    torch=lambda torch, X, g, dY, eps: (torch.nn.functional.rms_norm(X, X.shape[1:], g, float(eps)) * dY).sum(),
    jax=in_jax.rmsnorm,
    regimes=normalised("X"),
    conventions=(LAYOUT, UPSTREAM, "ε stands under the root, as in PyTorch."),
    pitfalls=(
        "PyTorch's default ε is the machine epsilon of the dtype, Llama's 1e-5 or 1e-6: it is part of the model.",
        "No mean is subtracted, so the gradient has no mean term: LayerNorm's backward is wrong here.",
        "In half precision the sum of squares overflows at entries of 256: accumulate it in float32.",
    ),
    references=("Zhang and Sennrich, Root mean square layer normalization, 2019, eq. 4",),
    uses=("layernorm",),
)


RUNNING = """N = where(n > 1, n - 1, 1)
        m1[c] = (1 - momentum)*m[c] + momentum*M[c]      # running mean after the step
        v1[c] = (1 - momentum)*v[c] + momentum*n*V[c]/N  # running variance after it"""


def _batchnorm(torch, X, g, b, m, v, dY, eps, momentum=0.1, running=False):  # type: ignore[no-untyped-def]
    norm = torch.nn.functional.batch_norm
    m, v = m.detach(), v.detach()
    m1, v1 = (m.clone(), v.clone()) if running else (None, None)
    if len(X) > 1:
        train = norm(X, m1, v1, g, b, training=True, momentum=float(momentum), eps=float(eps))
    else:  # PyTorch refuses to train on one sample; its own formula then gives the bias
        train = (X - X.mean(0)) * g + b
        if running:
            m1, v1 = m + momentum * (X.detach()[0] - m), (1 - momentum) * v
    found = {"L": (train * dY).sum(), "E": (norm(X, m, v, g, b, training=False, eps=float(eps)) * dY).sum()}
    return {**found, "m1": m1, "v1": v1} if running else found


batchnorm = Entry(
    id="batchnorm",
    title="Batch normalisation, in training and in evaluation",
    parameters={"running": False},
    variants=({"running": True},),
    given=lambda running: (
        f"""
        X: n C                # inputs: n samples (and positions) of C channels
        g: C                  # gain
        b: C                  # bias
        m: C                  # running mean, of evaluation
        v: C nonnegative      # running variance, of evaluation
        dY: n C               # upstream gradient
        eps: positive = 1e-5  # keeps the root away from 0
        {"momentum: unit = 0.1 # share of the batch" if running else ""}
    """
    ),
    define=lambda running: (
        f"""
        M[c] = sum(X[i, c] for i in n)/n              # mean over the batch
        V[c] = sum((X[i, c] - M[c])**2 for i in n)/n  # variance over the batch
        R[c] = 1/sqrt(V[c] + eps)
        H[i, c] = (X[i, c] - M[c])*R[c]               # normalised by the batch
        Y[i, c] = g[c]*H[i, c] + b[c]                 # output in training
        L = upstream(dY, Y)
        r[c] = 1/sqrt(v[c] + eps)
        U[i, c] = g[c]*(X[i, c] - m[c])*r[c] + b[c]   # output in evaluation
        E = upstream(dY, U)
        {RUNNING if running else ""}
    """
    ),
    wanted=("dL/dX", "dL/dg", "dL/db", "dE/dX", "dE/dg", "dE/db"),
    claim={
        "dL/db": "sum(dY, axis=0)",
        "dL/dg": "sum(dY*H, axis=0)",
        "dL/dX": "i, c: R[c]*(dH[i, c] - sum(dH[j, c] for j in n)/n - H[i, c]*sum(dH[j, c]*H[j, c] for j in n)/n)",
        "dE/dX": "i, c: g[c]*r[c]*dY[i, c]",
        "dE/dg": "c: r[c]*sum(dY[i, c]*(X[i, c] - m[c]) for i in n)",
        "dE/db": "sum(dY, axis=0)",
    },
    torch=_batchnorm,
    regimes=normalised("X"),
    conventions=(
        LAYOUT,
        UPSTREAM,
        MOMENTS,
        "For images every position of every sample is a row: n counts them all.",
        "L is the loss in training, E the one in evaluation, where m and v are constants.",
        "running=yes adds the statistics after the step, m1 and v1, as PyTorch updates them: the variance divides by "
        "n − 1 there. No gradient flows through them. PyTorch refuses one sample; here it adds no variance.",
    ),
    pitfalls=(
        SHIFTED,
        CANCELLATION,
        "In evaluation the statistics are frozen: the backward is only g·r·dY, and the training backward is wrong.",
        "PyTorch's running variance divides by n − 1, the normalisation of the batch by n.",
        "PyTorch's momentum is the share of the batch, not of the past: 0.1 here is 0.9 elsewhere.",
        "With one sample (n = 1) the output is b whatever X is, and dX is 0.",
    ),
    references=(
        "Ioffe and Szegedy, Batch normalization: accelerating deep network training by reducing internal covariate "
        "shift, 2015, section 3 and algorithm 1",
    ),
    uses=("layernorm",),
)


def _groupnorm(torch, X, g, b, dY, eps):  # type: ignore[no-untyped-def]
    n, groups, channels, positions = X.shape
    x = X.reshape(n, groups * channels, positions)
    if channels * positions == 1:  # PyTorch refuses one value per group; the formula gives the bias
        return ((0 * X * g[..., None] + b[..., None]) * dY).sum()
    y = torch.nn.functional.group_norm(x, groups, g.reshape(-1), b.reshape(-1), float(eps))
    return (y.reshape(X.shape) * dY).sum()


groupnorm = Entry(
    id="groupnorm",
    title="Group normalisation",
    given="""
        X: n G K S            # inputs: n samples, G groups of K channels, S positions
        g: G K                # gain of each channel
        b: G K                # bias of each channel
        dY: n G K S           # upstream gradient
        eps: positive = 1e-5  # keeps the root away from 0
    """,
    define="""
        M[i, a] = sum(X[i, a, k, s] for k in K for s in S)/(K*S)                # mean of a group
        V[i, a] = sum((X[i, a, k, s] - M[i, a])**2 for k in K for s in S)/(K*S) # its variance
        R[i, a] = 1/sqrt(V[i, a] + eps)
        H[i, a, k, s] = (X[i, a, k, s] - M[i, a])*R[i, a]                       # normalised
        Y[i, a, k, s] = g[a, k]*H[i, a, k, s] + b[a, k]
        L = upstream(dY, Y)
    """,
    wanted=("dL/dX", "dL/dg", "dL/db"),
    claim={
        "dL/db": "sum(dY, axis=(0, 3))",
        "dL/dg": "sum(dY*H, axis=(0, 3))",
        "dL/dX": """i, a, k, s: R[i, a]*(dH[i, a, k, s] - sum(dH[i, a, c, t] for c in K for t in S)/(K*S)
            - H[i, a, k, s]*sum(dH[i, a, c, t]*H[i, a, c, t] for c in K for t in S)/(K*S))""",
    },
    torch=_groupnorm,
    regimes=normalised("X"),
    conventions=(LAYOUT, UPSTREAM, MOMENTS, "The channel axis is split in two: channel c is (c // K, c % K)."),
    pitfalls=(
        SHIFTED,
        CANCELLATION,
        "Gain and bias belong to channels, the statistics to groups: with G = 1 this is LayerNorm over channels and "
        "positions, but its gain still has one entry per channel.",
    ),
    references=("Wu and He, Group normalization, 2018, section 3",),
    uses=("layernorm", "instancenorm"),
    generalises=("layernorm", "instancenorm"),
)


def _instancenorm(torch, X, g, b, dY, eps):  # type: ignore[no-untyped-def]
    if X.shape[-1] == 1:  # PyTorch refuses one position; the formula gives the bias
        return ((0 * X * g[:, None] + b[:, None]) * dY).sum()
    return (torch.nn.functional.instance_norm(X, None, None, g, b, eps=float(eps)) * dY).sum()


instancenorm = Entry(
    id="instancenorm",
    title="Instance normalisation",
    given="""
        X: n C S              # inputs: n samples, C channels, S positions
        g: C                  # gain
        b: C                  # bias
        dY: n C S             # upstream gradient
        eps: positive = 1e-5  # keeps the root away from 0
    """,
    define="""
        M[i, c] = sum(X[i, c, s] for s in S)/S                 # mean over the positions
        V[i, c] = sum((X[i, c, s] - M[i, c])**2 for s in S)/S  # variance over them
        R[i, c] = 1/sqrt(V[i, c] + eps)
        H[i, c, s] = (X[i, c, s] - M[i, c])*R[i, c]            # normalised
        Y[i, c, s] = g[c]*H[i, c, s] + b[c]
        L = upstream(dY, Y)
    """,
    wanted=("dL/dX", "dL/dg", "dL/db"),
    claim={
        "dL/db": "sum(dY, axis=(0, 2))",
        "dL/dg": "sum(dY*H, axis=(0, 2))",
        "dL/dX": """i, c, s: R[i, c]*(dH[i, c, s] - sum(dH[i, c, t] for t in S)/S
            - H[i, c, s]*sum(dH[i, c, t]*H[i, c, t] for t in S)/S)""",
    },
    torch=_instancenorm,
    regimes=normalised("X"),
    conventions=(LAYOUT, UPSTREAM, MOMENTS),
    pitfalls=(
        SHIFTED,
        CANCELLATION,
        "Each image is normalised by itself, so its contrast is lost: that is the purpose in style transfer.",
    ),
    references=(
        "Ulyanov, Vedaldi and Lempitsky, Instance normalization: the missing ingredient for fast stylization, 2016",
    ),
    uses=("layernorm",),
)

weightnorm = Entry(
    id="weightnorm",
    title="Weight normalisation",
    given="""
        U: H D   # directions, one row for each unit
        g: H     # lengths
        dW: H D  # upstream gradient: of the loss in the weights
    """,
    define="""
        N[h] = sqrt(sum(U[h, d]**2 for d in D))  # length of a row
        W[h, d] = g[h]*U[h, d]/N[h]              # weights
        L = upstream(dW, W)
    """,
    wanted=("dL/dU", "dL/dg"),
    claim={
        "dL/dg": "h: sum(dW[h, d]*U[h, d] for d in D)/N[h]",
        "dL/dU": "h, d: g[h]/N[h]*(dW[h, d] - U[h, d]*sum(dW[h, k]*U[h, k] for k in D)/N[h]**2)",
    },
    torch=lambda torch, U, g, dW: (torch._weight_norm(U, g[:, None], 0) * dW).sum(),
    jax=in_jax.weightnorm,
    regimes=normalised("U"),
    conventions=(LAYOUT, UPSTREAM.replace("dY", "dW").replace(" Y", " W"), "Rows of U are nowhere 0."),
    pitfalls=(
        "dU is orthogonal to U in every row: a gradient step can only make U longer.",
        "The gradient of the length carries the sign of g: a negative g flips the direction, it is no mistake.",
    ),
    references=("Salimans and Kingma, Weight normalization, 2016, eq. 2 and 3",),
)
