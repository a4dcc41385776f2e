"""How many parameters a network has."""

from ..entry import Entry, Statement

mlp_parameters = Entry(
    id="mlp-parameters",
    title="The number of parameters of a network with one hidden layer",
    kind="identity",
    given="""
        W1: d h  # weights of the hidden layer
        b1: h    # its biases
        W2: h C  # weights of the output layer
        b2: C    # its biases
    """,
    define="""
        P = sum(1 for i in d for j in h) + sum(1 for j in h) + sum(1 for j in h for c in C) + sum(1 for c in C)
        Q = sum(sum(1 for j in 256) for i in 784) + sum(1 for j in 256) + sum(sum(1 for c in 10) for j in 256) + 10
    """,
    proof=(
        Statement("P = d*h + h + h*C + C = (d + 1)*h + (h + 1)*C", by="one for each entry"),
        Statement("Q = 203530", by="one for each entry", title="784-256-10"),
    ),
    conventions=("A layer from m to n units has m·n weights and n biases.",),
    pitfalls=("Without the biases it is 203,264.",),
    references=("LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, 1998",),
    uses=("dense",),
)
