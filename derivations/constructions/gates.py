"""Logical gates as networks of threshold units."""

from ..entry import Entry, Statement

STEP = "A unit gives 1 where its input is positive, and 0 elsewhere."
INPUTS = """
        a[r: 4] = delta(r, 2) + delta(r, 3)  # first input in the four rows of the table: 0 0 1 1
        b[r: 4] = delta(r, 1) + delta(r, 3)  # second input: 0 1 0 1
"""
MINSKY = "Minsky and Papert, Perceptrons, 1969"

perceptron_and = Entry(
    id="perceptron-and",
    title="A perceptron that computes AND",
    kind="construction",
    define=f"""{INPUTS}
        y[r] = indicator(a[r] + b[r] - 3/2)
    """,
    proof=(
        Statement("y[r] = a[r]*b[r] for r in 4", by="all four rows of the table"),
        Statement("y[0] = 0", by="0 and 0"),
        Statement("y[1] = 0", by="0 and 1"),
        Statement("y[2] = 0", by="1 and 0"),
        Statement("y[3] = 1", by="1 and 1"),
    ),
    conventions=(STEP, "Weights 1 and 1, threshold 3/2; every threshold from 1 to below 2 does it."),
    references=("McCulloch and Pitts, A logical calculus of the ideas immanent in nervous activity, 1943", MINSKY),
)

perceptron_or = Entry(
    id="perceptron-or",
    title="A perceptron that computes OR",
    kind="construction",
    define=f"""{INPUTS}
        y[r] = indicator(a[r] + b[r] - 1/2)
    """,
    proof=(
        Statement("y[r] = a[r] + b[r] - a[r]*b[r] for r in 4", by="all four rows of the table"),
        Statement("y[0] = 0", by="0 or 0"),
        Statement("y[1] = 1", by="0 or 1"),
        Statement("y[2] = 1", by="1 or 0"),
        Statement("y[3] = 1", by="1 or 1"),
    ),
    conventions=(STEP, "Weights 1 and 1, threshold 1/2; every threshold from 0 to below 1 does it."),
    references=("McCulloch and Pitts, A logical calculus of the ideas immanent in nervous activity, 1943", MINSKY),
)

xor_not_linear = Entry(
    id="xor-not-linear",
    title="No single perceptron computes XOR",
    kind="construction",
    given="""
        u: real  # weight of the first input
        v: real  # weight of the second input
        b: real  # bias
    """,
    assume={
        "none": "b <= 0  # 0 xor 0 = 0",
        "second": "v + b > 0  # 0 xor 1 = 1",
        "first": "u + b > 0  # 1 xor 0 = 1",
        "both": "u + v + b <= 0  # 1 xor 1 = 0",
    },
    proof=(
        Statement("0 > 0", certificate="first + second + none + both", impossible=True,
                  title="The four conditions add up to a contradiction: no weights meet them"),
    ),
    conventions=(STEP, "The sum of the two positive sides equals that of the two others (Farkas' lemma)."),
    pitfalls=("Not a question of training: no learning rule can find what does not exist.",),
    references=(f"{MINSKY}, section 2.1",),
    uses=("perceptron-and", "perceptron-or"),
)  # fmt: skip

xor_mlp = Entry(
    id="xor-mlp",
    title="Two layers compute XOR",
    kind="construction",
    define=f"""{INPUTS}
        h[r] = indicator(a[r] + b[r] - 1/2)  # OR
        g[r] = indicator(a[r] + b[r] - 3/2)  # AND
        y[r] = indicator(h[r] - g[r] - 1/2)  # OR, but not AND
        z[r] = relu(a[r] + b[r]) - 2*relu(a[r] + b[r] - 1)  # the same with two ReLU units
    """,
    proof=(
        Statement("y[r] = a[r] + b[r] - 2*a[r]*b[r] for r in 4", by="all four rows of the table",
                  title="With threshold units"),
        Statement("z[r] = a[r] + b[r] - 2*a[r]*b[r] for r in 4", by="all four rows of the table",
                  title="With ReLU units"),
        Statement("y[0] = 0", by="0 xor 0"),
        Statement("y[1] = 1", by="0 xor 1"),
        Statement("y[2] = 1", by="1 xor 0"),
        Statement("y[3] = 0", by="1 xor 1"),
    ),
    conventions=(STEP,),
    pitfalls=("Gradient descent from random weights may still fail to find it: with two hidden units it often does.",),
    references=("Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.1",),
    uses=("xor-not-linear",),
)  # fmt: skip
