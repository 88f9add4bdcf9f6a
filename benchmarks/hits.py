"""Training images found (NCC above what 1 % of held-out images pass, and of matches with random candidates) in equal
time: the subspace search, and the published settings on the same engine, cut off there."""

import time
from dataclasses import dataclass

import numpy as np
import torch
import yaml
from problems import (
    CPU,
    Images,
    Inputs,
    image_arguments,
    load_images,
    machine,
    oracle_iteration_seconds,
    report,
    seconds,
)
from reconstruction.attack.plan import Attack, choose
from reconstruction.attack.search.engine import Search
from reconstruction.attack.search.starts import draw
from reconstruction.configuration import Model, PublishedSearch, Restarts, Training
from reconstruction.evaluation.chance import draws, scramble
from reconstruction.evaluation.matching import Nearest, nearest_by_ncc
from reconstruction.evaluation.scores import best
from reconstruction.evaluation.thresholds import Thresholds, cross_fitted_hits
from reconstruction.machine.progress import Progress
from reconstruction.models.mlp import Network
from reconstruction.shards.batches import prepare, product_dtype, search_in_batches
from reconstruction.training.fit import fit

RATE = 0.01
PUBLISHED_RUN = {"learning_rate": 0.55, "initial_scale": 8.9e-4, "lambda_min": 0.5, "alpha": 19.0}  # the authors' first


def main() -> None:
    parser = image_arguments(__doc__)
    parser.add_argument("--hidden", type=int, nargs="+", default=[500, 500])
    parser.add_argument("--target-loss", type=float, default=1e-12)
    parser.add_argument("--restarts", type=int, default=8)
    parser.add_argument("--search", type=yaml.safe_load, default={}, metavar="YAML", help="keys of the subspace search")
    parser.add_argument("--long", action="store_true", help="run the published settings to their end")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine(CPU)
    images = load_images(options)
    model = Model(hidden=options.hidden, training=Training(target_loss=options.target_loss))
    network = fit(model, images.training.double(), images.labels, CPU)[0]

    candidates = 2 * len(images.training)
    settings = Restarts.model_validate({"candidates": candidates, "method": "subspace", "subspace": options.search})
    attack = choose(network, settings)
    report("rank", len(attack.method.space.basis))
    found, spent = run(network, attack, settings, range(options.restarts))
    report("subspace_seconds", spent)
    report("subspace_restarts_per_hour", 3600 * options.restarts / spent)
    singles = [judge(f"subspace_restart{k}", x[None], attack, images, quiet=True) for k, x in enumerate(found)]
    print(f"subspace_single_restart_hits: {' '.join(map(str, singles))}", flush=True)
    pooled = judge(f"subspace_{options.restarts}_restarts_pooled", found, attack, images)

    published = Restarts.model_validate({"candidates": candidates, "method": "published"})
    full = PublishedSearch.model_validate(PUBLISHED_RUN)
    attack = with_search(network, published, full)
    per_iteration, oracle = published_iteration_seconds(network, attack, published)
    report("published_iteration_seconds", per_iteration)
    report("published_hours_for_50000_iterations_extrapolated", 50_000 * per_iteration / 3600)
    report("oracle_hours_for_50000_iterations_extrapolated", 50_000 * oracle / 3600)
    iterations = full.iterations if options.long else min(full.iterations, max(1, int(spent / per_iteration)))
    cut = full.model_copy(update={"iterations": iterations})
    report("published_iterations", iterations)
    attack = with_search(network, published, cut)
    found, spent = run(network, attack, published, range(1))
    report("published_seconds", spent)
    theirs = judge("published_one_restart", found, attack, images)
    report("hits_ratio", pooled / max(theirs, 1))


def with_search(network: Network, settings: Restarts, search: PublishedSearch) -> Attack:
    """The published attack with other settings of its search."""
    return choose(network, settings.model_copy(update={"published": search}))


def run(
    network: Network, attack: Attack, settings: Restarts, numbers: range, device: torch.device = CPU
) -> tuple[torch.Tensor, float]:
    """The candidates (K, m, r) of restarts and the seconds that they took."""
    drawn = [draw(attack.settings, settings.seed, number) for number in numbers]
    products = product_dtype(settings, attack.name, device)
    searched, starts = prepare(attack, network, settings, numbers, drawn, device, products)
    begun = time.perf_counter()
    outcome = search_in_batches(attack, searched, starts, Progress(attack.name))
    return outcome.candidates.float(), time.perf_counter() - begun


def judge(name: str, candidates: torch.Tensor, attack: Attack, images: Images, quiet: bool = False) -> int:
    """Report how the candidates (K, m, r) match the images; the count of hits."""
    found = match(candidates.flatten(0, 1), attack, images)
    if not quiet:
        report(f"{name}_hits", found.hits)
        report(f"{name}_held_out_hits", found.held_out_hits)
        report(f"{name}_ncc_threshold", found.thresholds.both)
        report(f"{name}_ncc_best45", best(found.trained.score, 45))
    return found.hits


@dataclass(frozen=True)
class Matched:
    """For each training image its nearest candidate; the hits among them, and of held-out images, cross-fitted."""

    trained: Nearest
    thresholds: Thresholds
    hits: int
    held_out_hits: int


def match(coordinates: torch.Tensor, attack: Attack, images: Images) -> Matched:
    """Of candidates (N, r) on the images' device."""
    spread, space = coordinates.cpu().numpy().std(axis=0), attack.method.space

    def matched_by_chance(seed: int) -> np.ndarray:
        drawn = torch.from_numpy(scramble(spread, len(coordinates), seed))
        return nearest_by_ncc(images.training, Inputs(drawn.to(coordinates), space)).score

    trained = nearest_by_ncc(images.training, Inputs(coordinates, space))
    held_out = nearest_by_ncc(images.held_out, Inputs(coordinates, space)).score
    random = np.stack([matched_by_chance(seed) for seed in range(draws(len(images.training), RATE))])
    thresholds = Thresholds.of(held_out, random, RATE)
    held_out_hits = int(cross_fitted_hits(held_out, images.held_out_labels.cpu().numpy(), RATE).sum())
    return Matched(trained, thresholds, int((trained.score > thresholds.both).sum()), held_out_hits)


def published_iteration_seconds(network: Network, attack: Attack, settings: Restarts) -> tuple[float, float]:
    """What one iteration of the published settings takes in float32 on the fast engine, and on the oracle."""
    drawn = [draw(attack.settings, settings.seed, 0)]
    searched, start = prepare(attack, network, settings, range(1), drawn, CPU, torch.float32)
    fast = seconds(CPU, [Search(searched, attack.method, start).iterate], 5)[0]
    return fast, oracle_iteration_seconds(network, start)


if __name__ == "__main__":
    main()
