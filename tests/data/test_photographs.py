"""Image files are read upright, and what else is in them is named."""

import re

import numpy as np
import pytest
from picture_helpers import pictures
from PIL import ExifTags, Image, ImageOps
from reconstruction.configuration import ImageFolder
from reconstruction.data import photographs
from reconstruction.data.photographs import read_folder
from reconstruction.data.sources import load, source_files
from reconstruction.errors import UserError
from reconstruction.machine import devices

UPRIGHT = pictures(1, 12, 20)[0]


def folder(path, *, suffix="png", tags=(1,), **options):
    """A class of the same picture, stored as each orientation tag wants it turned back."""
    (path / "a").mkdir()
    for number, tag in enumerate(tags):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = tag
        image = stored_for(Image.fromarray(UPRIGHT), tag)
        image.save(path / f"a/{number}.{suffix}", exif=exif, **options)
    return str(path)


def stored_for(upright, tag):
    """The pixels that a reader who follows the tag turns upright."""
    tagged = upright.copy()
    tagged.getexif()[ExifTags.Base.Orientation] = {6: 8, 8: 6}.get(tag, tag)  # the others are their own inverse
    return ImageOps.exif_transpose(tagged)


@pytest.mark.parametrize(("suffix", "options"), [("png", {}), ("webp", {"lossless": True}), ("tiff", {})])
def test_images_are_turned_as_their_tags_say(tmp_path, suffix, options):
    path = folder(tmp_path, suffix=suffix, tags=range(1, 9), **options)
    pool = read_folder(path)
    assert pool.images.shape == (8, 3, 12, 20)
    for image in pool.images:
        np.testing.assert_allclose(image.transpose(1, 2, 0) * 255, UPRIGHT, atol=1e-3)
    (said,) = pool.remarks
    assert said.startswith(f"{path}: turned 7 images, {path}/a/1.{suffix} the first of them, as the orientation tags")


def test_images_may_be_left_as_they_are_stored(tmp_path):
    folder(tmp_path, tags=[3, 1])
    turned, left = (load(ImageFolder(kind="folder", path=str(tmp_path), turn=turn))[0] for turn in (True, False))
    np.testing.assert_array_equal(left.images[0], turned.images[0, :, ::-1, ::-1])
    np.testing.assert_array_equal(left.images[1], turned.images[1])
    assert "turned" in turned.remarks[0]
    assert left.remarks == ()


@pytest.mark.parametrize("suffix", ["png", "tiff", "webp"])
def test_further_pages_are_named(tmp_path, suffix):
    path = folder(tmp_path, suffix=suffix)
    images = [Image.fromarray(image) for image in pictures(3, 12, 20)]
    images[0].save(f"{path}/a/1.{suffix}", save_all=True, append_images=images[1:])
    assert read_folder(path).remarks == (f"{path}: of {path}/a/1.{suffix} only the first page or frame is read",)


