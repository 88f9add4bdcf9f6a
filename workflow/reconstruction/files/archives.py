"""ZIP archives from outside, as NPZ files and PyTorch's are: what a member may claim before it is opened."""

from __future__ import annotations

from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from ..errors import shown
from . import outside

MAGIC = b"PK"
ENCRYPTED = 1  # in a member's flags


def members(handle: IO[bytes]) -> tuple[ZipFile, list[ZipInfo]]:
    """An archive and its members; raises ValueError, or what the library makes of one that is damaged."""
    archive = ZipFile(handle)
    for member in archive.infolist():
        name = shown(member.filename)
        if member.flag_bits & ENCRYPTED:
            raise ValueError(f"its member {name} is encrypted")
        if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise ValueError(f"its member {name} is compressed in a way that is not known here")
        outside.require_stored(f"its member {name}", member.file_size, member.compress_size)
    return archive, archive.infolist()
