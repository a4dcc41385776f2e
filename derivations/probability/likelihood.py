"""The losses that maximum likelihood leads to."""

from ..entry import Entry, Statement

GOODFELLOW = "Goodfellow, Bengio and Courville, Deep Learning, 2016"

mle_gaussian_mse = Entry(
    id="mle-gaussian-mse",
    title="Maximum likelihood under Gaussian noise is least squares",
    kind="identity",
    given="""
        f: n             # predictions
        t: n             # targets
        sigma: positive  # standard deviation of the noise
    """,
    define="""
        p[i] = exp(-(t[i] - f[i])**2/(2*sigma**2))/sqrt(2*pi*sigma**2)  # likelihood of a target
        N = -sum(log(p[i]) for i in n)   # negative log-likelihood
        L = sum((t - f)**2)/n            # mean squared error
    """,
    proof=(
        Statement("-log(p[i]) = (t[i] - f[i])**2/(2*sigma**2) + log(2*pi*sigma**2)/2 for i in n",
                  by="log of a quotient", title="One sample"),
        Statement("N = n/(2*sigma**2)*L + n*log(2*pi*sigma**2)/2", by="linearity of the sum",
                  title="The loss times a constant, plus a constant"),
        Statement("partial(N, f[i]) = n/(2*sigma**2)*partial(L, f[i]) for i in n", by="derivative",
                  title="The same directions, so the same minimum"),
    ),
    conventions=("Targets are independent given the predictions; their likelihoods multiply.",),
    pitfalls=("If σ is learnt too, the constant matters: that is the gaussian-nll loss.",),
    references=(f"{GOODFELLOW}, section 5.5.1",),
    uses=("mse", "gaussian-nll"),
)  # fmt: skip

mle_bernoulli_bce = Entry(
    id="mle-bernoulli-bce",
    title="Maximum likelihood of yes-no targets is binary cross-entropy",
    kind="identity",
    given="""
        z: n       # logits
        t: n mask  # targets
    """,
    define="""
        q[i] = sigmoid(z[i])   # probability of a 1; that of a 0 is sigmoid(−z)
        N = -sum(log(sigmoid(z[i])**t[i]*sigmoid(-z[i])**(1 - t[i])) for i in n)  # negative log-likelihood
        L = -sum(t[i]*log(sigmoid(z[i])) + (1 - t[i])*log(sigmoid(-z[i])) for i in n)/n  # binary cross-entropy
    """,
    proof=(
        Statement("sigmoid(-z[i]) = 1 - q[i] for i in n", by="symmetry of the sigmoid",
                  title="The probabilities sum to 1"),
        Statement("log(sigmoid(z[i])**t[i]*sigmoid(-z[i])**(1 - t[i]))"
                  " = t[i]*log(sigmoid(z[i])) + (1 - t[i])*log(sigmoid(-z[i])) for i in n", by="log of a power",
                  title="One sample"),
        Statement("N = -sum(log(sigmoid(z[i])**t[i]*sigmoid(-z[i])**(1 - t[i])) for i in n)"
                  " = -sum(t[i]*log(sigmoid(z[i])) + (1 - t[i])*log(sigmoid(-z[i])) for i in n) = n*L",
                  by=("definition of N", "log of a power", "definition of L"), title="The loss times a constant"),
        Statement("partial(N, z[i]) = q[i] - t[i] = n*partial(L, z[i]) for i in n", by="derivative",
                  title="The same gradient, up to n"),
    ),
    conventions=("Targets are independent given the predictions; their likelihoods multiply.",),
    pitfalls=("Soft targets between 0 and 1 have no such likelihood; the loss is then a cross-entropy of two laws.",),
    references=(f"{GOODFELLOW}, section 6.2.2.2",),
    uses=("bce", "bce-with-logits"),
)  # fmt: skip

mle_categorical_ce = Entry(
    id="mle-categorical-ce",
    title="Maximum likelihood of class labels is cross-entropy",
    kind="identity",
    given="""
        Z: n C      # logits
        y: n int<C  # labels
    """,
    define="""
        P[i, c] = exp(Z[i, c])/sum(exp(Z[i, k]) for k in C)
        Y[i: n, c: C] = delta(y[i], c)                # one-hot targets
        p[i] = sum(Y[i, c]*P[i, c] for c in C)        # likelihood of a label
        N = -sum(log(p[i]) for i in n)                # negative log-likelihood
        L = -sum(Y*log(P))/n                          # cross-entropy
    """,
    proof=(
        Statement("p[i] = P[i, y[i]] for i in n", by="contract deltas", title="Likelihood of a label"),
        Statement("log(p[i]) = sum(Y[i, c]*log(P[i, c]) for c in C) for i in n", by="contract deltas",
                  title="One sample"),
        Statement("N = n*L", by="linearity of the sum", title="The loss times a constant"),
        Statement("partial(N, Z[i, c]) = P[i, c] - Y[i, c] = n*partial(L, Z[i, c]) for i in n for c in C",
                  by=("derivative", "derivative"), title="The same gradient, up to n"),
    ),
    conventions=("Labels are independent given the predictions; their likelihoods multiply.",),
    pitfalls=("The mean over samples divides by n: the learning rate then does not depend on the batch size.",),
    references=(f"{GOODFELLOW}, section 6.2.2.3",),
    uses=("softmax-ce", "softmax-ce-labels"),
)  # fmt: skip
