"""Bounds and convexity"""
