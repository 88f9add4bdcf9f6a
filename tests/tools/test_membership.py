"""Scores of a pool: what lambda says of members, and pools that are refused by name."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from fault_helpers import the_error
from program_helpers import SHAPE, convolutional, convolutional_program, exported, saved
from reconstruction.__main__ import main
from reconstruction.configuration import Dataset, Model, parsing
from reconstruction.errors import UserError
from reconstruction.evaluation import subjects
from reconstruction.evaluation.membership import read_pool, summary
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.models.mlp import Network
from reconstruction.stages import subset, train
from reconstruction.tools import membership
from reconstruction.training.true_stationarity import RIDGE
from science_helpers import phi, random_network


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A model of 24 faces, and a pool of them and of as many held-out ones."""
    folder = tmp_path_factory.mktemp("audited")
    values = {"source": {"kind": "faces"}, "labels": {"rule": "alternating"}, "per_label": 12}
    subset.run(parsing.parse(Dataset, values, ""), folder / "subset.h5")
    settings = Model(hidden=[100, 100], training={"target_loss": 1e-6})
    train.run(settings, folder / "subset.h5", folder / "model.h5", folder / "training.h5", torch.device("cpu"))
    drawn = store.read(folder / "subset.h5", "subset")
    parts = ("training", "held_out")
    images = np.concatenate([drawn[f"{part}/images"][:, 0] for part in parts])
    labels = np.concatenate([drawn[f"{part}/labels"] for part in parts])
    np.savez(folder / "pool.npz", images=images, labels=labels, member=np.arange(48) < 24)
    return folder


def scored(folder, pool="pool.npz", output="membership.csv", *options):
    files = {"model": "model.h5", "pool": pool, "output": output}
    arguments = [word for name, file in files.items() for word in (f"--{name}", str(folder / file))]
    assert main(["membership", *arguments, *options]) == 0
    return pd.read_csv(folder / output)


def test_members_have_the_larger_lambdas(audited, capsys):
    scores = scored(audited)
    assert scores.columns.tolist() == ["image", "label", "lambda", "closure", "margin", "member"]
    assert (scores["lambda"] >= 0).all()
    found = json.loads((audited / "membership.json").read_text())
    assert found["lambda_auc"] > 0.9
    assert found["margin_auc"] > 0.9
    assert found["closure_auc"] > 0.8
    assert (audited / "membership.png").stat().st_size > 1000
    printed = capsys.readouterr().out
    assert f"by lambda, AUC {found['lambda_auc']:.3f} (95%: {found['lambda_auc_low']:.3f} to" in printed
    assert found["closure_tpr_low"] < found["closure_tpr"] <= found["closure_tpr_high"]
    assert "lambda_tpr_strict" not in found
    assert "at 1% false positives" in printed


def test_the_margins_are_those_of_training(audited):
    margins = store.read(audited / "training.h5", "training")["margins"]
    assert scored(audited)["margin"][:24].to_numpy() == pytest.approx(margins, rel=1e-4)


