"""Signals that end a process, noticed and acted on when the work in hand is done."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)  # a scheduler's, Ctrl-C, and SLURM's before the time limit


class Interrupted(Exception):
    """The work was stopped by a signal; says what became of it, in one line."""

    def __init__(self, received: signal.Signals, message: str) -> None:
        super().__init__(message)
        self.exit_status = 128 + received


class Notice:
    """Within it, a signal leaves its name in `received` and does nothing else."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
