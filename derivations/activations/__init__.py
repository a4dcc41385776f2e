"""Activations"""

PAGE = (
    *("sigmoid", "tanh", "relu", "leaky-relu", "elu", "selu"),
    *("gelu", "gelu-tanh", "silu", "swish", "mish", "softplus"),
)
