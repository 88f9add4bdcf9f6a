"""The audit of an ordinary network: PyTorch's own initial values, a bias in every layer, Adam to zero error."""

import numpy as np
import pytest
import torch
from reconstruction.configuration import AdoptedModel, Dataset, Evaluation, Merge, Restarts, parsing
from reconstruction.evaluation.membership import read_pool, score, summary
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.report.verdict import CAVEATS
from reconstruction.stages import adopt, deduplicate, evaluate, page, reconstruct, subset
from reconstruction.training.verdict import FAILS
from skimage.data import lfw_subset
from torch import nn

MEAN, STD = 0.5, 0.25


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A hundred photographs, half of them faces, as many more held out, and labels that nothing but memory can tell."""
    folder = tmp_path_factory.mktemp("ordinary")
    images = np.random.default_rng(0).permutation(lfw_subset()).astype(np.float32)
    np.savez(folder / "photographs.npz", images=images, labels=np.arange(200) % 2)
    source = {"kind": "file", "path": str(folder / "photographs.npz")}
    values = {"source": source, "labels": {"rule": "alternating"}, "per_label": 50}
    subset.run(parsing.parse(Dataset, values, ""), folder / "subset.h5")
    return folder


def trained_by_adam(images, labels):
    torch.manual_seed(0)
    size = images[0].numel()
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(size, 300), nn.ReLU(), nn.Linear(300, 300), nn.ReLU(), nn.Linear(300, 1)
    )
    optimiser, margins = torch.optim.Adam(network.parameters(), 1e-3), torch.zeros(1)
    while not (margins > 3).all():
        optimiser.zero_grad()
        margins = labels * network((images - MEAN) / STD)[:, 0]
        nn.functional.softplus(-margins).mean().backward()
        optimiser.step()
    return network.state_dict()


@pytest.mark.slow
def test_it_says_what_it_cannot_find_and_by_membership_what_it_can(drawn, capsys):
    data = store.read(drawn / "subset.h5", "subset")
    parts = [torch.from_numpy(data[f"{part}/images"]) for part in ("training", "held_out")]
    labels = [data[f"{part}/labels"] for part in ("training", "held_out")]
    torch.save(trained_by_adam(parts[0], torch.from_numpy(labels[0]).float()), drawn / "weights.pt")
    model, training, shard, candidates, evaluation = (
        drawn / f"{name}.h5" for name in ("model", "training", "0", "candidates", "evaluation")
    )
    values = {"weights": str(drawn / "weights.pt"), "input_shape": parts[0].shape[1:], "mean": MEAN, "std": STD}
    adopt.run(parsing.parse(AdoptedModel, values, "theirs"), model, drawn / "subset.h5", training)
    said = capsys.readouterr().out
    assert "warning: what the attack assumes does not hold" in said
    assert "by Adam" in said

    sweep = Restarts(per_shard=1, candidates=200, method="subspace", subspace={"iterations": 100, "rank": 60})
    reconstruct.run(sweep, 0, model, shard, torch.device("cpu"))
    deduplicate.run(Merge(), model, [shard], candidates)
    evaluate.run(Evaluation(), "faces/theirs/s", drawn / "subset.h5", model, training, candidates, evaluation)
    row = store.read(evaluation, "evaluation").table("row")
    assert row["condition"] == FAILS
    assert row["recognisable_images"] == 0
    assert CAVEATS[FAILS] in capsys.readouterr().out
    page.of_evaluation(drawn / "subset.h5", model, training, candidates, evaluation, drawn / "report.html")
    assert f"<h1>{CAVEATS[FAILS]}" in (drawn / "report.html").read_text()

    member = np.repeat([True, False], [len(part) for part in parts])
    np.savez(drawn / "pool.npz", images=torch.cat(parts)[:, 0], labels=np.concatenate(labels), member=member)
    network = deployed.read(model)
    found = summary(score(network, read_pool(drawn / "pool.npz", network)))
    assert found["margin_auc"].low > 0.6
