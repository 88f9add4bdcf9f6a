"""The workflow run for a person: Snakemake, with what it and its jobs say put in order.

Where a terminal is attached one line is rewritten, with one estimate for the whole run; elsewhere all lines are passed
on, but for the commands that Snakemake quotes. What has failed, or what an interruption leaves, is said last.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from ..configuration import Configuration
from ..machine.progress import LINE
from ..machine.signals import Notice
from . import status

SNAKEMAKE = (sys.executable, "-m", "snakemake")
QUIET = ("--quiet", "rules", "host", "reason")
SECONDS = 2.0  # between two looks at how far the run is
LARGEST_SHARE = 0.1  # of the time that goes into looking
KEPT = "interrupted: what is finished is kept, and shards go on from where they stopped; run the same command again"
STEPS = re.compile(r"\d+ of \d+ steps")
QUOTED = re.compile(
    r"(RuleException:|CalledProcessError in |Command '|WorkflowError:|At least one job |Exiting because |Terminating )"
)
LAST = 5  # lines of Snakemake's, where no job says what has failed
CLEAR = "\r\x1b[K"


class Output:
    """What Snakemake and its jobs say."""

    def __init__(self, stream: IO[str], live: bool, notice: Notice) -> None:
        """live: whether one line stands for all, so that warnings alone are passed on; none is after a notice."""
        self.lines: list[str] = []
        self.steps = self.told = ""  # how many are done, and what a stage has last told of its progress
        self.live, self.notice = live, notice
        self._reader = threading.Thread(target=self._take, args=[stream], daemon=True)
        self._reader.start()

    def _take(self, stream: IO[str]) -> None:
        for line in map(str.rstrip, stream):
            if QUOTED.match(line):
                continue
            self.lines.append(line)
            if found := STEPS.search(line):
                self.steps, self.told = f"{found[0]}, ", ""
            elif LINE.match(line):
                self.told = line
            if not self.notice.received and (not self.live or "warning" in line):
                with suppress(BrokenPipeError):
                    print((CLEAR if self.live else "") + line, flush=True)

    def end(self) -> None:
        self._reader.join(SECONDS)  # a process that Snakemake has left behind may hold the stream open

    @property
    def has_run_jobs(self) -> bool:
        return bool(self.steps)

    def errors(self) -> list[str]:
        """The sentences of what has failed, each once, or else the last that Snakemake said."""
        return list(dict.fromkeys(line for line in self.lines if line.startswith("error: "))) or self.lines[-LAST:]


def run(configuration: Configuration, options: Sequence[str], folder: Path) -> int:
    """Run Snakemake with these options in the folder; returns its exit status, or 128 + a signal's number."""
    live = sys.stdout.isatty()
    with Notice() as notice:
        command = [*SNAKEMAKE, *options, *QUIET]
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        assert process.stdout
        output = Output(process.stdout, live, notice)
        wait = 0.0
        while process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(SECONDS, wait))
            if notice.received == signal.SIGTERM:  # Ctrl-C reaches Snakemake and its jobs by itself
                process.terminate()
            if live and not notice.received:
                begun = time.monotonic()
                show(output.steps + progress(configuration, folder, output.told))
                wait = (time.monotonic() - begun) / LARGEST_SHARE
        output.end()
    if live:
        show("")
    if notice.received:
        tell(KEPT)
        return 128 + notice.received
    if process.returncode:
        tell(*output.errors())
    elif live and not output.has_run_jobs:
        tell(*output.lines)
    return process.returncode


def progress(configuration: Configuration, folder: Path, told: str) -> str:
    """How far all searches together are; while none runs, what another stage has told, if any."""
    shards = [
        shard for name, sweep in status.searches(configuration).items() for shard in status.look(folder, name, sweep)
    ]
    done, running = (sum(shard.state == state for shard in shards) for state in ("done", "running"))
    if told and not running:
        return told
    share = sum(shard.fraction for shard in shards) / len(shards)
    return f"{done} of {len(shards)} shards done, {share:.0%} of the search, time left: {status.time_left(shards)}"


def show(line: str) -> None:
    """In place of the line before."""
    print(CLEAR + line[: shutil.get_terminal_size().columns - 1], end="", flush=True)


def tell(*lines: str) -> None:
    """To whoever listens: behind `tee`, which Ctrl-C ends, too, that is the terminal itself."""
    text = "\n".join(lines)
    for stream in (sys.stdout, sys.stderr):
        try:
            print(text, file=stream, flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            continue
        return
    with suppress(OSError), Path("/dev/tty").open("w") as terminal:
        print(text, file=terminal)
