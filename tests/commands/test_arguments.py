"""What the command line takes, and how it refuses what it does not."""

import re
from argparse import ArgumentTypeError, Namespace

import pytest
from reconstruction.__main__ import main
from reconstruction.commands import arguments, stages, tools
from reconstruction.configuration import AdoptedModel, Merge
from reconstruction.errors import UserError


def printed(capsys, *given):
    with pytest.raises(SystemExit) as end:
        main(list(given))
    return end.value.code, "".join(capsys.readouterr())


def test_help_lists_every_command_in_its_group(capsys):
    status, text = printed(capsys, "--help")
    assert status == 0
    assert max(map(len, text.splitlines())) < 80
    before, _, after = text.partition("\ntools:")
    for listed, group in ((before.partition("\nstages, ")[2], stages.COMMANDS), (after, tools.COMMANDS)):
        assert re.findall(r"^  ([a-z]+) ", listed, re.MULTILINE) == [command.name for command in group]


@pytest.mark.parametrize("command", [*stages.COMMANDS, *tools.COMMANDS], ids=lambda command: command.name)
def test_every_command_says_what_it_does(command, capsys):
    status, text = printed(capsys, command.name, "--help")
    assert status == 0
    assert command.summary.endswith(".")
    assert command.summary in text


def test_no_command(capsys):
    status, text = printed(capsys)
    assert status == 2
    assert "required: COMMAND" in text


def test_settings_come_from_text_or_from_a_file(tmp_path):
    (tmp_path / "merge.yaml").write_text("similarity: 0.6")
    for text in ("similarity: 0.6", f"@{tmp_path / 'merge.yaml'}"):
        assert arguments.settings(Namespace(settings=text), Merge) == Merge(similarity=0.6)
    found = arguments.settings(Namespace(settings="input_shape: [1, 2, 2]"), AdoptedModel, weights="w.pt")
    assert found.weights == "w.pt"


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"similarity: [0", b"similarity: 2"])
def test_a_file_of_settings_that_will_not_serve_is_named(content, tmp_path):
    path = tmp_path / "merge.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        arguments.settings(Namespace(settings=f"@{path}"), Merge)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (arguments.at_least(1), {"1": 1, "12": 12}, ["0", "-1", "1.5", "one", ""]),
        (arguments.seconds, {"0": 0.0, "1e2": 100.0}, ["-1", "nan", "inf", "soon"]),
        (arguments.names(2), {"mlp/demo": "mlp/demo"}, ["mlp", "mlp/", "/demo", "a/b/c", "a//b"]),
    ],
)
def test_types(kind, good, bad):
    assert {text: kind(text) for text in good} == good
    for text in bad:
        with pytest.raises(ArgumentTypeError, match=f"'{text}' is"):
            kind(text)


@pytest.mark.parametrize(
    ("name", "job", "found", "says"),
    [
        ("auto", "1", "cpu", True),
        ("auto", None, "cpu", False),
        ("auto", "1", "cuda", False),
        ("cpu", "1", "cpu", False),
    ],
)
def test_a_job_of_a_cluster_that_finds_no_gpu_says_so(name, job, found, says, monkeypatch, capsys):
    monkeypatch.setattr(stages, "choose", lambda name: Namespace(type=found))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    if job:
        monkeypatch.setenv("SLURM_JOB_ID", job)
    assert stages._device(name).type == found
    assert ("finds no GPU in this SLURM job" in capsys.readouterr().out) == says
