"""What a GPU makes of it, in eight minutes: rates, training, sweeps with and without weight decay and the range of
pixels (as config/figure-*.yaml have it), the exact attack.

python benchmarks/gpu.py FOLDER --cifar cifar10.npz --mnist FOLDER-OF-MNIST/raw

FOLDER gets tables.md, a picture of each sweep's best pairs and exact.txt. Each part has a share of the time, and ends
with what it has measured by then. Nothing need be installed but PyTorch and the libraries: PYTHONPATH=workflow will do.
"""

from __future__ import annotations

import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib
import numpy as np
import torch
import yaml
from hits import match, run
from problems import (
    Images,
    Inputs,
    arguments,
    images_of,
    machine,
    matrix_rate,
    method,
    of_both,
    operations,
    random_network,
    random_restarts,
    seconds,
)
from reconstruction.attack.plan import Attack, choose
from reconstruction.attack.search.engine import Search
from reconstruction.configuration import Dataset, Model, Restarts
from reconstruction.evaluation.matching import nearest_by_channel, reconstructions
from reconstruction.evaluation.scores import RECOGNISABLE, best, best_first
from reconstruction.evaluation.showing import RULES, Showing, rule_for
from reconstruction.machine import devices
from reconstruction.models.mlp import Network
from reconstruction.report.figures import STYLE, mosaic, save
from reconstruction.report.originals import beside
from reconstruction.training.fit import fit

ROOT = Path(__file__).parents[1]
RANK = 250  # that CIFAR-10's first layer shows above its noise
PRECISIONS = {
    "float32": (torch.float32, "highest"),
    "TF32": (torch.float32, "high"),
    "bfloat16": (torch.bfloat16, "highest"),
}
AT_ONCE = 256  # restarts between two looks at the clock, and so a compiled step
BEST = 45
RATES, SWEEP, EXACT = 0.12, 0.08, 0.24  # shares of the time; there are eight sweeps

Row = dict[str, object]


