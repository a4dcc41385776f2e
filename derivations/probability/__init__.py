"""Probability"""

PAGE = (
    *("expectation-linear", "variance-identity", "covariance-linear", "minibatch-variance"),
    *("mle-gaussian-mse", "mle-bernoulli-bce", "mle-categorical-ce"),
)
