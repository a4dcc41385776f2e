"""Compiled kernels: array programs as C with fused loops, compiled on this machine and called as NumPy functions."""
