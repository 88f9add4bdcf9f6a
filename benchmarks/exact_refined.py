"""Whether the search by gradients adds to the exact attack: as starts, and with exact images held fixed in it.

python benchmarks/exact_refined.py --data cifar10 --source FILE.npz --images 100

Fixed are the training images themselves whose gates the exact attack has found, the best that it could hand over: where
the search then finds none of those that are missing, it finds none from what the attack has of them either.
"""

from __future__ import annotations

import argparse

import torch
from exact import COLUMN, true_columns
from exact_problem import Problem, add_arguments, prepare
from reconstruction.attack.exact.acceptance import columns
from reconstruction.attack.exact.condition import condition
from reconstruction.attack.exact.equations import Equations, equations
from reconstruction.attack.exact.hunt import EXPLORED, Hunt
from reconstruction.attack.exact.prior import from_weights
from reconstruction.attack.plan import choose, plan_of
from reconstruction.attack.search.engine import Search
from reconstruction.attack.search.starts import begin, draw
from reconstruction.configuration import ExactSearch, Restarts, SubspaceSearch
from reconstruction.evaluation.matching import nearest_by_ncc
from torch import Tensor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--starts", type=int, default=3200, help="random starts of the exact attack at most")
    parser.add_argument("--restarts", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--free", type=int, default=60, help="candidates that are not held fixed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    problem = prepare(options)
    system = equations(problem.network, condition(problem.network).rank)
    plan = plan_of(ExactSearch())
    hunt = Hunt(system, from_weights(system, problem.std), plan, options.seed)
    for _ in hunt.explore(range(options.starts // plan.batch)):
        pass
    for _ in hunt.deflate():
        pass
    known = found_images(system, problem, hunt)
    missing = ~known
    print(f"the exact attack: gates of {int(known.sum())} of {options.images} images")
    plain = candidates(problem, options, torch.zeros_like(known))
    fixed = candidates(problem, options, known)
    for name, found in (("search", plain), ("search with exact images fixed", fixed)):
        print(f"{name}: missing images: {best(problem.training[missing], found)}")
        print(f"    as many held out: {best(problem.held_out[: int(missing.sum())], found)}", flush=True)
    z = torch.cat([plain @ system.basis.T, plain.new_ones(len(plain), 1)], 1)[:, : system.rows.shape[1]]
    random = hunt.prior.draw(len(z), torch.Generator().manual_seed(options.seed + 1))
    for name, starts in (("candidates", z.float()), ("random starts", random)):
        other = Hunt(system, hunt.prior, plan, options.seed)
        other.search_from(starts, hunt.prior.precision, other.generator(EXPLORED, 0))
        images = found_images(system, problem, other)
        new = int((images & missing).sum())
        print(f"{len(starts)} {name} to begin with: gates of {int(images.sum())} images, {new} of them missing above")


def found_images(system: Equations, problem: Problem, hunt: Hunt) -> Tensor:
    """Which training images (n,) have a found column."""
    if not len(hunt.found):
        return torch.zeros(len(problem.training), dtype=torch.bool)
    return ((columns(system, hunt.found) @ true_columns(system, problem.training)).abs() > COLUMN).any(0)


def candidates(problem: Problem, options: argparse.Namespace, known: Tensor) -> Tensor:
    """Where the free candidates (k, D) of all restarts end; known: (n,), training images that are held fixed."""
    fixed, labels = problem.training[known], problem.labels[known]
    count = options.free + len(fixed)
    settings = Restarts(
        candidates=count, per_shard=options.restarts, method="subspace", seed=options.seed,
        subspace=SubspaceSearch(iterations=options.iterations),
    )  # fmt: skip
    attack = choose(problem.network, settings)
    network = problem.network.project_inputs(attack.method.space.basis).to(dtype=torch.float32)
    numbers = range(options.restarts)
    drawn = [draw(attack.settings, settings.seed, number) for number in numbers]
    starts = begin(network.input_size, attack.method.space, settings, numbers, drawn).to(
        torch.device("cpu"), torch.float32
    )
    search = Search(network, attack.method, starts)
    inside = (fixed @ attack.method.space.basis.T.double()).float()
    places = torch.cat([(search.labels == label).nonzero()[: int((labels == label).sum()), 0] for label in (-1, 1)])
    inside = torch.cat([inside[labels == label] for label in (-1, 1)])
    while not search.is_done:
        search.candidates[:, places] = inside
        search.step()
    free = torch.ones(count, dtype=torch.bool)
    free[places] = False
    return (search.candidates[:, free].flatten(0, 1) @ attack.method.space.basis.float()).double()


def best(images: Tensor, found: Tensor) -> str:
    """How near the found (k, D) come to images (n, D)."""
    scores = torch.from_numpy(nearest_by_ncc(images.float(), found.float()).score)
    shown = ", ".join(f"{score:.2f}" for score in scores.sort(descending=True).values[:10])
    return f"best NCC {shown} of {len(images)}, median {scores.median():.2f}"


if __name__ == "__main__":
    main()
