"""What only looks on, prints or plans loads none of the libraries that compute: it answers at once."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "torchvision", "scipy", "sklearn", "skimage", "kornia", "matplotlib", "altair", "pandas"}
SNAKEFILE = "".join(
    line
    for line in (ROOT / "Snakefile").read_text().splitlines(keepends=True)
    if line.startswith("from reconstruction")
)


def loaded(code):
    """Top-level modules that a program has loaded at its end."""
    program = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}}, file=sys.stderr)"
    finished = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT, env={"PYTHONPATH": str(ROOT / "workflow")}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    return set(finished.stderr.splitlines()[-1].split())


def command(*arguments):
    return f"""
from reconstruction.__main__ import main
try:
    main({arguments!r})
except SystemExit as end:
    assert not end.code"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["train", "--help"], ["status"], ["schema"], ["prune", "nowhere"]],
    ids=" ".join,
)
def test_a_command_that_computes_nothing(arguments):
    assert not loaded(command(*arguments)) & HEAVY


def test_the_snakefile():
    assert SNAKEFILE.count("import") > 2
    assert not loaded(SNAKEFILE) & HEAVY


def test_a_stage_that_computes():
    """What the others are told from."""
    assert "torch" in loaded(command("scramble", "--model", "nowhere.h5", "--output", "nowhere-else.h5"))