def test_a_pool_of_unknown_membership_with_labels_0_and_1_scores_the_same(audited):
    with np.load(audited / "pool.npz") as pool:
        np.savez(audited / "unknown.npz", images=pool["images"], labels=(pool["labels"] + 1) // 2)
    scores = scored(audited, "unknown.npz", "unknown.csv")
    assert "member" not in scores
    assert not (audited / "unknown.json").exists()
    assert scores.equals(scored(audited).drop(columns="member"))


@pytest.mark.parametrize("known", [True, False])
def test_labels_that_are_swapped_are_told(known, audited, capsys):
    with np.load(audited / "pool.npz") as pool:
        content = {**pool, "labels": -pool["labels"]}
    if not known:
        del content["member"]
    np.savez(audited / "swapped.npz", **content)
    scored(audited, "swapped.npz", "swapped.csv")
    said = capsys.readouterr().out
    assert "membership: warning: the network errs on " in said
    assert "with the two labels swapped" in said
    assert ("on 24 of 24 images that it was trained on (on 0 with" in said) == known
    scored(audited)
    assert "warning" not in capsys.readouterr().out


def test_the_rate_is_that_of_the_strictest_threshold_within_the_false_positives():
    scores = pd.DataFrame({"member": [True] * 4 + [False] * 200, "lambda": 0.0, "closure": 0.0, "margin": 0.0})
    scores.loc[:3, "lambda"] = [4, 3, 2, 1]
    scores.loc[4:6, "lambda"] = [3.5, 2.5, 1.5]  # 1 % of 200 are two
    found = summary(scores)
    assert found["lambda_tpr"].value == 0.75
    assert found["margin_tpr"].value == 0.0
    assert found["margin_auc"].value == 0.5


@pytest.mark.parametrize(
    ("change", "defect"),
    [
        ({"labels": np.array([0, 1, 2])}, "labels are [0, 1, 2]"),
        ({"images": np.ones((3, 5, 4))}, "images have shape (1, 5, 4), and the model takes (1, 4, 5)"),
        ({"member": np.array([1, 0, 1])}, "give one boolean for each of the images"),
        ({"member": np.array([True, False])}, "member has shape (2,)"),
        ({"member": np.ones(3, bool)}, "member says the same of all images"),
    ],
)
def test_a_pool_that_cannot_be_scored_is_refused(change, defect, tmp_path):
    arrays = deployed.arrays(random_network(20, [6]), np.zeros((1, 4, 5), np.float32))
    store.write(tmp_path / "model.h5", "model", arrays, settings_json="{}")
    pool = {"images": np.ones((3, 4, 5)), "labels": np.array([-1, 1, 1]), **change}
    np.savez(tmp_path / "pool.npz", **pool)
    with pytest.raises(UserError) as caught:
        membership.run(tmp_path / "model.h5", tmp_path / "pool.npz", tmp_path / "membership.csv")
    assert defect in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'pool.npz'}: ")
    assert not (tmp_path / "membership.csv").exists()


def test_copies_of_members_are_no_others(audited, capsys):
    with np.load(audited / "pool.npz") as pool:
        arrays = dict(pool)
    arrays["images"][[30, 40]] = arrays["images"][[2, 0]]
    np.savez(audited / "copied.npz", **arrays)
    scores = scored(audited, "copied.npz", "copied.csv")
    assert scores["image"].tolist() == [number for number in range(48) if number not in (30, 40)]
    assert json.loads((audited / "copied.json").read_text())["images"] == 46
    assert "2 images that are said to be no members are copies of members and left out, image 30 is one of image 2" in (
        capsys.readouterr().out
    )
    del arrays["member"]
    np.savez(audited / "copied.npz", **arrays)
    assert len(scored(audited, "copied.npz", "copied.csv")) == 48
    assert (
        "4 images are copies of others and share their lambdas, image 0 is one of image 40" in capsys.readouterr().out
    )


def test_others_that_are_all_copies_are_refused(audited):
    with np.load(audited / "pool.npz") as pool:
        arrays = {name: np.concatenate([array[:24], array[:24]]) for name, array in pool.items()}
    np.savez(audited / "copied.npz", **{**arrays, "member": np.arange(48) < 24})
    model = deployed.read(audited / "model.h5")
    with pytest.raises(UserError, match=r"24 images that are said to be no members are copies .*give other images"):
        read_pool(audited / "copied.npz", model)


def test_more_images_than_memory_holds_are_refused(audited, monkeypatch):
    monkeypatch.setattr(subjects.Mlp, "bytes_for", lambda *sizes: 2**60)
    with pytest.raises(
        UserError, match=r"pool\.npz: to score 48 images .* takes .* GiB .* give fewer images at a time"
    ):
        membership.run(audited / "model.h5", audited / "pool.npz", audited / "refused.csv")
    assert not (audited / "refused.csv").exists()


def test_the_model_s_own_answers_stand_for_labels(audited):
    model, arrays = deployed.read(audited / "model.h5"), dict(np.load(audited / "pool.npz"))
    files = {"model": "model.h5", "pool": "pool.npz", "output": "own.csv"}
    arguments = [word for name, file in files.items() for word in (f"--{name}", str(audited / file))]
    assert main(["membership", *arguments, "--own-answers"]) == 0
    found = pd.read_csv(audited / "own.csv")
    signs = phi(model.network, model.inputs(arrays["images"][:, None].astype(np.float32))).sign()
    assert found["label"].tolist() == signs.tolist()
    assert (found["margin"] > 0).all()


