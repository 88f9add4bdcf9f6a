"""Sources in their original formats, written small, and each defect refused by name."""

import pickle
import struct

import numpy as np
import pytest
from reconstruction.configuration import Faces, Npz, Torchvision
from reconstruction.errors import UserError
from reconstruction.sources import load
from torchvision import datasets

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (6, 5, 4), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
LABELS = np.arange(6) % 3


def npz(path, **arrays):
    np.savez(path, **arrays)
    return Npz(kind="npz", path=str(path))


def test_the_faces_come_with_the_library():
    pool, test = load(Faces(kind="faces"))
    assert pool.images.shape == (100, 1, 25, 25)
    assert pool.images.dtype == np.float32
    assert 0 <= pool.images.min() < pool.images.max() <= 1
    assert test is None


@pytest.mark.parametrize("images", [GREY, COLOUR, GREY.astype(np.float64) / 255], ids=["grey", "colour", "float"])
def test_npz(tmp_path, images):
    pool, test = load(npz(tmp_path / "a.npz", images=images, labels=LABELS))
    stored = pool.images.transpose(0, 2, 3, 1).squeeze() * 255
    np.testing.assert_allclose(stored, images if images.dtype == np.uint8 else images * 255, atol=1e-4)
    assert pool.classes.tolist() == LABELS.tolist()
    assert test is None


def test_npz_with_a_test_file(tmp_path):
    npz(tmp_path / "test.npz", images=GREY[:2], labels=LABELS[:2])
    source = npz(tmp_path / "train.npz", images=GREY, labels=LABELS)
    _, test = load(source.model_copy(update={"test_path": str(tmp_path / "test.npz")}))
    assert len(test.images) == 2


def not_finite():
    images = GREY / 255.0
    images[3, 1, 1] = np.nan
    return images


@pytest.mark.parametrize(
    ("arrays", "defect"),
    [
        ({"images": GREY}, "no array 'labels'"),
        ({"labels": LABELS}, "no array 'images'"),
        ({"images": GREY[0], "labels": LABELS}, "shape"),
        ({"images": COLOUR[..., :2], "labels": LABELS}, "C 1 or 3"),
        ({"images": GREY[:0], "labels": LABELS[:0]}, "shape"),
        ({"images": GREY, "labels": LABELS[:5]}, "one for each of 6 images"),
        ({"images": GREY, "labels": LABELS / 2}, "expected integers"),
        ({"images": GREY.astype(np.int32), "labels": LABELS}, "expected uint8"),
        ({"images": GREY.astype(np.float32), "labels": LABELS}, "scale them to 0 .. 1"),
        ({"images": not_finite(), "labels": LABELS}, "image 3 has a pixel that is no finite number"),
        ({"images": GREY.astype(object), "labels": LABELS}, "cannot be read as NPZ"),
    ],
)
def test_a_defect_is_named(tmp_path, arrays, defect):
    with pytest.raises(UserError, match=defect) as caught:
        load(npz(tmp_path / "a.npz", **arrays))
    assert str(tmp_path / "a.npz") in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a zip", None])
def test_a_file_that_is_no_npz(tmp_path, content):
    path = tmp_path / "a.npz"
    source = npz(path, images=GREY, labels=LABELS)
    path.write_bytes(path.read_bytes()[:300] if content is None else content)
    with pytest.raises(UserError, match="cannot be read as NPZ"):
        load(source)


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load(Npz(kind="npz", path=str(tmp_path / "none.npz")))


def write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())


def test_mnist_in_its_own_files(tmp_path):
    raw = tmp_path / "MNIST/raw"
    raw.mkdir(parents=True)
    digits = RANDOM.integers(0, 256, (7, 28, 28), dtype=np.uint8)
    for prefix, count in (("train", 7), ("t10k", 3)):
        write_idx(raw / f"{prefix}-images-idx3-ubyte", digits[:count])
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8))
    pool, test = load(Torchvision(kind="mnist", root=str(tmp_path)))
    np.testing.assert_allclose(pool.images[:, 0] * 255, digits, atol=1e-4)
    assert pool.classes.tolist() == list(range(7))
    assert test.images.shape == (3, 1, 28, 28)


def test_cifar10_in_its_own_files(tmp_path, monkeypatch):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    pixels = RANDOM.integers(0, 256, (2, 3072), dtype=np.uint8)
    for name in names:
        (folder / name).write_bytes(pickle.dumps({"data": pixels, "labels": [3, 8]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    monkeypatch.setattr(datasets.CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda path, md5: True)
    pool, test = load(Torchvision(kind="cifar10", root=str(tmp_path)))
    assert pool.images.shape == (10, 3, 32, 32)
    np.testing.assert_allclose(pool.images[0].ravel() * 255, pixels[0], atol=1e-4)
    assert pool.classes[:2].tolist() == [3, 8]
    assert len(test.images) == 2


@pytest.mark.parametrize("kind", ["mnist", "cifar10"])
def test_a_root_without_the_data(tmp_path, kind):
    with pytest.raises(UserError, match=f"no sound {kind} data set there"):
        load(Torchvision(kind=kind, root=str(tmp_path)))
