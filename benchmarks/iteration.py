"""One iteration of one restart, CIFAR-10's shape, n = 500: the fast engine beside the oracle."""

import torch
from problems import (
    CIFAR_SIZES,
    CPU,
    arguments,
    machine,
    matrix_rate,
    operations,
    random_network,
    random_restarts,
    report,
    seconds,
)
from reconstruction import reference
from reconstruction.search import METHODS, Search

CANDIDATES, RANK = 1000, 499  # the rank of 500 images less their mean; a trained first layer's is smaller


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rank", type=int, default=RANK, help="of the subspace")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine(CPU)
    sizes = {"published": CIFAR_SIZES[0], "subspace": options.rank}

    oracle_network = random_network(CIFAR_SIZES, torch.float64)
    restart = random_restarts(1, CANDIDATES, CIFAR_SIZES[0], torch.float64)
    jobs = {"oracle_float64": lambda: reference.search(oracle_network, restart, 1, 2, lambda *_: None)}
    counts = {}
    for method, dtype in (
        ("published", torch.float64),
        ("published", torch.float32),
        ("subspace", torch.float32),
        ("subspace", torch.bfloat16),
    ):
        network = random_network((sizes[method], *CIFAR_SIZES[1:]), dtype)
        wide = torch.promote_types(dtype, torch.float32)
        state = Search(network, METHODS[method], random_restarts(1, CANDIDATES, sizes[method], wide))
        name = f"{method}_{str(dtype).removeprefix('torch.')}"
        jobs[name], counts[name] = state.step, (operations(network, CANDIDATES), dtype)

    times = dict(zip(jobs, seconds(CPU, list(jobs.values()), 5), strict=True))
    # The oracle evaluates the residuals once more where its search ends.
    times["oracle_float64"] -= seconds(CPU, [lambda: evaluate_oracle(oracle_network, restart)], 5)[0]
    for name, time in times.items():
        report(f"{name}_seconds", time)
        if name != "oracle_float64":
            report(f"{name}_iteration_ratio", times["oracle_float64"] / time)
            operations_, dtype = counts[name]
            report(f"{name}_fraction_of_matrix_rate", operations_ / time / matrix_rate(CPU, dtype))
    report("iteration_ratio", times["oracle_float64"] / times["subspace_float32"])


def evaluate_oracle(network, restart):
    labels = torch.ones(CANDIDATES, dtype=torch.float64)
    return reference.stationarity_residuals(network, restart.candidates[0], restart.lambdas[0], labels, 40.0)


if __name__ == "__main__":
    main()
