"""The losses of the two players of a generative adversarial network, in the output of the discriminator."""

from ..conventions import LAYOUT
from ..entry import Entry
from ..regimes import saturated

LOGITS = """
    u: n  # logits of the discriminator for real samples
    v: m  # logits of the discriminator for generated samples
"""
MEANS = "Means are taken over the n real and over the m generated samples, each on its own."
GOODFELLOW = "Goodfellow et al., Generative adversarial nets, NeurIPS 2014"


def _bce(torch, logits, target):  # type: ignore[no-untyped-def]
    targets = torch.full_like(logits, target)
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)


gan_minimax = Entry(
    id="gan-minimax",
    title="Minimax game of a generative adversarial network",
    given=LOGITS,
    define="""
        V = sum(log(sigmoid(u)))/n + sum(log(1 - sigmoid(v)))/m  # the discriminator maximises this
        G = sum(log(1 - sigmoid(v)))/m                           # the generator minimises this
    """,
    wanted=("dV/du", "dV/dv", "dG/dv"),
    claim={"dV/du": "sigmoid(-u)/n", "dV/dv": "-sigmoid(v)/m", "dG/dv": "-sigmoid(v)/m"},
    torch=lambda torch, u, v: {"V": -_bce(torch, u, 1.0) - _bce(torch, v, 0.0), "G": -_bce(torch, v, 0.0)},
    conventions=(
        LAYOUT,
        MEANS,
        "D = σ(logit) is the probability that a sample is real. The discriminator ascends along ∂V, the generator "
        "descends along ∂G; V and G have the same gradient in v, and the players move in opposite directions.",
    ),
    pitfalls=(
        "Saturation: where the discriminator is sure of a generated sample, v → −∞ and the generator's gradient "
        "−σ(v)/m vanishes: it learns least where it is worst.",
        "While the generator takes its step the discriminator is fixed, and the other way round; gradients left over "
        "from the other player's step are added if they are not cleared.",
    ),
    references=(f"{GOODFELLOW}, eq. 1", "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 20.10.4"),
    uses=("bce-with-logits",),
)

gan_nonsaturating = Entry(
    id="gan-nonsaturating",
    title="Non-saturating losses of a generative adversarial network",
    given=LOGITS,
    define="""
        D = -sum(log(sigmoid(u)))/n - sum(log(1 - sigmoid(v)))/m  # loss of the discriminator
        G = -sum(log(sigmoid(v)))/m                               # loss of the generator
    """,
    wanted=("dD/du", "dD/dv", "dG/dv"),
    claim={"dD/du": "-sigmoid(-u)/n", "dD/dv": "sigmoid(v)/m", "dG/dv": "-sigmoid(-v)/m"},
    torch=lambda torch, u, v: {"D": _bce(torch, u, 1.0) + _bce(torch, v, 0.0), "G": _bce(torch, v, 1.0)},
    conventions=(
        LAYOUT,
        MEANS,
        "Both players minimise their own loss. The generator's is the cross-entropy with the labels flipped.",
    ),
    pitfalls=(
        "It is no longer a zero-sum game: D + G is not constant.",
        "Where the discriminator is sure (v → −∞) the generator's gradient is −1/m and does not vanish; with the "
        "minimax loss it is −σ(v)/m. The two agree in sign and differ by the factor e⁻ᵛ.",
    ),
    references=(f"{GOODFELLOW}, section 3", "Goodfellow, NIPS 2016 tutorial: generative adversarial networks, 3.2.3"),
    uses=("gan-minimax", "bce-with-logits"),
)

