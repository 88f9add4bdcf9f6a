"""Subsets are balanced and reproducible, and what is held out was never drawn to train on."""

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.configuration import Dataset
from reconstruction.data.images import Pool, checked
from reconstruction.errors import UserError
from reconstruction.stages import subset

CLASSES = np.random.default_rng(1).integers(0, 10, 200)
POOL = Pool(np.random.default_rng(0).random((200, 1, 3, 3), np.float32), CLASSES, "pool")
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
NAMED = Pool(POOL.images, CLASSES, "pool", NAMES)
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


@given(st.integers(1, 5), st.none() | st.integers(1, 5), st.integers(0, 9))
def test_by_the_rule_all_each_class_is_drawn_alike_and_keeps_its_number(per_label, held_out, seed):
    settings = dataset({"rule": "all"}, per_label=per_label, held_out_per_label=held_out, draw="seeded", seed=seed)
    parts = subset.draw(POOL, settings)
    for part, count in zip(parts, (per_label, held_out or per_label), strict=True):
        assert np.bincount(part.labels).tolist() == [count] * 10
        assert part.labels.tolist() == CLASSES[part.indices].tolist()
    assert not set(parts[0].indices) & set(parts[1].indices)


@given(st.permutations(range(10)), st.integers(3, 10), st.booleans(), st.integers(0, 9))
def test_by_the_rule_all_listed_classes_are_numbered_in_their_order(classes, count, named, seed):
    listed = classes[:count]
    given = [NAMES[number] for number in listed] if named else listed
    settings = dataset({"rule": "all", "classes": given}, per_label=3, draw="seeded", seed=seed)
    for part in subset.draw(NAMED, settings):
        assert np.bincount(part.labels).tolist() == [3] * count
        assert np.array(listed)[part.labels].tolist() == CLASSES[part.indices].tolist()


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (["cat", 5, 3], r"NAMED: class 3 \(cat\) is listed twice, once by name and once by number; list it once"),
        (["cat", 5, 12], "NAMED: class 12 has no image"),
        (["cat", 5, "cow"], "NAMED: no class is named 'cow'"),
        (["cat", 5, 2], r"NAMED: class \d \(\w+\) has \d+ images, and 60 to train on plus 60 held out"),
    ],
)
def test_a_listed_class_that_cannot_be_used_is_named(classes, said):
    pool = Pool(POOL.images, CLASSES, "NAMED", NAMES)
    with pytest.raises(UserError, match=said):
        subset.draw(pool, dataset({"rule": "all", "classes": classes}, per_label=60))


@pytest.mark.parametrize(
    ("numbers", "said"), [([0, 1], "three or more; take the rule classes"), ([-1, 0, 1], "number them from 0")]
)
def test_classes_that_no_outputs_can_stand_for_are_refused(numbers, said):
    pool = Pool(POOL.images, np.resize(numbers, 200), "pool")
    with pytest.raises(UserError, match=said):
        subset.draw(pool, dataset({"rule": "all"}))


def test_a_class_of_too_few_images_is_named():
    with pytest.raises(UserError, match=r"pool: class \d has \d+ images"):
        subset.draw(POOL, dataset({"rule": "all"}, per_label=60))


def test_classes_give_the_labels():
    for part in subset.draw(POOL, dataset()):
        expected = np.where(np.isin(CLASSES[part.indices], [2, 3, 4]), 1, -1)
        assert part.labels.tolist() == expected.tolist()


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
            r"class 9 may be the one named '9' or number 9 \(1\); write its name in quotes",
        ),
        (
            Pool(POOL.images, CLASSES, "pool", tuple(f"{number:02d}" for number in range(1, 11))),
            1,
            "class 1 may be .* named .01. or number 1 .*in quotes",
        ),
    ],
)
def test_a_class_that_cannot_be_used_is_named(pool, negative, advice):
    with pytest.raises(UserError, match=f"^pool: {advice}"):
        subset.draw(pool, dataset({**BY_CLASS, "negative": [0, negative]}))


@pytest.mark.parametrize("names", ["0123456789", [f"{number:03}" for number in range(10)]])
def test_a_number_that_is_its_own_name_needs_no_quotes(names):
    digits = Pool(POOL.images, CLASSES, "pool", tuple(names))
    assert len(subset.draw(digits, dataset())[0].indices) == 20


@pytest.mark.parametrize(
    ("name", "given"),
    [("01", 1), ("010", 8), ("010", 10), ("0x1f", 31), ("1:30", 90), ("1_000", 1000), ("+4", 4), ("-2", -2)],
)
def test_a_number_that_a_name_reads_as_is_asked_about(name, given):
    pool = Pool(POOL.images, CLASSES, "pool", (name, *NAMES[1:]))
    labels = {"rule": "classes", "negative": [given], "positive": ["bird"]}
    with pytest.raises(UserError, match=f"class {given} may be the one named '{re.escape(name)}' or number {given}"):
        subset.draw(pool, dataset(labels, per_label=3))
    assert len(subset.draw(pool, dataset({**labels, "negative": [name]}, per_label=3))[0].indices) == 6


@pytest.mark.parametrize("name", ["yes", "true", "1.0", "1e0", "&a 1", "2024-01-01", "09", "[1]", "?", ""])
def test_other_names_are_no_numbers(name):
    pool = Pool(POOL.images, CLASSES, "pool", (*NAMES[:9], name))
    assert len(subset.draw(pool, dataset())[0].indices) == 20


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_names_are_compared_in_one_unicode_form(stored, typed):
    names = tuple(unicodedata.normalize(stored, name) for name in ("café", "thé"))
    pool = checked(np.full((8, 2, 2), 200, np.uint8), np.arange(8) % 2, "pool", names)
    labels = {"rule": "classes", "negative": [unicodedata.normalize(typed, "café")], "positive": ["thé"]}
    assert subset.draw(pool, dataset(labels, per_label=2))[0].labels.tolist() == [-1, 1] * 2
    with pytest.raises(ValueError, match="on both sides"):
        dataset({"rule": "classes", "negative": [names[0]], "positive": [unicodedata.normalize("NFC", names[0])]})


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


