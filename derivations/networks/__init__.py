"""Layers and networks"""

PAGE = ("dense", "backprop", "mlp-softmax", "mlp-deep", "embedding", "dropout")
