"""Sources in their original formats, written small, and each defect refused by name."""

import os
import pickle
import struct
from hashlib import md5
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from reconstruction.configuration import Faces, ImageFile, ImageFolder, Resize, Torchvision
from reconstruction.data.images import checked
from reconstruction.data.sources import load, source_files
from reconstruction.errors import UserError
from reconstruction.machine import devices
from torchvision import datasets

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (6, 5, 4), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
LABELS = np.arange(6) % 3
NAMES = ["ant", "bee", "crow"]


def npz(path, **arrays):
    path = path.with_suffix(".npz")
    np.savez(path, **arrays)
    return ImageFile(kind="file", path=str(path))


def hdf5(path, **arrays):
    path = path.with_suffix(".h5")
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            if np.asarray(array).dtype.kind == "O":
                file.create_dataset(name, (len(array),), h5py.vlen_dtype(np.uint8))
            else:
                file[name] = array.tolist() if array.dtype.kind == "U" else array
    return ImageFile(kind="file", path=str(path))


def folder(path, images=GREY, labels=LABELS, suffix="png"):
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        (path / NAMES[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path / NAMES[label] / f"{index}.{suffix}")
    return ImageFolder(kind="folder", path=str(path))


def refused(source, defect):
    """The one sentence that refuses a source."""
    with pytest.raises(UserError, match=defect) as caught:
        load(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def channels_last(pool):
    return (pool.images.transpose(0, 2, 3, 1) * 255).squeeze()


def test_the_faces_come_with_the_library():
    pool, _, test, _ = load(Faces(kind="faces"))
    assert pool.images.shape == (100, 1, 25, 25)
    assert pool.images.dtype == np.float32
    assert 0 <= pool.images.min() < pool.images.max() <= 1
    assert test is None


# Files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [npz, hdf5])
@pytest.mark.parametrize("images", [GREY, COLOUR, GREY / 255, COLOUR / np.float32(255)], ids=lambda x: str(x.dtype))
def test_a_file(tmp_path, write, images):
    pool, _, test, _ = load(write(tmp_path / "a", images=images, labels=LABELS))
    np.testing.assert_allclose(channels_last(pool), images if images.dtype == np.uint8 else images * 255, atol=1e-4)
    assert pool.images.dtype == np.float32
    assert pool.classes.tolist() == LABELS.tolist()
    assert pool.class_names == ()
    assert test is None


@pytest.mark.parametrize("write", [npz, hdf5])
def test_a_file_may_name_its_classes(tmp_path, write):
    pool, *_ = load(write(tmp_path / "a", images=GREY, labels=LABELS, class_names=np.array(NAMES)))
    assert pool.class_names == tuple(NAMES)


def test_the_format_is_told_by_the_content(tmp_path):
    source = hdf5(tmp_path / "a", images=GREY, labels=LABELS)
    named_wrongly = Path(source.path).rename(tmp_path / "a.npz")
    assert len(load(ImageFile(kind="file", path=str(named_wrongly)))[0].images) == 6


def test_a_test_file_knows_the_classes_of_the_training_file(tmp_path):
    tested = npz(tmp_path / "b", images=GREY[:2], labels=LABELS[:2])
    source = npz(tmp_path / "a", images=GREY, labels=LABELS, class_names=np.array(NAMES))
    test = load(source.model_copy(update={"test_path": tested.path})).test
    assert len(test.images) == 2
    assert test.class_names == tuple(NAMES)


@pytest.mark.parametrize(
    ("arrays", "defect"),
    [
        ({"images": GREY[:, :4]}, r"shape \(C, H, W\) \(1, 4, 4\), those of .*a.npz \(1, 5, 4\); bring both to one"),
        ({"images": GREY, "class_names": np.array(["ant", "cow", "bee"])}, "its classes are ant, cow, bee, those of"),
    ],
)
def test_a_test_file_that_does_not_fit(tmp_path, arrays, defect):
    tested = npz(tmp_path / "b", labels=LABELS, **arrays)
    source = npz(tmp_path / "a", images=GREY, labels=LABELS, class_names=np.array(NAMES))
    assert tested.path in refused(source.model_copy(update={"test_path": tested.path}), defect)


def not_finite(value):
    images = GREY / 255
    images[3, 1, 1] = value
    return images


@pytest.mark.parametrize("write", [npz, hdf5])
@pytest.mark.parametrize(
    ("changes", "defect"),
    [
        (
            {"labels": None},
            r"has no array 'labels'; it has images \(6, 5, 4\); store one array images and one array labels",
        ),
        ({"images": None, "x": GREY}, r"has no array 'images'; it has .*x \(6, 5, 4\)"),
        ({"images": GREY[0]}, r"shape \(5, 4\); bring them to"),
        ({"images": COLOUR.transpose(0, 3, 1, 2)}, r"shape \(6, 3, 5, 4\); .*, by images.transpose\(0, 2, 3, 1\)$"),
        ({"images": COLOUR[..., :2]}, "C 1 or 3"),
        ({"images": COLOUR[None]}, "shape"),
        ({"images": GREY[:0], "labels": LABELS[:0]}, "shape"),
        ({"images": GREY.astype(np.int32)}, "type int32; save them as uint8"),
        ({"images": GREY.astype(object)}, "images is of (type object, not|another type than) numbers"),
        ({"images": GREY.astype(np.float32)}, "run from 0 to 248; scale them to 0 .. 1"),
        ({"images": GREY / 255 - 0.5}, "scale them to 0 .. 1"),
        ({"images": not_finite(np.nan)}, "image 3 has a pixel that is no finite number"),
        ({"images": not_finite(-np.inf)}, "image 3 has a pixel that is no finite number"),
        ({"labels": LABELS[:5]}, r"labels have shape \(5,\); give one for each of the 6 images"),
        ({"labels": LABELS[:, None]}, r"labels have shape \(6, 1\); .* of the 6 images, by labels\[:, 0\]$"),
        ({"labels": np.eye(3)[LABELS]}, r"labels have shape \(6, 3\); .* of the 6 images, by labels.argmax\(1\)$"),
        ({"labels": np.ones((6, 3))}, r"labels have shape \(6, 3\); give one for each of the 6 images$"),
        ({"labels": LABELS / 2}, "labels are of type float64; save them as integers"),
        (
            {"labels": LABELS.astype(np.uint64) + 2**63},
            "labels run up to 9.*; number the classes from 0",
        ),
        (
            {"labels": np.array(NAMES * 2)},
            "labels are of type .*numpy.unique.labels, return_inverse=True. makes numbers",
        ),
        ({"images": GREY // 128}, "all images are black, the brightest pixel of all is 0.00392, which is 1 of 255; if"),
        (
            {"images": GREY / 255**2},
            "all images are black, .* is 0.00381, which is 0.973 of 255; .* multiply them by 255",
        ),
        ({"class_names": np.arange(3)}, "class_names is no list of texts"),
        ({"class_names": np.array(["ant", "bee", "ant"])}, "two classes are named 'ant'"),
        ({"class_names": np.array(["ant", "bee"])}, "labels run from 0 to 2, but class_names names classes 0 to 1"),
    ],
)
def test_a_defect_of_a_file_is_named(tmp_path, write, changes, defect):
    arrays = {"images": GREY, "labels": LABELS, **changes}
    source = write(tmp_path / "a", **{name: array for name, array in arrays.items() if array is not None})
    assert refused(source, defect).startswith(source.path)


def test_a_group_in_the_place_of_an_array_is_named(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images/ant"], file["labels"] = GREY, LABELS
    source = ImageFile(kind="file", path=str(tmp_path / "a.h5"))
    refused(
        source, r"images is a group, no array; it has images/ant \(6, 5, 4\), labels \(6,\); store one array images"
    )


@pytest.mark.parametrize(
    ("images", "remarks"),
    [
        (GREY // 64 * 63, []),
        (GREY // 16, ["all images are dark, the brightest pixel of all is 0.0588, which is 15 of 255; scale them"]),
        (GREY * (np.arange(6) < 4)[:, None, None], ["2 of 6 images are black, number 4 the first of them, without"]),
    ],
)
@pytest.mark.parametrize("scale", [1, np.float32(255)])
def test_an_odd_range_is_remarked(tmp_path, images, remarks, scale):
    source = npz(tmp_path / "a", images=(images / scale) if scale > 1 else images.astype(np.uint8), labels=LABELS)
    found = load(source)[0].remarks
    assert len(found) == len(remarks)
    for said, expected in zip(found, remarks, strict=True):
        assert said.startswith(f"{source.path}: {expected}")


@pytest.mark.parametrize("write", [npz, hdf5])
def test_a_truncated_file(tmp_path, write):
    source = write(tmp_path / "a", images=GREY, labels=LABELS)
    os.truncate(source.path, Path(source.path).stat().st_size // 2)
    assert "write plain arrays of numbers" in refused(source, f"{source.path}: cannot be read")


@pytest.mark.parametrize("content", [b"", b"not an archive", pickle.dumps({"images": GREY})])
def test_a_foreign_file(tmp_path, content):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    refused(ImageFile(kind="file", path=str(path)), "is neither NPZ nor HDF5")


@pytest.mark.parametrize(("path", "defect"), [("none.npz", "no such file"), (".", "is a folder, not a regular file")])
def test_a_missing_file(tmp_path, path, defect):
    refused(ImageFile(kind="file", path=str(tmp_path / path)), defect)


# Folders ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "colour"])
def test_a_folder(tmp_path, images):
    tested = folder(tmp_path / "b", images[:3], LABELS[:3])
    pool, _, test, _ = load(folder(tmp_path / "a", images).model_copy(update={"test_path": tested.path}))
    np.testing.assert_allclose(channels_last(pool), images[[0, 3, 1, 4, 2, 5]], atol=1e-4)
    assert pool.classes.tolist() == [0, 0, 1, 1, 2, 2]
    assert pool.class_names == tuple(NAMES)
    assert len(test.images) == 3


def test_images_of_two_sizes(tmp_path):
    source = folder(tmp_path, [*GREY[:5], GREY[5, :3]])
    said = refused(source, "crow/5.png: is 4 x 3 grey, but")
    assert f"{tmp_path}/ant/0.png is 4 x 5 grey; set resize of the source, such as {{size: [5, 4]}}" in said


@pytest.mark.parametrize("colour", [[5], [0], [1, 2, 3, 4, 5]], ids=str)
def test_grey_images_become_rgb_beside_rgb(tmp_path, colour):
    images = [COLOUR[place] if place in colour else GREY[place] for place in range(6)]
    (pool, *_), order = load(folder(tmp_path, images)), [0, 3, 1, 4, 2, 5]
    as_rgb = np.stack([np.broadcast_to(np.atleast_3d(images[place]), (5, 4, 3)) for place in order])
    np.testing.assert_allclose(channels_last(pool), as_rgb, atol=1e-4)
    grey = [f"{tmp_path}/{NAMES[LABELS[place]]}/{place}.png" for place in order if place not in colour]
    named = grey[0] if len(grey) == 1 else f"{len(grey)} images, {grey[0]} the first of them,"
    (said,) = pool.remarks
    assert said.startswith(f"{tmp_path}: {named} ")
    assert said.endswith("RGB, as the others are, with the same value in each channel")


@pytest.mark.parametrize("filter", ["bilinear", "bicubic", "lanczos", "box", "nearest"])
def test_images_of_several_sizes_are_resized_as_pillow_does(tmp_path, filter):
    images = [COLOUR[0], COLOUR[1, :3], GREY[2, :, :2]]
    source = folder(tmp_path, images, LABELS[:3]).model_copy(update={"resize": Resize(size=[3, 2], filter=filter)})
    found = channels_last(load(source).training)
    for image, pixels in zip(images, found, strict=True):
        expected = Image.fromarray(image).resize((2, 3), getattr(Image.Resampling, filter.upper()))
        np.testing.assert_allclose(pixels, np.broadcast_to(np.atleast_3d(expected), (3, 2, 3)), atol=1e-4)


@pytest.mark.parametrize("write", [npz, folder])
def test_held_out_images_may_have_a_path_of_their_own(tmp_path, write):
    held_out = write(tmp_path / "b", images=GREY[2:], labels=LABELS[2:])
    source = write(tmp_path / "a", images=GREY, labels=LABELS).model_copy(update={"held_out_path": held_out.path})
    pools = load(source)
    assert (len(pools.training.images), len(pools.held_out.images), pools.test) == (6, 4, None)
    assert pools.held_out.origin == held_out.path
    assert set(source_files(source)) >= {source.path, held_out.path}


def test_held_out_images_of_other_classes_or_shape_are_refused(tmp_path):
    source = folder(tmp_path / "a")
    other = folder(tmp_path / "b", GREY[:2], LABELS[:2])
    refused(source.model_copy(update={"held_out_path": other.path}), "b: its classes are ant, bee, those of .*a ant, b")
    colour = folder(tmp_path / "c", COLOUR)
    refused(source.model_copy(update={"held_out_path": colour.path}), r"c: images have shape \(C, H, W\) \(3, 5, 4\)")


def test_images_that_memory_cannot_hold_as_numbers_are_refused(monkeypatch):
    monkeypatch.setattr(devices, "free_memory", lambda: 4 * 2 * 3 * 3 - 1)
    with pytest.raises(UserError, match=r"a\.npz: to read its images as float32 takes .*; give a smaller one"):
        checked(np.full((2, 3, 3), 9, np.uint8), np.zeros(2, int), "a.npz")
    checked(np.full((2, 3, 3), 9, np.uint8)[:, :2], np.zeros(2, int), "a.npz")


def test_public_images_may_be_of_any_classes_but_of_one_shape(tmp_path):
    source = folder(tmp_path / "a")
    Path(tmp_path / "b/internet").mkdir(parents=True)
    for number, picture in enumerate(GREY[:3]):
        Image.fromarray(picture.repeat(2, 0).repeat(2, 1)).save(tmp_path / f"b/internet/{number}.png")
    shown = source.model_copy(update={"public_path": str(tmp_path / "b")})
    assert set(source_files(shown)) >= {str(tmp_path / "b"), str(tmp_path / "b/internet")}
    refused(shown, r"b: images have shape \(C, H, W\) \(1, 10, 8\), those of .*a \(1, 5, 4\); bring both to one")
    smaller = shown.model_copy(update={"resize": Resize(size=[5, 4], filter="nearest")})
    np.testing.assert_allclose(channels_last(load(smaller).public), GREY[:3], atol=1e-4)
    unlabelled = npz(tmp_path / "c", images=GREY[:2])
    source = npz(tmp_path / "d", images=GREY, labels=LABELS, class_names=np.array(NAMES))
    assert len(load(source.model_copy(update={"public_path": unlabelled.path})).public.images) == 2
    refused(source.model_copy(update={"held_out_path": unlabelled.path}), "c.npz: has no array 'labels'")


@pytest.mark.parametrize(("mode", "why"), [("RGBA", "with transparent pixels"), ("I;16", "of mode I;16")])
def test_pixels_of_another_mode(tmp_path, mode, why):
    source = folder(tmp_path)
    Image.new(mode, (4, 5)).save(tmp_path / "bee/1.png")
    refused(source, rf": 1 image cannot become 8-bit grey .*\(1 {why}\): .*bee/1.png; save them as 8-bit grey")


@pytest.mark.parametrize("content", [b"", b"no image", None])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_damaged_image(tmp_path, suffix, content):
    source = folder(tmp_path, suffix=suffix)
    damaged = tmp_path / f"bee/1.{suffix}"
    damaged.write_bytes(damaged.read_bytes()[:-30] if content is None else content)
    refused(source, f"{damaged}: cannot be read as an image .*; repair or remove it")


def test_a_folder_without_images(tmp_path):
    source = ImageFolder(kind="folder", path=str(tmp_path / "a"))
    refused(source, "is no folder of images by class")
    (tmp_path / "a").mkdir()
    refused(source, "no class folder holds an image; put PNG")
    (tmp_path / "a/ant").mkdir()
    (tmp_path / "a/ant/notes.txt").write_text("none yet")
    refused(source, "no class folder holds an image")


def test_a_folder_is_watched_with_its_class_folders(tmp_path):
    source = folder(tmp_path / "a")
    assert source_files(source) == [str(tmp_path / "a"), *(str(tmp_path / "a" / name) for name in NAMES)]


def test_files_are_watched_and_torchvisions_are_not():
    source = ImageFile(kind="file", path="a.npz", test_path="b.h5", public_path="c.npz")
    assert source_files(source) == ["a.npz", "b.h5", "c.npz"]
    assert source_files(Torchvision(kind="mnist", root="data")) == []


# Torchvision -----------------------------------------------------------------------------------------


def write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())


def mnist(root, kind="mnist"):
    """Seven digits to train on, of which the first three are test images, too."""
    raw = root / {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}[kind] / "raw"
    raw.mkdir(parents=True)
    digits = RANDOM.integers(0, 256, (7, 28, 28), dtype=np.uint8)
    for prefix, count in (("train", 7), ("t10k", 3)):
        write_idx(raw / f"{prefix}-images-idx3-ubyte", digits[:count])
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8))
    return digits, Torchvision(kind=kind, root=str(root))


@pytest.mark.parametrize(("kind", "name"), [("mnist", "3 - three"), ("fashion-mnist", "Dress")])
def test_mnist_in_its_own_files(tmp_path, kind, name):
    digits, source = mnist(tmp_path, kind)
    pool, _, test, _ = load(source)
    np.testing.assert_allclose(channels_last(pool), digits, atol=1e-4)
    assert pool.classes.tolist() == list(range(7))
    assert pool.class_names[3] == name
    assert test.images.shape == (3, 1, 28, 28)


@pytest.mark.parametrize("part", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize("size", [0, 3, 9])
def test_mnist_cut_off(tmp_path, part, size):
    _, source = mnist(tmp_path)
    os.truncate(tmp_path / "MNIST/raw" / part, size)
    refused(source, "no sound mnist data set there")


def test_pickles_of_an_old_torchvision_are_not_opened(tmp_path):
    _, source = mnist(tmp_path)
    (tmp_path / "MNIST/processed").mkdir()
    refused(source, "MNIST/processed: holds pickles without a checksum")


def cifar(root, monkeypatch, kind):
    """Two images a batch, with MD5 sums of their own in place of the real archive's."""
    dataset, key = {"cifar10": (datasets.CIFAR10, "labels"), "cifar100": (datasets.CIFAR100, "fine_labels")}[kind]
    folder = root / dataset.base_folder
    folder.mkdir()
    pixels = RANDOM.integers(0, 256, (2, 3072), dtype=np.uint8)

    def written(name, content):
        (folder / name).write_bytes(pickle.dumps(content))
        return md5((folder / name).read_bytes()).hexdigest()

    for part in ("train_list", "test_list"):
        sums = [[name, written(name, {"data": pixels, key: [3, 8]})] for name, _ in getattr(dataset, part)]
        monkeypatch.setattr(dataset, part, sums)
    meta = written(dataset.meta["filename"], {dataset.meta["key"]: list("abcdefghij")})
    monkeypatch.setattr(dataset, "meta", {**dataset.meta, "md5": meta})
    return pixels, Torchvision(kind=kind, root=str(root))


@pytest.mark.parametrize(("kind", "batches"), [("cifar10", 5), ("cifar100", 1)])
def test_cifar_in_its_own_files(tmp_path, monkeypatch, kind, batches):
    pixels, source = cifar(tmp_path, monkeypatch, kind)
    pool, _, test, _ = load(source)
    assert pool.images.shape == (2 * batches, 3, 32, 32)
    np.testing.assert_allclose(pool.images[0].ravel() * 255, pixels[0], atol=1e-4)
    assert pool.classes[:2].tolist() == [3, 8]
    assert pool.class_names == tuple("abcdefghij")
    assert len(test.images) == 2


@pytest.mark.parametrize("kind", ["cifar10", "cifar100"])
def test_no_pickle_is_opened_before_its_checksum_fits(tmp_path, monkeypatch, kind):
    _, source = cifar(tmp_path, monkeypatch, kind)
    unpickle, opened = pickle.load, []
    monkeypatch.setattr(pickle, "load", lambda file, **options: opened.append(file.name) or unpickle(file, **options))
    files = sorted((tmp_path / getattr(datasets, kind.upper()).base_folder).iterdir())
    for changed in files:
        original = changed.read_bytes()
        changed.write_bytes(original + b"!")
        opened.clear()
        refused(source, f"no sound {kind} data set there")
        assert str(changed) not in opened
        changed.write_bytes(original)
    load(source)
    assert {str(file) for file in files} == set(opened)


@pytest.mark.parametrize("kind", ["mnist", "fashion-mnist", "cifar10", "cifar100"])
def test_a_root_without_the_data(tmp_path, kind):
    refused(Torchvision(kind=kind, root=str(tmp_path)), f"no sound {kind} data set there .* set download: true")


def test_a_download_that_fails(tmp_path, monkeypatch):
    def unreachable(self):
        raise OSError("name resolution failed")

    monkeypatch.setattr(datasets.CIFAR10, "download", unreachable)
    source = Torchvision(kind="cifar10", root=str(tmp_path), download=True)
    refused(source, r"no sound cifar10 data set there \(name resolution failed\); .* or check the network")
