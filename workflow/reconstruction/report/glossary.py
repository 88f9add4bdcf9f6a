"""What the table's quantities and the controls mean, in a line each."""

from __future__ import annotations

QUANTITIES = {
    "n": "training images",
    "n_held_out": "images of the same kind never trained on",
    "network": "sizes of the layers, from the input to the output",
    "training_loss": "mean logistic loss at the end of training",
    "on_margin": "training images within 10 % of the smallest margin",
    "test_accuracy": "share of the test images that the network labels right",
    "method": "how the restarts search: all pixels, or the row space of the first layer",
    "restarts": "searches, each with its own hyperparameters and initial values",
    "diverged": "restarts that left the numbers a computer can hold",
    "candidates": "images that all restarts found together",
    "representatives": "what is left when candidates of one image are merged",
    "ncc_threshold_held_out": "NCC that 1 % of the held-out images pass, or the share that the configuration names",
    "ncc_threshold_scrambled": "the same for training images matched with draws of random candidates",
    "ncc_threshold": "the larger of the two, which a hit must pass",
    "ncc_hits": "training images above both thresholds",
    "ncc_hits_over_held_out": "training images above the held-out threshold",
    "ncc_hits_strict": "hits at one false positive in a thousand, where 1,000 images are held out",
    "ncc_held_out_hits": "held-out images above the threshold of the half that they are not in",
    "calibrated_hits": "hits by how far an image exceeds what control networks (controls: networks) lead to expect",
    "calibrated_hits_strict": "the same at one false positive in a thousand, where 1,000 images are held out",
    "calibrated_held_out_hits": "calibrated hits of held-out images",
    "one_to_one_hits": "hits where no two images may claim one representative",
    "one_to_one_held_out_hits": "the same for held-out images",
    "ncc_median": "median NCC of the training images",
    "ncc_held_out_median": "median NCC of the held-out images",
    "ssim_hits": "training images with SSIM (window 3) above the published mark",
    "ssim_held_out_hits": "the same for held-out images",
    "ssim_mean_image_hits": "the same where the mean image answers for every image",
    "ssim_best10": "mean SSIM of the 10 best",
    "ssim_best45": "mean SSIM of the 45 best",
    "ssim_mean": "mean SSIM of all training images",
    "ssim11_hits": "training images with SSIM of window 11 above the published mark",
    "ssim11_best45": "mean SSIM of window 11 of the 45 best",
    "l2_median": "median distance of a training image from its reconstruction",
    "precision_top_hits": "share of true images among the representatives ranked first, as many as there are hits",
    "precision_top_quarter": "the same for a quarter as many",
}
CONTROLS = {
    "reconstruction": "The candidates of this experiment, matched with the images that the network was trained on.",
    "held_out": "The same candidates, matched with images never trained on, each half judged by the other's threshold.",
    "mean_image": "No reconstruction at all: the mean image that ships with the model answers for every image.",
    "scrambled": "As many random candidates with the same spread in the same search space: what chance scores there.",
    "random_mixtures": "As many random mixtures of all training images: what an average of images scores.",
    "first_layer_weights": "Rows of the first layer's weights taken for images: what can be read off without a search.",
    "singular_vectors": "The first layer's right singular vectors taken for images, the axes of the search space.",
    "model_inversion": "Images that the network answers most strongly: it shows what a class looks like, not an image.",
    "scrambled_weights": "The same search in the weights in disorder, which no image explains: what it makes up.",
    "other_images": "The same search in a network trained alike on other images: it cannot have found these.",
}


def name(key: str) -> str:
    """A key as words."""
    words = key.replace("_", " ").replace("ncc", "NCC").replace("ssim", "SSIM")
    return words[0].upper() + words[1:]


def control(key: str) -> str:
    """What a control means; several of a kind are numbered at the end."""
    return CONTROLS.get(key.rstrip("_0123456789"), "")
