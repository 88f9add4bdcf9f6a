"""The exact attack on further families: other depths, biases and activations, and several classes.

python benchmarks/exact_families.py                             the demo's faces, each network trained in a minute
python benchmarks/exact_families.py --source FILE.npz           those of CIFAR-10 as well
python benchmarks/exact_families.py --only "3 hidden"           this alone
python benchmarks/exact_families.py --control                   the first layer turned at random: nothing to find
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from exact_curves import gates
from exact_problem import attack, images_of, std_of
from reconstruction.attack.exact.condition import condition
from reconstruction.attack.exact.confirmation import CONFIRMED, discrepancy
from reconstruction.attack.exact.equations import NotRead
from reconstruction.attack.plan import plan_of
from reconstruction.configuration import ExactSearch, Training
from reconstruction.evaluation.matching import nearest_by_ncc
from reconstruction.models.activations import ACTIVATIONS
from reconstruction.models.mlp import Network, initialise
from reconstruction.models.softmax import outputs_for
from reconstruction.training.descent import descend
from reconstruction.training.fit import data_span
from reconstruction.training.settling import settle
from torch import Tensor

DECAY = 1e-3
FIRST_LAYER_SCALE = 1e-4


@dataclass(frozen=True)
class Setting:
    """layers, units: hidden ones; steps: of settling; biases: of layers; classes: CIFAR-10's first, or 2 of faces."""

    layers: int = 2
    units: int = 500
    steps: int = 3000
    biases: str = "first-layer"
    classes: int = 2
    images: int = 50
    activation: str = "relu"

    @property
    def data(self) -> str:
        return "faces" if self.classes == 2 else "cifar10"


NETWORKS = {
    "2 hidden": Setting(),
    "2 hidden, no bias": Setting(biases="none"),
    "2 hidden, biases in every layer": Setting(biases="every-layer"),
    "2 hidden, 3 classes": Setting(classes=3, images=51),
    "2 hidden, 3 classes, 1000 steps": Setting(classes=3, images=51, steps=1000),
    "2 hidden, 1000 units, 3 classes": Setting(classes=3, images=99, units=1000),
    "2 hidden, 10 classes": Setting(classes=10, images=50),
    "2 hidden, 10 classes, 1000 steps": Setting(classes=10, images=50, steps=1000),
    "2 hidden, 10 classes, 2000 steps": Setting(classes=10, images=50, steps=2000),
    "2 hidden, 1000 units, 10 classes": Setting(classes=10, images=100, units=1000),
    "2 hidden, LeakyReLU": Setting(activation="leaky-relu"),
    "2 hidden, GELU": Setting(activation="gelu"),
    "2 hidden, SiLU": Setting(activation="silu"),
    "1 hidden": Setting(layers=1),
    "1 hidden, 600 steps": Setting(layers=1, steps=600),
    "1 hidden, 2000 units, 600 steps": Setting(layers=1, units=2000, steps=600),
    "3 hidden": Setting(layers=3),
    "3 hidden, biases in every layer": Setting(layers=3, biases="every-layer"),
    "3 hidden, 1000 steps": Setting(layers=3, steps=1000),
    "3 hidden, 600 steps": Setting(layers=3, steps=600),
}
COLUMNS = (
    "network, seeds", "directions, unknowns", "layer 2", "starts", "chosen", "gates, without", "NCC > 0.9", "0.99",
    "confirmed, of these > 0.9", "best held-out NCC, gates", "training, s", "attack, s",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS), metavar="NETWORK")
    parser.add_argument("--source", help="NPZ of CIFAR-10's images and labels")
    parser.add_argument("--cache", type=Path, default=Path("exact-cache"), help="folder that keeps trained networks")
    parser.add_argument("--network-seed", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0, help="of the attack")
    parser.add_argument("--starts", type=int, default=1600)
    parser.add_argument("--deflations", type=int, default=4)
    parser.add_argument("--control", action="store_true", help="turn the first layer at random")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("| " + " | ".join(COLUMNS) + " |")
    for name in options.only:
        if options.source or NETWORKS[name].data == "faces":
            measure(name, NETWORKS[name], options)


