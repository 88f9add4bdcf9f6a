"""Reconstructing training data from trained neural networks (Haim et al., NeurIPS 2022)."""

__version__ = "0.1.0"
