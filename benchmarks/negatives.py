"""Training images that come back as negatives: docs/negatives.png.

python benchmarks/negatives.py results/cifar10/decay/subspace negatives.png   of a finished experiment on pictures: the
images that candidates times -1 match best, each with that candidate, as it is and negated, and their NCC.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from counts import read
from reconstruction.evaluation import pixels
from reconstruction.evaluation.matching import nearest_by_ncc
from reconstruction.evaluation.scores import best_first
from reconstruction.evaluation.showing import Showing
from reconstruction.files import store

PAIRS = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path, help="its folder, DATASET/MODEL/SWEEP")
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    folder = options.experiment
    answer, subset = read(folder), store.read(folder.parents[1] / "subset.h5", "subset")
    model = answer.chance.model
    matched = nearest_by_ncc(model.centred(subset["training/images"]), answer.negated.candidates)
    best = best_first(matched.score)[:PAIRS]
    images, found = subset["training/images"][best], answer.candidates[matched.index[best]]
    showing = Showing.of(subset, model.mean)
    rows = {
        "training image": images,
        "candidate": pixels.pictures(found, "one-contrast", showing),
        "negated": pixels.pictures(-found, "one-contrast", showing),
    }
    figure, axes = plt.subplots(3, PAIRS, figsize=(9.6, 2.75), layout="constrained")
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(name, fontsize=8)
        for axis, picture in zip(line, pictures, strict=True):
            axis.imshow(picture.transpose(1, 2, 0), cmap="grey", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
    for axis, score in zip(axes[-1], matched.score[best], strict=True):
        axis.set_xlabel(f"{score:.2f}", fontsize=8)
    figure.savefig(options.output, dpi=100)


if __name__ == "__main__":
    main()
