"""Files from outside, opened only where they can be what they are taken for: regular files that memory can hold."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..errors import UserError, reason
from ..machine.devices import require_memory

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
INFLATION = 1100  # times that compression makes of a byte; deflate's most is 1032
SMALL = 2**20  # bytes that may be claimed whatever is stored
LARGEST = 2**80  # bytes that a message tells apart


def opened(path: str | Path) -> io.BufferedReader:
    """A regular file, to read; raises UserError of anything else, without waiting for it, and OSError as open does."""
    _require_regular(path, Path(path).stat())
    handle: io.BufferedReader = io.BufferedReader(io.FileIO(path, opener=_without_waiting))
    try:
        _require_regular(path, os.fstat(handle.fileno()))  # another may have taken its place
    except UserError:
        handle.close()
        raise
    return handle


def opened_whole(path: str | Path) -> io.BufferedReader:
    """opened, of a file that is going to be read whole: raises UserError where memory cannot hold it."""
    handle = opened(path)
    try:
        require_room(path, "its bytes", size(handle))
    except UserError:
        handle.close()
        raise
    return handle


def size(handle: IO[bytes]) -> int:
    return os.fstat(handle.fileno()).st_size


def require_room(path: str | Path, what: str, claimed: int) -> None:
    """Check that memory can hold what a file claims to have; raises UserError."""
    require_memory(
        min(claimed, LARGEST), f"{path}: to read {what}", "give a smaller one, or use a machine with more memory"
    )


def require_stored(what: str, claimed: int, stored: int) -> None:
    """Check that the bytes a file claims can have been made of those that it stores; raises ValueError."""
    if claimed > max(SMALL, INFLATION * stored):
        raise ValueError(f"{what} claims {min(claimed, LARGEST) / 2**20:.1f} MiB and stores {stored} bytes")


@contextlib.contextmanager
def reading(path: str | Path, remedy: str, *others: type[Exception]) -> Iterator[None]:
    """Turns what keeps a file from being read, the disk's errors and others, into a UserError that names the path."""
    expected: tuple[type[Exception], ...] = (OSError, *others)
    try:
        yield
    except UserError:
        raise
    except expected as error:
        raise UserError(f"{path}: cannot be read ({reason(error)})", remedy) from None


def _require_regular(path: str | Path, status: os.stat_result) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        raise UserError(f"{path}: is {KINDS.get(kind, 'something else')}, not a regular file", "name a file")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
