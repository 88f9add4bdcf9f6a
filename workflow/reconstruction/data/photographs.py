"""Images of the user's own: a folder of image files by class."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ..configuration import Resize
from ..errors import UserError, reason
from ..files import outside
from ..machine.devices import require_memory
from .folders import listing, readable, shown, told
from .images import Pool, checked

FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP")  # Pillow has others, whose readers start other programs
EXACT = {"1": "L", "L": "L", "LA": "L", "P": None, "PA": None, "RGB": "RGB", "RGBA": "RGB"}  # None: as its colours are
OPAQUE = 255
NAMED = 3  # files in a sentence
BYTES = 6  # for each pixel while a pool is made: as it is read, with its channels first, as float32


def read_folder(path: str, turn: bool = True, resize: Resize | None = None) -> Pool:
    """The pool in a folder with a folder of image files for each class, turned as their orientation tags say.

    All images have one size, unless they are resized, and are 8-bit grey or RGB, or become so without loss: by a
    palette, of 1 bit, with an alpha that is opaque. Grey ones beside RGB become RGB.
    Raises UserError naming the images that are neither.
    """
    found = listing(Path(path))
    remarks = [told(found.passed_over)] if found.passed_over else []
    if not found.files:
        raise UserError(
            f"{path}: no class folder holds an image{''.join(f', {remark}' for remark in remarks)}",
            "put PNG, JPEG, BMP, PGM, TIFF or WebP files there, in a folder for each class",
        )
    count = len(found.files)
    first, kind = found.files[0], ""
    pixels: np.ndarray = np.empty(0, np.uint8)
    unfit: list[tuple[Path, str]] = []
    turned, paged, grey = [], [], []
    for place, file in enumerate(found.files):
        image = _read(file, turn, resize)
        if isinstance(image, str):
            unfit.append((file, image))
            continue
        if not kind:
            first, kind, pixels = file, str(image), _space_for(count, image, path)
        if image.pixels.shape[:2] != pixels.shape[1:3]:
            raise UserError(
                f"{shown(str(file))}: is {image}, but {shown(str(first))} is {kind}",
                f"set resize of the source, such as {{size: [{pixels.shape[1]}, {pixels.shape[2]}]}}",
            )
        if image.channels > pixels.shape[3]:
            grey_ones, pixels = pixels, _space_for(count, image, path)
            pixels[:place] = grey_ones[:place]
        pixels[place] = image.pixels
        turned += [file] * image.turned
        paged += [file] * image.more_pages
        grey += [file] * (image.channels == 1)
    if unfit:
        raise _refusal(path, unfit)
    if grey and pixels.shape[3] == 3:
        are = "are grey and become" if len(grey) > 1 else "is grey and becomes"
        remarks.append(f"{_named(grey)} {are} RGB, as the others are, with the same value in each channel")
    if paged:
        remarks.append(f"of {_named(paged)} only the first page or frame is read")
    if turned:
        remarks.append(
            f"turned {_named(turned)} as the orientation tags say; where the model saw them as they are stored, "
            "as by torchvision, set turn: false"
        )
    pool = checked(pixels, np.asarray(found.numbers), path, found.classes)
    names = np.array([readable(str(file.relative_to(path))) for file in found.files])
    return replace(pool, remarks=(*(f"{path}: {remark}" for remark in remarks), *pool.remarks), beside={"names": names})


@dataclass(frozen=True)
class _Picture:
    """pixels: (H, W, 1 or 3) uint8."""

    pixels: np.ndarray
    turned: bool
    more_pages: bool

    @property
    def channels(self) -> int:
        return self.pixels.shape[2]

    def __str__(self) -> str:
        height, width = self.pixels.shape[:2]
        return f"{width} x {height} {'grey' if self.channels == 1 else 'RGB'}"


def _space_for(count: int, image: _Picture, path: str) -> np.ndarray:
    """Where so many such images go; raises UserError where there is too little memory."""
    require_memory(
        BYTES * image.pixels.size * count, f"{path}: to read {count} images of {image}", "scale them down by resize"
    )
    return np.empty((count, *image.pixels.shape), np.uint8)


def _refusal(path: str, unfit: list[tuple[Path, str]]) -> UserError:
    kinds = Counter(why for _, why in unfit)
    files = ", ".join(shown(str(file)) for file, _ in unfit[:NAMED]) + ", ..." * (len(unfit) > NAMED)
    which = ", ".join(f"{count} {why}" for why, count in kinds.most_common())
    images = f"{len(unfit)} image{'s' * (len(unfit) > 1)}"
    return UserError(
        f"{path}: {images} cannot become 8-bit grey or RGB without loss ({which}): {files}",
        "save them as 8-bit grey (L) or RGB, as the model saw them",
    )


def _read(file: Path, turn: bool, resize: Resize | None) -> _Picture | str:
    """The picture, or what its pixels have that is lost in 8-bit grey and RGB."""
    try:
        with outside.opened(file) as handle, Image.open(handle, formats=FORMATS) as image:
            turned = turn and image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
            pages = getattr(image, "n_frames", 1)
            image.load()
            upright = _in_8_bits(ImageOps.exif_transpose(image) if turned else image)
    except UserError:
        raise
    except Exception as error:  # Pillow's reader of each format has its own for a broken file
        why = f"none of {', '.join(FORMATS)}" if isinstance(error, UnidentifiedImageError) else reason(error)
        problem = f"{shown(str(file))}: cannot be read as an image ({why})"
        raise UserError(problem, "repair or remove it") from None
    if isinstance(upright, str):
        return upright
    if resize is not None:
        height, width = resize.size
        upright = upright.resize((width, height), Image.Resampling[resize.filter.upper()])
    return _Picture(np.atleast_3d(np.asarray(upright)), turned, pages > 1)


def _in_8_bits(image: Image.Image) -> Image.Image | str:
    """The same picture as 8-bit grey or RGB, or why it is none."""
    if image.mode not in EXACT:
        return f"of mode {image.mode}"
    wanted = EXACT[image.mode]
    if image.has_transparency_data:
        image = image.convert("LA" if wanted == "L" else "RGBA")
        if np.asarray(image.getchannel("A")).min() < OPAQUE:
            return "with transparent pixels"
    if wanted is not None:
        return image.convert(wanted)
    colour = image.convert("RGB")
    red, green, blue = colour.split()
    return red if red.tobytes() == green.tobytes() == blue.tobytes() else colour


def _named(files: list[Path]) -> str:
    """How many images they are, and which is the first."""
    if len(files) == 1:
        return shown(str(files[0]))
    return f"{len(files)} images, {shown(str(files[0]))} the first of them,"
