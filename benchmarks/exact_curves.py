"""What the exact attack takes: images found against how a network was trained, how large it is, and what disturbs it.

python benchmarks/exact_curves.py                              every axis about the demo's network, the faces
python benchmarks/exact_curves.py --only decay noise           these alone
python benchmarks/exact_curves.py --mnist FOLDER --seeds 0 1   the number of MNIST's images as well; two networks each
python benchmarks/exact_curves.py --measure-nothing            table and figure of what the CSV has already

One axis at a time moves away from the demo's setting. A row of the CSV is one network; a setting that it has already is
passed over, so a run that was interrupted goes on, and another CSV measures everything anew from the networks of the
cache. Where the condition refuses a network or takes noise for images, the attack is told the rank of the images.
"""

from __future__ import annotations

import argparse
import csv
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch
from exact import AGREE, disagreement
from exact_axes import AXES, Setting
from exact_curves_figure import draw, markdown, read
from exact_networks import network_of
from exact_problem import Found, attack, images_of, std_of
from reconstruction.attack.exact.closure import closure
from reconstruction.attack.exact.condition import condition
from reconstruction.attack.plan import plan_of
from reconstruction.configuration import ExactSearch
from reconstruction.evaluation.matching import nearest_by_ncc
from reconstruction.evaluation.separation import area, true_positive_rate

FACES = 100
MNIST_HELD_OUT = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=AXES, default=list(AXES), metavar="AXIS", help=", ".join(AXES))
    parser.add_argument("--cache", type=Path, default=Path("exact-cache"), help="folder that keeps trained networks")
    parser.add_argument("--output", type=Path, default=Path("exact-curves.csv"), help="CSV to append rows to")
    parser.add_argument("--figure", type=Path, help="figure to draw of the CSV's rows, .png or .pdf")
    parser.add_argument("--mnist", help="folder of MNIST/raw; without it the axis `digits` is passed over")
    parser.add_argument("--starts", type=int, default=1600, help="random starts at most")
    parser.add_argument("--deflations", type=int, default=4, help="batches of 400 starts at most")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the networks; the attack's is the same")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measure-nothing", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if not options.measure_nothing:
        measure_missing(options)
    rows = read(options.output)
    print(markdown(rows))
    if options.figure:
        draw(rows, options.figure)


def measure_missing(options: argparse.Namespace) -> None:
    wanted = (replace(it, seed=seed) for seed in options.seeds for name in options.only for it in AXES[name].settings)
    known = {setting for setting, _ in read(options.output)}
    left = [it for it in dict.fromkeys(wanted) if it not in known and (options.mnist or it.data != "mnist")]
    begun = time.perf_counter()
    for done, setting in enumerate(left):
        found = measure(setting, options)
        append(options.output, asdict(setting) | found)
        spent = time.perf_counter() - begun
        print(
            f"{done + 1} of {len(left)}: {setting}: {found['above_90']} of {setting.images} above 0.9, "
            f"about {spent / (done + 1) * (len(left) - done - 1) / 60:.0f} min left",
            flush=True,
        )


def append(path: Path, row: dict[str, object]) -> None:
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def measure(setting: Setting, options: argparse.Namespace) -> dict[str, float]:
    """Train, attack, and compare with the training images and with those held out."""
    others = min(FACES - setting.images, setting.images) if setting.data == "faces" else MNIST_HELD_OUT
    training, labels, held_out = images_of(setting.data, options.mnist, setting.images, others)
    network, trained = network_of(setting, training, labels, options.cache)
    state = condition(network)
    most = min(setting.images - 1, *network.weights[0].shape)
    rank = None if state.applies and state.rank <= most else most
    begun = time.perf_counter()
    found = attack(
        network, std_of(setting.data), options.starts, 0, plan_of(ExactSearch(deflations=options.deflations)), rank
    )
    attacked = time.perf_counter() - begun
    ncc = nearest_by_ncc(training.float(), found.images.float()).score
    others_ncc = nearest_by_ncc(held_out.float(), found.images.float()).score
    members = closure(network, training, labels).numpy()
    strangers = closure(network, held_out, torch.ones(len(held_out))).numpy()
    return {
        "applies": int(state.applies),
        "rank": state.rank,
        "floor": state.floor,
        "imbalance": state.imbalance,
        "directions": len(found.equations.rows),
        "starts": found.starts,
        **gates(found, training),
        **{f"above_{round(100 * level)}": int((ncc > level).sum()) for level in (0.8, 0.9, 0.95, 0.99)},
        "held_out": len(held_out),
        "held_out_above_90": int((others_ncc > 0.9).sum()),
        "held_out_best": max(0.0, others_ncc.max()),
        "closure_auc": area(members, strangers).value,
        "closure_tpr_1": true_positive_rate(members, strangers, 0.01).value,
        "closure_tpr_01": true_positive_rate(members, strangers, 0.001).value,
        "training_seconds": trained,
        "attack_seconds": attacked,
    }


def gates(found: Found, training: torch.Tensor) -> dict[str, int]:
    """Patterns in the answer, images whose gates are among them, and patterns that are no image's."""
    accepted = len(found.solutions)
    if not accepted:
        return {"accepted": 0, "right": 0, "wrong": 0}
    differing = disagreement(found.equations, found.solutions.gates, training)
    right = differing.amin(1) < AGREE
    return {"accepted": accepted, "right": len(differing[right].argmin(1).unique()), "wrong": int((~right).sum())}


if __name__ == "__main__":
    main()
