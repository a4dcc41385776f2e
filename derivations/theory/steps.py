"""Steps of first and second order: what they minimise, and what they keep."""

from ..entry import Entry, Statement

NOCEDAL = "Nocedal and Wright, Numerical Optimization, 2006"

taylor_step = Entry(
    id="taylor-step",
    title="The best step along the gradient, to second order",
    kind="inequality",
    given="""
        g: d       # gradient
        H: d d     # Hessian
        f: real    # value
        eta: real  # any learning rate
    """,
    define="""
        c = g @ H @ g                          # curvature along the gradient
        best = sum(g**2)/c                     # gᵀg / gᵀHg
        q = f - eta*sum(g**2) + eta**2/2*c     # expansion to second order after a step of −η g
        s = f - best*sum(g**2) + best**2/2*c   # the same after the best step
    """,
    assume={"curved": "c > 0  # the gradient points along a valley"},
    proof=(
        Statement("partial(q, eta) = c*(eta - best)", by="derivative in η"),
        Statement("s <= q", by="complete the square", certificate="curved/2*(eta - best)**2",
                  title="No learning rate is better than gᵀg / gᵀHg"),
        Statement("s = f - sum(g**2)**2/(2*c)", title="What the best step gains"),
    ),
    conventions=("The expansion is exact for quadratics; elsewhere it holds to second order in η.",),
    pitfalls=("Where gᵀHg ≤ 0 the expansion has no minimum, and a longer step only looks better.",),
    references=("Goodfellow, Bengio and Courville, Deep Learning, 2016, section 4.3.1, eq. 4.9 and 4.10",),
)  # fmt: skip

newton_step = Entry(
    id="newton-step",
    title="Newton's step minimises the second-order expansion",
    kind="inequality",
    given="""
        B: m d   # a square root of the Hessian
        g: d     # gradient
        p: d     # Newton's step
        s: d     # any step
        f: real  # value
    """,
    define="""
        H = B.T @ B                       # Hessian, positive semidefinite
        q = f + g @ s + s @ H @ s/2       # expansion to second order after the step s
        r = f + g @ p + p @ H @ p/2       # the same after Newton's step
    """,
    assume={"newton": "g = -H @ p  # p solves H p = −g"},
    proof=(
        Statement("g[i] + sum(H[i, j]*p[j] for j in d) = 0 for i in d",
                  title="The expansion has gradient zero at Newton's step"),
        Statement("r <= q", by="complete the square", certificate="sum((B @ (s - p))**2)/2",
                  title="No step is better"),
        Statement("r = f + g @ p/2", title="What it gains: half of the slope along it"),
    ),
    conventions=("Every positive semidefinite Hessian has the form BᵀB.",),
    pitfalls=("With an indefinite Hessian Newton's step runs to a saddle point: add a multiple of the identity.",),
    references=(f"{NOCEDAL}, section 2.2", "Boyd and Vandenberghe, Convex Optimization, 2004, section 9.5"),
    uses=("taylor-step",),
)  # fmt: skip

bfgs_secant = Entry(
    id="bfgs-secant",
    title="BFGS: the secant equation, and positive definiteness is kept",
    kind="inequality",
    given="""
        B: m d  # a square root of the inverse Hessian so far
        s: d    # step
        y: d    # change of the gradient
        v: d    # any direction
    """,
    define="""
        H = B.T @ B
        rho = 1/(y @ s)
        V[i, j] = delta(i, j) - rho*y[i]*s[j]
        N = V.T @ H @ V + rho*outer(s, s)  # the new inverse Hessian
    """,
    assume={"curvature": "y @ s > 0  # the slope along the step has grown"},
    proof=(
        Statement("N[i, j] = N[j, i] for i in d for j in d", title="It is symmetric"),
        Statement("sum(N[i, j]*y[j] for j in d) = s[i] for i in d", title="Secant equation"),
        Statement("v @ N @ v = sum((B @ V @ v)**2) + rho*(s @ v)**2",
                  title="A square and a weighted square"),
        Statement("v @ N @ v >= 0", certificate="sum((B @ V @ v)**2) + (s @ v)**2/curvature",
                  title="So it stays positive semidefinite"),
    ),
    conventions=("A line search that meets the Wolfe conditions makes yᵀs positive.",),
    pitfalls=("With yᵀs ≤ 0 the update destroys definiteness: skip it or damp it.",),
    references=(f"{NOCEDAL}, section 6.1, eq. 6.17",),
    uses=("newton-step",),
)  # fmt: skip

