"""A folder of image files by class: which of its files are the images, and what is passed over."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError, reason

ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # torchvision's ImageFolder's
OF_SYSTEMS = {"__MACOSX", "@eaDir"}  # what archives of macOS and Synology's thumbnails lie in
NAMED = 6  # reasons in a sentence


@dataclass(frozen=True)
class Listing:
    """classes: names; files: in order; numbers: the class of each file; passed_over: how many files, by reason."""

    classes: tuple[str, ...]
    files: list[Path]
    numbers: list[int]
    passed_over: Counter[str]


def class_folders(path: Path) -> list[Path]:
    """The folder of each class, in the order of their names."""
    found = [entry for entry in path.iterdir() if entry.is_dir() and not _is_hidden(entry.name)]
    return sorted(found, key=lambda folder: readable(folder.name))


def listing(path: Path) -> Listing:
    """The image files below each class folder, ordered and numbered as by ImageFolder; raises UserError."""
    passed_over: Counter[str] = Counter()
    images: dict[str, list[Path]] = {}
    try:
        folders = class_folders(path)
        for file in _walk(path):
            why = _why_not(file, file.relative_to(path).parts)
            if why:
                passed_over[why] += 1
            else:
                images.setdefault(file.relative_to(path).parts[0], []).append(file)
    except OSError as error:
        raise UserError(
            f"{shown(str(error.filename or path))}: is no folder of images by class ({reason(error)})",
            "put the images of each class into a folder of its own, below that path",
        ) from None
    files = [(file, number) for number, folder in enumerate(folders) for file in images.get(folder.name, [])]
    classes = tuple(readable(folder.name) for folder in folders)
    return Listing(classes, [file for file, _ in files], [number for _, number in files], passed_over)


def told(passed_over: Counter[str]) -> str:
    """How many files were passed over, and which, in words."""
    count = passed_over.total()
    reasons = [f"{times} {why}" for why, times in sorted(passed_over.items(), key=lambda item: (-item[1], item[0]))]
    more = ["others"] if len(reasons) > NAMED else []
    return f"passed over {count} file{'s' * (count > 1)} ({', '.join(reasons[:NAMED] + more)})"


def readable(name: str) -> str:
    """A file's name as text in one Unicode form; bytes that are no UTF-8 are taken for Latin-1."""
    try:
        name.encode()
    except UnicodeEncodeError:
        name = os.fsencode(name).decode("latin-1")
    return unicodedata.normalize("NFC", name)


def shown(name: str) -> str:
    """A file's name in a sentence, on one line."""
    text = readable(name)
    return text if text.isprintable() else repr(text)


def _walk(path: Path) -> Iterator[Path]:
    """All files below a folder, folder by folder; a link to a folder that was met before is one of them."""

    def fail(error: OSError) -> None:
        raise error

    found, seen = [], set()
    for root, folders, names in os.walk(path, onerror=fail, followlinks=True):
        status = Path(root).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            found.append(os.path.split(root))
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        found += [(root, name) for name in names]
    return (Path(root, name) for root, name in sorted(found))


def _why_not(file: Path, parts: tuple[str, ...]) -> str | None:
    """Why a file is passed over, or None of an image; parts: of its path below the source's folder."""
    hidden = next((part for part in parts if _is_hidden(part)), None)
    if hidden:
        return shown(hidden)
    if not file.is_file():
        return "no regular file or linked twice"
    if len(parts) == 1:
        return "outside of class folders"
    if file.name.lower().endswith(ENDINGS):
        return None
    return shown(file.suffix.lower()) if file.suffix else "without an ending"


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in OF_SYSTEMS
