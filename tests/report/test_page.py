"""An experiment's page: complete in itself, the numbers of its files, and nothing that a name could smuggle in."""

import base64
import hashlib
import io
import json
import re
from html.parser import HTMLParser

import altair
import numpy as np
import pytest
from page_helpers import make_experiment, make_page, make_page_without_images, paths
from PIL import Image
from reconstruction import __version__
from reconstruction.__main__ import main
from reconstruction.configuration import Evaluation
from reconstruction.errors import UserError
from reconstruction.evaluation import findings
from reconstruction.evaluation.quantities import COLUMNS, QUANTITIES
from reconstruction.evaluation.showing import Showing
from reconstruction.files import store
from reconstruction.report import charts, glossary, pictures
from reconstruction.report.page import number
from reconstruction.report.row import EXPERIMENT
from reconstruction.report.verdict import WARNING
from reconstruction.stages import evaluate, page

NAME = "fa<ces>/m&m/<img src=x onerror=alert(1)>"


class Parsed(HTMLParser):
    """The tags of a page, the text of its scripts and of the rest."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.texts, self.inside = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = self.tags[-1]

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside and self.inside[0] == "script":
            self.scripts.append((self.inside[1], data))
        else:
            self.texts.append(data)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    return make_experiment(tmp_path_factory.mktemp("experiment"), 4, 30, NAME)


@pytest.fixture(scope="module")
def parsed(experiment):
    return Parsed(make_page(experiment).read_text())


def test_the_page_needs_nothing_but_itself(parsed):
    for tag, attributes in parsed.tags:
        assert tag not in ("link", "iframe", "object", "base")
        for name in ("src", "href", "srcset", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,", "data:text/csv;"))


def test_the_policy_allows_its_own_scripts_alone(parsed):
    policy = next(a["content"] for tag, a in parsed.tags if tag == "meta" and "http-equiv" in a)
    scripts = [text for attributes, text in parsed.scripts if attributes.get("type") != "application/json"]
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert len(scripts) == 2
    assert re.search("script-src ([^;]*)", policy)[1].split() == [f"'sha256-{digest}'" for digest in digests]
    assert policy.startswith("default-src 'none'")


def test_the_same_files_make_the_same_page(experiment):
    before = make_page(experiment).read_bytes()
    assert make_page(experiment).read_bytes() == before


def test_names_are_text(parsed):
    assert any(NAME.split("/")[2] in text for text in parsed.texts)
    assert not any("onerror" in attributes for _, attributes in parsed.tags)


def test_every_number_of_the_row_is_there(experiment, parsed):
    row = json.loads(str(store.read(experiment / "evaluation.h5", "evaluation")["row"]))
    text = " ".join(parsed.texts)
    for name, value in row.items():
        if name not in EXPERIMENT:
            assert re.search(rf"\b{name}\b.*?{re.escape(number(value))}", text, re.DOTALL)


def test_a_control_of_any_name_is_a_row(experiment, tmp_path):
    """Also one that nobody has described."""
    stored = store.read(experiment / "evaluation.h5", "evaluation")
    controls = json.loads(str(stored["controls"]))
    controls["other_images_2"] = controls["unheard_of"] = controls["held_out"]
    for path in paths(experiment)[:4]:
        (tmp_path / path.name).symlink_to(path)
    sources = {name: store.read(experiment / f"{name}.h5", name) for name in ("subset", "training", "candidates")}
    store.write(
        tmp_path / "evaluation.h5", "evaluation", {**stored.arrays, "controls": np.array(json.dumps(controls))},
        settings_json=json.dumps(stored.settings), facts=stored.facts, sources=sources,
    )  # fmt: skip
    texts = Parsed(make_page(tmp_path).read_text()).texts
    assert "Unheard of" in {text.strip() for text in texts}
    assert glossary.CONTROLS["other_images"] in texts


def test_every_quantity_and_control_has_a_meaning(experiment):
    evaluation = store.read(experiment / "evaluation.h5", "evaluation")
    row = json.loads(str(evaluation["row"]))
    assert list(row) == [*EXPERIMENT, *COLUMNS]
    assert all(quantity.meaning for quantity in QUANTITIES.values())
    assert all(map(glossary.control, json.loads(str(evaluation["controls"]))))


def test_a_row_shows_the_image_and_its_nearest_candidate(experiment):
    subset, _, training, candidates, evaluation = (
        store.read(path, kind)
        for path, kind in zip(
            paths(experiment), ("subset", "model", "training", "candidates", "evaluation"), strict=True
        )
    )
    mean = store.read(experiment / "model.h5", "model")["mean"]
    evaluation.arrays["training/hit"] = np.arange(8) % 2 == 0
    matches = pictures.matches("training", subset, evaluation, training["margins"])
    best = int(evaluation["training/ncc"].argmax())
    assert matches[0].number == subset["training/source_index"][best]
    assert matches[0].margin == training["margins"][best]
    hits = subset["training/source_index"][::2].tolist()
    assert [match.hit for match in matches] == [match.number in hits for match in matches]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(matches[0].pair.partition(",")[2]))))
    assert shown[:, :25] == pytest.approx(subset["training/images"][best, 0] * 255, abs=0.51)
    raw = candidates["candidates/coordinates"][evaluation["training/nearest_candidate"][best]] @ candidates["basis"]
    showing = Showing.among(subset["held_out/images"], mean)
    (expected,) = showing.by(evaluation.table("row")["showing"], raw.reshape(1, *mean.shape))
    assert shown[:, 26:] == pytest.approx(expected[0] * 255, abs=0.51)


def test_pictures_keep_the_page_small(experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(findings, "SHOWN", 3 * 625)
    subset, model, training, candidates, _ = paths(experiment)
    output = tmp_path / "evaluation.h5"
    evaluate.run(Evaluation(pairs=2), "faces/tiny/demo", subset, model, training, candidates, output)
    matches = pictures.matches("held_out", store.read(subset, "subset"), store.read(output, "evaluation"))
    assert [bool(match.pair) for match in matches] == [True] * 3 + [False] * 5


def test_the_score_curve_gives_shares_of_images():
    scores = np.random.default_rng(0).standard_normal(1000)
    curve = charts.survival(scores, "all")
    assert len(curve) == charts.POINTS
    assert [point["value"] for point in curve] == [(scores >= point["ncc"]).mean() for point in curve]
    assert {point["series"] for point in curve} == {"all"}
    assert [point["value"] for point in charts.survival(scores[:4], "all")] == [0.25, 0.5, 0.75, 1]


def test_every_chart_is_vega_lite(parsed):
    specifications = [json.loads(text) for attributes, text in parsed.scripts if attributes.get("type")]
    assert len(specifications) > 5
    for specification in specifications:
        assert specification["$schema"].endswith(f"/{altair.SCHEMA_VERSION}.json")
        altair.LayerChart.from_dict(specification)  # raises where the schema does not allow it


def test_without_images_the_page_warns_and_shows_none(experiment):
    text = make_page_without_images(experiment).read_text()
    assert WARNING in text
    assert 'class="truth"' not in text
    assert "never trained on" not in text
    assert 'alt="Representative 1"' in text


def test_a_page_of_files_that_do_not_belong_together_is_refused(experiment, tmp_path):
    other = make_experiment(tmp_path, 3, 5)
    mixed = [*paths(experiment)[:3], other / "candidates.h5", experiment / "evaluation.h5", tmp_path / "report.html"]
    with pytest.raises(UserError, match="was not made from"):
        page.of_evaluation(*mixed)


def test_the_command_wants_one_kind_of_experiment(experiment, capsys):
    common = [f"--{name}={experiment / name}.h5" for name in ("model", "candidates", "evaluation", "inspection")]
    assert main(["page", *common, f"--output={experiment / 'x.html'}"]) == 1
    assert "give --subset, --training and --evaluation, or --inspection alone" in capsys.readouterr().err
    assert not (experiment / "x.html").exists()


def test_a_file_says_which_version_made_it(experiment):
    stored = store.read(experiment / "subset.h5", "subset")
    assert stored.code_version == __version__
