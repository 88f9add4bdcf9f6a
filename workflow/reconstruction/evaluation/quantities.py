"""The quantities of the table, each told once: what it means, what it is a count of, and what decides it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """count_of: for a count of images, the quantity that tells how many there are; of_restarts: whether the raw
    candidates' NCC alone decides it, so that some of the restarts have a value of their own."""

    meaning: str
    count_of: str | None = None
    of_restarts: bool = False


QUANTITIES = {
    "n": Quantity("training images"),
    "n_held_out": Quantity("images of the same kind never trained on"),
    "kind_auc": Quantity(
        "how well a random forest tells training images from held-out ones that it has not seen: 0.5 where they are of "
        "one kind"
    ),
    "kind_auc_low": Quantity("lower end of its 95 % interval; above 0.6 they are of different kinds"),
    "network": Quantity("sizes of the layers, from the input to the output"),
    "training_loss": Quantity("mean loss at the end of training"),
    "on_margin": Quantity("training images within 10 % of the smallest margin", "n"),
    "test_accuracy": Quantity("share of the test images that the network labels right"),
    "test_error": Quantity("mean absolute error on the test images, of a regression"),
    "condition": Quantity("whether what the attack assumes holds for the model, by the next two figures"),
    "unexplained": Quantity("share of the first layer that the training images leave unexplained"),
    "unexplained_beyond": Quantity(
        "the largest share of a further layer, where weight decay alone could have explained it: of a regression, a "
        "smooth activation, biases beyond the first layer"
    ),
    "balance": Quantity(
        "correlation of the squared norms of units' incoming and outgoing weights, the smallest of the hidden layers"
    ),
    "membership_by": Quantity("score of membership that counts, by the weights alone: closure under weight decay"),
    "membership_tpr": Quantity("share of the training images above all but 1 % of the held-out ones by that score"),
    "membership_tpr_low": Quantity("lower end of its 95 % interval (Clopper and Pearson)"),
    "membership_tpr_high": Quantity("upper end of the same"),
    **{
        f"{score}_{figure}": Quantity(meaning.format(score))
        for score in ("lambda", "closure", "margin")
        for figure, meaning in (
            ("auc", "how well {} tells training images from held-out ones: 0.5 is guessing, 1 is always"),
            ("tpr", "share of the training images above all but 1 % of the held-out ones by {}"),
            ("tpr_strict", "the same at 0.1 %, where 1,000 images are held out"),
        )
    },
    "method": Quantity(
        "how restarts search: for gate patterns, or for images in the first layer's row space or all pixels"
    ),
    "restarts": Quantity("searches, each with its own hyperparameters and initial values"),
    "diverged": Quantity("restarts that left the numbers a computer can hold"),
    "candidates": Quantity("images that all restarts found together"),
    "representatives": Quantity("what is left when candidates of one image are merged"),
    "reconstructed_images": Quantity(
        "training images that exceed chance in detail, told from the worst null at 5 % false discoveries", "n"
    ),
    "reconstructed_low": Quantity("lower end of its 95 % interval over images"),
    "reconstructed_high": Quantity("upper end of the same"),
    "reconstructed_fewest": Quantity("how many images must come back at least for any to be told so"),
    "reconstructed_with_other_labels": Quantity(
        "what the same rule tells with the candidates of all other labels, which are no reconstructions of an image",
        "n",
    ),
    "reconstructed_by_ncc": Quantity("training images whose plain NCC is told likewise", "n"),
    "ncc_threshold_held_out": Quantity(
        "NCC that 1 % of the held-out images pass, or the share that the configuration names", of_restarts=True
    ),
    "ncc_threshold_scrambled": Quantity(
        "the same for training images matched with draws of random candidates", of_restarts=True
    ),
    "ncc_threshold": Quantity("the larger of the two, which a hit must pass", of_restarts=True),
    "ncc_hits": Quantity("training images above both thresholds", "n", of_restarts=True),
    "ncc_hits_over_held_out": Quantity("training images above the held-out threshold", "n", of_restarts=True),
    "ncc_hits_strict": Quantity(
        "hits at one false positive in a thousand, where 1,000 images are held out", "n", of_restarts=True
    ),
    "ncc_held_out_hits": Quantity(
        "held-out images above the threshold of the half that they are not in", "n_held_out", of_restarts=True
    ),
    "calibrated_hits": Quantity(
        "hits by how far an image exceeds what control networks (controls: networks) lead to expect",
        "n",
        of_restarts=True,
    ),
    "calibrated_hits_strict": Quantity(
        "the same at one false positive in a thousand, where 1,000 images are held out", "n", of_restarts=True
    ),
    "calibrated_held_out_hits": Quantity("calibrated hits of held-out images", "n_held_out", of_restarts=True),
    "one_to_one_hits": Quantity("hits where no two images may claim one representative", "n"),
    "one_to_one_held_out_hits": Quantity("the same for held-out images", "n_held_out"),
    "ncc_median": Quantity("median NCC of the training images", of_restarts=True),
    "ncc_held_out_median": Quantity("median NCC of the held-out images", of_restarts=True),
    "recognisable_images": Quantity("training images with NCC above 0.9", "n", of_restarts=True),
    "exact_images": Quantity("training images with NCC above 0.99", "n", of_restarts=True),
    "recognisable_held_out_images": Quantity("held-out images with NCC above 0.9", "n_held_out", of_restarts=True),
    "ssim_hits": Quantity("training images with SSIM (window 3) above the published mark", "n"),
    "ssim_held_out_hits": Quantity("the same for held-out images", "n_held_out"),
    "ssim_mean_image_hits": Quantity("the same where the mean image answers for every image", "n"),
    "ssim_best10": Quantity("mean SSIM of the 10 best"),
    "ssim_best45": Quantity("mean SSIM of the 45 best"),
    "ssim_clamp_best45": Quantity("the same of candidates cut off where the range ends instead of stretched"),
    "ssim_one_contrast_best45": Quantity("the same of candidates at one contrast, then cut off"),
    "ssim_held_out_best45": Quantity("mean SSIM of the best held-out images, of the same share of them, stretched"),
    "ssim_held_out_clamp_best45": Quantity("the same of candidates cut off"),
    "ssim_held_out_one_contrast_best45": Quantity("the same of candidates at one contrast"),
    "showing": Quantity("rule that candidates are shown by: stretch, clamp or one-contrast; empty of vectors"),
    "ssim_mean": Quantity("mean SSIM of all training images"),
    "ssim11_hits": Quantity("training images with SSIM of window 11 above the published mark", "n"),
    "ssim11_best45": Quantity("mean SSIM of window 11 of the 45 best"),
    "l2_median": Quantity("median distance of a training image from its reconstruction"),
    "precision_top_hits": Quantity(
        "share of true images among the representatives ranked first, as many as there are hits"
    ),
    "precision_top_quarter": Quantity("the same for a quarter as many"),
}
COLUMNS = tuple(QUANTITIES)
OF_RESTARTS = tuple(name for name, quantity in QUANTITIES.items() if quantity.of_restarts)
