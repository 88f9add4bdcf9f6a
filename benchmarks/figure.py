"""The paper's figure, docs/cifar10.png and docs/mnist.png: the best pairs, beside the paper's own way to show them.

python benchmarks/figure.py results/mnist/flow/restarts1024 mnist.png   of a finished experiment on pictures: training
images, their nearest candidates by its rule of showing and, where that is another, stretched as the paper's code does.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

import matplotlib
from counts import read
from reconstruction.evaluation import pixels
from reconstruction.evaluation.scores import best_first
from reconstruction.evaluation.showing import PUBLISHED_RULE, Showing
from reconstruction.files import store
from reconstruction.report.figures import STYLE, mosaic
from reconstruction.report.originals import beside

RULES = {"stretch": "stretched", "clamp": "clamped to the range", "one-contrast": "at one contrast"}


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path, help="its folder, DATASET/MODEL/SWEEP")
    parser.add_argument("output", type=Path)
    parser.add_argument("--pairs", type=int, default=45)
    options = parser.parse_args()
    folder = options.experiment
    answer, subset = read(folder), store.read(folder.parents[1] / "subset.h5", "subset")
    evaluation = store.read(folder / "evaluation.h5", "evaluation")
    ncc = evaluation["training/ncc"]
    first = best_first(ncc)[: options.pairs]
    found = answer.candidates[evaluation["training/nearest_candidate"][first]]
    own = evaluation.table("row")["showing"]
    rules = dict.fromkeys((own, PUBLISHED_RULE))
    showing = Showing.of(subset, answer.chance.model.mean)
    rows = [subset["training/images"][first], *(pixels.pictures(found, rule, showing) for rule in rules)]
    below = ", then ".join(RULES[rule] for rule in rules)
    title = f"Above: training image. Below: its nearest candidate, {below}. NCC."
    with matplotlib.rc_context(STYLE):
        captions = [f"{score:.2f}" for score in ncc[first]]
        figure = mosaic(beside(rows, axis=2), captions, title, evaluation["training/hit"][first])
        figure.savefig(options.output)


if __name__ == "__main__":
    main()
