"""Initialisations that keep the variance of activations and of gradients from layer to layer."""

from ..conventions import MOMENTS_EXIST
from ..entry import Entry, Statement

GLOROT = "Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010"
HE = "He et al., Delving deep into rectifiers, ICCV 2015"
AT_START = "At the start of training: the weights are drawn independently of the activations and of the gradients."

xavier_init = Entry(
    id="xavier-init",
    title="Xavier initialisation keeps the variance through a linear layer",
    names=("glorot",),
    kind="identity",
    given="""
        s2: positive  # variance of a weight
        q: positive   # variance of an activation
        r: positive   # variance of an entry of the gradient
        x: n random uncorrelated mean=0 var=q          # activations
        G: m random uncorrelated mean=0 var=r          # gradient of the loss in y
        W: n m random independent mean=0 var=s2        # weights
        U: n m random independent mean=0 var=1/n       # weights scaled for the forward pass
        V: n m random independent mean=0 var=1/m       # weights scaled for the backward pass
        X: n m random independent mean=0 var=2/(n+m)   # Xavier's weights
    """,
    define="""
        y = x @ W     # forward
        D = W @ G     # backward: gradient of the loss in x
    """,
    proof=(
        Statement("E(y[j]) = sum(E(x[i])*E(W[i, j]) for i in n) = 0 for j in m",
                  by=("linearity of expectation, independence", "mean of W"), title="Forward: the mean stays 0"),
        Statement("Var(y[j]) = sum(E(x[i]*x[k])*E(W[i, j]*W[k, j]) for i in n for k in n)"
                  " = sum(E(x[i]**2)*s2 for i in n) = n*s2*q for j in m",
                  by=("linearity of expectation, independence", "moments of W", "moments of x"),
                  title="Forward: the variance is multiplied by n s₂"),
        Statement("Var(D[i]) = sum(E(G[j]*G[l])*E(W[i, j]*W[i, l]) for j in m for l in m)"
                  " = sum(E(G[j]**2)*s2 for j in m) = m*s2*r for i in n",
                  by=("linearity of expectation, independence", "moments of W", "moments of G"),
                  title="Backward: it is multiplied by m s₂"),
        Statement("Var(sum(x[i]*U[i, j] for i in n)) = q for j in m", by="variance 1/n",
                  title="With variance 1/n the forward pass keeps it"),
        Statement("Var(sum(V[i, j]*G[j] for j in m)) = r for i in n", by="variance 1/m",
                  title="With variance 1/m the backward pass keeps it"),
        Statement("Var(sum(x[i]*X[i, j] for i in n)) = 2*n/(n + m)*q for j in m", by="variance 2/(n + m)",
                  title="Xavier, forward"),
        Statement("Var(sum(X[i, j]*G[j] for j in m)) = 2*m/(n + m)*r for i in n", by="variance 2/(n + m)",
                  title="Xavier, backward: both factors are 1 where n = m, and their mean is 1"),
        Statement("(2*n/(n + m) + 2*m/(n + m))/2 = 1", by="add", title="The mean of both factors"),
    ),
    conventions=(
        MOMENTS_EXIST,
        AT_START,
        "n is the fan-in and m the fan-out. Activations near 0, where tanh is the identity to first order.",
        "The uniform law on (−a, a) has variance a²/3, so a = √(6/(n + m)).",
    ),
    pitfalls=(
        "For ReLU half of the variance is lost in every layer: see he-init.",
        "torch's gain multiplies the standard deviation, not the variance.",
    ),
    references=(f"{GLOROT}, eq. 10 to 16",),
    uses=("covariance-linear", "dense"),
)  # fmt: skip

he_init = Entry(
    id="he-init",
    title="He initialisation keeps the variance through a ReLU layer",
    names=("kaiming",),
    kind="identity",
    given="""
        s2: positive  # variance of a weight
        q: positive   # variance of a pre-activation
        r: positive   # variance of an entry of the gradient
        z: n random symmetric uncorrelated var=q    # pre-activations of the layer before
        k: n random mask mean=1/2                   # which of its units are active, backward
        G: m random independent mean=0 var=r        # gradient of the loss in y
        W: n m random independent mean=0 var=s2     # weights
        F: n m random independent mean=0 var=2/n    # He's weights
        B: n m random independent mean=0 var=2/m    # He's weights, scaled for the backward pass
    """,
    define="""
        a = relu(z)
        y = a @ W            # forward: pre-activations of the next layer
        D = k*(W @ G)        # backward: gradient of the loss in z
    """,
    proof=(
        Statement("E(relu(z[i])**2) = E(relu(z[i])**2 + relu(-z[i])**2)/2 = E(z[i]**2)/2 = q/2 for i in n",
                  by=("symmetry", "one of the two is 0", "variance of z"), title="ReLU halves the mean square"),
        Statement("E(y[j]) = 0 for j in m", by="mean of W, independence", title="Forward: the mean stays 0"),
        Statement("Var(y[j]) = sum(E(a[i]*a[l])*E(W[i, j]*W[l, j]) for i in n for l in n)"
                  " = sum(E(a[i]**2)*s2 for i in n) = n*s2*q/2 for j in m",
                  by=("linearity of expectation, independence", "moments of W", "the line before"),
                  title="Forward: the variance is multiplied by n s₂/2"),
        Statement("Var(D[i]) = E(k[i])*sum(E(G[j]**2)*E(W[i, j]**2) for j in m) = m*s2*r/2 for i in n",
                  by=("linearity of expectation, independence", "moments of k, G and W"),
                  title="Backward: it is multiplied by m s₂/2"),
        Statement("Var(sum(a[i]*F[i, j] for i in n)) = q for j in m", by="variance 2/n",
                  title="With variance 2/n the forward pass keeps it"),
        Statement("Var(k[i]*sum(B[i, j]*G[j] for j in m)) = r for i in n", by="variance 2/m",
                  title="With variance 2/m the backward pass keeps it"),
    ),
    conventions=(
        MOMENTS_EXIST,
        AT_START,
        "n is the fan-in and m the fan-out. z is symmetric because the weights before it are.",
        "Backward, a unit is active with probability 1/2, and the gradient is independent of which units are.",
    ),
    pitfalls=(
        "The mean of the activations a is not 0, so their mean square is kept, not their variance.",
        "Fan-in in every layer scales the gradient of a whole network by one ratio of widths: either choice will do.",
    ),
    references=(f"{HE}, eq. 7 to 14",),
    uses=("relu", "xavier-init"),
)  # fmt: skip
