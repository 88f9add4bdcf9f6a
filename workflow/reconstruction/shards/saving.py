"""When a shard's checkpoint is saved: at the start, at an interval, and at a signal that ends the process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from ..errors import UserError
from ..machine import process
from ..machine.signals import Interrupted, Notice
from .checkpoint import AnyStanding, Checkpoint, Standing

LARGEST_SHARE = 0.05  # of the time that goes into saving, however slow the disk


class Keeper:
    """Keeps a shard's checkpoint while the shard is searched."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        notice: Notice,
        interval: float,
        squared_norms: Tensor,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """interval: seconds between saves, longer where a save takes more than LARGEST_SHARE of it; say: is told what
        became of the checkpoint."""
        self.checkpoint, self.notice, self.interval, self.squared_norms = checkpoint, notice, interval, squared_norms
        self.say = say
        self.begun = self.due = time.monotonic()
        self.wait = interval
        self.seconds_before = 0.0
        self.is_saved = True

    @property
    def seconds(self) -> float:
        """How long the shard has been searched, in all its runs."""
        return self.seconds_before + time.monotonic() - self.begun

    def go_on(self, kind: type[AnyStanding], fitting: int = 1) -> AnyStanding | None:
        """Where an earlier run was, if it serves; fitting: how many restarts the device has room for."""
        shard = self.checkpoint.conditions["shard"]
        try:
            standing = self.checkpoint.read(kind, fitting)
        except UserError as error:
            self.say(f"shard {shard} starts over without its checkpoint: {error.problem}")
            return None
        if standing:
            self.seconds_before = standing.seconds
            self.say(f"shard {shard} goes on after {standing.done}")
        return standing

    def pause(self, standing: Callable[[], Standing], fraction: float) -> None:
        """Save where it is time, saying that a fraction is done; raises Interrupted where a signal has come."""
        received = self.notice.received
        if received is None and time.monotonic() < self.due:
            return
        self._save(standing(), fraction, received.name if received else None)
        if received:
            shard = self.checkpoint.conditions["shard"]
            where = "where it stopped" if self.is_saved else "its last checkpoint that could be written"
            raise Interrupted(
                received, f"reconstruct: shard {shard} stopped by {received.name}; run again, it goes on from {where}"
            )

    def _save(self, standing: Standing, fraction: float, stopped: str | None) -> None:
        begun = time.monotonic()
        facts = {
            "process": process.this(),
            "interval": self.wait,
            "stopped": stopped,
            "fraction": fraction,
            **standing.signs(self.squared_norms),
        }
        try:
            self.checkpoint.write(replace(standing, seconds=self.seconds), facts)
            self.is_saved = True
        except UserError as error:
            if self.is_saved:
                self.say(f"going on without a checkpoint: {error.problem}")
            self.is_saved = False
        now = time.monotonic()
        self.wait = max(self.interval, (now - begun) / LARGEST_SHARE)
        self.due = now + self.wait
