"""The walls of the house: which folder may know of which. All imports count, those inside functions as well."""

import ast
import graphlib
from pathlib import Path

import pytest
from reconstruction.commands import stages
from reconstruction.files import layout

ROOT = Path(__file__).parents[1] / "workflow"
PACKAGE = ROOT / "reconstruction"
SCIENCE = {
    "data", "models", "training", "attack", "shards", "merging", "evaluation", "files", "machine", "configuration",
}  # fmt: skip
ATTACK = {"attack", "shards", "merging"}
ATTACK_STAGES = {"reconstruction.stages.reconstruct", "reconstruction.stages.deduplicate"}
LINES = 250


def name_of(path):
    """a/b.py is module a.b, a/__init__.py package a."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def imported(name):
    """The package's own modules that a module imports; a package stands for itself, not for all that it holds."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*parents, *filter(None, [node.module])])
            found |= {inner if (inner := f"{source}.{alias.name}") in MODULES else source for alias in node.names}
    return found & MODULES.keys()


IMPORTS = {name: imported(name) for name in MODULES}


def folder(name):
    """Of the package: attack of reconstruction.attack.search.engine, errors of reconstruction.errors."""
    return name.split(".")[1] if "." in name else ""


def reached_from(name):
    """Every module that this one may load, at once or later, and which imports it."""
    reached, ahead = {name: ""}, [name]
    while ahead:
        importer = ahead.pop()
        for found in IMPORTS[importer] - reached.keys():
            reached[found] = importer
            ahead.append(found)
    return reached


def crossings(importers, forbidden):
    """What the named folders' modules import from others that lie behind a wall."""
    return [
        f"{importer} imports {found}"
        for importer in IMPORTS
        if folder(importer) in importers
        for found in sorted(IMPORTS[importer])
        if folder(found) in forbidden
    ]


def circle(graph):
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return " <- ".join(error.args[1])


def test_there_are_imports_to_judge():
    assert "reconstruction.errors" in IMPORTS["reconstruction.files.store"]
    assert "reconstruction.stages.train" in IMPORTS["reconstruction.commands.stages"]
    assert "reconstruction.configuration.section" in reached_from("reconstruction.models.adopted")


@pytest.mark.parametrize("name", sorted(name for name in MODULES if folder(name) in ATTACK or name in ATTACK_STAGES))
def test_the_attack_sees_neither_data_nor_training_nor_evaluation(name):
    reached = reached_from(name).items()
    forbidden = {"data", "training", "evaluation", "report"}
    assert [f"{importer} imports {found}" for found, importer in reached if folder(found) in forbidden] == []


def test_science_knows_no_report_and_no_command():
    assert crossings(SCIENCE, {"report", "stages", "tools", "commands"}) == []


def test_only_commands_import_stages():
    assert crossings(set(map(folder, IMPORTS)) - {"commands"}, {"stages"}) == []


def test_no_module_imports_itself_by_way_of_others():
    assert not circle(IMPORTS)


def test_no_folder_imports_itself_by_way_of_others():
    folders = {}
    for importer, found in IMPORTS.items():
        folders.setdefault(folder(importer), set()).update(map(folder, found))
    assert not circle({name: found - {name} for name, found in folders.items()})


def test_packages_import_nothing():
    """But for the configuration's, whose sections are read as one."""
    packages = [name for name, path in MODULES.items() if path.name == "__init__.py" and "." in name]
    assert len(packages) > len(SCIENCE)
    for name in set(packages) - {"reconstruction.configuration"}:
        assert len(TREES[name].body) == 1
        assert ast.get_docstring(TREES[name])
    assert not IMPORTS["reconstruction"]


def test_only_stages_tools_and_commands_print():
    printing = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    talking = {"stages", "tools", "commands", "__main__"}
    assert {name for name in printing if folder(name) not in talking} == {"reconstruction.machine.progress"}


def test_paths_of_the_results_tree_are_spelt_in_one_module():
    """Commands name the files to people, in their help."""
    known = {Path(value).name for name, value in vars(layout).items() if name.isupper() and "." in str(value)}
    assert {"model.h5", "table.csv", "report.html"} < known
    for name, tree in TREES.items():
        texts = {str(node.value).lstrip("/") for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert name == layout.__name__ or folder(name) == "commands" or not texts & known, name
    for path in (ROOT / "rules").glob("*.smk"):
        code = "".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
        assert not [name for name in known if name in code]


def test_a_file_can_be_read_at_one_sitting():
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert not {str(path.relative_to(ROOT)) for path in files if len(path.read_text().splitlines()) > LINES}


def test_rule_stage_and_command_have_one_name():
    modules = {name.rpartition(".")[2] for name in MODULES if name.startswith("reconstruction.stages.")}
    rules = {path.stem for path in (ROOT / "rules").glob("*.smk")}
    assert rules == modules == {command.name for command in stages.COMMANDS}
