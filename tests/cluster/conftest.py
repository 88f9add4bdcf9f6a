"""Real SLURM and Apptainer on this machine for the session, and runs of the workflow to compare with and to disturb."""

import shutil
from pathlib import Path

import checkout
import pytest
from checkout import script


@pytest.fixture(scope="session")
def image():
    script("apptainer.sh")
    return Path(script("image.sh"))


@pytest.fixture(scope="session")
def slurm():
    script("slurm.sh", "start")
    checkout.cancel_all()  # what a killed run has left
    yield
    script("slurm.sh", "stop")


@pytest.fixture(scope="session")
def clustered(slurm, image, tmp_path_factory):
    """The whole workflow, run once under SLURM and in containers."""
    run = checkout.make(tmp_path_factory.mktemp("clustered"), image)
    try:
        run.finish(run.on_the_cluster())
    finally:
        run.clear()
    return run


@pytest.fixture
def trained(clustered, image, tmp_path):
    """Makes a copy of that run which has its model, but no shard and nothing that comes after."""

    runs = []

    def make(**options) -> checkout.Checkout:
        folder = tmp_path / "run"
        shutil.copytree(clustered.folder, folder)
        shutil.rmtree(folder / "results" / checkout.SWEEP)
        shutil.rmtree(folder / "logs")
        (folder / "results/table.csv").unlink()
        runs.append(checkout.make(folder, image, **options))
        return runs[-1]

    yield make
    for run in runs:
        run.clear()
