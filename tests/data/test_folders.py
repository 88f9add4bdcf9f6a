"""A folder's images are those of ImageFolder, less what is hidden; what is passed over is counted."""

import os
import unicodedata
from collections import Counter

import pytest
from reconstruction.data import folders
from reconstruction.data.folders import class_folders, listing, readable, told
from reconstruction.errors import UserError
from torchvision.datasets import ImageFolder
from torchvision.datasets.folder import IMG_EXTENSIONS


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_order_and_numbers_are_those_of_imagefolder(tmp_path):
    names = ["b/10.png", "b/9.JPG", "a/deep/z.tiff", "a/deep er/1.webp", "a/deep/deeper/0.bmp", "a/x.pgm", "C/1.ppm"]
    touch(tmp_path, *names, "b/notes.txt", "empty/notes.txt")
    expected = ImageFolder(tmp_path, allow_empty=True)
    found = listing(tmp_path)
    assert list(found.classes) == expected.classes == ["C", "a", "b", "empty"]
    assert list(zip(map(str, found.files), found.numbers, strict=True)) == expected.samples
    assert set(folders.ENDINGS) == set(IMG_EXTENSIONS)


def test_what_is_passed_over_is_counted(tmp_path):
    hidden = ["a/.ipynb_checkpoints/0-checkpoint.png", "a/.ipynb_checkpoints/deep/1.png", "a/._0.png", ".git/a/0.png"]
    archives = ["__MACOSX/a/._0.png", "a/@eaDir/0.png/thumb.jpg"]
    others = ["a/0.gif", "a/1.GIF", "a/README", "a/Thumbs.db", "above.png", "a/0.png.bak"]
    found = listing(touch(tmp_path, "a/0.png", *hidden, *archives, *others))
    assert [file.name for file in found.files] == ["0.png"]
    assert found.classes == ("a",)
    assert found.passed_over == {
        ".ipynb_checkpoints": 2, "._0.png": 1, ".git": 1, "__MACOSX": 1, "@eaDir": 1,
        ".gif": 2, "without an ending": 1, ".db": 1, "outside of class folders": 1, ".bak": 1,
    }  # fmt: skip
    assert class_folders(tmp_path) == [tmp_path / "a"]


def test_it_is_told_most_first_and_not_for_ever():
    assert told(Counter({".gif": 1})) == "passed over 1 file (1 .gif)"
    assert told(Counter({".b": 2, ".a": 2, ".c": 9})) == "passed over 13 files (9 .c, 2 .a, 2 .b)"
    many = told(Counter({f".{letter}": 1 for letter in "abcdefghij"}))
    assert many == "passed over 10 files (1 .a, 1 .b, 1 .c, 1 .d, 1 .e, 1 .f, others)"


def test_only_regular_files_are_images(tmp_path):
    touch(tmp_path, "a/0.png", "a/folder.png/1.png")
    os.mkfifo(tmp_path / "a/pipe.png")
    (tmp_path / "a/lost.png").symlink_to("nowhere")
    (tmp_path / "a/device.png").symlink_to("/dev/zero")
    found = listing(tmp_path)
    assert [file.name for file in found.files] == ["0.png", "1.png"]
    assert found.passed_over == {"no regular file or linked twice": 3}


def test_links_in_a_circle_end(tmp_path):
    touch(tmp_path, "a/0.png", "b/1.png", "elsewhere/c/2.png")
    for name in ("a/up", "a/up again", "b/up"):
        (tmp_path / name).symlink_to(tmp_path)
    (tmp_path / "c").symlink_to(tmp_path / "elsewhere/c")
    found = listing(tmp_path)
    assert [file.name for file in found.files] == ["0.png", "1.png", "2.png"]
    assert found.passed_over == {"no regular file or linked twice": 4}


def test_names_that_are_no_utf8_are_read_as_latin_1(tmp_path):
    found = listing(touch(tmp_path, *map(os.fsdecode, (b"caf\xe9/th\xe9.png", b"caf\xe9/0.gif\xff"))))
    assert found.classes == ("café",)
    assert readable(found.files[0].name) == "thé.png"
    assert found.passed_over == {".gifÿ": 1}


def test_names_are_in_one_unicode_form(tmp_path):
    names = ["café", "cafz"]
    touch(tmp_path, *(f"{unicodedata.normalize('NFD', name)}/0.png" for name in names))
    found = listing(tmp_path)
    assert sorted(found.classes) == sorted(names)
    assert [readable(file.parent.name) for file in found.files] == list(found.classes)


def test_names_do_not_forge_lines(tmp_path):
    found = listing(touch(tmp_path, "a/0.x\nerror: all is well", "a/.\x1b[2J/0.png"))
    assert "\n" not in told(found.passed_over)
    assert "\x1b" not in told(found.passed_over)


@pytest.mark.parametrize("broken", ["", "a"])
def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch, broken):
    touch(tmp_path, "a/0.png")
    scandir = os.scandir

    def denied(path="."):
        if os.fspath(path) == str(tmp_path / broken):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(UserError, match=f"^{tmp_path / broken}: .*permission denied"):
        listing(tmp_path)