# Amounts -----------------------------------------------------------------------------------------------


@given(
    st.sampled_from(RULES),
    st.tuples(st.integers(1, 14), st.integers(1, 14)),
    st.none() | st.integers(1, 14) | st.lists(st.integers(1, 14), min_size=2, max_size=2),
    st.integers(0, 3) | st.lists(st.integers(0, 3), min_size=2, max_size=2),
    st.sampled_from(["file-order", "seeded"]),
)
def test_labels_may_be_of_unequal_size(labels, trained, held_out, skip, order):
    trained = list(trained)
    settings = dataset(labels, per_label=trained, held_out_per_label=held_out, draw=order, skip=skip)
    parts = subset.draw(POOL, settings)
    for part, amount in zip(parts, (trained, held_out or trained), strict=True):
        negative, positive = [amount] * 2 if isinstance(amount, int) else amount
        assert np.bincount(part.labels + 1, minlength=3).tolist() == [negative, 0, positive]
    assert len(np.unique(np.concatenate([part.indices for part in parts]))) == sum(len(part.indices) for part in parts)


@pytest.mark.parametrize("labels", [*RULES, {"rule": "all"}])
@pytest.mark.parametrize("amounts", [("all", 7), (7, "all")])
def test_all_is_what_the_other_part_leaves(labels, amounts):
    trained, held_out = subset.draw(POOL, dataset(labels, per_label=amounts[0], held_out_per_label=amounts[1]))
    drawn = np.concatenate([trained.indices, held_out.indices])
    assert len(np.unique(drawn)) == len(drawn)
    everything = np.flatnonzero(np.isin(CLASSES, [0, 1, 8, 9, 2, 3, 4])) if labels == BY_CLASS else np.arange(200)
    assert sorted(drawn) == everything.tolist()
    counted = held_out if amounts[0] == "all" else trained
    assert set(np.unique(counted.labels, return_counts=True)[1]) == {7}


def test_each_class_has_its_own_amount_by_the_rule_all():
    amounts = list(range(1, 11))
    trained, held_out = subset.draw(POOL, dataset({"rule": "all"}, per_label=amounts, held_out_per_label=2))
    assert np.bincount(trained.labels).tolist() == amounts
    assert np.bincount(held_out.labels).tolist() == [2] * 10
    with pytest.raises(UserError, match="pool: has 10 classes, and per_label 3 numbers; give one for each"):
        subset.draw(POOL, dataset({"rule": "all"}, per_label=[1, 2, 3]))


def test_a_label_that_has_too_few_images_of_its_own_amount_is_named():
    found = int(np.isin(CLASSES, [2, 3, 4]).sum())
    with pytest.raises(UserError, match=f"the positive classes have {found} images, and {found} to train on plus 1 h"):
        subset.draw(POOL, dataset(per_label=[3, found], held_out_per_label=[3, 1]))
    with pytest.raises(UserError, match=f"{found} images, and 1 to train on plus {found} held out need .*; lower the"):
        subset.draw(POOL, dataset(per_label="all", held_out_per_label=found))


APART = {"source": {"kind": "file", "path": "a.npz", "held_out_path": "b.npz"}}
OTHERS = Pool(POOL.images[:50], np.arange(50) % 10, "others")


@pytest.mark.parametrize("labels", [*RULES, {"rule": "all"}])
@pytest.mark.parametrize("held_out", ["all", 3, None])
def test_held_out_images_of_another_pool_leave_the_first_to_training(labels, held_out):
    settings = dataset(labels, per_label=5, held_out_per_label=held_out, skip=2, **APART)
    training, others = subset.draw(POOL, settings, OTHERS)
    assert (training.pool, others.pool) == (POOL, OTHERS)
    alone, _ = subset.draw(POOL, dataset(labels, per_label=5, held_out_per_label=1, skip=2))
    assert training.indices.tolist() == alone.indices.tolist()
    counts = np.unique(others.labels, return_counts=True)[1].tolist()
    if held_out == "all":
        assert sum(counts) == (35 if labels == BY_CLASS else 50)
    else:
        assert counts == [held_out or 5] * len(counts)


def test_a_held_out_pool_that_lacks_a_label_is_named():
    few = Pool(OTHERS.images, np.arange(50) % 9, "others")
    with pytest.raises(
        UserError, match=r"^others: class 9 has 0 images, and 5 held out need 5; set held_out_per_label"
    ):
        subset.draw(POOL, dataset({"rule": "all"}, per_label=5, **APART), few)


@pytest.mark.parametrize("changes", [{}, APART, {"per_label": [4, 5], "skip": 1}, {"held_out_per_label": [1, 7]}])
@pytest.mark.parametrize("labels", RULES)
def test_control_networks_are_trained_on_images_of_their_own(labels, changes):
    settings = dataset(labels, **{"per_label": 5, **changes})
    others = OTHERS if changes == APART else None
    drawn = [subset.draw(POOL, settings, others)]
    drawn += [subset.draw(POOL, Dataset.model_validate_json(settings.further(k).to_json()), others) for k in (1, 2)]
    used = [part.indices for parts in drawn for part in (parts[:1] if others else parts)]
    assert len(np.unique(np.concatenate(used))) == sum(map(len, used))
    assert {len(parts[0].indices) for parts in drawn} == {len(drawn[0][0].indices)}
