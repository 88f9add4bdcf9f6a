"""Subsets are balanced and reproducible, and what is held out was never drawn to train on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.configuration import Dataset
from reconstruction.data.images import Pool
from reconstruction.errors import UserError
from reconstruction.files import store
from reconstruction.stages import subset

CLASSES = np.random.default_rng(1).integers(0, 10, 200)
POOL = Pool(np.random.default_rng(0).random((200, 1, 3, 3), np.float32), CLASSES, "pool")
BY_CLASS = {"rule": "classes", "negative": [0, 1, 8, 9], "positive": [2, 3, 4]}
RULES = [BY_CLASS, {"rule": "alternating"}, {"rule": "random", "seed": 5}]


def dataset(labels=BY_CLASS, **changes):
    return Dataset.model_validate({"source": {"kind": "faces"}, "labels": labels, "per_label": 10, **changes})


@given(
    st.sampled_from(RULES),
    st.integers(1, 14),
    st.none() | st.integers(1, 30),
    st.sampled_from(["file-order", "seeded"]),
    st.integers(0, 9),
)
def test_both_parts_are_balanced_and_share_nothing(labels, per_label, held_out, order, seed):
    settings = dataset(labels, per_label=per_label, held_out_per_label=held_out, draw=order, seed=seed)
    parts = subset.draw(POOL, settings)
    for part, count in zip(parts, (per_label, held_out or per_label), strict=True):
        assert np.bincount(part.labels + 1, minlength=3).tolist() == [count, 0, count]
    assert len(np.unique(np.concatenate([part.indices for part in parts]))) == sum(len(part.indices) for part in parts)


def test_classes_give_the_labels():
    for part in subset.draw(POOL, dataset()):
        expected = np.where(np.isin(CLASSES[part.indices], [2, 3, 4]), 1, -1)
        assert part.labels.tolist() == expected.tolist()


NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
NAMED = Pool(POOL.images, CLASSES, "pool", NAMES)


def test_a_class_goes_by_name_or_number():
    by_name = {**BY_CLASS, "negative": ["airplane", 1, "ship", "truck"], "positive": [2, "cat", "deer"]}
    for named, numbered in zip(subset.draw(NAMED, dataset(by_name)), subset.draw(POOL, dataset()), strict=True):
        assert named.indices.tolist() == numbered.indices.tolist()
        assert named.labels.tolist() == numbered.labels.tolist()


@pytest.mark.parametrize(
    ("pool", "negative", "advice"),
    [
        (NAMED, "aeroplane", "no class is named 'aeroplane', did you mean 'airplane'; the classes are airplane, auto"),
        (NAMED, "lorry", "no class is named 'lorry'; the classes are airplane, .*, truck"),
        (NAMED, 12, "class 12 has no image; .*0 .airplane., 1"),
        (NAMED, "bird", r"class 2 \(bird\) is on both sides, once by name and once by number"),
        (POOL, "bird", r"its classes have no names, so 'bird' is none; give numbers \(0, 1, 2"),
        (POOL, -1, "class -1 has no image"),
        (Pool(POOL.images, CLASSES, "pool", (*NAMES, "rose")), "rose", r"class 10 \(rose\) has no image; leave it out"),
        (
            Pool(POOL.images, CLASSES, "pool", tuple("0987654321")),
            9,
            "class 9 may be .* named '9' or number 9; .*in quotes",
        ),
        (
            Pool(POOL.images, CLASSES, "pool", tuple(f"{number:02d}" for number in range(1, 11))),
            1,
            "class 1 may be .* named '01' or number 1; .*in quotes",
        ),
    ],
)
def test_a_class_that_cannot_be_used_is_named(pool, negative, advice):
    with pytest.raises(UserError, match=f"^pool: {advice}"):
        subset.draw(pool, dataset({**BY_CLASS, "negative": [0, negative]}))


def test_a_number_that_is_its_own_name_needs_no_quotes():
    digits = Pool(POOL.images, CLASSES, "pool", tuple("0123456789"))
    assert len(subset.draw(digits, dataset())[0].indices) == 20


def test_file_order_takes_the_first_of_each_label():
    training, held_out = subset.draw(POOL, dataset())
    negatives = np.flatnonzero(np.isin(CLASSES, [0, 1, 8, 9]))
    assert training.indices[training.labels < 0].tolist() == negatives[:10].tolist()
    assert held_out.indices[held_out.labels < 0].tolist() == negatives[10:20].tolist()


def test_a_seeded_draw_depends_on_its_seed_alone():
    drawn = [subset.draw(POOL, dataset(draw="seeded", seed=seed))[0].indices.tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_alternating_labels_alternate():
    training, held_out = subset.draw(POOL, dataset({"rule": "alternating"}))
    assert training.labels.tolist() == [-1, 1] * 10
    assert training.indices.tolist() == list(range(20))
    assert held_out.indices.tolist() == list(range(20, 40))


def test_too_few_images_say_how_many_there_are():
    found = int(np.isin(CLASSES, [2, 3, 4]).sum())
    with pytest.raises(UserError, match=f"the positive classes have {found} images.*at most {found // 2}"):
        subset.draw(POOL, dataset(per_label=found // 2 + 1))
    with pytest.raises(UserError, match=r"has 200 images.*at most 50"):
        subset.draw(POOL, dataset({"rule": "alternating"}, per_label=51))
    with pytest.raises(UserError, match=r"20 to train on plus 182 held out need 202; lower .* to 100 together"):
        subset.draw(POOL, dataset({"rule": "alternating"}, held_out_per_label=91))


def written(tmp_path, settings):
    subset.run(settings, tmp_path / "subset.h5")
    return store.read(tmp_path / "subset.h5", "subset")


def npz(path, count):
    images = np.random.default_rng(count).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    np.savez(path, images=images, labels=np.arange(count) % 2)
    return images


def test_the_file_leads_back_to_every_image(tmp_path):
    images, tested = npz(tmp_path / "a.npz", 20), npz(tmp_path / "b.npz", 7)
    source = {"kind": "file", "path": str(tmp_path / "a.npz"), "test_path": str(tmp_path / "b.npz")}
    labels = {"rule": "classes", "negative": [0], "positive": [1]}
    found = written(tmp_path, dataset(labels, source=source, per_label=3, draw="seeded"))
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
    labels = {"rule": "classes", "negative": [0], "positive": [1]}
    with pytest.raises(UserError, match=r"b.npz: class 1 has no image"):
        written(tmp_path, dataset(labels, source=source, per_label=3))


def test_without_test_images_the_held_out_ones_are_tested(tmp_path):
    found = written(tmp_path, dataset({"rule": "alternating"}))
    np.testing.assert_array_equal(found["test/images"], found["held_out/images"])
