"""A line now and then on long work, for a person who waits."""

from __future__ import annotations

import re
import time

SECONDS_BETWEEN_LINES = 2.0
LINE = re.compile(r"^\w+: .*?(\d+)%, .* left$", re.MULTILINE)


class Progress:
    """Prints `stage: note, time left`, at most every two seconds."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.begun = self.printed = time.monotonic()
        self.first: float | None = None

    def __call__(self, fraction: float, note: str) -> None:
        """Say that a fraction in [0, 1] of the work is done; the first call says where it begins."""
        now = time.monotonic()
        if self.first is None:
            self.begun, self.first = now, fraction
        if now - self.printed < SECONDS_BETWEEN_LINES or fraction <= self.first:
            return
        self.printed = now
        left = (now - self.begun) * (1 - fraction) / (fraction - self.first)
        print(f"{self.stage}: {fraction:4.0%}, {note}, about {left:.0f} s left", flush=True)


def tell(line: str) -> None:
    print(line, flush=True)


def last_told(text: str) -> float:
    """The fraction that the last such line of a text told; 0 where there is none."""
    told = LINE.findall(text)
    return int(told[-1]) / 100 if told else 0.0
