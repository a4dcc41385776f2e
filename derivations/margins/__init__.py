"""Margin losses"""

PAGE = (
    *("hinge", "squared-hinge", "soft-margin", "multi-margin", "multilabel-margin"),
    *("margin-ranking", "hinge-embedding", "cosine-embedding", "triplet-margin"),
)
