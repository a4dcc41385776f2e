"""Denoising diffusion: the Gaussian identities behind the forward process, the posterior and the two losses."""

from ..conventions import MOMENTS_EXIST
from ..entry import Entry, Example, Statement

HO = "Ho, Jain and Abbeel, Denoising diffusion probabilistic models, NeurIPS 2020"

diffusion_marginal = Entry(
    id="diffusion-marginal",
    title="Diffusion: the noised sample at any step, in one go",
    kind="identity",
    given="""
        a: unit  # share of the signal that one step keeps: α_t = 1 − β_t
        c: unit  # share of the signal before that step: the product of the earlier α
        x0: d    # the sample
        u: d random independent gaussian mean=0 var=1  # all noise before the step, as one
        e: d random independent gaussian mean=0 var=1  # noise of the step
        t: nonnegative  # number of steps
        C: real         # ᾱ after t steps: the product of their α
        V: real         # variance after t steps
    """,
    define="""
        y = sqrt(c)*x0 + sqrt(1 - c)*u   # sample before the step
        x = sqrt(a)*y + sqrt(1 - a)*e    # and after it
        C1 = a*C                         # ᾱ after one more step, whatever its α is
        V1 = a*V + 1 - a                 # variance after one more step
    """,
    proof=(
        Statement("E(y[i]) = sqrt(c)*x0[i] for i in d", by="linearity of expectation", title="Mean before the step"),
        Statement("Cov(y[i], y[j]) = delta(i, j)*(1 - c) for i in d for j in d", by="independence",
                  title="Covariance before the step"),
        Statement("E(x[i]) = sqrt(a)*E(y[i]) = sqrt(a*c)*x0[i] for i in d",
                  by=("linearity of expectation, mean of e", "mean before the step"), title="Mean after the step"),
        Statement("Cov(x[i], x[j]) = a*Cov(y[i], y[j]) + (1 - a)*Cov(e[i], e[j])"
                  " = delta(i, j)*(a*(1 - c) + 1 - a) = delta(i, j)*(1 - a*c) for i in d for j in d",
                  by=("linearity of expectation, independence", "moments of u and e", "collect terms"),
                  title="Covariance after the step: the same form, with a c for c"),
        Statement("V = 1 - C", certificate="a*before", induction=("t", {"C": ("1", "C1"), "V": ("0", "V1")}),
                  title="So after any number of steps the variance is 1 − ᾱ"),
    ),
    conventions=(
        MOMENTS_EXIST,
        "ᾱ_t is the product of all α up to t: q(x_t | x_0) has mean √ᾱ_t x_0 and covariance (1 − ᾱ_t) I.",
        "A linear combination of independent Gaussians is Gaussian, so mean and covariance determine the law.",
    ),
    pitfalls=("The factor of the noise is √(1 − ᾱ_t), a standard deviation; 1 − ᾱ_t is the variance.",),
    references=(f"{HO}, eq. 4",),
    uses=("covariance-linear",),
)  # fmt: skip

_STEP = """
        r: positive  # √α_t: factor of one step
        k: positive  # √ᾱ_t-1: factor of all steps before it
        b: positive  # β_t: variance of its noise
        v: positive  # 1 − ᾱ_t-1: variance of all noise before it
"""

diffusion_posterior = Entry(
    id="diffusion-posterior",
    title="Diffusion: the posterior of one step back",
    kind="identity",
    given=f"""{_STEP}
        x0: d  # the sample
        y: d   # at step t − 1
        x: d   # at step t
    """,
    define="""
        s = b + r**2*v                                  # variance of x given x0
        f[i] = -(x[i] - r*y[i])**2/(2*b) - log(2*pi*b)/2       # log-density of x given y
        g[i] = -(y[i] - k*x0[i])**2/(2*v) - log(2*pi*v)/2      # of y given x0
        h[i] = -(x[i] - r*k*x0[i])**2/(2*s) - log(2*pi*s)/2    # of x given x0
        w = b*v/s                                       # variance of the posterior
        m[i] = (r*v*x[i] + b*k*x0[i])/s                 # mean of the posterior
    """,
    assume={
        "kept": "b = 1 - r**2  # one step keeps the variance",
        "before": "v = 1 - k**2  # and so do all before it",
    },
    examples=(
        Example({}, {"r": "3/5", "k": "4/5", "b": "16/25", "v": "9/25"}),
        Example({}, {"r": "12/13", "k": "3/5", "b": "25/169", "v": "16/25"}),
    ),
    proof=(
        Statement("f[i] + g[i] - h[i] = -(y[i] - m[i])**2/(2*w) - log(2*pi*w)/2 for i in d",
                  by="Bayes' theorem: complete the square",
                  title="q(x_t-1 | x_t, x_0) is Gaussian with mean m and variance w"),
        Statement("1/w = r**2/b + 1/v", by="add", title="Its precision is the sum of both"),
        Statement("s = 1 - r**2*k**2", certificate="kept + r**2*before",
                  title="With variances kept: the variance of x given x₀ is 1 − ᾱ_t"),
    ),
    conventions=(
        "Entries are independent of each other: the density of a vector is the product.",
        "With β_t = b, ᾱ_t = r² k² and s = 1 − ᾱ_t: w is (1 − ᾱ_t-1) β_t/(1 − ᾱ_t), and "
        "m is (√α_t (1 − ᾱ_t-1) x_t + √ᾱ_t-1 β_t x_0)/(1 − ᾱ_t).",
    ),
    pitfalls=("At t = 1 the variance v is 0 and the posterior is x_0 itself: the formulas need v > 0.",),
    references=(f"{HO}, eq. 6 and 7",),
    uses=("diffusion-marginal",),
)  # fmt: skip

