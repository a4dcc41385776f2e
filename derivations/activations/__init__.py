"""Activations"""

PAGE = (
    *("identity", "step", "sigmoid", "log-sigmoid", "tanh", "softsign"),
    *("relu", "leaky-relu", "prelu", "rrelu", "squared-relu", "elu", "selu", "celu"),
    *("relu6", "hardtanh", "hardsigmoid", "hardswish"),
    *("gelu", "gelu-tanh", "silu", "swish", "softplus", "mish"),
    *("softshrink", "hardshrink", "threshold", "tanhshrink"),
    *("softmax", "softmin", "maxout"),
    *("glu", "reglu", "geglu", "swiglu"),
)
