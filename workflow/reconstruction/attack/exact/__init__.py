"""The exact attack: gates read out of the weights by Douglas-Rachford, images by one linear solve (docs/exact.md)."""
