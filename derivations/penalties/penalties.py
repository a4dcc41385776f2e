"""Penalties on weights, and the squared error with one."""

from ..conventions import BATCH, LAYOUT
from ..entry import Entry

WEIGHTS = "W: D H               # weights"
GOODFELLOW = "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 7.1"

l2_penalty = Entry(
    id="l2-penalty",
    title="L2 penalty, weight decay",
    names=("ridge",),
    parameters={"half": True},
    variants=({"half": False},),
    given=f"{WEIGHTS}\nlam: positive = 0.01  # weight λ of the penalty",
    define=lambda half: f"E = lam{'/2' * half}*sum(W**2)",
    wanted=("dE/dW",),
    claim=lambda half: {"dE/dW": "lam*W" if half else "2*lam*W"},
    torch=lambda torch, W, lam, half=True: lam * W.pow(2).sum() / (2 if half else 1),
    conventions=(
        LAYOUT,
        "E = λ/2 ‖W‖², so that the gradient is λW: what weight_decay=λ adds to the gradient in torch.optim.SGD. "
        "half=no leaves out the ½, and the gradient has the factor 2.",
    ),
    pitfalls=(
        "λ of the one convention is 2λ of the other: compare the gradients, not the names.",
        "With adaptive step sizes the penalty is not weight decay: Adam divides λW by the size of the gradients; AdamW "
        "does not.",
        "Biases and the scales of normalisation layers are usually left out.",
    ),
    references=(f"{GOODFELLOW}.1", "Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019"),
)

l1_penalty = Entry(
    id="l1-penalty",
    title="L1 penalty",
    names=("lasso",),
    given=f"{WEIGHTS}\nlam: positive = 0.01  # weight λ of the penalty",
    define="E = lam*sum(abs(W))",
    wanted=("dE/dW",),
    claim={"dE/dW": "lam*where(W > 0, 1, where(W < 0, -1, 0))"},
    torch=lambda torch, W, lam: lam * W.abs().sum(),
    conventions=(LAYOUT, "At the kink W = 0 the derivative is 0, as in PyTorch; the subgradients there are [−λ, λ]."),
    pitfalls=(
        "Gradient descent does not make a weight exactly 0: it steps over 0 and back. The proximal step, soft "
        "thresholding, does.",
        "The pull towards 0 is λ for every weight, however small: small weights vanish, large ones barely notice.",
    ),
    references=(f"{GOODFELLOW}.2", "Tibshirani, Regression shrinkage and selection via the lasso, JRSS B 58, 1996"),
    uses=("l1",),
)

mse_l2 = Entry(
    id="mse-l2",
    title="Mean squared error of a linear model with an L2 penalty",
    given="""
        X: n D                # inputs
        w: D                  # weights
        b: real               # bias
        y: n                  # targets
        lam: positive = 0.01  # weight λ of the penalty
    """,
    define="""
        r = X @ w + b - y  # residuals
        L = sum(r**2)/n + lam*sum(w**2)
    """,
    wanted=("dL/dr", "dL/dw", "dL/db", "d2L/dw2"),
    claim={
        "dL/dr": "2*r/n",
        "dL/dw": "2*(X.T @ r)/n + 2*lam*w",
        "dL/db": "2*sum(r)/n",
        "d2L/dw2": "d, e: 2*sum(X[i, d]*X[i, e] for i in n)/n + 2*lam*delta(d, e)",
    },
    torch=lambda torch, X, w, b, y, lam: torch.nn.functional.mse_loss(X @ w + b, y) + lam * (w**2).sum(),
    conventions=(
        LAYOUT,
        BATCH,
        "The data term is a mean and the penalty is not: λ is compared with the mean error of one sample. The bias "
        "has no penalty.",
    ),
    pitfalls=(
        "With the sum of squares, as in ridge regression, the same λ weighs n times less.",
        "The penalty is added once for the batch. Added for every sample of a mean it is the same; of a sum, n times.",
        "The Hessian is positive definite for λ > 0 even where XᵀX is singular (n < D, or equal columns).",
        "r of shape n against y of shape n×1 broadcasts to n×n without an error.",
    ),
    references=("Hoerl and Kennard, Ridge regression, Technometrics 12, 1970", f"{GOODFELLOW}.1"),
    uses=("mse", "l2-penalty"),
)
