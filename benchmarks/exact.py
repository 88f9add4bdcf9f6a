"""The exact attack, measured: how many training images' gates and pixels come out of the weights, and what nulls give.

python benchmarks/exact.py                                   the demo's faces, trained in seconds
python benchmarks/exact.py --data cifar10 --source FILE.npz --images 100 --starts 4000
python benchmarks/exact.py --device cuda --batch 8192 --gates-only ...  the same on a GPU, with --starts 100000
python benchmarks/exact.py --weight-decay 0                  a network on the log-loss flow
python benchmarks/exact.py --control scrambled               the weights in disorder
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import torch
from exact_problem import Found, Problem, add_arguments, attack, prepare
from reconstruction.attack.exact import condition as conditions
from reconstruction.attack.exact.acceptance import columns
from reconstruction.attack.exact.confirmation import CONFIRMED, confirmed, discrepancy
from reconstruction.attack.exact.equations import Equations, equations
from reconstruction.attack.exact.hunt import Hunt, Plan, Report
from reconstruction.attack.exact.prior import from_weights
from reconstruction.attack.exact.search import Solutions
from reconstruction.attack.plan import plan_of
from reconstruction.configuration import ExactSearch
from reconstruction.evaluation.matching import nearest_by_ncc
from reconstruction.stages.scramble import scramble
from torch import Tensor

CLEAR = 1e-3  # cosine of image and row below which the image lies on that kink
AGREE = 0.02  # of an image's clear gates may differ
COLUMN = 0.97  # cosine of a found and a true column u o s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--starts", type=int, default=2000, help="random starts at most")
    parser.add_argument(
        "--deflations", type=int, default=ExactSearch().deflations, help="batches of 400 starts at most"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gates-only", action="store_true", help="no images: explore alone, and judge what it accepts")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="where starts are searched from, such as cuda")
    parser.add_argument("--batch", type=int, default=ExactSearch().starts, help="starts at once")
    parser.add_argument("--tf32", action="store_true", help="products of the search in TF32")
    parser.add_argument(
        "--null-space", type=int, default=0, metavar="K",
        help="with --control: deflate too, in all batches of --deflations, into K random dimensions",
    )  # fmt: skip
    parser.add_argument(
        "--control", choices=("scrambled", "rotated", "permuted"),
        help="scrambled: reconstruction.stages.scramble; rotated: T's left singular vectors random, its spectrum kept; "
        "permuted: T's units in another order than u",
    )  # fmt: skip
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("high" if options.tf32 else "highest")
    problem = prepare(options)
    plan = plan_of(ExactSearch(deflations=options.deflations, starts=options.batch))
    network = scramble(problem.network, 1) if options.control == "scrambled" else problem.network
    print(f"# {options.data}, n = {options.images}, {network}, seed {options.seed}, {options.threads} threads")
    print(conditions.condition(network))
    if options.control or not conditions.condition(network).applies:
        null(problem, network, options, plan)
        return
    begun = time.perf_counter()
    if options.gates_only:
        system = equations(network, conditions.condition(network).rank)
        hunt = Hunt(system, from_weights(system, problem.std), plan, options.seed, options.device)
        for report in hunt.explore(range(-(-options.starts // plan.batch))):
            say("explore", report)
        print(f"seconds: {time.perf_counter() - begun:.1f}, sure: {len(hunt.sure())}")
        judge_gates(problem, system, hunt.found)
        return
    found = attack(network, problem.std, options.starts, options.seed, plan, say=say)
    print(f"seconds: {time.perf_counter() - begun:.1f}, starts: {found.starts}, columns: {len(found.images)}")
    judge(problem, found)


def say(phase: str, report: Report) -> None:
    print(
        f"{phase}: {report.starts} starts, {report.admissible} admissible, {report.new} new, "
        f"{report.distinct} distinct", flush=True,
    )  # fmt: skip


def null(problem: Problem, network: object, options: argparse.Namespace, plan: Plan) -> None:
    """Search all the same where no image can be found: whatever is accepted is wrong."""
    system = equations(network, options.images - 1)
    generator = torch.Generator().manual_seed(options.seed)
    if options.control == "rotated":
        left, values, right = torch.linalg.svd(system.weighted, full_matrices=False)
        drawn = torch.linalg.qr(torch.randn(left.shape, generator=generator, dtype=torch.float64)).Q
        weighted = drawn * values @ right
        rows = torch.nn.functional.normalize(weighted, dim=1) * system.rows.norm(dim=1, keepdim=True)
        system = replace(system, weighted=weighted, rows=rows)
    if options.control == "permuted":
        order = torch.randperm(len(system.rows), generator=generator)
        system = replace(system, weighted=system.weighted[order], rows=system.rows[order])
    hunt = Hunt(system, from_weights(system, problem.std), replace(plan, patience=options.starts), options.seed)
    begun = time.perf_counter()
    for report in hunt.explore(range(-(-options.starts // plan.batch))):
        say("explore", report)
    explored = len(hunt.found)
    for number in range(plan.deflations if options.null_space else 0):
        size = (system.rows.shape[1], options.null_space)
        basis = torch.linalg.qr(torch.randn(size, generator=generator, dtype=torch.float64)).Q.T
        say("deflate", hunt.look_into(basis, number))
    print(
        f"seconds: {time.perf_counter() - begun:.1f}, accepted: {explored}, in deflation: "
        f"{len(hunt.found) - explored}, sure: {len(hunt.sure())}, chosen: {len(hunt.chosen()[0])}"
    )


def judge(problem: Problem, found: Found) -> None:
    """Counts of training images, and of as many held-out images by the same rules."""
    judge_gates(problem, found.equations, found.solutions)
    off = discrepancy(found.equations, found.solutions, found.solved)
    best = nearest_by_ncc(found.images.float(), problem.training.float()).score
    sure = off.abs().numpy() < CONFIRMED
    print(
        f"confirmed by lambda: {sure.sum()} images, {confirmed(off)[1]:.2f} by chance; "
        f"{(best[sure] > 0.9).sum()} of them above NCC 0.9, {(best[sure] > 0.99).sum()} above 0.99"
    )
    for name, images in (("training", problem.training), ("held_out", problem.held_out)):
        scores = np.sort(nearest_by_ncc(images.float(), found.images.float()).score)[::-1]
        above = ", ".join(f"{(scores > level).sum()} above {level}" for level in (0.8, 0.9, 0.95, 0.99))
        print(
            f"{name}: NCC: {above}; 45 best {scores[:45].mean():.3f}, median {np.median(scores):.3f}, "
            f"best {scores[0]:.3f}"
        )


def judge_gates(problem: Problem, system: Equations, solutions: Solutions) -> None:
    for name, images in (("training", problem.training), ("held_out", problem.held_out)):
        differing = disagreement(system, solutions.gates, images)
        right = differing.amin(1) < AGREE
        print(
            f"{name}: {len(differing[right].argmin(1).unique())} images' gates, {int((~right).sum())} columns without"
        )
    near = (columns(system, solutions) @ true_columns(system, problem.training)).abs().max(1)
    print(
        f"columns: {len(near.indices[near.values > COLUMN].unique())} images' to cosine {COLUMN}, "
        f"{int((near.values <= COLUMN).sum())} below, {int((near.values < 0.9).sum())} below 0.9"
    )


def coordinates(system: Equations, images: Tensor) -> Tensor:
    z = images @ system.basis.T
    return torch.cat([z, z.new_ones(len(z), 1)], 1) if system.biased else z


def disagreement(system: Equations, gates: Tensor, images: Tensor) -> Tensor:
    """The share (k, n) of each image's gates, off its own kinks, that differ from found gates (k, m)."""
    z = coordinates(system, images)
    cosine = torch.nn.functional.normalize(z, dim=1) @ torch.nn.functional.normalize(system.rows, dim=1).T
    clear, on, found = (cosine.abs() > CLEAR).double(), (cosine > 0).double(), (gates > 0.5).double()
    differ = found @ ((1 - on) * clear).T + (1 - found) @ (on * clear).T
    return differ / clear.sum(1)


def true_columns(system: Equations, images: Tensor) -> Tensor:
    """Unit columns (m, n) of T = sum_i a_i z_i^T, which the images determine."""
    found = system.weighted @ torch.linalg.pinv(coordinates(system, images))
    return found / found.norm(dim=0)


if __name__ == "__main__":
    main()