natural_gradient = Entry(
    id="natural-gradient",
    title="The natural gradient is the steepest descent in KL divergence",
    kind="inequality",
    given="""
        z: C           # logits of a categorical model
        z0: C          # the logits now
        B: m d         # a square root of the Fisher information
        g: d           # gradient
        p: d           # natural gradient
        s: d           # any step
        lam: positive  # price of divergence
    """,
    define="""
        q[c] = exp(z[c])/sum(exp(z[k]) for k in C)
        q0[c] = exp(z0[c])/sum(exp(z0[k]) for k in C)
        K = sum(q0[c]*log(q0[c]/q[c]) for c in C)  # KL(q0‖q)
        F = B.T @ B
    """,
    assume={"solves": "g = F @ p  # p = F⁻¹ g"},
    proof=(
        Statement("partial(partial(K, z[i]), z[j]) = q[i]*(delta(i, j) - q[j]) for i in C for j in C",
                  by="Hessian of K", title="The divergence curves as the Fisher information"),
        Statement("-(p @ F @ p)/(2*lam) <= g @ s + lam/2*(s @ F @ s)", by="complete the square",
                  certificate="lam/2*sum((B @ (s + p/lam))**2)",
                  title="No step trades slope against divergence better than −p/λ"),
        Statement("-(g @ p)/lam + lam/2*((p/lam) @ F @ (p/lam)) = -(p @ F @ p)/(2*lam)",
                  title="which attains the bound"),
    ),
    conventions=("To second order the divergence between the model now and after a step s is sᵀFs/2.",),
    pitfalls=("With the empirical Fisher (gradients at the targets) in place of F this is another direction.",),
    references=("Amari, Natural gradient works efficiently in learning, Neural Computation 10, 1998",),
    uses=("fisher-softmax", "newton-step"),
)  # fmt: skip

implicit_regularization = Entry(
    id="implicit-regularization",
    title="Gradient descent follows the flow of L + (η/4)‖∇L‖², to second order",
    kind="identity",
    given="""
        x: d       # parameters
        A: d d     # a square matrix
        b: d       # a vector
        eta: real  # learning rate
        u: real    # parameter of a function of one variable
        f: function
    """,
    define="""
        H = A + A.T                             # Hessian
        L = x @ H @ x/2 + b @ x                 # a quadratic loss
        g = H @ x + b                           # its gradient
        M = L + eta/4*sum(g**2)                 # the modified loss
        v = -g - eta/2*(H @ g)                  # velocity of its flow
        a = H @ g                               # acceleration of the flow at η = 0
        E = f(u) + eta/4*f.prime(u)**2          # the modified loss of a function of one variable
        w = -f.prime(u) - eta/2*f.prime.prime(u)*f.prime(u)
    """,
    proof=(
        Statement("partial(L, x[i]) = g[i] for i in d", by="gradient of L"),
        Statement("-partial(M, x[i]) = v[i] for i in d", by="gradient of M", title="The flow of the modified loss"),
        Statement("x[i] + eta*v[i] + eta**2/2*a[i] = x[i] - eta*g[i] for i in d",
                  title="Its first two orders after a time η are one step of gradient descent"),
        Statement("-partial(E, u) = w", by="gradient of E", title="The same for any function of one variable"),
        Statement("u + eta*w + eta**2/2*f.prime(u)*f.prime.prime(u) = u - eta*f.prime(u)"),
    ),
    conventions=(
        "The flow ẋ = v has x(η) = x + η v + (η²/2) v′v + O(η³); of v′v only the part without η counts.",
        "For a general loss H is its Hessian at x, and the same lines hold to this order.",
    ),
    pitfalls=("The correction is of the size of the learning rate: with a small rate it vanishes.",),
    references=("Barrett and Dherin, Implicit gradient regularization, ICLR 2021",),
)  # fmt: skip

vanishing_gradient = Entry(
    id="vanishing-gradient",
    title="Vanishing gradients: a bound over the layers",
    kind="inequality",
    given="""
        e: m             # gradient at the layer reached after k layers
        e0: m            # gradient at the output
        W: m m           # weights of the next layer back
        a: m             # slopes of its activation
        gamma: positive  # largest slope
        sigma: positive  # largest singular value of the weights
        k: nonnegative   # number of layers
    """,
    define="""
        u = W.T @ e
        e1 = u*a  # gradient one layer further back
    """,
    assume={
        "slope": "a[i]**2 <= gamma**2 for i in m  # no activation is steeper; 1/4 for the sigmoid, 1 for tanh",
        "weights": "sum(u**2) <= sigma**2*sum(e**2)  # no weights stretch more",
    },
    proof=(
        Statement("partial(u[j]*a[j], e[i]) = W[i, j]*a[j] for i in m for j in m", by="Jacobian of a layer"),
        Statement("sum(e1**2) <= (gamma*sigma)**2*sum(e**2)",
                  certificate="sum(u[i]**2*slope[i] for i in m) + gamma**2*weights", name="layer",
                  title="One layer"),
        Statement("sum(e**2) <= (gamma*sigma)**(2*k)*sum(e0**2)",
                  certificate="layer + (gamma*sigma)**2*before", induction=("k", {"e": ("e0", "e1")}),
                  title="k layers: the gradient vanishes geometrically where γσ < 1"),
    ),
    conventions=("The layers have m units each; the assumptions hold at every layer.",),
    pitfalls=(
        "With sigmoids γ = 1/4, so weights with a largest singular value below 4 make the gradient vanish.",
        "The bound is one-sided: γσ > 1 allows an exploding gradient, and does not prove one.",
    ),
    references=("Bengio, Simard and Frasconi, Learning long-term dependencies is difficult, 1994",),
    uses=("sigmoid-slope", "tanh-slope", "backprop"),
)  # fmt: skip
