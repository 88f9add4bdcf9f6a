"""One GPU for one job: each takes one that no other job of the same user has on this machine, and keeps it for life.

A lock on a file of the GPU's in the temporary folder, which the system gives back when the process ends, however it
ends. Where a scheduler shows a job its own GPUs alone, that is free already.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from pathlib import Path

import torch

from ..errors import UserError, reason
from .progress import tell
from .signals import Interrupted, Notice

SECONDS = 1.0  # between two looks for a free one

_held: list[int] = []  # the descriptor of this process's lock


def claim(device: torch.device, what: str, notice: Notice | None = None) -> None:
    """Make a free GPU the one that this process computes on, and wait where there is none; of a CPU nothing is claimed.

    what: of a line that says so. Raises Interrupted where a signal comes first.
    """
    if device.type == "cpu" or _held:
        return
    waits = False
    while (free := _lock_one()) is None:
        if notice and notice.received:
            raise Interrupted(notice.received, f"{what} stopped by {notice.received.name} before it had a GPU")
        if not waits:
            tell(f"{what} waits for a GPU, all {torch.cuda.device_count()} are at work for other jobs")
        waits = True
        time.sleep(SECONDS)
    torch.cuda.set_device(free)


def _lock_one() -> int | None:
    """The number of a GPU that was free and now is this process's; None where all are taken."""
    for number in range(torch.cuda.device_count()):
        name = torch.cuda.get_device_properties(number).uuid  # the same whatever number a job sees it by
        path = Path(tempfile.gettempdir()) / f"reconstruction-{os.getuid()}-{name}.lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise UserError(f"{path}: {reason(error)}", "remove it, or set TMPDIR to a folder of your own") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        _held.append(descriptor)
        return number
    return None
