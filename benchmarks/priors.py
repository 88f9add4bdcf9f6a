"""What each prior of the search is worth (docs/search.md): the same restarts of `subspace` with and without it.

python benchmarks/priors.py --threads 1 --cifar FILE --per-label 50, or --mnist FOLDER: a line of a Markdown table for
each of SETTINGS, all on one network. ms: of CPU, an iteration of one restart.
"""

import time

import numpy as np
import torch
from hits import RATE, run
from problems import CPU, Images, image_arguments, load_images, machine
from reconstruction.attack.plan import Attack, choose
from reconstruction.attack.search.priors import Pixels
from reconstruction.configuration import Model, Restarts, Training
from reconstruction.evaluation.chance import draws, scramble
from reconstruction.evaluation.matching import nearest_by_ncc
from reconstruction.evaluation.scores import RECOGNISABLE, best
from reconstruction.evaluation.thresholds import Thresholds, cross_fitted_hits
from reconstruction.training.fit import fit

SETTINGS = [
    ("none", 0, 0),
    ("range", 1e-3, 0),
    ("spectrum", 1e-4, 0),
    ("range", 1e-2, 0),
    ("range", 1e-3, 0.5),
    ("high-pass", 1e-4, 0),
    ("total-variation", 1e-5, 0),
    ("range", 1e-4, 0),
    ("spectrum", 1e-3, 0),
    ("total-variation", 1e-4, 0),
    ("high-pass", 1e-3, 0),
    ("spectrum", 1e-5, 0),
]
COLUMNS = ("ms", "NCC, 10 best", "45 best", "above 0.9", "held-out threshold", "hits above it", "hits above both",
           "held-out hits", "held-out, 45 best")  # fmt: skip


def main() -> None:
    parser = image_arguments(__doc__)
    parser.add_argument("--hidden", type=int, nargs="+", default=[500, 500])
    parser.add_argument("--target-loss", type=float, default=1e-12)
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--restarts", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0, help="of the restarts")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine(CPU)
    images = load_images(options)
    training = Training(target_loss=options.target_loss, weight_decay=options.weight_decay)
    model = Model(hidden=options.hidden, training=training)
    network = fit(model, images.training.double(), images.labels, CPU)[0]
    pixels = Pixels(torch.from_numpy(images.mean), torch.ones(images.mean.shape))

    print(f"| prior | weight | from | {' | '.join(COLUMNS)} |\n|{'---|' * (3 + len(COLUMNS))}")
    for prior, weight, begins in SETTINGS:
        search = {"prior": prior, "prior_weight": weight, "prior_begins": begins, "iterations": options.iterations}
        settings = Restarts(candidates=2 * len(images.training), method="subspace", seed=options.seed, subspace=search)
        attack = choose(network, settings, pixels)
        begun = time.process_time()
        found, _ = run(network, attack, settings, range(options.restarts))
        spent = 1000 * (time.process_time() - begun) / (options.restarts * options.iterations)
        figures = [spent, *judged(found.flatten(0, 1), attack, images)]
        print(f"| {prior} | {weight:g} | {begins:g} | {' | '.join(f'{value:.3g}' for value in figures)} |", flush=True)


def judged(coordinates: torch.Tensor, attack: Attack, images: Images) -> list[float]:
    """COLUMNS but the first, of candidates (N, r)."""
    space = attack.method.space.to(coordinates)
    spread = coordinates.numpy().std(axis=0)
    random = [
        nearest_by_ncc(images.training, space.inputs(torch.from_numpy(scramble(spread, len(coordinates), seed)))).score
        for seed in range(draws(len(images.training), RATE))
    ]
    trained, held_out = (
        nearest_by_ncc(part, space.inputs(coordinates)).score for part in (images.training, images.held_out)
    )
    limits = Thresholds.of(held_out, np.stack(random), RATE)
    return [
        best(trained, 10),
        best(trained, 45),
        int((trained > RECOGNISABLE).sum()),
        limits.held_out,
        int((trained > limits.held_out).sum()),
        int((trained > limits.both).sum()),
        int(cross_fitted_hits(held_out, images.held_out_labels.numpy(), RATE).sum()),
        best(held_out, 45),
    ]


if __name__ == "__main__":
    main()