def test_names_of_images_do_not_forge_lines(tmp_path):
    path = folder(tmp_path, tags=[1, 1])
    (tmp_path / "a/1.png").rename(tmp_path / "a/1\nerror: all is well.png")
    (tmp_path / "a/1\nerror: all is well.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"a/1\\nerror: all is well.png': cannot be read as an image"):
        read_folder(path)


@pytest.mark.parametrize(
    "content", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n", b"GIF89a\1\0\1\0\0\0\0;", b"%PDF-1.4\n"]
)
def test_no_other_format_hides_behind_an_ending(tmp_path, monkeypatch, content):
    monkeypatch.setattr("subprocess.check_call", None)  # by which Pillow has Ghostscript run PostScript
    path = folder(tmp_path)
    (tmp_path / "a/0.png").write_bytes(content)
    with pytest.raises(UserError, match=r"0.png: cannot be read as an image \(none of JPEG, .*WEBP\); repair"):
        read_folder(path)


def test_what_is_passed_over_is_said_of_a_folder_with_and_without_images(tmp_path):
    path = folder(tmp_path)
    (tmp_path / "a/0.gif").touch()
    assert read_folder(path).remarks == (f"{path}: passed over 1 file (1 .gif)",)
    (tmp_path / "a/0.png").unlink()
    with pytest.raises(UserError, match=r"no class folder holds an image, passed over 1 file \(1 .gif\); put PNG"):
        read_folder(path)


def test_images_that_do_not_fit_into_memory_are_refused(tmp_path, monkeypatch):
    path = folder(tmp_path, tags=[1, 1])
    monkeypatch.setattr(devices, "free_memory", lambda: photographs.BYTES * 2 * UPRIGHT.size)
    read_folder(path)
    monkeypatch.setattr(devices, "free_memory", lambda: photographs.BYTES * 2 * UPRIGHT.size - 1)
    with pytest.raises(
        UserError, match=f"^{re.escape(path)}: to read 2 images of 20 x 12 RGB takes .* are free; scale them"
    ):
        read_folder(path)


def test_folders_that_snakemake_cannot_name_or_that_are_hidden_are_not_watched(tmp_path):
    for name in ("a", "b{c}", "caf\udce9", ".ipynb_checkpoints", "__MACOSX"):
        (tmp_path / name).mkdir()
    source = ImageFolder(kind="folder", path=str(tmp_path))
    assert source_files(source) == [str(tmp_path), str(tmp_path / "a")]


def stored_as(mode):
    """An image that says what UPRIGHT's pixels are, and how Pillow saves it in a mode."""
    grey = Image.fromarray(UPRIGHT).convert("L")
    sixteen = grey.point(lambda value: value // 16 * 16)
    match mode:
        case "1":
            return grey.convert("1"), {}
        case "P of greys":
            return sixteen.convert("P"), {}
        case "P":
            return Image.fromarray(UPRIGHT).quantize(16), {}
        case "P, an unused colour transparent":
            return Image.fromarray(UPRIGHT).quantize(16), {"transparency": 200}
        case "RGB, an unused colour transparent":
            return sixteen.convert("RGB"), {"transparency": (1, 2, 3)}
        case "L, an unused level transparent":
            return sixteen, {"transparency": 1}
        case "LA":
            return grey.convert("LA"), {}
        case _:
            return Image.fromarray(UPRIGHT).convert("RGBA"), {}


@pytest.mark.parametrize(
    ("mode", "channels"),
    [
        ("1", 1), ("LA", 1), ("P of greys", 1), ("L, an unused level transparent", 1), ("P", 3), ("RGBA", 3),
        ("P, an unused colour transparent", 3), ("RGB, an unused colour transparent", 3),
    ],
)  # fmt: skip
def test_what_loses_nothing_becomes_grey_or_rgb(mode, channels, tmp_path):
    (tmp_path / "a").mkdir()
    image, options = stored_as(mode)
    image.save(tmp_path / "a/0.png", **options)
    pool = read_folder(str(tmp_path))
    assert pool.images.shape[1] == channels
    expected = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    np.testing.assert_array_equal(np.broadcast_to(np.rint(pool.images[0] * 255), expected.shape), expected)
    assert pool.remarks == ()


def test_all_images_that_would_lose_are_told_at_once(tmp_path):
    path = folder(tmp_path, tags=[1, 1])
    transparent = Image.fromarray(UPRIGHT).convert("RGBA")
    transparent.putpixel((3, 3), (9, 9, 9, 254))
    transparent.save(tmp_path / "a/0a.png")
    Image.fromarray(UPRIGHT).quantize(4).save(tmp_path / "a/0b.png", transparency=0)
    Image.fromarray(UPRIGHT).convert("CMYK").save(tmp_path / "a/00.jpg")
    Image.fromarray(UPRIGHT).convert("CMYK").resize((5, 5)).save(tmp_path / "a/2.tif")
    said = (
        f"{path}: 4 images cannot become 8-bit grey or RGB without loss (2 of mode CMYK, 2 with transparent pixels): "
        f"{path}/a/00.jpg, {path}/a/0a.png, {path}/a/0b.png, ...; save them as 8-bit grey (L) or RGB"
    )
    with pytest.raises(UserError, match=f"^{re.escape(said)}"):
        read_folder(path)
