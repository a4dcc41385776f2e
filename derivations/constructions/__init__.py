"""Constructions"""

PAGE = ("perceptron-and", "perceptron-or", "xor-not-linear", "xor-mlp", "relu-interpolation")