def measure(name: str, setting: Setting, options: argparse.Namespace) -> None:
    training, labels, held_out = images_of(setting.data, options.source, setting.images, classes=setting.classes)
    network, trained = kept(setting, options.network_seed, training, labels, options.cache)
    network = rotated(network) if options.control else network
    state = condition(network)
    print(f"{name}: {state}", flush=True)
    rank = None if 0 < state.rank < setting.images else setting.images - 1
    begun = time.perf_counter()
    try:
        plan = plan_of(ExactSearch(deflations=options.deflations))
        found = attack(network, std_of(setting.data), options.starts, options.seed, plan, rank)
    except NotRead as error:
        print(f"{name}: {error}", flush=True)
        return
    attacked, counts, system = time.perf_counter() - begun, gates(found, training), found.equations
    held_out_gates, scores = gates(found, held_out)["right"], [np.zeros(len(part)) for part in (training, held_out)]
    if len(found.images):
        scores = [nearest_by_ncc(part.float(), found.images.float()).score for part in (training, held_out)]
        best = nearest_by_ncc(found.images.float(), training.float()).score
        sure = (discrepancy(system, found.solutions, found.solved).abs() < CONFIRMED).numpy()
    else:
        best, sure = np.zeros(0), np.zeros(0, bool)
    row(
        f"{name}, {options.network_seed}, {options.seed}",
        f"{len(system.rows)}, {2 * system.rows.shape[1]}",
        f"{len(system.responses)} directions",
        found.starts,
        counts["accepted"],
        f"{counts['right']}, {counts['wrong']}",
        *((scores[0] > level).sum() for level in (0.9, 0.99)),
        f"{sure.sum()}, {(best[sure] > 0.9).sum()}",
        f"{scores[1].max():.2f}, {held_out_gates}",
        round(trained),
        round(attacked),
    )


def rotated(network: Network) -> Network:
    """The first layer's left singular vectors at random, its spectrum and all other layers as they are."""
    first, biases = network.weights[0], () if network.bias is None else (network.bias[:, None],)
    left, values, right = torch.linalg.svd(torch.cat([first, *biases], 1), full_matrices=False)
    drawn = torch.randn(left.shape, generator=torch.Generator().manual_seed(0), dtype=left.dtype)
    table = torch.linalg.qr(drawn).Q * values @ right
    size = first.shape[1]
    return replace(network.with_first_layer(table[:, :size]), bias=table[:, -1] if biases else None)


def row(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def kept(setting: Setting, seed: int, inputs: Tensor, labels: Tensor, cache: Path) -> tuple[Network, float]:
    """The trained network, from the cache where it is there, and the seconds that its training took."""
    key = hashlib.sha256(repr((astuple(setting), seed)).encode()).hexdigest()[:16]
    path = cache / f"family-{key}.npz"
    if not path.exists():
        begun = time.perf_counter()
        network = trained(setting, seed, inputs, labels)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(path, seconds=time.perf_counter() - begun, **arrays(network))
    with np.load(path) as stored:
        layers = range(setting.layers + 1)
        weights = [torch.from_numpy(stored[f"w{k}"]).double() for k in layers]
        biases = [torch.from_numpy(stored[f"b{k}"]).double() if f"b{k}" in stored else None for k in layers]
        return Network.of(weights, biases, ACTIVATIONS[setting.activation]), float(stored["seconds"])


def arrays(network: Network) -> dict[str, np.ndarray]:
    def named(letter: str, parameters: Iterable[Tensor | None]) -> dict[str, np.ndarray]:
        return {f"{letter}{k}": it.float().numpy() for k, it in enumerate(parameters) if it is not None}

    return named("w", network.weights) | named("b", network.biases)


def trained(setting: Setting, seed: int, inputs: Tensor, labels: Tensor) -> Network:
    """The log-loss flow until the loss is the weight decay, then settling; as float32 has the weights."""
    generator, basis = torch.Generator().manual_seed(seed), data_span(inputs)
    hidden, everywhere = [setting.units] * setting.layers, setting.biases == "every-layer"
    outputs, activation = outputs_for(labels), ACTIVATIONS[setting.activation]
    drawn = initialise(inputs.shape[1], hidden, FIRST_LAYER_SCALE, generator, everywhere, outputs, activation)
    network = drawn.project_inputs(basis)
    network = replace(network, bias=None) if setting.biases == "none" else network
    within, flow = (inputs @ basis.T).float(), Training(target_loss=DECAY)
    network, _ = descend(network.to(dtype=torch.float32), within, labels.float(), flow, lambda row: None)
    steps = range(setting.steps)
    network = settle(network, within, labels.float(), DECAY, steps, lambda row: None)[0].to(dtype=torch.float64)
    return network.with_first_layer((network.weights[0] @ basis).float().double())


if __name__ == "__main__":
    main()
