"""Losses of linear models are convex: their Hessians have no negative direction."""

from ..conventions import LAYOUT
from ..entry import Entry, Statement

DIRECTION = "v is any direction; vᵀHv ≥ 0 for all of them says that the Hessian H is positive semidefinite."
BOYD = "Boyd and Vandenberghe, Convex Optimization, 2004"

mse_hessian = Entry(
    id="mse-hessian",
    title="Hessian of the mean squared error of a linear model",
    kind="inequality",
    given="""
        X: n d  # inputs
        w: d    # weights
        y: n    # targets
        v: d    # any direction
    """,
    define="""
        r = X @ w - y
        L = sum(r**2)/n
    """,
    wanted=("dL/dw", "d2L/dw2"),
    claim={"dL/dw": "2*X.T @ r/n", "d2L/dw2": "2*X.T @ X/n"},
    proof=(
        Statement(
            "sum(v[i]*partial(partial(L, w[i]), w[j])*v[j] for i in d for j in d) = 2/n*sum((X @ v)**2) >= 0",
            by=("Hessian of L", "squares"),
            title="The Hessian is positive semidefinite: L is convex",
        ),
    ),
    torch=lambda torch, X, w, y, v: torch.nn.functional.mse_loss(X @ w, y),
    conventions=(LAYOUT, DIRECTION),
    pitfalls=(
        "With fewer samples than weights XᵀX is singular: convex, but not strictly, and the minimum is not unique.",
    ),
    references=("Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2009, section 3.2", BOYD),
)

logistic_hessian = Entry(
    id="logistic-hessian",
    title="Hessian of logistic regression",
    kind="inequality",
    given="""
        X: n d  # inputs
        w: d    # weights
        t: n    # targets: 0 or 1, or probabilities between
        v: d    # any direction
    """,
    define="""
        z = X @ w
        s = sigmoid(z)
        L = sum(softplus(z) - t*z)/n         # binary cross-entropy with logits
        R[i, j] = s[i]*(1 - s[i])*X[i, j]    # inputs, weighted by the slope of the sigmoid
    """,
    wanted=("dL/dw", "d2L/dw2"),
    claim={
        "dL/dw": "(X.T @ s - X.T @ t)/n",
        "d2L/dw2": "X.T @ R/n",
    },
    proof=(
        Statement(
            "sum(v[i]*partial(partial(L, w[i]), w[j])*v[j] for i in d for j in d) = sum(s*(1 - s)*(X @ v)**2)/n >= 0",
            by=("Hessian of L", "0 < s < 1, squares"),
            title="The Hessian is positive semidefinite: L is convex",
        ),
    ),
    torch=lambda torch, X, w, t, v: torch.nn.functional.binary_cross_entropy_with_logits(X @ w, t),
    conventions=(LAYOUT, DIRECTION),
    pitfalls=("On separable data L has no minimum: it falls towards 0 as the weights grow without bound.",),
    references=("Bishop, Pattern Recognition and Machine Learning, 2006, section 4.3.3, eq. 4.97", BOYD),
    uses=("bce-with-logits", "sigmoid"),
)

logistic_lipschitz = Entry(
    id="logistic-lipschitz",
    title="The gradient of logistic regression is Lipschitz",
    kind="inequality",
    given="""
        X: n d            # inputs
        w: d              # weights
        t: n              # targets
        v: d              # any direction
        lam: nonnegative  # largest eigenvalue of XᵀX
    """,
    define="""
        z = X @ w
        s = sigmoid(z)
        L = sum(softplus(z) - t*z)/n
        H = sum(s*(1 - s)*(X @ v)**2)/n  # curvature of L along v
    """,
    assume={"top": "sum((X @ v)**2) <= lam*sum(v**2)  # no direction is stretched by more than the largest eigenvalue"},
    proof=(
        Statement(
            "sum(v[i]*partial(partial(L, w[i]), w[j])*v[j] for i in d for j in d) = H >= 0",
            by=("Hessian of L", "0 < s < 1, squares"),
        ),
        Statement(
            "H <= sum((X @ v)**2)/(4*n)",
            by="complete the square",
            certificate="sum((s - 1/2)**2*(X @ v)**2)/n",
            name="quarter",
        ),
        Statement("H <= lam/(4*n)*sum(v**2)", certificate="quarter + top/(4*n)",
                  title="The Hessian is at most λ/(4n), so the gradient has this Lipschitz constant"),
    ),
    conventions=(
        "A gradient whose Jacobian, here the Hessian, is symmetric with eigenvalues between 0 and c is Lipschitz with "
        "constant c, by the mean value theorem.",
    ),
    pitfalls=("Gradient descent with a rate above 8n/λ may diverge; 4n/λ is safe.",),
    references=("Böhning, Multinomial logistic regression algorithm, 1992", BOYD),
    uses=("logistic-hessian", "sigmoid-slope"),
)  # fmt: skip
