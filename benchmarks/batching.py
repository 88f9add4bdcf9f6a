"""Restarts per hour of 1,000 iterations at K = 1, 4, 16 in one batch: is it better to search for several at once?"""

import torch
from problems import CPU, arguments, machine, method, random_network, random_restarts, report, seconds
from reconstruction.attack.search.engine import Search

PROBLEMS = {
    "faces_n50": ((49, 500, 500), 100),
    "cifar_n100": ((99, 1000, 1000), 200),
    "cifar_n500": ((250, 1000, 1000), 1000),
}
ITERATIONS = 1000


def main() -> None:
    options = arguments(__doc__).parse_args()
    torch.set_num_threads(options.threads)
    machine(CPU)
    for name, (sizes, candidates) in PROBLEMS.items():
        for dtype in (torch.float32, torch.bfloat16):
            network = random_network(sizes, dtype)
            subspace = method("subspace", network)
            states = [
                Search(network, subspace, random_restarts(count, candidates, sizes[0], torch.float32))
                for count in (1, 4, 16)
            ]
            times = seconds(CPU, [state.iterate for state in states], 5)
            precision = str(dtype).removeprefix("torch.")
            for state, time in zip(states, times, strict=True):
                count = len(state.candidates)
                report(f"{name}_{precision}_restarts_per_hour_K{count}", 3600 * count / (ITERATIONS * time))
            report(f"{name}_{precision}_batching_ratio_K16", 16 * times[0] / times[2])


if __name__ == "__main__":
    main()
