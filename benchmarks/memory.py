"""Peak memory of a search against n, D, h and K, each in a process of its own, beside the estimate that sets K."""

import re
import subprocess
import sys
from pathlib import Path

import torch
from problems import arguments, method, random_network, random_restarts, report
from reconstruction.attack.search.engine import Search
from reconstruction.shards.capacity import bytes_per_restart

BASE = {"n": 500, "D": 250, "h": 1000, "K": 1}
VARIED = {"n": (100, 1000), "D": (3072,), "h": (500, 2000), "K": (4, 16)}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--one", type=int, nargs=4, metavar=("n", "D", "h", "K"), help="measure this one, in here")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.one:
        print(measure(*options.one))
        return
    points = [BASE, *({**BASE, name: value} for name, values in VARIED.items() for value in values)]
    for point in points:
        command = [sys.executable, __file__, "--threads", str(options.threads), "--one", *map(str, point.values())]
        peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        network = random_network((point["D"], point["h"], point["h"]), torch.float32)
        estimate = point["K"] * bytes_per_restart(network, 2 * point["n"], torch.float32)
        name = "_".join(f"{key}{value}" for key, value in point.items())
        report(f"{name}_peak_mib", peak / 2**20)
        report(f"{name}_estimate_over_peak", estimate / peak)


def measure(images: int, size: int, units: int, restarts: int) -> int:
    """Bytes that three steps add to the process's peak, over what it takes with the network in it."""
    network = random_network((size, units, units), torch.float32)
    torch.randn(256, 256) @ torch.randn(256, 256)  # the library sets itself up
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = peak_bytes()
    state = Search(network, method("subspace", network), random_restarts(restarts, 2 * images, size, torch.float32))
    for _ in range(3):
        state.iterate()
    return peak_bytes() - before


def peak_bytes() -> int:
    """The peak of the resident set, which Linux keeps in /proc."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)[1])


if __name__ == "__main__":
    main()