# Networks given as programs ------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path):
    """A program that nobody trained, and a pool of random images."""
    saved(tmp_path / "network.pt2", convolutional_program())
    random = np.random.default_rng(0)
    arrays = {"images": random.random((12, *SHAPE[1:])), "labels": np.arange(12) % 3, "member": np.arange(12) < 6}
    np.savez(tmp_path / "pool.npz", **arrays)
    return tmp_path, arrays


def ask(folder, *options):
    membership_of = ["membership", "--model", str(folder / "network.pt2"), "--pool", str(folder / "pool.npz")]
    return main([*membership_of, "--output", str(folder / "membership.csv"), *options])


def test_a_program_is_scored_and_clears_nobody(program, capsys):
    folder, arrays = program
    assert ask(folder) == 0
    scores = pd.read_csv(folder / "membership.csv")
    assert scores.columns.tolist() == ["image", "label", "lambda", "margin", "member"]
    outputs = convolutional().double()(torch.from_numpy(arrays["images"].astype(np.float32)).double()[:, None]).detach()
    own = torch.from_numpy(arrays["labels"])[:, None]
    margins = outputs.gather(1, own)[:, 0] - outputs.scatter(1, own, -torch.inf).amax(1)
    assert scores["margin"].to_numpy() == pytest.approx(margins.numpy(), rel=1e-4)
    assert json.loads((folder / "membership.json").read_text()).keys() >= {"lambda_auc", "margin_tpr"}
    assert (folder / "membership.png").stat().st_size > 1000
    said = capsys.readouterr().out.splitlines()
    assert "gradients, which lambda stands on, does not hold: the pool leaves" in said[0]
    assert said[-1].startswith("membership: a low AUC does not mean that nothing leaks")


def test_a_program_of_vectors_is_scored(program):
    folder, random = program[0], np.random.default_rng(0)
    network = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    saved(folder / "network.pt2", exported(network, torch.zeros(1, 5)))
    arrays = {"inputs": random.normal(size=(12, 5)), "labels": np.arange(12) % 3, "member": np.arange(12) < 6}
    np.savez(folder / "pool.npz", **arrays)
    assert ask(folder) == 0
    outputs = network(torch.from_numpy(arrays["inputs"]).float()).detach()
    own = torch.from_numpy(arrays["labels"])[:, None]
    margins = outputs.gather(1, own)[:, 0] - outputs.scatter(1, own, -torch.inf).amax(1)
    assert pd.read_csv(folder / "membership.csv")["margin"].to_numpy() == pytest.approx(margins.numpy(), abs=1e-4)
    np.savez(folder / "pool.npz", **{**arrays, "inputs": np.ones((12, 4))})
    assert ask(folder) == 1


def test_a_program_s_own_answers_stand_for_labels(program):
    folder, arrays = program
    np.savez(folder / "pool.npz", images=arrays["images"], labels=np.zeros(12, int))
    assert ask(folder, "--own-answers") == 0
    scores = pd.read_csv(folder / "membership.csv")
    outputs = convolutional()(torch.from_numpy(arrays["images"].astype(np.float32))[:, None])
    assert scores["label"].tolist() == outputs.argmax(1).tolist()


def test_own_answers_need_no_labels(audited, program):
    arrays = {name: array for name, array in np.load(audited / "pool.npz").items() if name != "labels"}
    np.savez(audited / "unlabelled.npz", **arrays)
    for pool in ("pool.npz", "unlabelled.npz"):
        scored(audited, pool, f"own-{pool}.csv", "--own-answers")
    assert (audited / "own-pool.npz.csv").read_bytes() == (audited / "own-unlabelled.npz.csv").read_bytes()
    folder, arrays = program
    assert ask(folder, "--own-answers") == 0
    labelled = (folder / "membership.csv").read_bytes()
    for given in ({}, {"labels": np.full(12, 99)}):  # nor are those looked at that the network does not know
        np.savez(folder / "pool.npz", images=arrays["images"], member=arrays["member"], **given)
        assert ask(folder, "--own-answers") == 0
        assert (folder / "membership.csv").read_bytes() == labelled
        assert ask(folder) == 1


