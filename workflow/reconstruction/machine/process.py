"""Which process is at work, and whether it still is, for those who can tell."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def this() -> dict[str, Any]:
    """This process: its host, its namespace of process numbers, its number there, and when it began."""
    return {"host": socket.gethostname(), "namespace": _namespace(), "pid": os.getpid(), "began": _began(os.getpid())}


def is_alive(process: Mapping[str, Any]) -> bool | None:
    """Whether such a process runs; None where only another host, or another container, can tell."""
    if process["namespace"] is None or (process["host"], process["namespace"]) != (socket.gethostname(), _namespace()):
        return None
    return process["began"] is not None and _began(process["pid"]) == process["began"]


def _namespace() -> str | None:
    with contextlib.suppress(OSError):
        return str(Path("/proc/self/ns/pid").readlink())
    return None


def _began(pid: int) -> int | None:
    """Clock ticks from the machine's start to the process's, which no change of the clock moves; proc(5), field 22."""
    with contextlib.suppress(OSError):
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[18]) if state != "Z" else None
    return None
