"""Errors planted in update rules: in the generated code, and in the definitions."""

from __future__ import annotations

from typing import Any

DECAY = {"weight_decay": True}

#: (id, options, the code as generated, the code with an error)
IN_CODE: list[tuple[str, dict[str, Any], str, str]] = [
    ("sgd", {}, "w - eta * g", "w + eta * g"),
    ("sgd", {"maximize": True}, "h = -g", "h = g"),
    ("sgd", DECAY, "lam * w", "eta * lam * w"),
    ("adam", {}, "1 - beta1**t", "1 - beta1 ** (t - 1 or 1)"),
    ("adam", {}, "1 - beta2**t", "1 - beta2 ** (t + 1)"),
    ("adam", {}, "(eps + np.sqrt(v_hat))", "np.sqrt(v_hat + eps)"),
    ("adam", {}, "(1 - beta2) * g * g", "(1 - beta2) * np.abs(g)"),
    ("adam", {}, "v_hat = v1", "v_hat = v"),
    ("adamax", {}, "beta1**t", "beta2**t"),
    ("nadam", {}, "(t + 1)", "t"),
    ("radam", {}, "rho > 5", "rho > 4"),
    ("rmsprop", {}, "eps + np.sqrt(v1)", "np.sqrt(v1 + eps)"),
    ("adagrad", {}, "s1 = g**2", "s1 = abs(g)"),
    ("exponential-decay", {}, "return gamma * lr", "return gamma * gamma * lr"),
    ("clip-value", {}, "g < -c", "g < -2 * c"),
]

#: (id, options, the definition in the entry, the definition with an error)
IN_FORMULAS: list[tuple[str, dict[str, Any], str, str]] = [
    ("sgd", {"momentum": True}, "mu*m + g", "mu*m + (1 - mu)*g"),
    ("sgd", {"momentum": True, "dampening": True}, "t > 1", "t > 0"),
    ("sgd", {"momentum": True, "nesterov": True}, "(g + mu*m1)", "(g + mu*m)"),
    ("sgd", DECAY | {"maximize": True}, "-g + lam*w", "-(g + lam*w)"),
    ("momentum", {}, "w - eta*m1", "w - eta*m"),
    ("nesterov", {}, "eta*(g + mu*m1)", "eta*m1"),
    ("adagrad", {"lr_decay": True}, "(t - 1)*gamma", "t*gamma"),
    ("adagrad", {}, "sqrt(s1) + eps", "sqrt(s) + eps"),
    ("rmsprop", {"centered": True}, "v1 - a1**2", "v1 - a**2"),
    ("rmsprop", {"momentum": True}, "mu*m + g/", "mu*m + (1 - mu)*g/"),
    ("rmsprop", {}, "(1 - alpha)*g**2", "alpha*g**2"),
    ("adadelta", {}, "sqrt(a + eps)", "(sqrt(a) + eps)"),
    ("adadelta", {}, "(1 - rho)*D**2", "(1 - rho)*(eta*D)**2/4"),
    ("adam", {"amsgrad": True}, "x1/(1 - beta2**t)", "v1/(1 - beta2**t)"),
    ("adam", DECAY, "h = g + lam*w", "h = g - lam*w"),
    ("adam", DECAY | {"decoupled_weight_decay": True}, "(1 - eta*lam)*w", "(1 - lam)*w"),
    ("adam", {}, "m_hat = m1/(1 - beta1**t)", "m_hat = m1"),
    ("adamw", {}, "w1 = q - eta*m_hat/(sqrt(v_hat) + eps)", "w1 = w - eta*(m_hat + lam*w)/(sqrt(v_hat) + eps)"),
    ("adamw", {"maximize": True}, "w1 = q - eta", "w1 = q + eta"),
    ("adamax", {}, "abs(g) + eps", "abs(g)"),
    ("nadam", {}, "p1*mu1", "p*mu1"),
    ("radam", {}, "2*t*beta2**t", "2*beta2**t"),
    ("radam", {}, "(R - 4)*(R - 2)*r", "(R - 4)*(r - 2)*R"),
    ("lamb", {}, "a/b", "b/a"),
    ("lamb", {}, "r = m_hat/(sqrt(v_hat) + eps) + lam*w ", "r = m_hat/(sqrt(v_hat) + eps) "),
    ("step-decay", {}, "n + 1 < s, lr", "n < s, lr"),
    ("cosine-annealing", {}, "cos(pi*(t + 1)/T)", "cos(pi*(t + 2)/T)"),
    ("clip-norm", {}, "sqrt(sum(g**2))", "sum(g**2)"),
    ("clip-norm", {"norm": "1"}, "c/(n + eps)", "c/n"),
]
