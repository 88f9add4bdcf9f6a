"""The index in Chromium: every experiment with its verdict, links that lead somewhere, to sort, without a network."""

import json
import shutil
from urllib.parse import unquote, urlparse

import pytest
from browser_helpers import BROWSER, downloads, rectangles
from page_helpers import make_experiment, make_figures, make_page
from reconstruction.evaluation.quantities import QUANTITIES
from reconstruction.report.row import EXPERIMENT
from reconstruction.report.table import FIRST
from reconstruction.stages import draw, index
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = BROWSER
SETTINGS = [{"model.seed": 1, "sweep.shards": 10}, {"model.seed": 0, "sweep.shards": 10}, {"sweep.shards": 2}]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two experiments with images, one without, and their index."""
    folder = tmp_path_factory.mktemp("results of 100%")
    one = make_experiment(folder / "one#1", 4, 30)
    make_figures(one)
    make_page(one)
    shutil.copytree(one, folder / "two")
    without = folder / "without"
    without.mkdir()
    shutil.copy(one / "inspection.h5", without)
    shutil.copy(one / "report.html", without)
    draw.of_inspection(one / "candidates.h5", one / "inspection.h5", without / "figures")
    evaluations = [folder / name / "evaluation.h5" for name in ("one#1", "two")]
    index.run(evaluations, folder / "index.html", [without / "inspection.h5"], SETTINGS)
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_it_shows_every_experiment_without_a_complaint_or_a_request(open_file, results, width, scheme):
    browser = open_file(results / "index.html", width, scheme)
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked[0].startswith("file://")
    assert all(url.startswith("data:image/png") for url in asked[1:])
    assert len(rectangles(browser, "tbody tr")) == len(rectangles(browser, "tbody img")) == 3
    assert browser.execute_script("return [...document.images].every(i => i.naturalWidth > 0)")
    assert browser.execute_script("const e = document.documentElement; return e.scrollWidth <= e.clientWidth")
    cells = browser.execute_script(
        "return [...document.querySelectorAll('tbody :is(th, td)')].filter(e => e.checkVisibility())"
        ".every(e => e.scrollWidth <= e.clientWidth + 1)"
    )
    assert cells


def test_every_link_leads_to_a_file(open_file, results):
    browser = open_file(results / "index.html")
    links = browser.execute_script("return [...document.links].filter(a => !a.download).map(a => a.href)")
    assert len(links) == 3 * 4
    for link in links:
        path = unquote(urlparse(link).path)
        assert (results / path).exists(), path


def test_it_sorts_by_a_setting_and_puts_what_has_none_last(open_file, results):
    browser = open_file(results / "index.html")
    column = (
        "return [...document.querySelectorAll('.sortable tbody tr')].map(r => r.cells[arguments[0]].textContent.trim())"
    )
    assert browser.execute_script(column, 1) == ["1", "0", "–"]
    header = browser.find_element(By.XPATH, "//thead//button[text()='seed']")
    header.click()
    assert browser.execute_script(column, 1) == ["1", "0", "–"]
    header.click()
    assert browser.execute_script(column, 1) == ["0", "1", "–"]
    browser.find_element(By.XPATH, "//thead//button[text()='shards']").click()
    assert browser.execute_script(column, 2) == ["10", "10", "2"]


def test_it_shows_twelve_columns_beside_the_settings_and_all_of_them_on_request(open_file, results):
    browser = open_file(results / "index.html")
    shown = 1 + 2 + len(FIRST) - len(EXPERIMENT)
    assert len(rectangles(browser, "thead th")) == shown
    browser.find_element(By.ID, "all").send_keys(Keys.SPACE)
    assert len(rectangles(browser, "thead th")) == 1 + 2 + len(QUANTITIES)
    browser.find_element(By.CSS_SELECTOR, "label").click()
    assert len(rectangles(browser, "thead th")) == shown


def test_a_chart_compares_the_experiments_that_have_images(open_file, results):
    browser = open_file(results / "index.html")
    (chart,) = browser.find_elements(By.CSS_SELECTOR, "[data-chart]")
    assert chart.get_attribute("data-chart") == "along-model.seed"
    marks = "return document.querySelectorAll('.mark-symbol.role-mark path').length"
    assert browser.execute_script(marks) in (
        4,
        6,
    )  # where so few images tell no rate of discoveries there are two series


def test_its_chart_can_be_saved_in_each_format(open_file, results, tmp_path):
    browser = open_file(results / "index.html", 375)
    saved = downloads(browser, tmp_path)
    assert sorted(saved) == [f"experiments-along-model.seed.{ending}" for ending in ("csv", "png", "svg")]
    points = [line for line in saved["experiments-along-model.seed.csv"] if line["mark"] == "point"]
    assert {(line["experiment"], line["value"]) for line in points} == {
        (f"faces, tiny, {sweep}", seed) for sweep, seed in (("demo", "0"), ("demo", "1"))
    }
