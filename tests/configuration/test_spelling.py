"""Text that YAML would read otherwise than it is written, or without end, ends in one sentence, and soon."""

import os
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from reconstruction.__main__ import main
from reconstruction.configuration import AdoptedModel, ClassLabels, Configuration, Dataset, parsing, spelling
from reconstruction.errors import UserError

LAUGHS = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{{', '.join(f'k{m}: *a{n - 1}' for m in range(10))}}}\n" for n in range(1, 12)
)
OTHERWISE = ["01", "010", "-07", "+1", "1_000", "0x1F", "0b11", "12:30", "12:30.5", "2024-01-01", "2024-13-45"]
ENDLESS = {
    "deep": "[" * 100_000,
    "deep lists": "- " * 90_000,
    "deep keys": "? " * 90_000,
    "deep sections": "".join(f"{' ' * depth}a:\n" for depth in range(600)),
    "digits": "seed: " + "1" * 5000,
    "version": "%YAML " + "9" * 5000 + ".1\n--- a",
    "part of itself": "datasets: &a {x: *a}",
    "list of itself": "datasets: &a [[*a]]",
    "laughs": LAUGHS,
    "long": "a" * 1_000_000,
    "no character": '"\\UFFFFFFFF"',
    "half a character": r'path: "\ud83d"',
    "tag": "seed: !!python/object/apply:os.getpid []",
    "many documents": "a: 1\n---\nb: 2",
    "no key": "{[a]: 1}",
    "nothing to merge": "{<<: 3}",
}


def sentence(text):
    begun = time.perf_counter()
    with pytest.raises(UserError) as caught:
        parsing.parse_yaml(Configuration, text, "--settings")
    assert time.perf_counter() - begun < 5
    said = str(caught.value)
    assert said.startswith("--settings: ")
    assert "\n" not in said
    assert len(said) < 1000
    return said


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_what_has_no_end_or_is_no_setting_is_refused_soon(text):
    sentence(text)


@pytest.mark.parametrize("text", OTHERWISE)
def test_a_value_that_yaml_reads_otherwise_wants_quotes(text):
    said = sentence(f"# classes\nnegative: [{text}]")
    assert said.startswith(f"--settings: line 2: YAML does not read {text!r} as it is written; put it in quotes")
    labels = f"{{rule: classes, negative: ['{text}'], positive: [2]}}"
    assert parsing.parse_yaml(ClassLabels, labels, "").negative == [text]


@pytest.mark.parametrize("text", ["no", "Yes", "on", "off", "1.0", "~", ".5", "1.0e+3"])
def test_a_class_that_yaml_reads_as_no_name_wants_quotes(text):
    with pytest.raises(UserError, match=r"negative\.0: .*in quotes"):
        parsing.parse_yaml(ClassLabels, f"{{rule: classes, negative: [{text}], positive: [2]}}", "--settings")


@given(st.one_of(st.integers(-(10**17), 10**17), st.floats(allow_nan=False, width=32), st.booleans()))
def test_plain_values_are_read_as_they_are_written(value):
    text = yaml.safe_dump({"key": value})
    spelling.check(text, "")
    assert yaml.safe_load(text)["key"] == value


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("a: 1\nb: 2\na: 3", 3, "a"),
        ("x:\n  a: 1\n  'a': 1", 3, "a"),
        ("- {a: 1,\n   a: 1}", 2, "a"),
        ("{[a, a]: 1, b: {c: *x}, c: &y {}, d: *y, b: 1}", 1, "b"),
        ("a: &a {b: 1}\n<<: *a\nc: [c, c]\n<<: *a", 4, "<<"),
    ],
)
def test_a_key_that_is_there_twice_is_named(text, line, key):
    with pytest.raises(UserError, match=f"w: line {line}: the key '{key}' is there twice; leave one"):
        spelling.check(text, "w")