def main(words: Sequence[str] | None = None) -> None:
    parser = arguments(__doc__)
    parser.add_argument("folder", type=Path, help="where tables and pictures go")
    parser.add_argument(
        "--cifar", type=Path, metavar="FILE", help="NPZ or HDF5 of CIFAR-10 (default: download to data)"
    )
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="of MNIST/raw (default: download to data)")
    parser.add_argument("--device", default="cuda", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--seconds", type=float, default=480, metavar="S", help="for all of it (default: 480)")
    parser.add_argument("--restarts", type=int, default=1024, help="of a sweep at most (default: 1024)")
    parser.add_argument("--iterations", type=int, default=1000, help="of a restart (default: 1000)")
    parser.add_argument("--per-label", type=int, default=250, help="training images of each label (default: 250)")
    parser.add_argument("--hidden", type=int, nargs="+", default=[1000, 1000])
    options = parser.parse_args(words)
    torch.set_num_threads(options.threads)
    options.device = devices.choose(options.device)
    options.folder.mkdir(parents=True, exist_ok=True)
    machine(options.device)
    bench = Bench(options, options.folder / "tables.md")
    bench.add("Rates", rates(options, time.monotonic() + RATES * options.seconds))
    trained, swept = [], []
    for name in ("cifar10", "mnist"):
        images = images_of(dataset(name, options))
        searches = {"": {}, "-range": preset("figure", name)["sweeps"]["restarts1024"]["restarts"]["subspace"]}
        for model in ("flow", "decay"):
            due = time.monotonic()
            network, row = train(options, name, model, images)
            trained.append(row)
            for suffix, search in searches.items():
                due += SWEEP * options.seconds
                swept.append(sweep(options, f"{name}-{model}{suffix}", network, images, search, due))
    bench.add("Training", trained)
    bench.add("Sweeps", swept)
    exact(options, EXACT * options.seconds)


@dataclass(frozen=True)
class Bench:
    """Where tables go, one after the other."""

    options: Namespace
    path: Path

    def __post_init__(self) -> None:
        of = torch.cuda.get_device_name() if self.options.device.type == "cuda" else "a CPU"
        self.path.write_text(f"Measured by `make benchmark-gpu` on {of}, torch {torch.__version__}.\n")

    def add(self, title: str, rows: Sequence[Row]) -> None:
        lines = ["| " + " | ".join(map(str, cells)) + " |" for cells in (rows[0], *(row.values() for row in rows))]
        lines.insert(1, "|---" * len(rows[0]) + "|")
        text = "\n".join(["", f"## {title}", "", *lines, ""])
        print(text, flush=True)
        with self.path.open("a") as file:
            file.write(text)


def rates(options: Namespace, due: float) -> list[Row]:
    """Iterations of the paper's size, as a CUDA graph where there is a GPU, and the same with the step compiled."""
    device, candidates = options.device, 4 * options.per_label
    rows: list[Row] = []
    for precision, (dtype, allowed) in PRECISIONS.items():
        torch.set_float32_matmul_precision(allowed)
        network = random_network((min(RANK, candidates // 2), *options.hidden), dtype, device)
        for count in (1, 16, 64):
            if rows and time.monotonic() > due:
                break
            rate = matrix_rate(device, dtype, batch=count) if device.type == "cuda" else matrix_rate(device, dtype, 200)
            starts = random_restarts(count, candidates, network.input_size, torch.float32, device)
            row: Row = {"precision": precision, "restarts in a batch": count}
            for name, compiles in (("plain", False), ("compiled", True))[: 1 + (device.type == "cuda")]:
                search = Search(network, method("subspace", network), starts, compiles=compiles)
                (took,) = seconds(device, [search.step], 20 if device.type == "cuda" else 2)
                row[f"{name}: ms an iteration"] = f"{1000 * took:.2f}"
                row[f"{name}: of the matrix rate"] = f"{count * operations(network, candidates) / took / rate:.2f}"
            rows.append(row)
    torch.set_float32_matmul_precision("highest")
    return rows


def preset(kind: str, name: str) -> dict:
    return yaml.safe_load((ROOT / f"config/{kind}-{name}.yaml").read_text())


def dataset(name: str, options: Namespace) -> Dataset:
    """Of the preset, from where the options say."""
    settings = preset("haim2022", name)["datasets"][name] | {"per_label": options.per_label}
    if name == "cifar10" and options.cifar:
        settings["source"] = {"kind": "file", "path": str(options.cifar)}
    if name == "mnist" and options.mnist:
        settings["source"] = {"kind": "mnist", "root": str(options.mnist)}
    return Dataset.model_validate(settings)


def train(options: Namespace, name: str, model: str, images: Images) -> tuple[Network, Row]:
    settings = Model.model_validate(preset("haim2022", name)["models"][model] | {"hidden": options.hidden})
    begun = time.monotonic()
    network, curve = fit(settings, images.training.double(), images.labels, options.device)
    row = {"data": name, "model": model, "steps": curve[-1].step, "seconds": f"{time.monotonic() - begun:.1f}"}
    return network, row | {"loss": f"{curve[-1].loss:.1e}"}


def sweep(
    options: Namespace, name: str, network: Network, images: Images, search: Mapping[str, object], due: float
) -> Row:
    """As many restarts as time allows, matched with the images and drawn; search: further keys of `subspace`."""
    settings = Restarts.model_validate(
        {
            "candidates": 4 * options.per_label,
            "method": "subspace",
            "subspace": {"iterations": options.iterations, **search},
        }
    )
    attack = choose(network, settings, images.pixels)
    found, searched = [], 0.0
    for numbers in parts(options.restarts, due):
        candidates, spent = run(network, attack, settings, numbers, options.device)
        found.append(candidates)
        searched += spent
    coordinates = torch.cat(found).flatten(0, 1)
    begun = time.monotonic()
    row = judge(name, coordinates.to(options.device), attack, on(images, options.device), options.folder)
    restarts = len(coordinates) // settings.candidates
    times = {"search, s": f"{searched:.1f}", "judged and drawn, s": f"{time.monotonic() - begun:.1f}"}
    return {"sweep": name, "rank": coordinates.shape[1], "restarts": restarts, **times, **row}


def parts(restarts: int, due: float) -> Iterator[range]:
    """Numbers of restarts, a part at a time, the first in any case."""
    for first in range(0, restarts, AT_ONCE):
        if first and time.monotonic() > due:
            return
        yield range(first, min(first + AT_ONCE, restarts))


def on(images: Images, device: torch.device) -> Images:
    return replace(images, training=images.training.to(device), held_out=images.held_out.to(device))


def judge(name: str, coordinates: torch.Tensor, attack: Attack, images: Images, folder: Path) -> Row:
    """Hits by NCC, SSIM by each rule of showing (in brackets: of held-out images), and the best pairs as a picture."""
    matched, candidates = match(coordinates, attack, images), Inputs(coordinates, attack.method.space)

    showing = Showing.among(images.photographs(images.held_out), images.mean)

    def chosen(index: np.ndarray) -> np.ndarray:
        return candidates[index].cpu().numpy().reshape(-1, *images.mean.shape)

    def published(inputs: torch.Tensor) -> dict[str, np.ndarray]:
        nearest = nearest_by_channel(inputs, candidates, images.mean.shape).index
        return reconstructions(images.photographs(inputs), showing, chosen(nearest)).by_rule

    trained, held_out = published(images.training), published(images.held_out)
    first, rule = best_first(matched.trained.score)[:BEST], rule_for(images.mean, attack.name)
    photographs, nearest = images.photographs(images.training[first]), chosen(matched.trained.index[first])
    ssim = reconstructions(photographs, showing, nearest).by_rule[rule]
    captions = [f"{ncc:.2f}  {value:.2f}" for ncc, value in zip(matched.trained.score[first], ssim, strict=True)]
    title = f"{name}. Above: training image. Below: its nearest candidate ({rule}), NCC and SSIM with it."
    hit = matched.trained.score[first] > matched.thresholds.both
    with matplotlib.rc_context(STYLE):
        save(mosaic(beside([photographs, showing.by(rule, nearest)], axis=2), captions, title, hit), folder / name)
    return {
        **{f"SSIM, {BEST} best, {rule}": of_both(trained[rule], held_out[rule], BEST) for rule in RULES},
        f"NCC, {BEST} best": f"{best(matched.trained.score, BEST):.3f}",
        "above NCC 0.9": int((matched.trained.score > RECOGNISABLE).sum()),
        "hits": matched.hits,
        "held-out hits": matched.held_out_hits,
    }


def exact(options: Namespace, limit: float) -> None:
    """The exact attack's search on CIFAR-10, which writes down what it finds as it finds it."""
    command = [sys.executable, str(ROOT / "benchmarks/exact.py"), "--data", "cifar10", "--source", str(options.cifar)]
    command += ["--images", str(2 * options.per_label), "--cache", str(options.folder), "--device", options.device.type]
    command += ["--batch", "8192", "--tf32", "--gates-only", "--starts", "100000", "--threads", str(options.threads)]
    if not options.cifar:
        print("exact attack: left out, for it needs --cifar", flush=True)
        return
    with (options.folder / "exact.txt").open("w") as file:
        try:
            subprocess.run(command, stdout=file, stderr=file, timeout=limit, check=True)
        except subprocess.TimeoutExpired:
            print(f"exact attack: stopped after {limit:.0f} s", file=file)
    print((options.folder / "exact.txt").read_text(), flush=True)


if __name__ == "__main__":
    main()
