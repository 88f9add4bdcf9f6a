"""Vectors are read as they are, and each defect is refused by name."""

import h5py
import numpy as np
import pytest
from reconstruction.configuration import Dataset, VectorFile
from reconstruction.data.copies import copies
from reconstruction.data.drawing import draw
from reconstruction.data.sources import load, source_files
from reconstruction.data.vectors import spread
from reconstruction.errors import UserError

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(3, 20, (6, 5)).astype(np.float32)
LABELS = np.arange(6) % 3
IMAGES = RANDOM.integers(0, 256, (6, 4, 3, 3), dtype=np.uint8)
CALLED = np.array(["a", "b", "c", "d", "e", "Zoë"])


def npz(path, **arrays):
    np.savez(path.with_suffix(".npz"), **arrays)
    return VectorFile(kind="vectors", path=str(path.with_suffix(".npz")))


def hdf5(path, **arrays):
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        for name, array in arrays.items():
            file[name] = array.tolist() if array.dtype.kind == "U" else array
    return VectorFile(kind="vectors", path=str(path.with_suffix(".h5")))


@pytest.mark.parametrize("write", [npz, hdf5])
def test_vectors_come_as_they_are_with_what_stands_beside_them(tmp_path, write):
    pool, held_out, test, public = load(
        write(tmp_path / "a", inputs=INPUTS, labels=LABELS, images=IMAGES, names=CALLED)
    )
    np.testing.assert_array_equal(pool.images, INPUTS)
    assert pool.classes.tolist() == LABELS.tolist()
    np.testing.assert_allclose(pool.beside["pictures"].transpose(0, 2, 3, 1) * 255, IMAGES, atol=1e-4)
    assert pool.beside["names"].tolist() == CALLED.tolist()
    assert held_out is test is public is None


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int8, np.uint16])
def test_any_type_of_number_is_read(tmp_path, kind):
    inputs = np.abs(INPUTS).astype(kind)
    pool = load(npz(tmp_path / "a", inputs=inputs, labels=LABELS)).training
    assert pool.images.dtype == np.float32
    np.testing.assert_array_equal(pool.images, inputs.astype(np.float32))
    assert not pool.beside


def test_paths_of_their_own_are_watched_and_must_fit(tmp_path):
    source = npz(tmp_path / "a", inputs=INPUTS, labels=LABELS)
    other = npz(tmp_path / "b", inputs=INPUTS[:, :4], labels=LABELS)
    apart = source.model_copy(update={"held_out_path": other.path})
    assert source_files(apart) == [source.path, other.path]
    with pytest.raises(UserError, match=r"b.npz: inputs have shape \(4,\), those of .*a.npz \(5,\); bring both to one"):
        load(apart)


@pytest.mark.parametrize("write", [npz, hdf5])
@pytest.mark.parametrize(
    ("changes", "defect"),
    [
        ({"inputs": None, "x": INPUTS}, r"has no array 'inputs'; it has .*x \(6, 5\).*; store one array inputs"),
        ({"labels": None}, "has no array 'labels'"),
        ({"inputs": INPUTS[0]}, r"inputs have shape \(5,\); bring them to \(N, D\)"),
        ({"inputs": INPUTS[:, None]}, r"inputs have shape \(6, 1, 5\)"),
        ({"inputs": INPUTS[:0], "labels": LABELS[:0]}, "inputs have shape"),
        ({"inputs": INPUTS > 0}, "inputs are of type bool; save them as numbers"),
        ({"inputs": np.where(np.arange(5) == 2, np.nan, INPUTS)}, "input 0 has a number that is no finite float32"),
        ({"inputs": INPUTS.astype(float) * 1e39}, "input 0 has a number that is no finite float32"),
        ({"labels": LABELS[:5]}, r"labels have shape \(5,\); give one for each of the 6 vectors"),
        ({"labels": LABELS / 2}, "labels are of type float64"),
        ({"names": CALLED[:4]}, "names are no texts, one for each of the 6 vectors; give such, or none"),
        ({"names": LABELS}, "names are no texts"),
        ({"images": IMAGES[:3]}, "labels have shape .*; give one for each of the 3 images"),
        ({"images": IMAGES / 2.0}, "scale them to 0 .. 1"),
        ({"targets": LABELS[:2]}, r"targets have shape \(2,\) of int64; give one number for each of the 6 vectors"),
        ({"targets": np.where(LABELS == 2, np.inf, 1)}, "target 2 is no finite float32; .* remove it with its vector"),
    ],
)
def test_a_defect_is_named(tmp_path, write, changes, defect):
    arrays = {"inputs": INPUTS, "labels": LABELS, **changes}
    source = write(tmp_path / "a", **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(UserError, match=defect) as caught:
        load(source)
    assert str(caught.value).startswith(source.path)
    assert "\n" not in str(caught.value)


def test_public_vectors_need_no_labels_but_the_same_coordinates(tmp_path):
    source = npz(tmp_path / "a", inputs=INPUTS, labels=LABELS)
    other = npz(tmp_path / "b", inputs=INPUTS[:4], names=CALLED[:4])
    shown = source.model_copy(update={"public_path": other.path})
    assert source_files(shown) == [source.path, other.path]
    np.testing.assert_array_equal(load(shown).public.images, INPUTS[:4])
    assert load(shown).public.beside["names"].tolist() == CALLED[:4].tolist()
    npz(tmp_path / "b", inputs=INPUTS[:, :4])
    with pytest.raises(UserError, match=r"b.npz: inputs have shape \(4,\), those of .*a.npz \(5,\); bring both to one"):
        load(shown)


@pytest.mark.parametrize(
    ("changes", "defect"),
    [
        ({"per_label": 4}, "classes have 2 vectors, and 4 to train on plus 4 held out need 8"),
        (
            {"labels": {"rule": "classes", "negative": [0], "positive": [9]}},
            "class 9 has no vector; .* vectors of 0, 1",
        ),
        ({"labels": {"rule": "targets"}}, "no array 'targets'; store one number for each of the vectors"),
    ],
)
def test_too_few_are_called_vectors(tmp_path, changes, defect):
    source = npz(tmp_path / "a", inputs=INPUTS, labels=LABELS)
    settings = {"source": source.model_dump(), "labels": {"rule": "classes", "negative": [0], "positive": [1]}}
    with pytest.raises(UserError, match=defect):
        draw(load(source).training, Dataset.model_validate({**settings, "per_label": 1, **changes}))


def test_a_coordinate_that_does_not_vary_is_left_as_it_is():
    inputs = INPUTS.copy()
    inputs[:, 1], inputs[:, 3] = 0, 7.1
    found = spread(inputs)
    np.testing.assert_allclose(found[[0, 2, 4]], inputs.std(0)[[0, 2, 4]], rtol=1e-5)
    assert found[[1, 3]].tolist() == [1, 1]


def test_copies_of_vectors_are_those_that_hardly_differ():
    vectors = RANDOM.normal(5, [1, 1, 1000], (40, 3))
    assert (copies(vectors, vectors, themselves=True) < 0).all()
    vectors[7] = vectors[3] + [1e-3, 0, 1]
    found = copies(vectors, vectors, themselves=True)
    assert (found[7], found[3]) == (3, 7)
    assert (found >= 0).sum() == 2
    assert copies(vectors[[7, 8]], vectors[:6]).tolist() == [3, -1]
