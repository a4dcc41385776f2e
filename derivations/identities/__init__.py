"""Identities and rules"""

PAGE = (
    *("chain-rule", "norm-gradient", "frobenius-gradient", "quadratic-form-gradient", "trace-gradient"),
    *("logdet-gradient", "softmax-shift", "softmax-two-classes", "tanh-sigmoid", "softplus-gradient"),
    *("logsumexp-gradient", "bayes-sigmoid", "gaussian-kl", "fisher-softmax", "gan-optimal-discriminator"),
    "mlp-parameters",
)
