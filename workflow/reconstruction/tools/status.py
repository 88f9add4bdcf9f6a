"""How far the experiments are, from results/ and logs/ alone: for looking on while a sweep runs, from any machine.

Takes no lock and writes nothing; files may appear, change and vanish meanwhile.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabulate import tabulate

from ..configuration import Configuration, Sweep
from ..errors import UserError, in_one_line
from ..files import layout, outside
from ..files.facts import Facts
from ..files.label import Label, glance
from ..machine import process
from ..machine.progress import last_told

STATES = ("done", "running", "stopped", "failed", "waiting")
FRESH = 3  # intervals between saves after which a process elsewhere is taken for dead
LOG_TAIL = 4096  # bytes
SHOWN = 3  # failed shards of an experiment


@dataclass(frozen=True)
class Shard:
    """fraction: of its work that is done; facts: what its file says; reason: the last line of a failure's log."""

    path: Path
    state: str
    fraction: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


def show(configuration: Configuration, folder: Path) -> None:
    """Print a table of the experiments' searches in the folder where the workflow runs, and what failed."""
    print(table(configuration, folder))


def table(configuration: Configuration, folder: Path) -> str:
    rows, failures = [], []
    for name, sweep in searches(configuration).items():
        shards = look(folder, name, sweep)
        rows.append({"search": name, **summarise(shards)})
        failed = [shard for shard in shards if shard.state == "failed"]
        failures += [f"failed: {shard.path.relative_to(folder)}: {shard.reason}" for shard in failed[:SHOWN]]
        if len(failed) > SHOWN:
            failures.append(f"failed: {len(failed) - SHOWN} more shards of {name}")
    text = tabulate(rows, headers="keys", disable_numparse=True, colalign=["left", *["right"] * (len(rows[0]) - 1)])
    return "\n".join([text, *(["", *failures] if failures else [])])


def searches(configuration: Configuration) -> dict[str, Sweep]:
    """Every search by its name, DATASET/MODEL/SWEEP; of sweeps that share its shards the one that asks for most."""
    found: dict[str, Sweep] = {}
    for experiment in configuration.experiments:
        sweep = configuration.sweeps[experiment.sweep]
        for name in configuration.searches(experiment):
            if name not in found or found[name].shards < sweep.shards:
                found[name] = sweep
    return found


def look(folder: Path, name: str, sweep: Sweep) -> list[Shard]:
    """Every shard of the search of that name, DATASET/MODEL/SWEEP."""
    settings = json.loads(sweep.restarts.to_json())
    names = layout.names(name)
    label = glance(folder / layout.result(layout.CANDIDATES, **names), "candidates")
    merged = label.facts["shards"] if label and label.facts["restart_settings"] == settings else {}
    shards = [layout.OF_SHARD.format(**names, shard=layout.shard_name(number)) for number in range(sweep.shards)]
    return [
        look_at(folder / layout.RESULTS / f"{shard}.h5", folder / layout.LOGS / f"{shard}.log", settings, merged)
        for shard in shards
    ]


def look_at(output: Path, log: Path, settings: dict[str, Any], merged: dict[str, dict[str, Any]]) -> Shard:
    """A shard by its output, its checkpoint and its log; files that other settings made do not count.

    merged: the facts of shards whose candidates are merged, by file name: these may have been pruned.
    """
    label = glance(output, "shard")
    if label and label.settings == settings:
        return Shard(output, "done", 1.0, label.facts)
    if not output.exists() and output.name in merged:
        return Shard(output, "done", 1.0, Facts(merged[output.name], output))
    said = tail(log)
    reason = failure(said)
    saved = layout.progress_of(output)
    label = glance(saved, "progress")
    if not label or label.settings != settings:
        return Shard(output, "failed" if reason else "waiting", reason=reason)
    if reason or not is_running(saved, label):
        return Shard(output, "failed" if reason else "stopped", label.facts["fraction"], label.facts, reason)
    fraction = max(label.facts["fraction"], last_told(said))
    facts = Facts({**label.facts, "seconds": label.facts["seconds"] + age(saved)}, saved)
    return Shard(output, "running", fraction, facts)


def is_running(path: Path, label: Label) -> bool:
    """Whether whoever saved the checkpoint is at work: seen where it is possible, or else told by the file's age."""
    if label.facts["stopped"]:
        return False
    alive = process.is_alive(label.facts["process"])
    if alive is not None:
        return alive
    return age(path) <= FRESH * label.facts["interval"]


def age(path: Path) -> float:
    """Seconds since a file was written; endless where there is none."""
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except OSError:
        return math.inf


def tail(log: Path) -> str:
    """The end of a log, empty where there is none."""
    try:
        with outside.opened(log) as handle:
            handle.seek(max(0, os.fstat(handle.fileno()).st_size - LOG_TAIL))
            return handle.read().decode(errors="replace").strip()
    except (OSError, UserError):
        return ""


def failure(said: str) -> str:
    """The last line of a log that ends in an error; nothing where it does not."""
    lines = said.splitlines()
    is_error = lines and (lines[-1].startswith("error: ") or any(line.startswith("Traceback") for line in lines))
    return in_one_line(lines[-1].removeprefix("error: ")) if is_error else ""


def summarise(shards: Sequence[Shard]) -> dict[str, str]:
    """A row of the table."""
    best = [shard.facts["unexplained"] for shard in shards if shard.facts.get("unexplained")]
    return {
        "shards": str(len(shards)),
        **{state: str(sum(shard.state == state for shard in shards)) for state in STATES},
        "diverged": str(sum(shard.facts.get("diverged", 0) for shard in shards)),
        "unexplained by layer": " ".join(percent(min(layer)) for layer in zip(*best, strict=True)),
        "time left": time_left(shards),
    }


def time_left(shards: Sequence[Shard]) -> str:
    """An estimate: the work that is left, at as many shards at once as run now, in finished shards' time."""
    left = sum(1 - shard.fraction for shard in shards)
    if not left:
        return "none"
    taken = [shard.facts["seconds"] for shard in shards if shard.state == "done"]
    under_way = [shard for shard in shards if shard.fraction and shard.state != "done"]
    taken = taken or [shard.facts["seconds"] / shard.fraction for shard in under_way]
    if not taken:
        return "?"
    running = [shard for shard in shards if shard.state == "running"]
    longest = max((1 - shard.fraction for shard in running), default=0)
    seconds = statistics.median(taken) * max(left / max(1, len(running)), longest)
    return f"{duration(seconds)}, {len(running) or 1} at once"


def percent(share: float) -> str:
    """To two figures; whole from ten on."""
    if 0 < share < 1e-6:
        return "<0.0001%"
    return f"{share:.0%}" if share >= 0.0995 else f"{100 * share:.2g}%"


def duration(seconds: float) -> str:
    """In the unit that suits it."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}" if seconds < 10 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
