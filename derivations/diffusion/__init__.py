"""Diffusion"""

PAGE = ("diffusion-marginal", "diffusion-posterior", "diffusion-epsilon-loss", "diffusion-score")
