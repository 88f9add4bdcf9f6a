"""The same as `status`, live in the terminal while the workflow runs.

Like it, watching takes no lock and writes nothing; it ends by itself when all is made.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from ..configuration import Configuration
from ..files import layout
from . import status

SECONDS = 3.0  # between looks
HOME_AND_CLEAR = "\x1b[H\x1b[2J"


def watch(configuration: Configuration, folder: Path, sleep: Callable[[float], object] = time.sleep) -> None:
    """Print the table anew every few seconds, in place where a terminal is attached; sleep: waits between looks."""
    try:
        while not is_made(configuration, folder):
            now = f"{datetime.now():%H:%M:%S}; Ctrl-C ends watching and leaves the workflow alone"
            print(
                f"{HOME_AND_CLEAR if sys.stdout.isatty() else ''}{status.table(configuration, folder)}\n\n{now}",
                flush=True,
            )
            sleep(SECONDS)
    except KeyboardInterrupt:
        print("\nwatch: ended; the workflow, if it runs, goes on")
        return
    status.show(configuration, folder)
    print(f"\nwatch: all is made; open {layout.RESULTS}/{layout.INDEX}")


def is_made(configuration: Configuration, folder: Path) -> bool:
    """Whether the index is there, and nothing that it was made from is newer."""
    ages = [status.age(folder / layout.RESULTS / layout.INDEX)]
    for experiment in configuration.experiments:
        of_scores = layout.EVALUATION if experiment.dataset else layout.INSPECTION
        ages.append(status.age(folder / layout.result(of_scores, **experiment.names)))
    searched = all(
        shard.state == "done"
        for name, sweep in status.searches(configuration).items()
        for shard in status.look(folder, name, sweep)
    )
    return searched and all(ages[0] <= age < float("inf") for age in ages)
