"""Losses for regression"""

PAGE = ("mse", "l1", "huber", "smooth-l1", "poisson-nll", "gaussian-nll")
