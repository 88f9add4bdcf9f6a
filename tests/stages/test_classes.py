"""Several classes from the subset to the evaluation, and what does not apply to them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from reconstruction.configuration import AdoptedModel, Dataset, Evaluation, Merge, Model, Restarts, parsing
from reconstruction.errors import UserError
from reconstruction.evaluation.membership import read_pool, score, summary
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.stages import adopt, deduplicate, evaluate, reconstruct, subset, train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A network of three classes, of four images each, with a bias in every layer."""
    folder: Path = tmp_path_factory.mktemp("classes")
    images = np.random.default_rng(0).integers(0, 256, (30, 6, 6), np.uint8)
    np.savez(folder / "images.npz", images=images, labels=np.arange(30) % 3)
    values = {"source": {"kind": "file", "path": str(folder / "images.npz")}, "labels": {"rule": "all"}, "per_label": 4}
    subset.run(parsing.parse(Dataset, values, ""), folder / "subset.h5")
    settings = Model(hidden=[60, 50], biases="every-layer", training={"weight_decay": 1e-3})
    train.run(settings, folder / "subset.h5", folder / "model.h5", folder / "training.h5", CPU)
    return folder


def test_training_fits_every_class_and_ends_where_the_equations_hold(audited):
    model, training = deployed.read(audited / "model.h5"), store.read(audited / "training.h5", "training")
    assert model.network.sizes == (36, 60, 50, 3)
    assert [bias is not None for bias in model.network.biases] == [True] * 3
    assert training["accuracy/training"] == 1
    for name in ("true_residuals", "derivative_residuals"):
        assert (training[name] < 0.15 * training["squared_norms"]).all()


def test_images_of_several_classes_come_back(audited):
    settings = Restarts(
        per_shard=1, method="subspace", candidates=24, subspace={"iterations": 400, "lambda_learning_rate": 0.005}
    )
    reconstruct.run(settings, 0, audited / "model.h5", audited / "0.h5", CPU)
    assert np.bincount(store.read(audited / "0.h5", "shard")["labels"]).tolist() == [8, 8, 8]
    deduplicate.run(Merge(), audited / "model.h5", [audited / "0.h5"], audited / "candidates.h5")
    paths = [audited / f"{name}.h5" for name in ("subset", "model", "training", "candidates")]
    evaluate.run(Evaluation(), "a/b/c", *paths, audited / "evaluation.h5")
    found = store.read(audited / "evaluation.h5", "evaluation")
    assert found["training/ncc"].mean() > found["held_out/ncc"].mean() + 0.1


def test_lambda_tells_members_of_several_classes(audited):
    drawn, model = store.read(audited / "subset.h5", "subset"), deployed.read(audited / "model.h5")
    parts = ("training", "held_out")
    images = np.concatenate([drawn[f"{part}/images"][:, 0] for part in parts])
    labels = np.concatenate([drawn[f"{part}/labels"] for part in parts])
    np.savez(audited / "pool.npz", images=images, labels=labels, member=np.arange(24) < 12)
    found = summary(score(model, read_pool(audited / "pool.npz", model)))
    assert found["lambda_auc"].value > 0.95
    assert found["closure_auc"].value > 0.7
    np.savez(audited / "other.npz", images=images, labels=labels + 1)
    with pytest.raises(UserError, match="give 0 to 2, as the model was trained"):
        read_pool(audited / "other.npz", model)


def test_labels_are_those_of_the_outputs_or_refused(tmp_path):
    random = np.random.default_rng(0)
    np.savez(tmp_path / "images.npz", images=random.random((24, 4, 4)), labels=np.repeat([3, 7, 9], 8))
    model = Model(hidden=[5], training={"target_loss": 1e9})
    files = [tmp_path / name for name in ("subset.h5", "model.h5", "training.h5")]

    def trained(model=model, **labels):
        source = {"kind": "file", "path": str(tmp_path / "images.npz")}
        dataset = {"source": source, "labels": {"rule": "all", **labels}, "per_label": 4}
        subset.run(parsing.parse(Dataset, dataset, ""), files[0])
        train.run(model, *files, torch.device("cpu"))
        return deployed.read(files[1]).network

    with pytest.raises(UserError, match=r"subset.h5: .* none of class 0, 1, 2, 4, 5, 6, 8, which .* \[3, 7, 9\]}"):
        trained()
    assert trained(classes=[9, 3, 7]).family.outputs == 3
    weights = tmp_path / "theirs.pt"
    torch.save({"0.weight": torch.randn(5, 16), "2.weight": torch.randn(3, 5)}, weights)
    theirs = AdoptedModel(weights=str(weights), input_shape=[1, 4, 4])
    adopt.run(theirs, files[1], files[0], files[2])
    assert trained(Model(hidden=[5], loss={"kind": "squared"}, training={"weight_decay": 0.1, "steps": 1})).regression
    with pytest.raises(UserError, match=r"labels 3, 7, 9, and the network has 3 outputs; .* classes listed"):
        adopt.run(theirs, files[1], files[0], files[2])


def test_a_test_set_of_further_classes_is_refused(tmp_path):
    random = np.random.default_rng(0)
    for name, classes in (("path", 3), ("test_path", 4)):
        np.savez(tmp_path / f"{name}.npz", images=random.random((24, 4, 4)), labels=np.arange(24) % classes)
    source = {"kind": "file", **{name: str(tmp_path / f"{name}.npz") for name in ("path", "test_path")}}
    dataset = {"source": source, "labels": {"rule": "all"}, "per_label": 4}
    files = [tmp_path / name for name in ("subset.h5", "model.h5", "training.h5")]
    subset.run(parsing.parse(Dataset, dataset, ""), files[0])
    with pytest.raises(UserError, match=r"test images of class 3, and none to train on; .* classes: \[0, 1, 2\]}"):
        train.run(Model(hidden=[5]), *files, torch.device("cpu"))
