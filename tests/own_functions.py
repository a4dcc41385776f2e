"""Forward passes in NumPy as people write them: what the tests of derive read, prove and compute."""

import numpy as np


def softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def linear_regression(X, w, y):
    return np.mean((X @ w - y) ** 2)


def ridge(X, w, y, lam=0.1):
    residual = X.dot(w) - y
    return residual @ residual / len(y) + lam * np.sum(w**2)


def logistic_regression(X, w, b, t):
    p = sigmoid(X @ w + b)
    return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))


def labelled_cross_entropy(Z, y):
    n = Z.shape[0]
    e = np.exp(Z - Z.max(axis=1, keepdims=True))
    probs = e / e.sum(axis=1, keepdims=True)
    return -np.sum(np.log(probs[np.arange(n), y])) / n


def one_hot_cross_entropy(Z, y):
    shifted = Z - np.max(Z, axis=1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    Y = np.eye(Z.shape[1])[y]
    return -(Y * logp).sum() / len(y)


def two_layer_net(X, W1, b1, W2, b2, y):
    h = np.maximum(X @ W1 + b1, 0)
    scores = h @ W2 + b2
    probs = softmax(scores)
    data_loss = -np.log(probs[range(len(y)), y]).mean()
    reg_loss = 0.5 * 1e-3 * (np.sum(W1 * W1) + np.sum(W2 * W2))
    return data_loss + reg_loss


def huber(X, w, y, delta=1.0):
    r = X @ w - y
    small = 0.5 * r**2
    large = delta * (np.abs(r) - 0.5 * delta)
    return np.where(np.abs(r) <= delta, small, large).mean()


def layernorm(x, g, b, eps=1e-5):
    mu = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    xhat = (x - mu) / np.sqrt(var + eps)
    out = g * xhat + b
    cache = (xhat, mu, var)
    return out, cache


def attention_loss(Q, K, V, T):
    S = Q @ K.T / np.sqrt(Q.shape[-1])
    A = softmax(S)
    O = A @ V
    return 0.5 * np.sum((O - T) ** 2)


def gaussian_nll(x, mu, log_sigma):
    sigma = np.exp(log_sigma)
    z = (x - mu) / sigma
    return np.sum(0.5 * z**2 + np.log(sigma) + 0.5 * np.log(2 * np.pi)) / x.shape[0]


def cosine_loss(a, b):
    dots = np.sum(a * b, axis=1)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.mean(1 - dots / norms)


def swish(x):
    s = 1.0 / (1.0 + np.exp(-x))
    return x * s


def stable_sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def dense_relu(x, W, b):
    z = x @ W + b
    return np.maximum(0, z)


def autoencoder(X, W, V):
    code = np.tanh(X @ W)
    decoded = code @ V
    error = decoded - X
    return (error * error).sum(axis=1).mean()


def kl_to_standard_normal(mu, logvar):
    return -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar), axis=1).mean()


def rewritten(x, w):
    h = x @ w
    h = np.tanh(h)
    h += 1
    h *= h
    return h.sum()


def rnn_unrolled(X, W, U, h0):
    h = h0
    for t in range(X.shape[0]):
        h = np.tanh(X[t] @ W + h @ U)
    return np.sum(h**2)


# -- what cannot be derived ------------------------------------------------------------------------------------------


def sorted_loss(x, w):
    ranked = np.sort(x @ w)
    return np.sum(ranked**2)


def branching(x, w):
    s = np.sum(x @ w)
    if s > 0:
        return s
    return -s


def pooled(x):
    return x.max(axis=1).sum()


def returns_text(x):
    return "a loss"


def returns_nothing(x):
    x * 2


def raises(x):
    raise RuntimeError("not today")


def no_parameters():
    return np.zeros(3)


def labels_only(y):
    return np.sum(y)


class Network:
    def forward(self, x):
        return x


NUMBER = 3