diffusion_epsilon_loss = Entry(
    id="diffusion-epsilon-loss",
    title="Diffusion: the term of the bound is a weighted error of the predicted noise",
    kind="identity",
    given=f"""{_STEP}
        w: positive  # variance of the step back, of both Gaussians
        x0: d        # the sample
        e: d         # its noise
        o: d         # the noise that the network predicts
    """,
    define="""
        s = sqrt(b + r**2*v)                         # √(1 − ᾱ_t)
        x[i] = r*k*x0[i] + s*e[i]                    # at step t
        q[i] = (x[i] - s*o[i])/(r*k)                 # the sample that the network predicts
        m[i] = (r*v*x[i] + b*k*x0[i])/s**2           # mean of the posterior
        p[i] = (r*v*x[i] + b*k*q[i])/s**2            # mean of the step back
        L = sum((m - p)**2)/(2*w)                    # KL divergence of two Gaussians with variance w
    """,
    proof=(
        Statement("x0[i] = (x[i] - s*e[i])/(r*k) for i in d", by="solve for the sample",
                  title="The sample from its noise"),
        Statement("m[i] = (x[i] - b/s*e[i])/r for i in d", by="insert the sample", title="Mean of the posterior"),
        Statement("p[i] = (x[i] - b/s*o[i])/r for i in d", by="insert the prediction", title="Mean of the step back"),
        Statement("L = b**2/(2*w*r**2*s**2)*sum((e - o)**2)", by="difference of the means",
                  title="Error of the noise, with weight β_t²/(2 σ_t² α_t (1 − ᾱ_t))"),
    ),
    conventions=(
        "The KL divergence of two Gaussians with the same variance w is the squared distance of their means over 2 w.",
        "The simple loss of the paper leaves the weight out.",
    ),
    pitfalls=("Leaving the weight out changes the objective: small t counts less than in the bound.",),
    references=(f"{HO}, eq. 8 to 14",),
    uses=("diffusion-posterior", "gaussian-kl"),
)  # fmt: skip

diffusion_score = Entry(
    id="diffusion-score",
    title="Diffusion: the score is the noise over its standard deviation, with the sign turned",
    kind="identity",
    given="""
        m: positive  # √ᾱ_t
        s: positive  # √(1 − ᾱ_t)
        x0: d        # the sample
        x: d         # the noised sample
        z: d random independent gaussian mean=0 var=1  # standard noise
    """,
    define="""
        e[i] = (x[i] - m*x0[i])/s                                # the noise that leads to x
        l = -sum((x - m*x0)**2)/(2*s**2) - d*log(2*pi*s**2)/2    # log-density of x given x0
    """,
    proof=(
        Statement("x[i] = m*x0[i] + s*e[i] for i in d", by="definition of e", title="x is the sample with noise e"),
        Statement("partial(l, x[i]) = -(x[i] - m*x0[i])/s**2 = -e[i]/s for i in d",
                  by=("derivative of a Gaussian log-density", "definition of e"), title="The score"),
        Statement("E(-z[i]/s) = 0 for i in d", by="mean of z", title="The expected score is 0"),
        Statement("Cov(-z[i]/s, -z[j]/s) = delta(i, j)/s**2 for i in d for j in d", by="moments of z",
                  title="Its covariance is the Fisher information of the mean, I/s²"),
    ),
    conventions=(MOMENTS_EXIST, "Predicting the noise is denoising score matching: score = −ε/√(1 − ᾱ_t)."),
    pitfalls=("As t → 0 the score grows like 1/√(1 − ᾱ_t); the noise does not, which is why it is predicted.",),
    references=("Song et al., Score-based generative modeling through stochastic differential equations, ICLR 2021",),
    uses=("diffusion-marginal",),
)  # fmt: skip
