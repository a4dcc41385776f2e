"""Layers of deep networks"""

PAGE = ("residual", "layernorm", "rmsnorm", "batchnorm", "instancenorm", "groupnorm", "weightnorm")
