"""Identities of probability that networks rest on."""

from ..entry import Entry, Example, Statement

BISHOP = "Bishop, Pattern Recognition and Machine Learning, 2006"

bayes_sigmoid = Entry(
    id="bayes-sigmoid",
    title="Two Gaussians with one covariance: the posterior is a sigmoid",
    kind="identity",
    given="""
        x: d           # an observation
        m0: d          # mean of class 0
        m1: d          # mean of class 1
        B: d d         # a square root of the inverse covariance
        p0: positive   # prior of class 0
        p1: positive   # prior of class 1
    """,
    define="""
        A = B.T @ B                                        # inverse covariance
        l0 = p0*exp(-((x - m0) @ A @ (x - m0))/2)          # prior times likelihood, without the common factor
        l1 = p1*exp(-((x - m1) @ A @ (x - m1))/2)
        w = A @ (m1 - m0)
        b = (m0 @ A @ m0 - m1 @ A @ m1)/2 + log(p1/p0)
    """,
    proof=(
        Statement("log(l1/l0) = w @ x + b", by="log of a quotient", title="The quadratic terms cancel"),
        Statement("l1/(l0 + l1) = 1/(1 + l0/l1) = sigmoid(w @ x + b)", by=("divide by l₁", "the line before"),
                  title="Posterior of class 1"),
    ),
    conventions=("The normalising factor of the Gaussians is the same for both and cancels.",),
    pitfalls=("With different covariances the quadratic terms stay: the boundary is a conic, not a line.",),
    references=(f"{BISHOP}, section 4.2.1, eq. 4.57 and 4.65 to 4.67",),
    uses=("sigmoid",),
)  # fmt: skip

fisher_softmax = Entry(
    id="fisher-softmax",
    title="The Fisher information of a categorical is the Hessian of softmax cross-entropy",
    kind="identity",
    given="""
        z: C       # logits
        y: C rows  # target distribution
    """,
    define="""
        p[c] = exp(z[c])/sum(exp(z[k]) for k in C)
        l[c] = log(p[c])           # log-likelihood of class c
        L = -sum(y[c]*l[c] for c in C)
    """,
    proof=(
        Statement("partial(l[c], z[i]) = delta(c, i) - p[i] for c in C for i in C", by="score"),
        Statement("sum(p[c]*partial(l[c], z[i]) for c in C) = 0 for i in C", by="rows sum to 1",
                  title="The expected score is 0"),
        Statement("sum(p[c]*partial(l[c], z[i])*partial(l[c], z[j]) for c in C)"
                  " = p[i]*(delta(i, j) - p[j]) = partial(partial(L, z[i]), z[j]) for i in C for j in C",
                  by=("expected product of scores", "Hessian of L"), title="Fisher information and Hessian"),
    ),
    conventions=("The Hessian does not depend on the targets y, so neither side does.",),
    pitfalls=("With the observed target in place of the expectation this is the empirical Fisher: another matrix.",),
    references=("Martens, New insights and perspectives on the natural gradient method, JMLR 21, 2020, section 9.2",),
    uses=("softmax-ce-hessian",),
)  # fmt: skip

gan_optimal_discriminator = Entry(
    id="gan-optimal-discriminator",
    title="The optimal discriminator of a GAN, and what it leaves to the generator",
    kind="inequality",
    given="""
        p: C positive rows  # data
        q: C positive rows  # generator
        a: C                # logits of any discriminator
    """,
    define="""
        D[c] = sigmoid(a[c])
        S[c] = p[c]/(p[c] + q[c])
        V = sum(p[c]*log(D[c]) + q[c]*log(1 - D[c]) for c in C)  # value of the game at D
        W = sum(p[c]*log(S[c]) + q[c]*log(1 - S[c]) for c in C)  # value at S
        M[c] = (p[c] + q[c])/2
        J = sum(p[c]*log(p[c]/M[c]) + q[c]*log(q[c]/M[c]) for c in C)/2  # Jensen–Shannon divergence
    """,
    proof=(
        Statement(
            "V <= W",
            certificate="sum(p[c]*log_gap(D[c]*(p[c] + q[c])/p[c]) + q[c]*log_gap((1 - D[c])*(p[c] + q[c])/q[c])"
            " for c in C)",
            title="No discriminator does better than p/(p + q)",
        ),
        Statement("W = 2*J - log(4)", by="log of a quotient", title="What is left is the Jensen–Shannon divergence"),
        Statement("W >= -log(4)", title="Least where the generator has learnt the data",
                  certificate="sum(p[c]*log_gap(M[c]/p[c]) + q[c]*log_gap(M[c]/q[c]) for c in C)"),
    ),
    conventions=("Natural logarithms. Sums over c stand for integrals over the data space.",),
    pitfalls=("The result assumes a discriminator that is trained to its optimum for every generator.",),
    references=("Goodfellow et al., Generative adversarial nets, NIPS 2014, proposition 1 and theorem 1",),
    uses=("gibbs",),
)  # fmt: skip

