"""Pairs enlarged and charts saved in Chromium."""

import base64
import io
import json

import numpy as np
import pytest
from browser_helpers import BROWSER, downloads, rectangles, wait_for_charts
from page_helpers import attack, make_page, paths, train_on
from picture_helpers import pictures
from PIL import Image
from reconstruction.configuration import Dataset, Evaluation
from reconstruction.evaluation.showing import ssim_name
from reconstruction.files import store
from reconstruction.stages import evaluate
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = BROWSER


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """Of pictures in colour that have files, none of them square."""
    folder = tmp_path_factory.mktemp("experiment")
    for number, picture in enumerate(pictures(20, 9, 12)):
        path = folder / f"photos/{number % 2}/{number:02}<b>.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    labels = {"rule": "classes", "negative": [0], "positive": [1]}
    train_on(Dataset(source={"kind": "folder", "path": str(folder / "photos")}, labels=labels, per_label=4), folder)
    attack(folder, 30, 16)
    evaluate.run(Evaluation(pairs=3), "photos/tiny/demo", *paths(folder)[:4], folder / "evaluation.h5")
    make_page(folder)
    return folder


def canvases(browser):
    """The pixels (height, width, 3) of each picture in the dialog."""
    script = "return [...document.querySelectorAll('#enlarged canvas')].map(c => c.toDataURL())"
    pictures = [base64.b64decode(uri.partition(",")[2]) for uri in browser.execute_script(script)]
    return [np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), int) for picture in pictures]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_a_click_enlarges_a_pair_beside_the_difference_and_names_it(open_file, experiment, width, scheme):
    browser = open_file(experiment / "report.html", width, scheme)
    evaluation = store.read(experiment / "evaluation.h5", "evaluation")
    subset = store.read(experiment / "subset.h5", "subset")
    dialog = browser.find_element(By.ID, "enlarged")
    buttons = browser.find_elements(By.CSS_SELECTOR, "#pairs ul:first-of-type .pair")
    assert not dialog.is_displayed()
    buttons[0].click()
    assert dialog.is_displayed()
    best, shown_by = (
        np.argsort(-evaluation["training/ncc"], kind="stable"),
        ssim_name(evaluation.table("row")["showing"]),
    )
    pair = [subset["training/images"][best[0]], evaluation["training/shown"][0]]
    photograph, candidate = ((picture.transpose(1, 2, 0) * 255).round().astype(int) for picture in pair)
    large = np.ones((43, 43, 1), int)  # 12 pixels make 516
    for found, expected in zip(canvases(browser), (photograph, candidate, abs(photograph - candidate)), strict=True):
        np.testing.assert_allclose(found, np.kron(expected, large), atol=1)
    for place in (0, 1):
        image, rank = best[place], evaluation["training/one_to_one_representative"][best[place]] + 1
        assert str(subset["training/names"][image]) in dialog.text
        assert f"candidate, {evaluation['training/nearest_candidate'][image]}\n" in dialog.text
        for score, of, candidate in (
            ("ncc", "candidate", evaluation["training/nearest_candidate"][image]),
            ("one_to_one_ncc", "the merged candidate ranked", rank or "–"),
            (shown_by, "candidate", evaluation["training/ssim_candidate"][image]),
        ):
            assert f"{evaluation[f'training/{score}'][image]:.3f} of {of} {candidate}" in dialog.text
        browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert not dialog.find_element(By.CSS_SELECTOR, "[data-step='1']").is_enabled()
    assert all(left >= 0 and right <= width for left, _, right, _ in rectangles(browser, "#enlarged, #enlarged *"))
    assert browser.execute_script("const e = document.documentElement; return e.scrollWidth <= e.clientWidth")
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed()
    assert browser.switch_to.active_element == buttons[2]
    assert browser.get_log("browser") == []


def test_a_pair_of_the_table_is_turned_over_among_those_that_are_shown(open_file, experiment):
    browser = open_file(experiment / "report.html")
    browser.find_element(By.CSS_SELECTOR, "#part [value='held out']").click()
    rows = browser.find_elements(By.CSS_SELECTOR, "tr[id^=held_out] .pair")
    rows[0].send_keys(Keys.ENTER)
    dialog = browser.find_element(By.ID, "enlarged")
    previous, following, close = dialog.find_elements(By.TAG_NAME, "button")
    assert not previous.is_enabled()
    for _ in rows[1:]:
        following.click()
        assert "held out" in dialog.text
        assert "✓" not in dialog.text
    assert not following.is_enabled()
    close.click()
    assert not dialog.is_displayed()


def test_every_chart_can_be_saved_in_each_format(open_file, experiment, tmp_path):
    browser = open_file(experiment / "report.html", scheme="dark")
    browser.find_element(By.ID, "truth").click()
    wait_for_charts(browser)
    charts = [chart.get_attribute("data-chart") for chart in browser.find_elements(By.CSS_SELECTOR, "[data-chart]")]
    files = {name: f"photos-tiny-demo-{name}" for name in charts}
    saved = downloads(browser, tmp_path)
    assert sorted(saved) == sorted(f"{file}.{ending}" for file in files.values() for ending in ("csv", "png", "svg"))
    for name, file in files.items():
        text = browser.find_element(By.ID, name).get_attribute("textContent")
        drawn = [row for layer in json.loads(text)["layer"] for row in layer["data"]["values"]]
        assert len(saved[f"{file}.csv"]) == len(drawn) > 0
        for line, row in zip(saved[f"{file}.csv"], drawn, strict=True):
            for column, value in row.items():
                assert value is None or line[column] == value or float(line[column]) == value
        assert min(saved[f"{file}.png"]) > 300
        assert min(saved[f"{file}.svg"]) > 300
        with Image.open(tmp_path / f"{file}.png") as picture:
            assert picture.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
        assert "currentColor" not in (tmp_path / f"{file}.svg").read_text()
    assert browser.get_log("browser") == []
