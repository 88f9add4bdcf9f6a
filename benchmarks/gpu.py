"""Everything that a GPU adds, in one run: rates, restarts per hour, the oracle beside, and the CPU's hits."""

import time

import torch
from hits import judge, run
from problems import (
    CIFAR_SIZES,
    CPU,
    image_arguments,
    load_images,
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
from reconstruction.attack.plan import choose
from reconstruction.attack.search.engine import Search
from reconstruction.configuration import Model, Restarts, Training
from reconstruction.machine.cuda_graph import replayed
from reconstruction.training.fit import fit

CANDIDATES, RANK, ITERATIONS = 1000, 250, 1000


def main() -> None:
    options = image_arguments(__doc__).parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("gpu.py: torch finds no GPU here")
    device = torch.device("cuda")
    torch.set_num_threads(options.threads)
    machine(device)
    rates(device)
    compare_hits(device, options)


def rates(device: torch.device) -> None:
    """The paper's size, n = 500: iterations and restarts at K = 1, 4, 16, against the oracle and the matrix rate."""
    oracle_network = random_network(CIFAR_SIZES, torch.float64, device)
    restart = random_restarts(1, CANDIDATES, CIFAR_SIZES[0], torch.float64, device)
    oracle = oracle_iteration_seconds(oracle_network, restart)
    report("oracle_float64_iteration_seconds", oracle)
    for dtype, tf32 in ((torch.float32, False), (torch.float32, True), (torch.bfloat16, False)):
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
        precision = "tf32" if tf32 else str(dtype).removeprefix("torch.")
        network = random_network((RANK, *CIFAR_SIZES[1:]), dtype, device)
        for count in (1, 4, 16):
            state = Search(
                network, method("subspace", network), random_restarts(count, CANDIDATES, RANK, torch.float32, device)
            )
            plain, graph = seconds(device, [state.iterate, replayed(state.iterate, list(state.tensors.values()))], 20)
            report(f"{precision}_K{count}_iteration_ratio", count * oracle / graph)
            report(f"{precision}_K{count}_restarts_per_hour", 3600 * count / (ITERATIONS * graph))
            report(f"{precision}_K{count}_graph_ratio", plain / graph)
        rate = matrix_rate(device, dtype, batch=16)
        report(f"{precision}_K16_fraction_of_matrix_rate", 16 * operations(network, CANDIDATES) / graph / rate)
    torch.set_float32_matmul_precision("highest")


def compare_hits(device: torch.device, options) -> None:
    """The same sixteen restarts on the CPU and on the GPU, in each precision."""
    images = load_images(options)
    model = Model(hidden=[500, 500], training=Training(target_loss=1e-10))
    network = fit(model, images.training.double(), images.labels, CPU)[0]
    settings = {"candidates": 2 * len(images.training), "method": "subspace"}
    for precision in ("float32", "bfloat16"):
        sweep = Restarts.model_validate({**settings, "precision": precision})
        attack = choose(network, sweep)
        for where in (CPU, device):
            begun = time.perf_counter()
            found, _ = run(network, attack, sweep, range(16), where)
            report(f"{where.type}_{precision}_seconds", time.perf_counter() - begun)
            judge(f"{where.type}_{precision}_16_restarts", found, attack, images)


if __name__ == "__main__":
    main()
