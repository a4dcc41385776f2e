"""How fast gradient descent converges: each rate is a combination of inequalities at the iterates."""

from ..entry import Entry, Statement

SMOOTH = "f1 <= f + g @ (x1 - x) + L/2*sum((x1 - x)**2)  # f is L-smooth: between the iterates x and x1"
STEP = "x1 = x - g/L"
NESTEROV = "Nesterov, Introductory Lectures on Convex Optimization, 2004"
EVERY = (
    "The assumptions hold at every step: x, f and g stand for the iterate, its value and its gradient at step k, "
    "x1 and f1 for those at step k + 1."
)

descent_lemma = Entry(
    id="descent-lemma",
    title="Descent lemma: how much one step of gradient descent gains",
    kind="inequality",
    given="""
        x: d         # an iterate
        g: d         # gradient at x
        f: real      # value at x
        f1: real     # value after the step
        L: positive  # smoothness constant
        eta: positive  # learning rate
    """,
    define="x1 = x - eta*g",
    assume={"smooth": SMOOTH, "small": "eta <= 1/L  # the usual learning rate"},
    proof=(
        Statement("f1 <= f - eta*(1 - L*eta/2)*sum(g**2)", certificate="smooth", name="any",
                  title="For every learning rate"),
        Statement("f1 <= f - eta/2*sum(g**2)", certificate="any + eta*L/2*small*sum(g**2)",
                  title="For a learning rate of at most 1/L"),
    ),
    conventions=("f is L-smooth if its gradient is Lipschitz with constant L; the quadratic bound follows from that.",),
    pitfalls=("For η > 2/L the bound gives nothing, and on a quadratic with curvature L the steps diverge.",),
    references=(f"{NESTEROV}, theorem 1.2.3 and section 1.2.3",),
)  # fmt: skip

gd_convex = Entry(
    id="gd-convex",
    title="Gradient descent on a smooth convex function: O(1/k)",
    kind="inequality",
    given="""
        x: d            # iterate at step k
        x0: d           # start
        xs: d           # a minimum
        g: d            # gradient at x
        f: real         # value at x
        f0: real        # value at x0
        f1: real        # value at x1
        fs: real        # value at xs
        L: positive     # smoothness constant
        k: nonnegative  # number of steps
    """,
    define=STEP,
    assume={"smooth": SMOOTH, "convex": "fs >= f + g @ (xs - x)  # f is convex: above its tangent at x"},
    proof=(
        Statement("f1 <= f - sum(g**2)/(2*L)", certificate="smooth", name="descent", title="One step"),
        Statement(
            "k*(f - fs) + L/2*sum((x - xs)**2) <= L/2*sum((x0 - xs)**2)",
            certificate="before + (k + 1)*descent + convex + k*sum(g**2)/(2*L)",
            induction=("k", {"x": ("x0", "x1"), "f": ("f0", "f1")}),
            name="energy",
            title="An energy never grows",
        ),
        Statement(
            "k*(f - fs) <= L/2*sum((x0 - xs)**2)",
            certificate="energy + L/2*sum((x - xs)**2)",
            title="So after k steps f − f* is at most L‖x₀ − x*‖²/(2k)",
        ),
    ),
    conventions=(EVERY, "The learning rate is 1/L."),
    pitfalls=("The rate is for the values. The iterates converge too, but as slowly as one likes.",),
    references=(f"{NESTEROV}, section 2.1.5", "Bubeck, Convex Optimization, 2015, theorem 3.3"),
    uses=("descent-lemma",),
)

gd_strongly_convex = Entry(
    id="gd-strongly-convex",
    title="Gradient descent on a strongly convex function: (1 − μ/L)ᵏ",
    kind="inequality",
    given="""
        x: d            # iterate at step k
        x0: d           # start
        xs: d           # the minimum
        g: d            # gradient at x
        f: real         # value at x
        f0: real        # value at x0
        f1: real        # value at x1
        fs: real        # value at xs
        L: positive     # smoothness constant
        q: positive     # rate
        k: nonnegative  # number of steps
        h: d            # curvatures of a quadratic
        u: d            # its iterate in the eigenbasis
    """,
    define="""
        mu = L*(1 - q)  # strong convexity: the rate is q = 1 − μ/L
        x1 = x - g/L
    """,
    assume={
        "smooth": SMOOTH,
        "strong": "fs >= f + g @ (xs - x) + mu/2*sum((xs - x)**2)  # f is μ-strongly convex",
        "below": "q < 1  # μ is positive",
        "low": "mu <= h[i] for i in d  # the curvatures lie between μ",
        "high": "h[i] <= L for i in d  # and L",
    },
    proof=(
        Statement("f1 <= f - sum(g**2)/(2*L)", certificate="smooth", name="descent", title="One step"),
        Statement(
            "2*mu*(f - fs) <= sum(g**2)",
            certificate="2*L*below*strong + sum((g - mu*(x - xs))**2)",
            name="steep",
            title="Far above the minimum the gradient is large (Polyak–Łojasiewicz)",
        ),
        Statement(
            "f1 - fs <= q*(f - fs)", certificate="descent + steep/(2*L)", name="contraction",
            title="Each step contracts",
        ),
        Statement(
            "f - fs <= q**k*(f0 - fs)",
            certificate="contraction + q*before",
            induction=("k", {"f": ("f0", "f1")}),
            title="So after k steps",
        ),
        Statement(
            "sum(((1 - h/L)*u)**2) <= q**2*sum(u**2)",
            certificate="sum(u[i]**2*low[i]*(2*high[i] + low[i]) for i in d)/L**2",
            title="On a quadratic the iterates contract as well",
        ),
    ),
    conventions=(EVERY, "The learning rate is 1/L."),
    pitfalls=("The condition number L/μ decides: with 1000 it takes about 1000 steps for each factor e.",),
    references=(f"{NESTEROV}, theorem 2.1.15", "Karimi, Nutini and Schmidt, 2016"),
    uses=("descent-lemma",),
)  # fmt: skip

gd_nonconvex = Entry(
    id="gd-nonconvex",
    title="Gradient descent on a smooth function: the smallest gradient",
    kind="inequality",
    given="""
        x: d            # iterate at step k
        g: d            # gradient at x
        f: real         # value at x
        f0: real        # value at the start
        f1: real        # value at x1
        low: real       # a bound from below of f
        L: positive     # smoothness constant
        k: nonnegative  # number of steps
        m: nonnegative  # smallest squared norm of a gradient
    """,
    define=STEP,
    assume={
        "smooth": SMOOTH,
        "least": "m <= sum(g**2)  # no gradient is smaller",
        "bounded": "low <= f  # f is bounded from below",
    },
    proof=(
        Statement("f1 <= f - sum(g**2)/(2*L)", certificate="smooth", name="descent", title="One step"),
        Statement(
            "k*m <= 2*L*(f0 - f)",
            certificate="before + 2*L*descent + least",
            induction=("k", {"f": ("f0", "f1")}),
            name="summed",
            title="Summed over the steps",
        ),
        Statement("k*m <= 2*L*(f0 - low)", certificate="summed + 2*L*bounded",
                  title="So after k steps some squared gradient is at most 2L(f₀ − low)/k"),
    ),
    conventions=(EVERY, "The learning rate is 1/L. No convexity is assumed."),
    pitfalls=("A small gradient may belong to a saddle point or a maximum: nothing is said about the value.",),
    references=(f"{NESTEROV}, section 1.2.3",),
    uses=("descent-lemma",),
)  # fmt: skip
