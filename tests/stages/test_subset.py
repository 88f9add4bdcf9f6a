"""What a subset's file holds, and what the stage says of its source."""

import numpy as np
import pytest
from picture_helpers import jpeg, pictures
from PIL import Image
from reconstruction.configuration import Dataset
from reconstruction.errors import UserError
from reconstruction.evaluation.capacity import to_match
from reconstruction.files import store
from reconstruction.stages import subset

ALTERNATING = {"rule": "alternating"}
BY_CLASS = {"rule": "classes", "negative": [0], "positive": [1]}


def dataset(labels, source=None, **changes):
    source = source or {"kind": "faces"}
    return Dataset.model_validate({"source": source, "labels": labels, "per_label": 10, **changes})


def written(tmp_path, settings):
    subset.run(settings, tmp_path / "subset.h5")
    return store.read(tmp_path / "subset.h5", "subset")


def npz(path, count):
    images = np.random.default_rng(count).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    np.savez(path, images=images, labels=np.arange(count) % 2)
    return images


def test_images_of_a_folder_go_by_their_files(tmp_path):
    for number, picture in enumerate(pictures(8)):
        path = tmp_path / f"photos/class {number % 2}/Zoë {number // 2}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    found = written(tmp_path, dataset(BY_CLASS, {"kind": "folder", "path": str(tmp_path / "photos")}, per_label=2))
    for part in ("training", "held_out", "test"):
        for name, image in zip(found[f"{part}/names"], found[f"{part}/images"], strict=True):
            with Image.open(tmp_path / "photos" / name) as file:
                np.testing.assert_allclose(image.transpose(1, 2, 0) * 255, np.asarray(file), atol=1e-4)


def test_the_file_leads_back_to_every_image(tmp_path):
    images, tested = npz(tmp_path / "a.npz", 20), npz(tmp_path / "b.npz", 7)
    source = {"kind": "file", "path": str(tmp_path / "a.npz"), "test_path": str(tmp_path / "b.npz")}
    found = written(tmp_path, dataset(BY_CLASS, source, per_label=3, draw="seeded"))
    for part, original in (("training", images), ("held_out", images), ("test", tested)):
        index = found[f"{part}/source_index"]
        np.testing.assert_allclose(found[f"{part}/images"].transpose(0, 2, 3, 1) * 255, original[index], atol=1e-4)
        assert found[f"{part}/labels"].tolist() == np.where(index % 2, 1, -1).tolist()
    assert len(found["test/images"]) == 7
    np.testing.assert_allclose(found["mean"], found["training/images"].mean(0), atol=1e-6)


def test_a_class_that_the_test_images_lack_is_named(tmp_path):
    npz(tmp_path / "a.npz", 20)
    npz(tmp_path / "b.npz", 1)
    source = {"kind": "file", "path": str(tmp_path / "a.npz"), "test_path": str(tmp_path / "b.npz")}
    with pytest.raises(UserError, match=r"b.npz: class 1 has no image"):
        written(tmp_path, dataset(BY_CLASS, source, per_label=3))


def test_without_test_images_the_held_out_ones_are_tested(tmp_path):
    found = written(tmp_path, dataset(ALTERNATING))
    np.testing.assert_array_equal(found["test/images"], found["held_out/images"])


def test_images_that_are_too_large_for_what_follows_are_named(tmp_path, monkeypatch, capsys):
    source = {"kind": "file", "path": str(tmp_path / "a.npz")}
    np.savez(source["path"], images=pictures(4, 300, 200, 1), labels=np.arange(4) % 2)
    monkeypatch.setattr(subset, "free_memory", lambda: 2**36)
    written(tmp_path, dataset(ALTERNATING, source, per_label=1))
    (said,) = [line for line in capsys.readouterr().out.splitlines() if "warning" in line]
    assert "evaluating what comes back takes 67.1 GiB for images of shape (1, 300, 200), and 64.0 GiB are free" in said
    monkeypatch.setattr(subset, "free_memory", lambda: 2**30)
    written(tmp_path, dataset(ALTERNATING, source, per_label=1))
    assert "training a first layer of 500 units takes 1.1 GiB for" in capsys.readouterr().out


