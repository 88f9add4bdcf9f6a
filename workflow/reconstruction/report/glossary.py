"""What the controls mean, in a line each, and the scores of membership, and keys as words."""

from __future__ import annotations

CONTROLS = {
    "reconstruction": "The candidates of this experiment, matched with the images that the network was trained on.",
    "held_out": "The same candidates, matched with images never trained on, each half judged by the other's threshold.",
    "mean_image": "No reconstruction at all: the mean image that ships with the model answers for every image.",
    "scrambled": "As many random candidates with the same spread in the same search space: what chance scores there.",
    "random_mixtures": "As many random mixtures of all training images: what an average of images scores.",
    "first_layer_weights": "Rows of the first layer's weights taken for images: what can be read off without a search.",
    "singular_vectors": "The first layer's right singular vectors taken for images, the axes of the search space.",
    "model_inversion": "Images that the network answers most strongly: it shows what a class looks like, not an image.",
    "scrambled_weights": "A search in the weights in disorder, which no image explains: what it makes up.",
    "other_images": "The same search in a network trained alike on other images: it cannot have found these.",
}

MEMBERSHIP = {
    "lambda": "Its share in the sum that the weights are, solved for with all that are asked about fixed.",
    "closure": "How well it alone closes the first layer's equations.",
    "margin": "How well the network answers it as it is labelled: the usual attack by the loss.",
}


def name(key: str) -> str:
    """A key as words."""
    words = key.replace("_", " ").replace("ncc", "NCC").replace("ssim", "SSIM")
    return words[0].upper() + words[1:]


def control(key: str) -> str:
    """What a control means; several of a kind are numbered at the end."""
    return CONTROLS.get(key.rstrip("_0123456789"), "")
