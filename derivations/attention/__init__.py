"""Attention and the Transformer"""

PAGE = ("attention", "multi-head-attention", "rope", "transformer-block")
