"""The exact attack beyond two hidden layers with a bias: networks of another depth, and without the bias.

python benchmarks/exact_depths.py                       the demo's faces, each network trained in under a minute
python benchmarks/exact_depths.py --only "3 hidden"     this alone
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import torch
from exact_curves import gates
from exact_problem import attack, images_of, std_of
from reconstruction.attack.exact.condition import condition
from reconstruction.attack.exact.equations import UnknownDepth
from reconstruction.attack.plan import plan_of
from reconstruction.configuration import ExactSearch, Training
from reconstruction.evaluation.matching import nearest_by_ncc
from reconstruction.models.mlp import Network, initialise
from reconstruction.training.descent import descend
from reconstruction.training.fit import data_span
from reconstruction.training.settling import settle
from torch import Tensor

DECAY = 1e-3
FIRST_LAYER_SCALE = 1e-4
NETWORKS = {  # hidden layers, units, steps of settling, and whether there is a bias
    "2 hidden": (2, 500, 3000, True),
    "2 hidden, no bias": (2, 500, 3000, False),
    "1 hidden": (1, 500, 3000, True),
    "1 hidden, 600 steps": (1, 500, 600, True),
    "1 hidden, 2000 units, 600 steps": (1, 2000, 600, True),
    "3 hidden": (3, 500, 3000, True),
    "3 hidden, 1000 steps": (3, 500, 1000, True),
    "3 hidden, 600 steps": (3, 500, 600, True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS), metavar="NETWORK")
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--starts", type=int, default=1600)
    parser.add_argument("--deflations", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    training, labels, held_out = images_of("faces", None, options.images)
    print("| network | directions, unknowns | layer 2 | gates | without | NCC > 0.9 | 0.99 | held-out 0.9 | seconds |")
    for name in options.only:
        network = trained(training, labels, *NETWORKS[name])
        rank = options.images - 1
        print(f"{name}: {condition(network)}", flush=True)
        begun = time.perf_counter()
        plan = plan_of(ExactSearch(deflations=options.deflations))
        try:
            found = attack(network, std_of("faces"), options.starts, 0, plan, rank)
        except UnknownDepth as error:
            print(f"{name}: {error}")
            continue
        seconds, system, counts = time.perf_counter() - begun, found.equations, gates(found, training)
        ncc, others = (nearest_by_ncc(part.float(), found.images.float()).score for part in (training, held_out))
        cells = (
            f"{len(system.rows)}, {2 * system.rows.shape[1]}",
            *(len(system.responses), counts["right"], counts["wrong"]),
            *((ncc > 0.9).sum(), (ncc > 0.99).sum(), (others > 0.9).sum(), round(seconds)),
        )
        print(f"| {name} | " + " | ".join(map(str, cells)) + " |", flush=True)


def trained(inputs: Tensor, labels: Tensor, layers: int, units: int, steps: int, biased: bool) -> Network:
    """The log-loss flow until the loss is the weight decay, then settling; as float32 has the weights."""
    generator, basis = torch.Generator().manual_seed(0), data_span(inputs)
    network = initialise(inputs.shape[1], [units] * layers, FIRST_LAYER_SCALE, generator).project_inputs(basis)
    network = network if biased else replace(network, bias=None)
    within, flow = (inputs @ basis.T).float(), Training(target_loss=DECAY)
    network, _ = descend(network.to(dtype=torch.float32), within, labels.float(), flow, lambda row: None)
    network = settle(network, within, labels.float(), DECAY, range(steps), lambda row: None)[0].to(dtype=torch.float64)
    return network.with_first_layer((network.weights[0] @ basis).float().double())


if __name__ == "__main__":
    main()
