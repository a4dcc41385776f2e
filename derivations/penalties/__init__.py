"""Penalties on the weights"""

PAGE = ("l2-penalty", "l1-penalty", "mse-l2")