def test_a_public_pool_that_is_too_large_for_what_follows_is_named(tmp_path, monkeypatch, capsys):
    source = {"kind": "vectors", "path": str(tmp_path / "a.npz"), "public_path": str(tmp_path / "b.npz")}
    random, size, public = np.random.default_rng(0), 5, 1000
    for name, count in (("a", 8), ("b", public)):
        np.savez(tmp_path / f"{name}.npz", inputs=random.normal(size=(count, size)), labels=np.arange(count) % 2)
    monkeypatch.setattr(subset, "to_train", lambda *sizes: 0)
    enough = to_match((size,), 8, 8, public)
    for free in (enough - 1, enough):
        monkeypatch.setattr(subset, "free_memory", lambda free=free: free)
        written(tmp_path, dataset(ALTERNATING, source, per_label=2))
        said = capsys.readouterr().out
        assert ("what comes back takes 0.0 GiB for vectors of shape (5,) beside 1000 public ones" in said) == (
            free < enough
        )


# Copies ------------------------------------------------------------------------------------------------


def stored_pictures(tmp_path, changes):
    """A source of 20 pictures, some of which are others: the place of the copy, and the copy."""
    images = pictures(20, seed=1)
    for place, copy in changes.items():
        images[place] = copy(images)
    source = {"kind": "file", "path": str(tmp_path / "a.npz")}
    np.savez(source["path"], images=images, labels=np.arange(20) % 2)
    return source


COPIES = {12: lambda images: images[3], 15: lambda images: jpeg(images[0], 50)}


@pytest.mark.parametrize("labels", [ALTERNATING, BY_CLASS])
def test_held_out_copies_of_training_images_are_left_out(tmp_path, labels, capsys):
    without = written(tmp_path, dataset(labels, stored_pictures(tmp_path, {}), per_label=5))
    assert "warning" not in capsys.readouterr().out
    found = written(tmp_path, dataset(labels, stored_pictures(tmp_path, COPIES), per_label=5))
    assert found["held_out/source_index"].tolist() == [10, 11, 13, 14, 16, 17, 18, 19]
    assert found["held_out/labels"].tolist() == [-1, 1, 1, -1, -1, 1, -1, 1]
    np.testing.assert_array_equal(found["training/images"], without["training/images"])
    np.testing.assert_array_equal(found["test/images"], found["held_out/images"])
    said = capsys.readouterr().out
    assert "a.npz: 2 of 10 held-out images are copies of training images, image 12 is one of image 3; left" in said
    assert "subset: 10 training, 8 held-out, 8 test images" in said


def test_copies_are_found_between_paths_and_named_with_both(tmp_path, capsys):
    source, other = stored_pictures(tmp_path, {}), pictures(10, seed=2)
    other[4] = pictures(20, seed=1)[3]
    np.savez(tmp_path / "b.npz", images=other, labels=np.arange(10) % 2)
    source["held_out_path"] = str(tmp_path / "b.npz")
    found = written(tmp_path, dataset(BY_CLASS, source, per_label="all"))
    assert found["training/source_index"].tolist() == list(range(20))
    assert found["held_out/source_index"].tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    said = "b.npz: 1 of 10 held-out images are copies of training images, image 4 is one of image 3 of {}/a.npz; left"
    assert said.format(tmp_path) in capsys.readouterr().out
    assert found.facts["held_out_source"] == source["held_out_path"]


def test_copies_in_the_public_pool_are_left_out_and_its_images_lead_back(tmp_path, capsys):
    source, public = stored_pictures(tmp_path, {}), pictures(8, seed=2)
    public[5] = pictures(20, seed=1)[2]
    np.savez(tmp_path / "b.npz", images=public)
    source["public_path"] = str(tmp_path / "b.npz")
    found = written(tmp_path, dataset(ALTERNATING, source, per_label=5))
    index = found["public/source_index"]
    assert index.tolist() == [0, 1, 2, 3, 4, 6, 7]
    np.testing.assert_allclose(found["public/images"].transpose(0, 2, 3, 1) * 255, public[index], atol=1e-4)
    assert not {"public/labels", "public/classes"} & found.arrays.keys()
    assert found.facts["public_source"] == source["public_path"]
    said = capsys.readouterr().out
    pair = f"image 5 is one of image 2 of {tmp_path}/a.npz; left them out, 7 remain\n"
    assert f"b.npz: 1 of 8 public images are copies of training images, {pair}" in said
    assert "subset: 10 training, 10 held-out, 10 test, 7 public images" in said
    np.savez(tmp_path / "b.npz", images=pictures(20, seed=1)[:2])
    with pytest.raises(UserError, match=r"b.npz: 2 of 2 public images are copies .*; remove the copies, or add images"):
        written(tmp_path, dataset(ALTERNATING, source, per_label=5))


