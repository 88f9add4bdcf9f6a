"""What README, docs and rules tell people and Snakemake to run exists."""

import re
from pathlib import Path

from reconstruction.commands import stages, tools

ROOT = Path(__file__).parents[2]
TEXTS = {
    path: path.read_text()
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "workflow/rules").glob("*.smk")]
}


def quoted(pattern):
    """What stands after it in text that is set as code, or begins a line of code."""
    return {(name, path.name) for path, text in TEXTS.items() for name in re.findall(pattern, text, re.MULTILINE)}


def test_commands():
    known = {command.name for command in (*stages.COMMANDS, *tools.COMMANDS)}
    found = quoted(r"python -m reconstruction ([a-z]+)")
    assert {"reconstruct", "membership"} <= {name for name, _ in found}
    assert not {(name, where) for name, where in found if name not in known}


def test_targets():
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    found = quoted(r"(?:^|`)make ([a-z-]+)(?=[ `\n])")
    assert {"demo", "status"} <= {name for name, _ in found}
    assert not {(name, where) for name, where in found if name not in known}
