"""The gradients that matrix calculus starts with."""

from ..conventions import LAYOUT
from ..entry import Entry, Statement

COOKBOOK = "Petersen and Pedersen, The Matrix Cookbook, 2012"

chain_rule = Entry(
    id="chain-rule",
    title="The chain rule in vector form: Jacobians multiply",
    kind="identity",
    given="""
        x: n         # input
        A: m n       # mixes the inputs
        B: p m       # mixes the hidden values
        g: function  # any differentiable function
        f: function  # another one
    """,
    define="""
        u = g(A @ x)
        y = f(B @ u)
        J[k, i] = f.prime(sum(B[k, l]*u[l] for l in m))*B[k, i]     # Jacobian of y in u
        K[i, j] = g.prime(sum(A[i, l]*x[l] for l in n))*A[i, j]     # Jacobian of u in x
    """,
    proof=(
        Statement("partial(u[i], x[j]) = K[i, j] for i in m for j in n", by="derivative of g"),
        Statement("partial(f(sum(B[k, l]*u[l] for l in m)), u[i]) = J[k, i] for k in p for i in m",
                  by="derivative of f"),
        Statement("partial(y[k], x[j]) = sum(partial(y[k], u[i])*K[i, j] for i in m) = sum(J[k, i]*K[i, j] for i in m)"
                  " for k in p for j in n", by=("chain rule", "insert what is known"),
                  title="The Jacobian of the whole is the product of the Jacobians"),
    ),
    conventions=("Every map between vectors that a layer makes has this form: mix linearly, apply a function.",),
    pitfalls=("The order counts: the Jacobian of the outer map stands on the left.",),
    references=("Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.5.2, eq. 6.46",),
)  # fmt: skip

norm_gradient = Entry(
    id="norm-gradient",
    title="Gradient of the Euclidean norm",
    kind="identity",
    given="x: n",
    define="L = sqrt(sum(x**2))",
    proof=(
        Statement("partial(L, x[i]) = x[i]/L for i in n", by="derivative of a root", title="The gradient"),
        Statement("sum(partial(L, x[i])**2 for i in n) = 1", by="rearrange", title="It is a unit vector"),
        Statement(
            "partial(partial(L, x[i]), x[j]) = (delta(i, j) - x[i]*x[j]/L**2)/L for i in n for j in n",
            by="quotient rule",
            title="The Hessian projects off the direction of x",
        ),
    ),
    conventions=(LAYOUT, "At x = 0 there is no gradient; the subgradients are the vectors of norm at most 1."),
    pitfalls=("At x = 0 the formula gives 0/0: add ε under the root, or treat zero by itself.",),
    references=(f"{COOKBOOK}, eq. 129",),
)

frobenius_gradient = Entry(
    id="frobenius-gradient",
    title="Gradient of the Frobenius norm and of its square",
    kind="identity",
    given="A: m n",
    define="S = sum(A**2)  # squared norm",
    proof=(
        Statement("partial(S, A[i, j]) = 2*A[i, j] for i in m for j in n", by="power rule", title="The squared norm"),
        Statement(
            "partial(sqrt(S), A[i, j]) = A[i, j]/sqrt(S) for i in m for j in n",
            by="derivative of a root",
            title="The norm itself",
        ),
        Statement(
            "S = sum(sum(A[i, j]*A[i, k]*delta(j, k) for i in m for k in n) for j in n)",
            by="contract deltas",
            title="The squared norm is tr(AᵀA)",
        ),
    ),
    conventions=(LAYOUT, "The norm has no gradient at A = 0; its square has."),
    pitfalls=("Weight decay uses ½S or S: the gradients A and 2A differ by a factor that the rate must absorb.",),
    references=(f"{COOKBOOK}, eq. 132",),
)

quadratic_form_gradient = Entry(
    id="quadratic-form-gradient",
    title="Gradient of a quadratic form",
    kind="identity",
    given="""
        x: n
        A: n n
    """,
    define="L = x @ A @ x",
    wanted=("dL/dx", "dL/dA"),
    claim={"dL/dx": "A @ x + A.T @ x", "dL/dA": "outer(x, x)"},
    torch=lambda torch, x, A: torch.einsum("i,ij,j->", x, A, x),
    conventions=(LAYOUT, "A need not be symmetric; where it is, the gradient in x is 2Ax."),
    pitfalls=("2Ax is wrong for a matrix that is not symmetric.",),
    references=(f"{COOKBOOK}, eq. 81",),
)

trace_gradient = Entry(
    id="trace-gradient",
    title="Gradient of the trace of a product",
    kind="identity",
    given="""
        A: m n
        B: n m
    """,
    define="T = sum(A[i, j]*B[j, i] for i in m for j in n)  # tr(A B)",
    wanted=("dT/dA", "dT/dB"),
    claim={"dT/dA": "B.T", "dT/dB": "A.T"},
    proof=(Statement("T = sum(sum(B[j, i]*A[i, j] for i in m) for j in n)", title="tr(A B) = tr(B A)"),),
    torch=lambda torch, A, B: torch.trace(A @ B),
    conventions=(LAYOUT,),
    pitfalls=("Without the transpose the gradient has the wrong shape, or for square matrices the wrong values.",),
    references=(f"{COOKBOOK}, eq. 100",),
)

logdet_gradient = Entry(
    id="logdet-gradient",
    title="Gradient of the logarithm of a determinant",
    kind="identity",
    given="""
        a: n  # a row of the matrix A, row i
        c: n  # its cofactors, which do not depend on this row
    """,
    define="""
        D = sum(a*c)  # determinant of A: Laplace expansion along the row
        b = c/D       # column i of the inverse of A (Cramer's rule)
    """,
    proof=(
        Statement("sum(a*b) = 1", by="definition of b", title="Row i of A times column i of A⁻¹"),
        Statement("partial(D, a[j]) = c[j] for j in n", by="linearity", title="Jacobi's formula"),
        Statement("partial(log(D), a[j]) = c[j]/D = b[j] for j in n", by=("derivative of log", "definition of b"),
                  title="So the gradient of log det A is the transposed inverse"),
    ),
    conventions=(
        "The determinant is positive. The same holds for every row, so ∂ log det A/∂A is the transpose of A⁻¹.",
    ),
    pitfalls=("Through the determinant itself it overflows: take log det from a Cholesky or LU factorisation.",),
    references=(f"{COOKBOOK}, eq. 57",),
)  # fmt: skip
