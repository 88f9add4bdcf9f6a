"""What each prior of the search is worth (docs/search.md): the same restarts of `subspace` with and without it.

python benchmarks/priors.py --threads 1 --per-label 50 --held-out-per-label 250, with --cifar FILE --public FILE or
--mnist FOLDER: a line of a Markdown table for each of SETTINGS, all on one network. ms: of CPU, an iteration of one
restart. In brackets: the same of held-out images.
"""

import time
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from counts import Answer
from denoiser import NOISES, Denoising, learn
from hits import RATE, run
from problems import CPU, Images, dataset_of, image_arguments, load_images, machine, of_both
from reconstruction.attack.pictures import Spectrum
from reconstruction.attack.plan import Attack, choose
from reconstruction.configuration import ImageFile, Model, Restarts, Training
from reconstruction.data.sources import load
from reconstruction.evaluation.chance import Chance, Shuffled
from reconstruction.evaluation.detail import POWER
from reconstruction.evaluation.matching import published
from reconstruction.evaluation.pixels import Pixels
from reconstruction.evaluation.scores import RECOGNISABLE
from reconstruction.evaluation.showing import RULES, Showing
from reconstruction.evaluation.thresholds import Thresholds, cross_fitted_hits
from reconstruction.files.store import Stored
from reconstruction.models.deployed import Deployed
from reconstruction.models.mlp import Network
from reconstruction.training.fit import fit

OF_THE_KIND = "spectrum of public images"
SETTINGS = [
    ("none", 0, 0, 1),
    ("range", 1e-4, 0, 1),
    ("range", 1e-3, 0, 1),
    ("range", 1e-2, 0, 1),
    ("range", 1e-2, 0.5, 1),
    ("range", 1e-2, 0, 0.5),
    ("total-variation", 1e-5, 0, 1),
    ("total-variation", 1e-4, 0, 1),
    ("high-pass", 1e-4, 0, 1),
    ("high-pass", 1e-3, 0, 1),
    ("spectrum", 1e-4, 0, 1),
    ("spectrum", 1e-3, 0, 1),
    (OF_THE_KIND, 1e-4, 0, 1),
    (OF_THE_KIND, 1e-3, 0, 1),
    *((noise, weight, 0, 1) for noise in NOISES for weight in (1e-4, 1e-3, 1e-2)),
]


def main() -> None:
    parser = image_arguments(__doc__)
    parser.add_argument("--hidden", type=int, nargs="+", default=[500, 500])
    parser.add_argument("--target-loss", type=float, default=1e-12)
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--restarts", type=int, default=4)
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the restarts")
    parser.add_argument("--public", type=Path, metavar="FILE", help="NPZ or HDF5 of images that priors learn from")
    parser.add_argument("--only", nargs="+", metavar="PRIOR", help="of these names, such as range (default: all)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine(CPU)
    images = load_images(options)
    training = Training(target_loss=options.target_loss, weight_decay=options.weight_decay)
    model = Model(hidden=options.hidden, training=training)
    network = fit(model, images.training.double(), images.labels, CPU)[0]
    public = public_images(options)
    denoisers = {
        name: learn(public, images.mean, noise)[0]
        for name, noise in NOISES.items()
        if public is not None and (not options.only or name in options.only)
    }

    chosen = [setting for setting in SETTINGS if not options.only or setting[0] in options.only]
    for number, (prior, weight, begins, ends) in enumerate(chosen):
        search = {"iterations": options.iterations, "prior_weight": weight, "prior_begins": begins, "prior_ends": ends}
        if prior in (*NOISES, OF_THE_KIND) and public is None:
            continue
        if prior not in NOISES:
            search["prior"] = "spectrum" if prior == OF_THE_KIND else prior
        spectrum = Spectrum.measured(torch.from_numpy(public)) if prior == OF_THE_KIND else None
        settings = Restarts(candidates=2 * len(images.training), method="subspace", seed=options.seed, subspace=search)
        attack = choose(network, settings, replace(images.pixels, spectrum=spectrum))
        if prior in denoisers:
            penalty = Denoising(prior, weight, begins, ends, images.pixels, denoisers[prior])
            attack = replace(attack, method=replace(attack.method, prior=penalty))
        begun = time.process_time()
        found, _ = run(network, attack, settings, range(options.restarts))
        spent = 1000 * (time.process_time() - begun) / (options.restarts * options.iterations)
        row = {"prior": prior, "weight": f"{weight:g}", "from, to": f"{begins:g}, {ends:g}", "ms": f"{spent:.1f}"}
        row |= judged(found.flatten(0, 1), attack, network, images)
        if not number:
            print(f"| {' | '.join(row)} |\n|{'---|' * len(row)}")
        print(f"| {' | '.join(row.values())} |", flush=True)


def public_images(options: Namespace) -> np.ndarray | None:
    """(n, C, H, W), none a training or a held-out image: those of the file, or of the source's test set."""
    if options.public:
        return load(ImageFile(kind="file", path=str(options.public))).training.images
    test = load(dataset_of(options).source).test
    return None if test is None else test.images


def judged(coordinates: torch.Tensor, attack: Attack, network: Network, images: Images) -> dict[str, str]:
    """Of candidates (N, r)."""
    model = Deployed(network.to(dtype=torch.float32), images.mean, Stored(Path("model.h5"), {}, {}, {}, {}, ""))
    space, found = attack.method.space.to(coordinates), coordinates.numpy()
    chance = Chance(found.std(axis=0), space.basis.numpy(), len(found), model, 0)
    answer = Answer(Pixels(found, space, model), chance, Shuffled(found, chance.directions, model, 0))
    plain = answer.plain(images.training, images.held_out)
    limits = Thresholds.of(plain.held_out, plain.without_knowledge["scrambled"], RATE)
    held_out_hits = cross_fitted_hits(plain.held_out, images.held_out_labels.numpy(), RATE)
    photographs = [images.photographs(part) for part in (images.training, images.held_out)]
    showing = Showing.among(photographs[1], images.mean)
    ssim = [
        published(originals, inputs, showing, answer.candidates)[1].by_rule
        for originals, inputs in zip(photographs, (images.training, images.held_out), strict=True)
    ]

    return {
        "NCC, 10 best": of_both(plain.training, plain.held_out, 10),
        "NCC, 45 best": of_both(plain.training, plain.held_out, 45),
        "above NCC 0.9": str(int((plain.training > RECOGNISABLE).sum())),
        "told by NCC": str(plain.discovered),
        "by excess": str(answer.excess(images.training, images.held_out, POWER)[0].discovered),
        "hits": f"{int((plain.training > limits.both).sum())} ({int(held_out_hits.sum())})",
        "above held-out": str(int((plain.training > limits.held_out).sum())),
        **{f"SSIM, {rule}": of_both(ssim[0][rule], ssim[1][rule], 45) for rule in RULES},
    }


if __name__ == "__main__":
    main()
