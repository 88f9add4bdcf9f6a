"""A cluster, its containers and its faults: the results table is the same to the byte."""

import os
import signal
import socket
from pathlib import Path

import checkout
import pytest
from checkout import script, slurm, wait_until
from reconstruction.files import store

pytestmark = pytest.mark.cluster
KINDS = {
    "faces/subset.h5": "subset",
    "faces/mlp500/model.h5": "model",
    "faces/mlp500/training.h5": "training",
    **{f"{checkout.SWEEP}/shards/{shard:04d}.h5": "shard" for shard in range(checkout.SHARDS)},
    f"{checkout.SWEEP}/candidates.h5": "candidates",
    f"{checkout.SWEEP}/evaluation.h5": "evaluation",
}


@pytest.fixture(scope="module")
def local(image, tmp_path_factory):
    """The whole workflow, run once on this machine, outside containers."""
    run = checkout.make(tmp_path_factory.mktemp("local"), image)
    run.here()
    return run


def test_a_run_under_slurm_in_containers_gives_what_a_local_run_outside_gives(local, clustered):
    logs = [path.read_text() for path in (clustered.folder / "logs/slurm").rglob("*.log")]
    assert len(logs) == len(KINDS) + 3  # train makes two of them; draw, page, table and index none
    assert all("Activating singularity image" in log for log in logs)
    assert clustered.table() == local.table()
    for name, kind in KINDS.items():
        inside, outside = (store.read(run.folder / "results" / name, kind) for run in (clustered, local))
        assert inside.digest == outside.digest, name


def assert_the_table_is_the_same(run, undisturbed):
    """What comes after the shards runs here; none of them runs again."""
    run.here()
    assert "rule reconstruct:" not in run.said()
    assert run.table() == undisturbed.table()


def test_scancel_requeue_time_limit_and_memory_limit(clustered, trained):
    """Shard 1 runs out of time, shard 0 is cancelled and then requeued, shard 2 is given too little memory at first."""
    run = trained(memory="300 if wildcards.get('shard') == '0002' and attempt == 1 else 1500 * attempt")
    sweep = run.on_the_cluster("--until", "reconstruct")
    untouched = {0, 1}
    while untouched:
        shard, _ = run.freeze(untouched, sweep)
        untouched.remove(shard)
        job = run.job(shard)
        slurm(*(("scontrol", "update", f"JobId={job}", "TimeLimit=1") if shard else ("scancel", job)))
    run.freeze({0}, sweep)
    slurm("scontrol", "requeue", run.job(0))
    run.finish(sweep)
    assert_the_table_is_the_same(run, clustered)
    cancelled, requeued = run.history(0)
    overdue, given_time = run.history(1)
    exhausted, given_memory = run.history(2)
    assert cancelled["JobState"] == "CANCELLED"
    assert (requeued["JobState"], requeued["Restarts"]) == ("COMPLETED", "1")
    assert (overdue["JobState"], given_time["JobState"]) == ("TIMEOUT", "COMPLETED")
    assert given_time["TimeLimit"] == "02:00:00"
    assert exhausted["JobState"] in ("OUT_OF_MEMORY", "FAILED")  # it depends on SLURM's version
    assert (exhausted["MinMemoryNode"], given_memory["MinMemoryNode"]) == ("300M", "3000M")


def test_a_node_that_goes_down_and_a_node_daemon_that_is_killed(clustered, trained):
    run, node = trained(), socket.gethostname().split(".")[0]
    sweep = run.on_the_cluster("--until", "reconstruct")
    run.freeze({0}, sweep)
    slurm("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")  # until it answers again
    _, orphan = run.freeze({0}, sweep)
    os.kill(int(Path(script("slurm.sh", "folder"), "slurmd.pid").read_text()), signal.SIGKILL)
    wait_until(lambda: "down" in slurm("sinfo", "--noheader", "--format", "%T"), 120)
    os.kill(orphan, signal.SIGCONT)  # a node that is cut off may well go on and write
    script("slurm.sh", "start")
    run.finish(sweep)
    assert_the_table_is_the_same(run, clustered)
    (job,) = run.history(0)
    assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "2")


def test_snakemake_interrupted_then_killed_and_run_again_while_its_jobs_live_on(clustered, trained):
    run = trained()
    sweep = run.on_the_cluster("--until", "reconstruct")
    run.freeze({0}, sweep)
    sweep.send_signal(signal.SIGINT)
    assert sweep.wait(timeout=60) != 0
    wait_until(lambda: str(run.folder) not in slurm("squeue", "--noheader", "--format", "%Z"), 60)
    sweep = run.on_the_cluster("--until", "reconstruct")
    _, orphan = run.freeze({0}, sweep)
    os.killpg(sweep.pid, signal.SIGKILL)
    sweep.wait()
    locked = run.on_the_cluster("--until", "reconstruct")
    assert locked.wait() != 0
    assert "LockException" in run.said()
    run.finish(run.start("--unlock"))
    again = run.on_the_cluster("--until", "reconstruct")
    _, twin = run.freeze({0}, again)
    for writer in (orphan, twin):
        os.kill(writer, signal.SIGCONT)
    run.finish(again)
    assert_the_table_is_the_same(run, clustered)
    assert len(run.history(0)) == 3