gaussian_kl = Entry(
    id="gaussian-kl",
    title="KL divergence of two Gaussians with diagonal covariance, and the form of the VAE",
    kind="inequality",
    given="""
        m: d           # means of the first
        s: d positive  # its standard deviations
        n: d           # means of the second
        t: d positive  # its standard deviations
        w: K d nonnegative  # weights of a distribution with the means m and deviations s
        x: K d         # its places
    """,
    define="""
        p[k, i] = -log(s[i]) - (x[k, i] - m[i])**2/(2*s[i]**2)   # log-densities, without the common constant
        q[k, i] = -log(t[i]) - (x[k, i] - n[i])**2/(2*t[i]**2)
        D = sum(log(t[i]/s[i]) + (s[i]**2 + (m[i] - n[i])**2)/(2*t[i]**2) - 1/2 for i in d)
        V = sum(m[i]**2 + s[i]**2 - 1 - 2*log(s[i]) for i in d)/2
    """,
    assume={
        "total": "sum(w[k, i] for k in K) = 1 for i in d  # weights",
        "mean": "sum(w[k, i]*x[k, i] for k in K) = m[i] for i in d  # first moment",
        "second": "sum(w[k, i]*x[k, i]**2 for k in K) = s[i]**2 + m[i]**2 for i in d  # second moment",
    },
    examples=(
        Example({"d": 1, "K": 2}, {"w": [["1/2"], ["1/2"]], "x": [[-1], [3]], "m": [1], "s": [2]}),
        Example(
            {"d": 2, "K": 2},
            {"w": [["1/2", "1/5"], ["1/2", "4/5"]], "x": [[-1, -2], [3, "1/2"]], "m": [1, 0], "s": [2, 1]},
        ),
    ),
    proof=(
        Statement(
            "sum(w[k, i]*(p[k, i] - q[k, i]) for k in K for i in d) = D",
            certificate="sum(total[i]*(log(t[i]/s[i]) + n[i]**2/(2*t[i]**2) - m[i]**2/(2*s[i]**2))"
            " + mean[i]*(m[i]/s[i]**2 - n[i]/t[i]**2)"
            " + second[i]*(1/(2*t[i]**2) - 1/(2*s[i]**2)) for i in d)",
            title="The expected difference of the log-densities: only two moments count",
        ),
        Statement("D >= 0", certificate="sum(log_gap(s[i]**2/t[i]**2) + (m[i] - n[i])**2/t[i]**2 for i in d)/2",
                  title="It is never negative"),
        Statement("V >= 0", certificate="sum(log_gap(s[i]**2) + m[i]**2 for i in d)/2",
                  title="The form of the VAE: against means 0 and deviations 1"),
    ),
    conventions=("The log-densities are quadratic in x, so every distribution with these moments gives the same D.",),
    pitfalls=(
        "Encoders put out log s² or log s: the terms are −½ log s² or −log s.",
        "Mean or sum over the dimensions: the sum is the divergence.",
    ),
    references=("Kingma and Welling, Auto-encoding variational Bayes, ICLR 2014, appendix B",),
    uses=("gibbs",),
)  # fmt: skip
