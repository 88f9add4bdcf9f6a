"""The paper's figure, docs/cifar10.png and docs/mnist.png: the best pairs, beside the paper's own way to show them.

python benchmarks/figure.py results/mnist/flow/restarts1024 mnist.png   of a finished experiment on pictures: training
images, their nearest candidates by its rule of showing and, where that is another, stretched as the paper's code does.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

import matplotlib
import numpy as np
from reconstruction.evaluation import pixels
from reconstruction.evaluation.scores import best_first
from reconstruction.evaluation.showing import PUBLISHED_RULE, Showing
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.report.figures import STYLE, mosaic

RULES = {"stretch": "stretched", "clamp": "clamped to the range", "one-contrast": "at one contrast"}


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path, help="its folder, DATASET/MODEL/SWEEP")
    parser.add_argument("output", type=Path)
    parser.add_argument("--pairs", type=int, default=45)
    options = parser.parse_args()
    folder = options.experiment
    model, subset = deployed.read(folder.parent / "model.h5"), store.read(folder.parents[1] / "subset.h5", "subset")
    evaluation = store.read(folder / "evaluation.h5", "evaluation")
    candidates = pixels.of(store.read(folder / "candidates.h5", "candidates"), "candidates/coordinates", model)
    ncc = evaluation["training/ncc"]
    first = best_first(ncc)[: options.pairs]
    found, photographs = candidates[evaluation["training/nearest_candidate"][first]], subset["training/images"][first]
    own = evaluation.table("row")["showing"]
    rules = dict.fromkeys((own, PUBLISHED_RULE))
    showing = Showing.of(subset, model.mean)
    gap = np.ones((len(first), photographs.shape[1], 1, photographs.shape[3]), np.float32)
    rows = [photographs, *(part for rule in rules for part in (gap, pixels.pictures(found, rule, showing)))]
    below = ", then ".join(RULES[rule] for rule in rules)
    title = f"Above: training image. Below: its nearest candidate, {below}. NCC."
    with matplotlib.rc_context(STYLE):
        captions = [f"{score:.2f}" for score in ncc[first]]
        figure = mosaic(np.concatenate(rows, 2), captions, title, evaluation["training/hit"][first])
        figure.savefig(options.output)


if __name__ == "__main__":
    main()
