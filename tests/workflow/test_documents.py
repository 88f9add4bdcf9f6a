"""What the documents say is there: commands run, links and paths lead somewhere, names are in the code."""

import argparse
import importlib
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from reconstruction.__main__ import main
from reconstruction.commands import stages, tools

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workflow/reconstruction"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {document.relative_to(ROOT).as_posix(): document.read_text() for document in DOCUMENTS}
DESIGN = TEXTS["docs/design.md"]
COMMANDS = {command.name: command for command in (*stages.COMMANDS, *tools.COMMANDS)}

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^|\n)\n((?: {4}\S.*\n?)+)")
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
PLACEHOLDERS = {"DATASET": "faces", "MODEL": "mlp500", "SWEEP": "demo", "NAME": "faces", "STAGE": "train"}
MADE_BY_USERS = {"envs/reconstruction.sif"}
OF_THE_AUTHORS = {"evaluations.py"}  # of the paper's own code
DRY_RUNS = """
import json, os, sys
from snakemake import cli, workflow  # once for all
from reconstruction.configuration import parsing
from reconstruction.data import sources
for number, options in enumerate(json.load(sys.stdin)):
    process = os.fork()
    if not process:
        said = os.open(f"said-{number}", os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 1)
        os.dup2(said, 2)
        try:
            cli.main(["--dry-run", *options])
        except SystemExit as end:
            os._exit(end.code or 0)
        finally:
            os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"""


def commands_in(text):
    """Each command that a text quotes, and whether it is whole; in a span it may be the beginning of one."""
    blocks = [block for language, block in FENCED.findall(text) if language in ("", "sh", "bash")]
    prose = FENCED.sub("", text)
    lines = "".join([*blocks, *INDENTED.findall(prose)]).splitlines()
    for line in (line for line in lines if re.search(r"\b(make|snakemake|python)\b", line)):
        if words := command_at_end(shlex.split(line, comments=True)):
            yield words, True
    for span in SPAN.findall(INDENTED.sub("\n", prose)):
        if re.match(r"(\S*/)?(make|snakemake|python) \S", span):
            yield command_at_end(shlex.split(span)), False


def command_at_end(words):
    """From make, snakemake or python -m reconstruction on, with placeholders filled in; None where there is none."""
    words = [re.sub("|".join(PLACEHOLDERS), lambda found: PLACEHOLDERS[found.group()], word) for word in words]
    for place, word in enumerate(words):
        if Path(word).name in ("make", "snakemake"):
            return [Path(word).name, *words[place + 1 :]]
        if words[place : place + 3] == ["python", "-m", "reconstruction"]:
            return words[place:]
    return None


QUOTED = [(name, words, whole) for name, text in TEXTS.items() for words, whole in commands_in(text) if words]
MAKES = sorted({tuple(words[1:]) for _, words, _ in QUOTED if words[0] == "make"})
SNAKEMAKES = sorted({tuple(words[1:]) for _, words, _ in QUOTED if words[0] == "snakemake"})
OURS = sorted({(*words[3:], whole) for _, words, whole in QUOTED if words[0] == "python" and len(words) > 3})


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the checkout, and beside it the user's files that the documents speak of."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("workflow", "profiles", "config", "envs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.sif", "sandbox"))
    for name in ("Snakefile", "config.yaml", "Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    for name, block in zip(("mine.yaml", "theirs.yaml"), yaml_blocks(), strict=True):
        (folder / name).write_text(block)
    for name in ("cat", "dog", "horse"):
        (folder / "photographs" / name).mkdir(parents=True)
    (folder / "theirs.pt").touch()
    apptainer = folder / "bin/apptainer"  # of which a dry run asks the version alone
    apptainer.parent.mkdir()
    apptainer.write_text("#!/bin/sh\necho apptainer version 1.4.0\n")
    apptainer.chmod(0o755)
    return folder


def yaml_blocks():
    return [block for language, block in FENCED.findall(TEXTS["docs/own-data.md"]) if language == "yaml"]


def made(folder, words):
    """What make would run."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    finished = subprocess.run(
        ["make", "--dry-run", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def check_ours(words, whole):
    """That a command exists, and has the options; of a whole one, that it parses."""
    name, *given = words
    assert name in COMMANDS
    parser = argparse.ArgumentParser()
    COMMANDS[name].add_to(parser.add_subparsers())
    if whole and "--help" not in given:
        parser.parse_args(words)
    else:
        of_command = parser._subparsers._group_actions[0].choices[name]
        ours = itertools.takewhile(lambda word: word != "--", given)  # what follows is for Snakemake
        assert {word for word in ours if word.startswith("--")} <= of_command._option_string_actions.keys()


def test_the_documents_quote_commands():
    assert ("demo",) in MAKES
    assert ("demo", "ARGS=--configfile mine.yaml") in MAKES
    assert ("--profile", "profiles/slurm") in SNAKEMAKES
    assert ("reconstruct", "--help", True) in OURS
    assert ("scramble", "--seed", False) in OURS


@pytest.mark.parametrize("words", MAKES, ids=" ".join)
def test_make(checkout, words):
    for word in words:
        if "=" in word:
            assert re.search(rf"^{word.partition('=')[0]} \?=", (ROOT / "Makefile").read_text(), re.MULTILINE)
    made(checkout, words)


@pytest.mark.parametrize("words", OURS, ids=lambda words: " ".join(map(str, words)))
def test_command(words):
    check_ours(words[:-1], words[-1])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert not end.value.code
    assert name in capsys.readouterr().out


def test_snakemake(checkout):
    """Every dry run, those of make among them, in one process that loads Snakemake once."""
    runs = {words: " ".join(words) for words in SNAKEMAKES}
    runs[("--configfile", "mine.yaml", "theirs.yaml")] = "the configurations of docs/own-data.md"
    for words in MAKES:
        for line in re.findall(r".*(?:snakemake|-m reconstruction).*", made(checkout, words).replace("\\\n", "")):
            command = command_at_end(shlex.split(line)) or [""]
            if command[0] == "python":
                check_ours(command[3:], whole=True)
                if command[3] == "run":
                    runs[tuple(command[5:])] = " ".join(["make", *words])
            elif command[0] == "snakemake" and not {"--lint", "--report"} & set(command):
                runs[tuple(command[1:])] = " ".join(["make", *words])
    environment = {**os.environ, "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(PACKAGE.parent)}
    finished = subprocess.run(
        [sys.executable, "-c", DRY_RUNS], input=json.dumps(list(runs)), cwd=checkout, env=environment,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert len(finished.stdout.split()) == len(runs)
    for number, (status, run) in enumerate(zip(finished.stdout.split(), runs.values(), strict=True)):
        said = (checkout / f"said-{number}").read_text()
        assert status == "0", f"{run}: {said}"
        assert "This was a dry-run" in said or "Unlocked working directory" in said


def headings(text):
    """What GitHub calls the headings of a document in links."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", TEXTS)
