"""One iteration of one restart, CIFAR-10's shape, n = 500: the fast engine beside the oracle."""

import torch
from problems import (
    CIFAR_SIZES,
    CPU,
    arguments,
    machine,
    matrix_rate,
    method,
    operations,
    oracle_iteration_seconds,
    random_network,
    random_restarts,
    report,
    seconds,
)
from reconstruction.attack.search.engine import Search

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
    jobs, counts = {}, {}
    for kind, dtype in (
        ("published", torch.float64),
        ("published", torch.float32),
        ("subspace", torch.float32),
        ("subspace", torch.bfloat16),
    ):
        network = random_network((sizes[kind], *CIFAR_SIZES[1:]), dtype)
        wide = torch.promote_types(dtype, torch.float32)
        state = Search(network, method(kind, network), random_restarts(1, CANDIDATES, sizes[kind], wide))
        name = f"{kind}_{str(dtype).removeprefix('torch.')}"
        jobs[name], counts[name] = state.iterate, (operations(network, CANDIDATES), dtype)

    oracle = oracle_iteration_seconds(oracle_network, restart)
    report("oracle_float64_seconds", oracle)
    for (name, job), (count, dtype) in zip(jobs.items(), counts.values(), strict=True):
        time = seconds(CPU, [job], 15)[0]
        report(f"{name}_seconds", time)
        report(f"{name}_iteration_ratio", oracle / time)
        report(f"{name}_fraction_of_matrix_rate", count / time / matrix_rate(CPU, dtype))


if __name__ == "__main__":
    main()