def test_keys_of_different_sections_and_merged_ones_may_be_the_same():
    spelling.check("a: &a {b: 1, c: [b, b]}\nb: {<<: *a, b: 2}\nc: [{b: 1}, {b: 1}, *a, *a]\nb2: b", "")


@pytest.mark.parametrize("path", sorted(Path(__file__).parents[2].glob("**/config*.yaml")), ids=str)
def test_our_own_files_are_spelt_so(path):
    spelling.check(path.read_text(), str(path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("device: cpu".encode("utf-16"), "not in UTF-8, from byte 0 on; save it in that encoding"),
        ("# größe".encode("latin-1"), "not in UTF-8, from byte 4 on; save it in that encoding"),
        (b"a: 1\na: 2", "line 2: the key 'a' is there twice"),
        (b"x" * 300_000, "more than 200000 bytes"),
        (None, r"cannot be read \(no such file or directory\)"),
    ],
)
def test_a_file_is_named(content, said, tmp_path):
    path = tmp_path / "mine.yaml"
    if content is not None:
        path.write_bytes(content)
    for read in (spelling.text_of, lambda path: parsing.load({}, [path]), lambda path: parsing.load_files([path])):
        with pytest.raises(UserError, match=f"mine.yaml: {said}"):
            read(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe: no regular file"):
        spelling.text_of(tmp_path / "pipe")


def test_a_name_of_any_script_survives_the_way_through_the_command_line():
    source = {"kind": "folder", "path": "größe/\U0001f600"}
    dataset = Dataset(source=source, labels={"rule": "alternating"}, per_label=1)
    assert parsing.parse_yaml(Dataset, dataset.to_json(), "") == dataset


def test_an_argument_in_another_encoding_is_refused(capsys):
    assert main(["subset", "--settings", "{}", "--output", os.fsdecode(b"gr\xf6.h5")]) == 1
    assert capsys.readouterr().err == "error: 'gr\\udcf6.h5' is not in UTF-8; rename the file or the folder\n"


@pytest.mark.parametrize("options", [[], ["--cores", "1", "-n", "--configfile", "mine.yaml", "--config", "device=cpu"]])
def test_check_looks_at_the_files_that_snakemake_will_be_given(options, tmp_path, monkeypatch, capsys):
    (tmp_path / "config.yaml").write_text((Path(__file__).parents[2] / "config.yaml").read_text())
    (tmp_path / "mine.yaml").write_text("device: cpu\ndevice: auto")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--", *options]) == (1 if options else 0)
    assert ("mine.yaml: line 2: the key 'device'" in capsys.readouterr().err) == bool(options)


WORDS = [
    "datasets",
    "models",
    "sweeps",
    "experiments",
    "faces",
    "kind",
    "seed",
    "uniform",
    "weights",
    "hidden",
    "per_label",
]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from([*WORDS, *OTHERWISE])
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.sampled_from(WORDS), SCALARS), inner, max_size=4)
    ),
    max_leaves=12,
)
SIGNS = [*"{}[]:,-?&*!|>'\"%@`#<=~ \n\t\x00\x1b\ufeff", ": ", "\n  ", "<<: ", "&a ", "*a "]
TOKENS = st.lists(st.sampled_from([*WORDS, *OTHERWISE, *SIGNS]))


def ends_well(section, read):
    begun = time.perf_counter()
    try:
        said = ""
        assert isinstance(read(section), section)
    except UserError as error:
        said = str(error)
    assert len(said.splitlines()) <= 1
    assert time.perf_counter() - begun < 5


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([Configuration, Dataset, AdoptedModel]), TREES)
def test_any_values_end_in_success_or_one_sentence(section, values):
    ends_well(section, lambda section: parsing.parse(section, values, "configuration"))


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([Configuration, Dataset, AdoptedModel]), st.one_of(TOKENS.map("".join), st.text()))
def test_any_text_ends_in_success_or_one_sentence(section, text):
    ends_well(section, lambda section: parsing.parse_yaml(section, text, "--settings"))
