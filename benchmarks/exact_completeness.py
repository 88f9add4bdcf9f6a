"""What the exact attack's images would be if more of the gate patterns were known, right ones and no others.

python benchmarks/exact_completeness.py                                         the demo's faces
python benchmarks/exact_completeness.py --data cifar10 --source FILE.npz --images 500 --known 100 200 350 450 500

The patterns are read off T = sum_i lambda_i (u_i o s_i) z_i^T with the training images in view, so that the solve's
share in what is lost stands apart from the search's. They are given by decreasing lambda, the order in which a search
finds them, and drawn at random.
"""

from __future__ import annotations

import argparse
import time

import torch
from exact import CLEAR, coordinates
from exact_problem import Problem, add_arguments, prepare
from reconstruction.attack.exact.condition import condition
from reconstruction.attack.exact.equations import Equations, equations
from reconstruction.attack.exact.prior import Prior, from_weights
from reconstruction.attack.exact.search import Solutions
from reconstruction.attack.exact.sensitivity import sensitivity
from reconstruction.attack.exact.solve import solve
from reconstruction.evaluation.matching import nearest_by_ncc
from torch import Tensor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--known", type=int, nargs="+", help="numbers of patterns, by default ten steps up to all")
    parser.add_argument("--seed", type=int, default=0, help="of the random order")
    parser.add_argument("--plain", action="store_true", help="a prior that does not know that pictures are smooth")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    problem = prepare(options)
    system = equations(problem.network, max(condition(problem.network).rank, 1))
    patterns, lambdas = oracle(system, problem)
    explained = 1 - (residual(system, patterns).norm() / system.weighted.norm()).square().item()
    print(f"# {options.data}, n = {options.images}, {problem.network}: {len(system.rows)} directions for")
    print(f"# {2 * system.rows.shape[1]} unknowns of an image; the true columns explain {explained:.5f} of |T|^2")
    orders = {
        "by lambda": lambdas.abs().argsort(descending=True),
        "at random": torch.randperm(options.images, generator=torch.Generator().manual_seed(options.seed)),
    }
    std = None if options.plain else problem.std
    known = options.known or [options.images * tenths // 10 for tenths in range(1, 11)]
    print("| order | known | NCC > 0.8 | 0.9 | 0.99 | of those known > 0.9 | seconds |\n|---|---|---|---|---|---|---|")
    for name, order in orders.items():
        for count in known:
            begun = time.perf_counter()
            scores = best(system, problem, patterns[order[:count]], from_weights(system, std))
            own = scores[order[:count]]
            shown = " | ".join(str(int((scores > level).sum())) for level in (0.8, 0.9, 0.99))
            spent = time.perf_counter() - begun
            print(f"| {name} | {count} | {shown} | {int((own > 0.9).sum())} | {spent:.0f} |", flush=True)


def oracle(system: Equations, problem: Problem) -> tuple[Solutions, Tensor]:
    """The training images' patterns, v left at zero and gap at none, and their lambdas (n,)."""
    z = coordinates(system, problem.training)
    scaled = (system.weighted @ torch.linalg.pinv(z)).T  # lambda_i u_i o s_i
    cosine = torch.nn.functional.normalize(z, dim=1) @ torch.nn.functional.normalize(system.rows, dim=1).T
    on = (cosine > CLEAR).double()
    terms = on[:, None, :] * system.responses
    factors = torch.linalg.lstsq(terms.mT, (on * scaled)[:, :, None]).solution.squeeze(-1)
    signs = factors.gather(1, factors.abs().argmax(1, keepdim=True)).sign()
    factors = factors * signs if system.signed else (factors * signs).clamp(min=0)
    u = sensitivity(system, factors)
    lambdas = (on * u * scaled).sum(1) / (on * u.square()).sum(1)
    gates = (scaled / (lambdas[:, None] * u)).clamp(0, 1)
    gates = torch.where(cosine.abs() > CLEAR, on, gates)
    return Solutions(z, torch.zeros_like(z), gates, factors, z.new_zeros(len(z))), lambdas


def residual(system: Equations, patterns: Solutions) -> Tensor:
    """What the patterns' columns leave of T."""
    columns = (sensitivity(system, patterns.factors) * patterns.gates).T
    return system.weighted - columns @ torch.linalg.lstsq(columns, system.weighted).solution


def best(system: Equations, problem: Problem, patterns: Solutions, prior: Prior) -> Tensor:
    """NCC (n,) of each training image with the nearest of the images that these patterns give."""
    trusted = torch.arange(len(patterns))
    images = solve(system, patterns, trusted, prior)
    inputs = images.z[:, : len(system.basis)] @ system.basis
    return torch.from_numpy(nearest_by_ncc(problem.training.float(), inputs.float()).score)


if __name__ == "__main__":
    main()
