"""Hand-written gradients in JAX."""

import jax
import jax.numpy as jnp


@jax.custom_vjp
def softmax_ce(z, y):
    log_p = z - jax.nn.logsumexp(z, axis=1, keepdims=True)
    return -jnp.mean(log_p[jnp.arange(z.shape[0]), y])


def softmax_ce_forward(z, y):
    return softmax_ce(z, y), (z, y)


def softmax_ce_backward(residuals, g):
    z, y = residuals
    e = jnp.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return g * (p - jax.nn.one_hot(y, z.shape[1])) / z.shape[0], None


softmax_ce.defvjp(softmax_ce_forward, softmax_ce_backward)


@jax.custom_vjp
def dense(x, w, b):
    return x @ w + b


def dense_forward(x, w, b):
    return dense(x, w, b), (x, w)


def dense_backward(residuals, dout):
    x, w = residuals
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


dense.defvjp(dense_forward, dense_backward)


def softmax_ce_grad(z, y):
    p = jax.nn.softmax(z, axis=1)
    dz = (p - jax.nn.one_hot(y, z.shape[1])) / z.shape[0]
    return dz


@jax.custom_vjp
def without_rules(x):
    return x
