"""Generative adversarial losses"""

PAGE = ("gan-minimax", "gan-nonsaturating", "lsgan", "wgan-gp")