def test_copies_of_held_out_images_in_the_public_pool_are_left_out_too(tmp_path, capsys):
    source, public = stored_pictures(tmp_path, {}), pictures(8, seed=2)
    public[1], public[4] = pictures(20, seed=1)[14], jpeg(pictures(20, seed=1)[19], 50)
    np.savez(tmp_path / "b.npz", images=public)
    source["public_path"] = str(tmp_path / "b.npz")
    found = written(tmp_path, dataset(ALTERNATING, source, per_label=5))
    assert found["public/source_index"].tolist() == [0, 2, 3, 5, 6, 7]
    pair = f"image 1 is one of image 14 of {tmp_path}/a.npz; left them out, 6 remain\n"
    said = capsys.readouterr().out
    assert f"b.npz: 2 of 8 public images are copies of held-out images, {pair}" in said
    np.savez(tmp_path / "b.npz", images=np.concatenate([public, pictures(20, seed=1)[:1]]))
    assert written(tmp_path, dataset(ALTERNATING, source, per_label=5))["public/source_index"][-1] == 7
    said = capsys.readouterr().out
    assert f"b.npz: 3 of 9 public images are copies of training or held-out images, {pair}" in said
    assert said.count("warning") == 1


def test_a_pool_that_images_are_drawn_from_is_public_but_for_these(tmp_path):
    source = stored_pictures(tmp_path, {})
    found = written(tmp_path, dataset(ALTERNATING, {**source, "public_path": source["path"]}, per_label=3))
    assert found["public/source_index"].tolist() == list(range(12, 20))


def test_pictures_beside_vectors_may_be_of_other_sizes_in_another_file(tmp_path):
    random = np.random.default_rng(0)
    for name, size in (("a", 6), ("b", 9), ("c", 4)):
        pixels = random.integers(0, 256, (20, size, size), dtype=np.uint8)
        np.savez(tmp_path / f"{name}.npz", inputs=random.normal(size=(20, 5)), labels=np.arange(20) % 2, images=pixels)
    names = {"path": "a", "held_out_path": "b", "public_path": "c"}
    paths = {key: str(tmp_path / f"{name}.npz") for key, name in names.items()}
    found = written(tmp_path, dataset(ALTERNATING, {"kind": "vectors", **paths}, per_label=4))
    sizes = [found[f"{part}/pictures"].shape for part in ("training", "held_out", "public")]
    assert sizes == [(8, 1, 6, 6), (8, 1, 9, 9), (20, 1, 4, 4)]


def test_training_images_that_are_copies_are_kept_and_named(tmp_path, capsys):
    source = stored_pictures(tmp_path, {7: lambda images: images[2]})
    assert len(written(tmp_path, dataset(ALTERNATING, source, per_label=5))["training/images"]) == 10
    assert "2 training images are copies of others of them, image 2 is one of image 7" in capsys.readouterr().out


def test_held_out_images_that_are_all_copies_are_refused(tmp_path):
    source = stored_pictures(tmp_path, {place: lambda images, p=place: images[p - 10] for place in range(10, 20)})
    with pytest.raises(UserError, match=r"10 of 10 held-out images are copies .*; remove the copies, or add images"):
        written(tmp_path, dataset(ALTERNATING, source, per_label=5))


def test_what_is_odd_about_a_source_is_said_before_it_is_refused(tmp_path, capsys):
    images = pictures(8) // 8
    np.savez(tmp_path / "dark.npz", images=images, labels=np.arange(8) % 2)
    source = {"kind": "file", "path": str(tmp_path / "dark.npz")}
    with pytest.raises(UserError, match="has 8 images"):
        written(tmp_path, dataset(ALTERNATING, source, per_label=5))
    assert f"subset: warning: {tmp_path}/dark.npz: all images are dark" in capsys.readouterr().out
