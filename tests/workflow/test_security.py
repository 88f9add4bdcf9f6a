"""What a configuration or a file from elsewhere may not do: reach a shell, leave its folder, run code."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml
from PIL import Image
from reconstruction.configuration import parsing
from reconstruction.errors import UserError

ROOT = Path(__file__).parents[2]
HOSTILE = "- a 'b' \"c\"; touch pwned; $(touch pwned) `touch pwned` & | > pwned *?[g] \\ ~ # %s\nü"
LABEL = HOSTILE + "{e} {{f}}"
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text())


def snakemake(folder, overlay, *targets):
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    files = ["--snakefile", ROOT / "Snakefile", "--configfile", ROOT / "config.yaml", "overlay.yaml"]
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "rules", *files, "--", *targets]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A folder of data and weights whose names would like to be commands."""
    folder = tmp_path_factory.mktemp("hostile")
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4), np.uint8)
    for part in ("file", "test"):
        with (folder / f"{HOSTILE}{part}").open("wb") as handle:
            np.savez(handle, images=images, labels=np.arange(12) % 2, class_names=[LABEL, "plain"])
    for label in (LABEL, "plain"):
        (folder / f"{HOSTILE}folder" / label).mkdir(parents=True)
        for index, image in enumerate(images):
            Image.fromarray(image).save(folder / f"{HOSTILE}folder" / label / f"{index}.png")
    layers = torch.nn.Sequential(torch.nn.Linear(16, 5), torch.nn.Linear(5, 1, bias=False))
    safetensors.torch.save_file(layers.state_dict(), folder / f"{HOSTILE}.safetensors")
    with (folder / f"{HOSTILE}mean").open("wb") as handle:
        np.save(handle, np.full((1, 4, 4), 0.5, np.float32))
    return folder


def sections(**source):
    labels = {"rule": "classes", "negative": [LABEL], "positive": ["plain"]}
    return {"datasets": {"mine": {"source": source, "labels": labels, "per_label": 2}}}


def test_paths_and_texts_that_look_like_commands_are_paths_and_texts(hostile):
    adopted = {"weights": f"{HOSTILE}.safetensors", "mean": f"{HOSTILE}mean", "input_shape": [1, 4, 4]}
    files = sections(kind="file", path=f"{HOSTILE}file", test_path=f"{HOSTILE}test")
    folders = sections(kind="folder", path=f"{HOSTILE}folder")
    overlay = {
        "datasets": {"files": files["datasets"]["mine"], "folders": folders["datasets"]["mine"]},
        "models": {"theirs": adopted},
    }
    targets = ["results/files/theirs/model.h5", "results/folders/subset.h5", "results/no-images/theirs/model.h5"]
    finished = snakemake(hostile, overlay, *targets)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert all((hostile / target).exists() for target in targets)
    assert not (hostile / "pwned").exists()


def test_a_root_that_looks_like_a_command_is_named_in_the_answer(tmp_path):
    finished = snakemake(tmp_path, sections(kind="mnist", root=HOSTILE), "results/mine/subset.h5")
    assert finished.returncode != 0
    assert "torchvision finds no sound mnist data set there" in finished.stdout + finished.stderr
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("datasets", sections(kind="file", path="{a}")["datasets"]),
        ("datasets", sections(kind="folder", path="a", test_path="b}")["datasets"]),
        ("models", {"theirs": {"weights": "{a}.h5"}}),
        ("models", {"theirs": {"weights": "a.pt", "input_shape": [1, 4, 4], "mean": "{a}"}}),
    ],
)
def test_paths_that_snakemake_would_read_otherwise_are_refused(section, values):
    with pytest.raises(UserError, match="takes what is in braces for a wildcard"):
        parsing.load({**DEFAULT, section: values})


@pytest.mark.parametrize("image", ["a.sif; touch pwned", "$(touch pwned)", "a b.sif", "--writable", "a'b", "a\nb", ""])
def test_an_image_that_a_shell_would_read_otherwise_is_refused(image):
    with pytest.raises(UserError, match="container: an image goes by letters, digits"):
        parsing.load({**DEFAULT, "container": image})


@pytest.mark.parametrize(
    "image", ["envs/reconstruction.sif", "/a/sandbox-1", "docker://ghcr.io/a/b:1.0", "docker://a/b@sha256:0f+1"]
)
def test_paths_and_addresses_of_images_are_taken(image):
    assert parsing.load({**DEFAULT, "container": image}).container == image


@pytest.mark.parametrize("section", ["datasets", "models", "sweeps"])
@pytest.mark.parametrize(
    "name", ["..", "../up", "/etc", "a/b", ".hidden", "-r", "a b", "$(b)", "a;b", "a'b", "a\n", ""]
)
def test_names_stay_in_their_folder(section, name):
    renamed = {**DEFAULT, section: {name: next(iter(DEFAULT[section].values()))}}
    with pytest.raises(UserError, match=f"configuration: {section}") as refusal:
        parsing.load(renamed)
    assert "\n" not in str(refusal.value)


def calls(path):
    """The dotted name of every call in a Python file, with its keywords as source text."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}


SOURCES = sorted(path for folder in ("workflow", "benchmarks") for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_unpickles_evaluates_or_goes_through_a_shell(path):
    tree = ast.parse(path.read_text())
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert not imported & {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    for name, keywords in calls(path):
        assert name not in ("eval", "exec", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load"), name
        assert not name.endswith((".read_pickle", ".to_pickle", "torch.save", "torch.jit.load")), name
        assert "shell" not in keywords
        if name in ("np.load", "numpy.load", "np.lib.format.read_array"):
            assert keywords.get("allow_pickle", "False") == "False"
        if name == "torch.load":
            assert keywords.get("weights_only") == "True"