def test_links(name):
    for link in re.findall(r"\]\(([^)\s]+)\)", TEXTS[name]):
        if not link.startswith("https://"):
            path, _, anchor = link.partition("#")
            target = (ROOT / name).parent / path if path else ROOT / name
            assert target.exists(), link
            assert not anchor or anchor in headings(target.read_text()), link


@pytest.mark.parametrize("name", TEXTS)
def test_paths(name):
    folders = "docs|config|workflow|tests|benchmarks|profiles|envs"
    for path in re.findall(rf"(?<![\w/.~-])((?:{folders})/[\w./*-]*[\w*/])", TEXTS[name]):
        assert path in MADE_BY_USERS or list(ROOT.glob(path.rstrip("/"))), path


def test_documents_and_modules_that_the_code_speaks_of():
    files = [ROOT / "Makefile", ROOT / "Snakefile", ROOT / "README.md", *DOCUMENTS, *ROOT.glob("config/*.yaml")]
    for folder in ("workflow", "benchmarks", "tests"):
        files += [file for file in (ROOT / folder).rglob("*") if file.suffix in (".py", ".smk", ".rst", ".html")]
    modules = [f"/{file.relative_to(ROOT).as_posix()}" for file in files if file.suffix == ".py"]
    for file in set(files) - {Path(__file__)}:
        text = file.read_text()
        for document in re.findall(r"\bdocs/[\w-]+\.\w+", text):
            assert (ROOT / document).exists(), f"{file}: {document}"
        if "tests" in file.parts and file.name != "fault_helpers.py":
            continue  # where programs are made up
        for module in set(re.findall(r"(?<![\w/.*-])(?:\w+/)*\w+\.py\b", text)) - OF_THE_AUTHORS:
            assert any(known.endswith(f"/{module}") for known in modules), f"{file}: {module}"


def test_the_design_has_a_line_for_every_module():
    written = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"}
    mapped = DESIGN.partition("\n## Walls")[0]
    assert set(re.findall(r"`([\w/]+\.py)`", mapped)) == written


def has(owner, name):
    classes = owner.__mro__ if isinstance(owner, type) else ()
    return hasattr(owner, name) or any(name in vars(one).get("__annotations__", {}) for one in classes)


def test_names_in_the_design_are_in_the_code():
    folders = "|".join(sorted({path.parent.name for path in PACKAGE.glob("*/__init__.py")}))
    found = set(re.findall(rf"`((?:{folders})(?:\.\w+)+)`", DESIGN))
    names = {name for name in found if not name.endswith((".h5", ".html"))}
    assert len(names) > 40
    assert not {name for name in names if not resolve(name)}
    variables = re.findall(r"((?:`\w+`(?: and )?)+) of `(\w+\.[\w.]+)`", DESIGN)
    assert len(variables) > 4
    for listed, function in variables:
        for variable in re.findall(r"`(\w+)`", listed):
            assert variable in resolve(function).__code__.co_varnames, f"{variable} of {function}"


def resolve(name):
    """The object of a dotted name below the package, or True for an attribute that only its instances have."""
    parts = name.split(".")
    depth = next(n for n in range(len(parts), 0, -1) if is_module(parts[:n]))
    found = importlib.import_module(".".join(["reconstruction", *parts[:depth]]))
    for part in parts[depth:]:
        if not has(found, part):
            return None
        found = getattr(found, part, True)
    return True if found is None or not callable(found) else found


def is_module(parts):
    path = PACKAGE.joinpath(*parts)
    return path.is_dir() or path.with_suffix(".py").is_file()