lsgan = Entry(
    id="lsgan",
    title="Least-squares losses of a generative adversarial network",
    given="""
        u: n         # outputs of the discriminator for real samples
        v: m         # outputs of the discriminator for generated samples
        a: real = 0  # what the discriminator shall say of generated samples
        b: real = 1  # what the discriminator shall say of real samples
        c: real = 1  # what the generator wants it to say
    """,
    define="""
        D = sum((u - b)**2)/(2*n) + sum((v - a)**2)/(2*m)  # loss of the discriminator
        G = sum((v - c)**2)/(2*m)                          # loss of the generator
    """,
    wanted=("dD/du", "dD/dv", "dG/dv"),
    claim={"dD/du": "(u - b)/n", "dD/dv": "(v - a)/m", "dG/dv": "(v - c)/m"},
    torch=lambda torch, u, v, a, b, c: {
        "D": (torch.mean((u - b) ** 2) + torch.mean((v - a) ** 2)) / 2,
        "G": torch.mean((v - c) ** 2) / 2,
    },
    conventions=(LAYOUT, MEANS, "Both players minimise their own loss. The outputs have no sigmoid."),
    pitfalls=(
        "A sigmoid at the output brings saturation back.",
        "The Pearson χ² divergence of the paper needs b − c = 1 and b − a = 2, such as a = −1, b = 1, c = 0; the usual "
        "0, 1, 1 are the other choice of the paper.",
    ),
    references=("Mao et al., Least squares generative adversarial networks, ICCV 2017, eq. 2, 8 and 9",),
    uses=("mse", "gan-nonsaturating"),
)


def _wgan(torch, X1, X2, X3, W, b, w, lam, eps):  # type: ignore[no-untyped-def]
    """The gradient of the critic by autograd, and autograd once more through it."""

    def critic(x):  # type: ignore[no-untyped-def]
        return torch.tanh(x @ W + b) @ w

    X3 = X3 if X3.requires_grad else X3.detach().requires_grad_()
    T = critic(X3).sum()
    (gradient,) = torch.autograd.grad(T, X3, create_graph=True)
    norms = torch.sqrt((gradient**2).sum(dim=1) + eps)
    return {"T": T, "L": critic(X2).mean() - critic(X1).mean() + lam * ((norms - 1) ** 2).mean()}


wgan_gp = Entry(
    id="wgan-gp",
    title="Wasserstein critic with gradient penalty",
    given="""
        X1: n D                # real samples
        X2: n D                # generated samples
        X3: n D                # points between them, at which the gradient is penalised
        W: D H                 # first layer of the critic
        b: H                   # its bias
        w: H                   # second layer of the critic
        lam: positive = 10     # weight λ of the penalty
        eps: positive = 1e-12  # keeps the norm from being zero
    """,
    define="""
        T = sum(tanh(X3 @ W + b) @ w)  # the critic at X3, summed
        Z1 = X1 @ W + b
        A1 = tanh(Z1)
        Z2 = X2 @ W + b
        A2 = tanh(Z2)
        Z3 = X3 @ W + b
        A3 = tanh(Z3)
        B[i, h] = (1 - A3[i, h]**2)*w[h]
        G = B @ W.T  # gradient of the critic at X3
        q[i] = sqrt(sum(G[i, d]**2 for d in D) + eps)  # its norm, sample by sample
        L = sum((A2 - A1) @ w)/n + lam*sum((q - 1)**2)/n
    """,
    wanted=("dT/dX3", "dL/dG", "dL/dW", "dL/db", "dL/dw"),
    claim={
        "dT/dX3": "G",
        "dL/dG": "i, d: 2*lam*(q[i] - 1)*G[i, d]/(n*q[i])",
    },
    torch=_wgan,
    regimes=saturated("b"),
    conventions=(
        LAYOUT,
        "The critic is f(x) = tanh(xW + b)·w. The first result shows that G is its gradient at X₃; everything after it "
        "differentiates through that gradient.",
        "The critic minimises L, the generator −Σ f(X₂)/n. ε under the root is not in the paper: without it the "
        "gradient is undefined where G = 0.",
    ),
    pitfalls=(
        "The norm is taken of each sample's gradient, over its features; one norm for the whole batch is another "
        "penalty.",
        "The penalty needs second derivatives: the gradient in the input must itself be differentiated "
        "(create_graph=True in PyTorch). A relu critic has none, and its penalty moves only through the active units.",
        "Batch normalisation in the critic makes each sample's gradient depend on the others.",
    ),
    references=("Gulrajani et al., Improved training of Wasserstein GANs, NeurIPS 2017, eq. 3",),
    uses=("mlp-softmax", "gan-nonsaturating"),
)
