"""Files of this program that somebody made by hand: one sentence, whatever their arrays and facts are."""

import json

import h5py
import numpy as np
import pytest
from hostile_helpers import by_hand, refusal, succeed_or_refuse
from reconstruction.__main__ import main
from reconstruction.configuration import Merge, Restarts
from reconstruction.files import shapes, store
from reconstruction.stages import deduplicate, inspect
from shard_helpers import CANDIDATES, write_model, write_shard

RESTARTS = Restarts(candidates=CANDIDATES, per_shard=2)
VALUES = {"float": 0.5, "number": 1, "whole": 1, "boolean": True, "text": b"{}"}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A model, two shards and candidates.h5 in order."""
    folder = tmp_path_factory.mktemp("sweep")
    model = write_model(folder)
    paths = [write_shard(folder, index, model) for index in range(2)]
    deduplicate.run(Merge(), model, paths, folder / "candidates.h5")
    return folder


def others(array):
    """Other arrays in the place of one."""
    yield None
    yield np.ravel(array)[0]
    yield array[None]
    yield np.full(array.shape, b"x")
    if array.ndim:
        yield array[:0]
        yield np.concatenate([array, array])
    if array.ndim > 1:
        yield array[..., :-1]
    if array.dtype.kind == "f":
        yield np.full_like(array, np.nan)
    if array.dtype.kind in "iu":
        yield np.full_like(array, np.iinfo(array.dtype).max)


def changes(path):
    """What may be wrong with a file: a change for each array, and for each fact."""
    with h5py.File(path) as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        arrays = {name: list(others(file[name][()])) for name in names}
        facts = json.loads(file.attrs["facts"])
    for name, instead in arrays.items():
        for array in instead:
            yield lambda file, name=name, array=array: put(file, name, array)
    for name in facts:
        without = {key: value for key, value in facts.items() if key != name}
        for other in (without, *({**facts, name: value} for value in ("x", 3, None, [], {}, {"a": {"b": 1}}))):
            yield lambda file, other=other: file.attrs.__setitem__("facts", np.bytes_(json.dumps(other).encode()))


def put(file, name, array):
    del file[name]
    if array is not None:
        file[name] = array


def copied(path, target, change):
    target.write_bytes(path.read_bytes())
    return by_hand(target, change)


def test_any_shard(sweep, tmp_path, capsys):
    for change in changes(sweep / "0000.h5"):
        shard = copied(sweep / "0000.h5", tmp_path / "0000.h5", change)
        paths = [shard, sweep / "0001.h5"]
        succeed_or_refuse(deduplicate.run, Merge(), sweep / "model.h5", paths, tmp_path / "candidates.h5")


def test_any_candidates(sweep, tmp_path, capsys):
    for change in changes(sweep / "candidates.h5"):
        candidates = copied(sweep / "candidates.h5", tmp_path / "candidates.h5", change)
        succeed_or_refuse(inspect.run, 3, "m/s", sweep / "model.h5", candidates, tmp_path / "inspection.h5")


@pytest.mark.parametrize("name", ["candidates.h5", "shards/0000.h5"])
def test_status_of_any_file(sweep, tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(
        "datasets: {faces: {source: {kind: faces}, labels: {rule: alternating}, per_label: 4}}\n"
        "models: {m: {hidden: [7]}}\nexperiments: [{dataset: faces, model: m, sweep: s}]\n"
        f"sweeps: {{s: {{shards: 2, restarts: {RESTARTS.to_json()}}}}}\n"
    )
    target = tmp_path / "results/faces/m/s" / name
    target.parent.mkdir(parents=True)
    source = sweep / target.name
    *_, row = status_of(source, target, lambda file: None, capsys).splitlines()
    assert row.split()[:3] == ["faces/m/s", "2", "2" if "candidates" in name else "1"]
    for change in changes(source):
        status_of(source, target, change, capsys)


def status_of(source, target, change, capsys):
    copied(source, target, change)
    assert main(["status"]) in (0, 1)
    said = capsys.readouterr()
    assert said.err.startswith("error: ") or "faces/m/s" in said.out
    return said.out


def of(kind):
    """Arrays of a kind as its shapes have them, each length another, and these lengths."""
    counts: dict[str, int] = {}
    arrays = {}
    for pattern, shape in shapes.SHAPES[kind].items():
        values, *words = shape.partition(" or ")[0].split()
        size = [counts.setdefault(word, 2 + len(counts)) for word in words]
        arrays[pattern.replace("*", "x")] = np.full(size, VALUES[values])
    arrays["weights/2"] = np.zeros((1, 2))
    return arrays, counts


@pytest.mark.parametrize("kind", [kind for kind in shapes.SHAPES if shapes.SHAPES[kind]])
def test_every_shape_is_held(kind):
    arrays, counts = of(kind)
    found = shapes.lengths(kind, arrays)
    assert {name: found[name] for name in counts} == counts
    for name in arrays.keys() - {"weights/2"}:
        for wrong in (arrays[name][None], np.full(arrays[name].shape, 1j)):
            with pytest.raises(ValueError, match=name.replace("*", ".")):
                shapes.lengths(kind, {**arrays, name: wrong})


def test_a_mean_is_of_images_or_of_vectors():
    assert shapes.lengths("subset", {"mean": np.zeros((1, 2, 3))}) == {"channels": 1, "height": 2, "width": 3}
    vectors = {"mean": np.zeros(5), "std": np.ones(5), "training/images": np.zeros((4, 5))}
    assert shapes.lengths("subset", vectors) == {"inputs": 5, "training": 4}
    with pytest.raises(ValueError, match="its std has 4 inputs, not 5"):
        shapes.lengths("subset", {**vectors, "std": np.ones(4)})


def test_lengths_are_compared_within_a_file_and_between_files(tmp_path):
    subset, _ = of("subset")
    with pytest.raises(ValueError, match="training/labels has 1 training, not"):
        shapes.lengths("subset", {**subset, "training/labels": np.ones(1, int)})
    with pytest.raises(ValueError, match="training/images has 0 training, not one at least"):
        shapes.lengths("subset", {"training/images": np.ones((0, 1, 2, 2))})
    with pytest.raises(ValueError, match="nearest_image counts beyond the training"):
        shapes.lengths("evaluation", {"representatives/nearest_image": np.zeros(1, int)})
    one = store.write(tmp_path / "subset.h5", "subset", subset, settings_json="{}")
    margins = {"margins": np.ones(len(subset["training/labels"]) + 1)}
    store.write(tmp_path / "training.h5", "training", margins, settings_json="{}", sources={"subset": one})
    made = [store.read(tmp_path / f"{kind}.h5", kind) for kind in ("training", "subset")]
    assert "does not fit (it has" in refusal(store.require_source, made[0], "subset", made[1])
