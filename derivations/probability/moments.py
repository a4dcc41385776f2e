"""Expectation, variance and covariance of linear functions, and of the mean of a minibatch."""

from ..conventions import MOMENTS_EXIST
from ..entry import Entry, Statement

WASSERMAN = "Wasserman, All of Statistics, 2004"

expectation_linear = Entry(
    id="expectation-linear",
    title="The expectation is linear, whether or not the variables are independent",
    kind="identity",
    given="""
        x: n random  # a random vector
        y: n random  # another one, which may depend on it
        W: m n
        c: m
        alpha: real
        beta: real
    """,
    define="z = W @ x + c",
    proof=(
        Statement("E(alpha*x[i] + beta*y[i]) = E(alpha*x[i]) + E(beta*y[i]) = alpha*E(x[i]) + beta*E(y[i]) for i in n",
                  by=("linearity of expectation", "constants leave"), title="Sums and multiples"),
        Statement("E(sum(x)) = sum(E(x))", by="linearity of expectation", title="Sums over an axis"),
        Statement("E(z) = W @ E(x) + c", by="linearity of expectation", title="An affine layer"),
    ),
    conventions=(MOMENTS_EXIST,),
    pitfalls=(
        "It does not hold for products: E[x y] = E[x] E[y] needs that x and y are uncorrelated.",
        "It does not hold for nonlinear functions: the loss at the mean output is not the mean loss.",
    ),
    references=(f"{WASSERMAN}, theorem 3.11",),
)  # fmt: skip

variance_identity = Entry(
    id="variance-identity",
    title="The variance is the mean square minus the squared mean",
    kind="identity",
    given="""
        x: real random  # a random variable
        alpha: real
        c: real
    """,
    proof=(
        Statement("Var(x) = E((x - E(x))**2) = E(x**2 - 2*x*E(x) + E(x)**2) = E(x**2) - E(x)**2",
                  by=("definition of the variance", "expand", "linearity of expectation, constants leave")),
        Statement("Var(alpha*x + c) = alpha**2*Var(x)", by="variance of a multiple", title="A shift changes nothing"),
        Statement("E((x - c)**2) = Var(x) + (E(x) - c)**2", by="add and subtract E[x]",
                  title="Mean squared error: variance and squared bias"),
    ),
    conventions=(MOMENTS_EXIST,),
    pitfalls=(
        "Computed as mean(x**2) - mean(x)**2 it cancels: with mean 1e4 and variance 1 float32 has no digit left.",
        "Of n samples this is the biased estimate; divided by n − 1 instead of n it is unbiased.",
    ),
    references=(f"{WASSERMAN}, theorem 3.15",),
    uses=("expectation-linear",),
)  # fmt: skip

covariance_linear = Entry(
    id="covariance-linear",
    title="Covariance of a linear map of a random vector",
    kind="identity",
    given="""
        x: n random  # a random vector
        W: m n
        c: m
    """,
    define="""
        S[k, l] = Cov(x[k], x[l])  # covariance matrix of x
        y = W @ x + c
        T = W @ S @ W.T
    """,
    proof=(
        Statement("S[k, l] = E((x[k] - E(x[k]))*(x[l] - E(x[l]))) for k in n for l in n",
                  by="definition of the covariance", title="Centred form"),
        Statement("Cov(y[i], y[j]) = sum(W[i, k]*W[j, l]*Cov(x[k], x[l]) for k in n for l in n) = T[i, j]"
                  " for i in m for j in m", by=("linearity of expectation, constants leave", "definition of S, T"),
                  title="Var(W x + c) = W S Wᵀ"),
        Statement("Var(sum(x)) = sum(Cov(x[k], x[l]) for k in n for l in n)", by="linearity of expectation",
                  title="Variance of a sum"),
    ),
    conventions=(MOMENTS_EXIST, "Nothing is assumed of x: its entries may depend on each other."),
    pitfalls=("For samples in rows, Y = X Wᵀ: the covariance is still W S Wᵀ, not Wᵀ S W.",),
    references=("Petersen and Pedersen, The Matrix Cookbook, 2012, eq. 313",),
    uses=("expectation-linear", "variance-identity"),
)  # fmt: skip

minibatch_variance = Entry(
    id="minibatch-variance",
    title="Variance of a minibatch mean, with and without replacement",
    kind="identity",
    given="""
        p: N     # what one sample contributes, such as an entry of its gradient
        mu: real
        s2: real
        x: b random independent mean=mu var=s2    # drawn with replacement
        y: b random mean=mu var=s2 cov=-s2/(N-1)  # drawn without replacement
    """,
    define="""
        g = mean(x)
        h = mean(y)
    """,
    assume={
        "centre": "mu = sum(p[j] for j in N)/N  # mean of the data set",
        "spread": "s2 = sum((p[j] - mu)**2 for j in N)/N  # variance of the data set",
    },
    proof=(
        Statement("E(g) = mu", by="linearity of expectation", title="The estimate is unbiased"),
        Statement("Var(g) = sum(Cov(x[i], x[j]) for i in b for j in b)/b**2 = s2/b",
                  by=("linearity of expectation", "independence"), title="With replacement"),
        Statement("sum((1 - delta(j, k))*(p[j] - mu)*(p[k] - mu) for j in N for k in N)/(N*(N - 1)) = -s2/(N - 1)",
                  by="all pairs, less each with itself", title="Two different samples, every pair as likely"),
        Statement("E(h) = mu", by="linearity of expectation", title="Also without replacement"),
        Statement("Var(h) = sum(Cov(y[i], y[j]) for i in b for j in b)/b**2 = s2/b*(N - b)/(N - 1)",
                  by=("linearity of expectation", "covariances of y"), title="Without replacement"),
    ),
    conventions=(
        MOMENTS_EXIST,
        "Without replacement two different draws are a pair of different samples, all pairs equally likely: their "
        "covariance is what the third part computes. It needs b ≤ N and N ≥ 2.",
    ),
    pitfalls=(
        "The standard deviation falls with √b: four times the batch halves the noise.",
        "An epoch in shuffled order draws without replacement; a whole data set in one batch has no noise.",
    ),
    references=(
        "Bottou, Curtis and Nocedal, Optimization methods for large-scale machine learning, SIAM Review 60, 2018",
        "Cochran, Sampling Techniques, 1977, theorem 2.2",
    ),
    uses=("variance-identity", "covariance-linear"),
)  # fmt: skip
