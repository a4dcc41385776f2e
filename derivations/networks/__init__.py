"""Layers and networks"""

PAGE = ("neuron", "dense", "backprop", "mlp-mse", "mlp-softmax", "mlp-deep", "embedding", "dropout")
