"""Initialisation"""

PAGE = ("xavier-init", "he-init")