@pytest.mark.parametrize("network", ["program", "mlp"])
def test_of_vectors_nothing_is_called_an_image(network, program, capsys, monkeypatch):
    """Whatever is said: of copies, of mistakes, of members, of memory, and of what is wrong with a pool."""
    folder, random = program[0], np.random.default_rng(0)
    vectors, layer = random.normal(size=(12, 5)), torch.nn.Linear(5, 1)
    saved(folder / "network.pt2", exported(layer, torch.zeros(1, 5)))
    mlp = deployed.arrays(random_network(5, [6]), np.zeros(5, np.float32), np.ones(1, np.float32))
    store.write(folder / "model.h5", "model", mlp, settings_json="{}")
    file, *targets_alone = {
        "program": ("network.pt2", 0, "by margin, AUC"),
        "mlp": ("model.h5", 1, "give one for each of the vectors, as the model was trained"),
    }[network]
    vectors[7] = vectors[2]
    sound = {"inputs": vectors, "labels": np.arange(12) % 2, "member": np.arange(12) < 6}
    command = [
        "membership",
        *(
            f"--{name}={folder / file}"
            for name, file in {"model": file, "pool": "pool.npz", "output": "vectors.csv"}.items()
        ),
    ]
    for changes, status, said in (
        ({}, 0, "vectors that are said to be no members are copies of members and left out, vector 7 is one of vector"),
        ({"member": np.ones(12, bool)}, 1, "member says the same of all vectors"),
        ({"member": np.ones(12)}, 1, "give one boolean for each of the vectors"),
        ({"inputs": np.ones((12, 4))}, 1, "vectors have shape (4,), and the model takes (5,)"),
        ({"inputs": np.tile(vectors[:6], (2, 1))}, 1, "give other vectors that are no members"),
        ({"labels": None}, 1, "give one for each of the vectors, as the model was trained, or ask with --own-answers"),
        ({"labels": None, "targets": np.zeros(12)}, *targets_alone),
    ):
        given = {name: array for name, array in {**sound, **changes}.items() if array is not None}
        np.savez(folder / "pool.npz", **given)
        assert main(command) == status
        out, err = capsys.readouterr()
        assert said in out + err
        assert "image" not in out + err
    monkeypatch.setattr(membership, "require_memory", lambda needed, *words: print(*words))
    np.savez(folder / "pool.npz", **{**sound, "labels": 1 - sound["labels"]})
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "to score 11 vectors by their products" in out
    assert "vectors have a positive lambda" in out
    assert "image" not in out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"images": np.ones((12, 5, 6))}, "pool.npz: images have shape (1, 5, 6), and the model takes (1, 6, 6)"),
        ({"labels": np.arange(12)}, "give 0 to 2, as the model was trained"),
    ],
)
def test_a_pool_that_a_program_cannot_take_is_refused(changes, said, program, capsys):
    folder, arrays = program
    np.savez(folder / "pool.npz", **{**arrays, **changes})
    assert ask(folder) == 1
    assert said in the_error(capsys)


def test_a_program_that_was_cut_off_is_refused(program, capsys):
    folder, _ = program
    saved(folder / "network.pt2", convolutional_program()[:5000])
    assert ask(folder) == 1
    assert "network.pt2: no program of torch.export, or truncated" in the_error(capsys)


def test_it_is_said_where_the_weights_speak_against_the_attack(program, capsys):
    folder, random = program[0], np.random.default_rng(0)
    norms = torch.arange(1.0, 10)
    units = torch.nn.functional.normalize(torch.randn(9, 5, generator=torch.Generator().manual_seed(0)))
    for outgoing, said in ((norms, False), (norms.flip(0), True)):
        network = Network((norms[:, None] * units, outgoing[None]), None)
        mlp = deployed.arrays(network, np.zeros(5, np.float32), np.ones(1, np.float32))
        store.write(folder / "model.h5", "model", mlp, settings_json="{}")
        np.savez(folder / "pool.npz", inputs=random.normal(size=(8, 5)), labels=np.arange(8) % 2)
        files = [f"--{name}={folder / name}.{ending}" for name, ending in (("model", "h5"), ("pool", "npz"))]
        assert main(["membership", *files, f"--output={folder / 'scores.csv'}"]) == 0
        assert ("what the attack assumes does not hold: the squared norms of" in capsys.readouterr().out) == said


