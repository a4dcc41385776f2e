"""Wrong claims about the derivatives that pages of identities and bounds derive on the way."""

#: id, wanted, wrong claim, the class of the error.
WRONG: list[tuple[str, str, str, str]] = [
    ("mse-hessian", "dL/dw", "X.T @ r/n", "factor"),
    ("mse-hessian", "dL/dw", "-2*X.T @ r/n", "sign"),
    ("mse-hessian", "d2L/dw2", "X.T @ X/n", "factor"),
    ("mse-hessian", "d2L/dw2", "2*X.T @ X", "missing 1/n"),
    ("logistic-hessian", "dL/dw", "X.T @ (t - s)/n", "sign"),
    ("logistic-hessian", "dL/dw", "X.T @ s/n", "missing term"),
    ("logistic-hessian", "d2L/dw2", "i, j: sum(X[k, i]*s[k]*X[k, j] for k in n)/n", "missing factor"),
    ("quadratic-form-gradient", "dL/dx", "2*A @ x", "symmetric where it is not"),
    ("quadratic-form-gradient", "dL/dx", "A.T @ x", "missing term"),
    ("quadratic-form-gradient", "dL/dA", "2*outer(x, x)", "factor"),
    ("trace-gradient", "dT/dA", "i, j: A[i, j]", "the other matrix"),
    ("trace-gradient", "dT/dB", "2*A.T", "factor"),
    ("softplus-gradient", "dy/dx", "sigmoid(-x)", "sign of the argument"),
    ("softplus-gradient", "dy/dx", "1 - sigmoid(x)", "reflected"),
    ("logsumexp-gradient", "dL/dz", "-p", "sign"),
    ("logsumexp-gradient", "dL/dz", "exp(z)", "normaliser"),
]
