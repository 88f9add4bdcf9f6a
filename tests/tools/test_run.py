"""The workflow as a person sees it run, with a program in Snakemake's place."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DRIVER = """
import sys, yaml
from pathlib import Path
from reconstruction.configuration import parsing
from reconstruction.tools import run
run.SECONDS, run.SNAKEMAKE = 0.05, (sys.executable, "-c", sys.argv[1])
configuration = parsing.load(yaml.safe_load(Path(sys.argv[2]).read_text()))
sys.exit(run.run(configuration, [], Path()))
"""
FAILING = """
print("Building DAG of jobs...")
print("error: subset.h5: cannot be written (no space left on device)")
print("RuleException:")
print("CalledProcessError in file 'subset.smk', line 17:")
print("Command 'python --settings {\\"seed\\": 0}' returned non-zero exit status 1.")
print("1 of 3 steps (33%) done")
print("WorkflowError:")
print("At least one job did not complete successfully.")
raise SystemExit(1)
"""
ENDLESS = """
import signal, sys, time
try:
    time.sleep(2)
    print("reconstruct:  10%, iteration 3, about 9 s left", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("Command 'python --settings {\\"seed\\": 0}' returned non-zero exit status 130.")
    raise SystemExit(1)
"""
KEPT = "interrupted: what is finished is kept, and shards go on from where they stopped; run the same command again"


def begin(program, folder, **streams):
    command = [sys.executable, "-c", DRIVER, program, ROOT / "config.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    return subprocess.Popen(
        command, cwd=folder, env=environment, start_new_session=True, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
        **streams,
    )  # fmt: skip


def test_what_has_failed_is_said_last_and_no_command_is_quoted(tmp_path):
    process = begin(FAILING, tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = process.communicate(timeout=60)
    sentence = "error: subset.h5: cannot be written (no space left on device)"
    assert said.splitlines() == ["Building DAG of jobs...", sentence, "1 of 3 steps (33%) done", sentence]
    assert process.returncode == 1


@pytest.mark.parametrize("listens", [True, False], ids=["a log", "tee that has ended"])
def test_an_interruption_ends_with_one_sentence(tmp_path, listens):
    with begin(ENDLESS, tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == "reconstruct:  10%, iteration 3, about 9 s left\n"
        if not listens:
            process.stdout.close()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
        rest = process.stdout.read() if listens else process.stderr.read()
        assert rest == f"{KEPT}\n"


def read_terminal(descriptor, until, seconds=60):
    said, end = b"", time.monotonic() + seconds
    while until not in said and time.monotonic() < end:
        if select.select([descriptor], [], [], 0.1)[0]:
            try:
                said += os.read(descriptor, 4096)
            except OSError:  # closed by the last who wrote
                break
    return said.decode()


def test_a_terminal_has_one_line_over_all_shards(tmp_path):
    ours, theirs = pty.openpty()
    process = begin(ENDLESS, tmp_path, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = read_terminal(ours, b"shards done")
    assert "\n" not in said
    assert "0 of 8 shards done, 0% of the search, time left: ?" in said.replace("\r\x1b[K", "")
    said += read_terminal(ours, b"about 9 s left")  # while no shard runs, what a stage tells
    assert "\n" not in said
    os.killpg(process.pid, signal.SIGINT)
    rest = read_terminal(ours, b"again")
    assert process.wait(60) == 130
    assert rest.rpartition("\x1b[K")[2].split("\r")[0] == KEPT
    os.close(ours)