def test_members_of_another_kind_are_told(program, capsys):
    folder, random = program[0], np.random.default_rng(0)
    mlp = deployed.arrays(random_network(5, [6]), np.zeros(5, np.float32), np.ones(1, np.float32))
    store.write(folder / "model.h5", "model", mlp, settings_json="{}")
    vectors, member = random.normal(size=(40, 5)), np.arange(40) < 20
    for shift in (0, 3):
        np.savez(folder / "pool.npz", inputs=vectors + shift * member[:, None], labels=np.arange(40) % 2, member=member)
        files = [f"--{name}={folder / name}.{ending}" for name, ending in (("model", "h5"), ("pool", "npz"))]
        assert main(["membership", *files, f"--output={folder / 'scores.csv'}"]) == 0
        out = capsys.readouterr().out
        assert ("members are of another kind than the other vectors" in out) == bool(shift)


class Ended(torch.nn.Module):
    def __init__(self, last, outputs=3):
        super().__init__()
        self.inner, self.last = convolutional(outputs), last

    def forward(self, images):
        return self.last(self.inner(images))


@pytest.mark.parametrize(("last", "outputs"), [(torch.nn.Softmax(1), 3), (torch.nn.Sigmoid(), 1)])
def test_a_program_of_probabilities_is_refused(last, outputs, program, capsys):
    folder, _ = program
    saved(folder / "network.pt2", exported(Ended(last, outputs).eval()))
    assert ask(folder) == 1
    assert "network.pt2: gives probabilities, and a score" in the_error(capsys)


def test_logarithms_of_probabilities_have_the_same_scores(program):
    folder, _ = program
    assert ask(folder) == 0
    expected = pd.read_csv(folder / "membership.csv")
    saved(folder / "network.pt2", exported(Ended(torch.nn.LogSoftmax(1)).eval()))
    assert ask(folder) == 0
    found = pd.read_csv(folder / "membership.csv")
    for name in ("lambda", "margin"):
        assert found[name].to_numpy() == pytest.approx(expected[name].to_numpy(), rel=1e-4, abs=1e-6)


def test_a_pool_of_targets_makes_a_program_a_regression(program, capsys):
    folder, arrays = program
    targets = np.random.default_rng(1).normal(size=12)
    np.savez(folder / "pool.npz", images=arrays["images"], targets=targets, member=arrays["member"])
    assert ask(folder) == 1
    assert "network.pt2: has 3 outputs, and the pool targets in the place of labels" in the_error(capsys)
    saved(folder / "network.pt2", convolutional_program(1))
    assert ask(folder) == 0
    found = pd.read_csv(folder / "membership.csv")
    images = torch.from_numpy(arrays["images"].astype(np.float32))[:, None]
    network = convolutional(1).double()
    outputs = network(images.double())[:, 0]
    assert found["margin"].to_numpy() == pytest.approx(-np.abs(outputs.detach().numpy() - targets), rel=1e-4)
    parameters = list(network.parameters())
    rows = [
        torch.cat([each.flatten() for each in torch.autograd.grad(out, parameters, retain_graph=True)])
        for out in outputs
    ]
    layers = [list(module.parameters(recurse=False)) for module in network.modules()]
    sizes = torch.cat(
        [
            torch.cat([part.detach().flatten() for part in own])
            .square()
            .mean()
            .sqrt()
            .expand(sum(map(torch.numel, own)))
            for own in layers
            if own
        ]
    )
    gradients, theta = torch.stack(rows) / sizes, torch.cat([each.detach().flatten() for each in parameters]) / sizes
    gram = gradients @ gradients.T
    lambdas = torch.linalg.solve(gram + RIDGE * gram.diagonal().mean() * torch.eye(12), gradients @ theta)
    assert (lambdas < 0).any()
    assert found["lambda"].to_numpy() == pytest.approx(lambdas.abs().numpy(), rel=1e-3, abs=1e-6)


def test_weights_alone_are_no_program(program, capsys):
    folder, _ = program
    torch.save(convolutional().state_dict(), folder / "conv.pt")
    files = ["--pool", str(folder / "pool.npz"), "--output", str(folder / "membership.csv")]
    assert main(["membership", "--model", str(folder / "conv.pt"), *files]) == 1
    said = the_error(capsys)
    assert (
        "conv.pt: may hold weights, without the network that they belong to; give model.h5 as `adopt` makes it" in said
    )
    assert "torch.export" in said
