"""Contrast and preference"""

PAGE = ("info-nce", "dpo")
