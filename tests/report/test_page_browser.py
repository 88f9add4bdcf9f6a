"""An experiment's page in Chromium, opened from disk: whole, quiet, sortable, readable in every width and light."""

import itertools
import json
from collections import Counter

import numpy as np
import pytest
from browser_helpers import BROWSER, rectangles, wait_for_charts
from page_helpers import make_controlled_experiment, make_experiment, make_page, make_page_without_images
from reconstruction.files import store
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

pytestmark = BROWSER
WIDTHS = (1280, 375)
SCHEMES = ("light", "dark")
PAGES = ("report", "controlled", "inspection")


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    folder = make_experiment(tmp_path_factory.mktemp("experiment"), 10, 100)
    make_page(folder)
    make_page_without_images(folder)
    make_page(make_controlled_experiment(folder / "controlled")).rename(folder / "controlled.html")
    return folder


@pytest.fixture
def open_page(open_file, experiment):
    """Opens a page of the experiment at a width, in a colour scheme, and waits until its charts are drawn."""
    return lambda name="report", *how, **more: open_file(experiment / f"{name}.html", *how, **more)


def column(browser, number):
    """The texts of a column's rows that are shown."""
    script = (
        "return [...document.querySelectorAll('.sortable tbody tr')].filter(r => !r.hidden)"
        ".map(r => r.cells[arguments[0]].textContent)"
    )
    return browser.execute_script(script, number)


@pytest.mark.parametrize("name", PAGES)
def test_it_loads_without_a_complaint_or_a_request(open_page, name):
    browser = open_page(name)
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked[0].startswith("file://")
    assert all(url.startswith("data:image/png") for url in asked[1:])


def test_it_could_not_ask_a_network_if_it_would(open_page):
    browser = open_page()
    script = "document.addEventListener('securitypolicyviolation', e => arguments[0](e.violatedDirective)); fetch('http://localhost:9')"
    assert browser.execute_async_script(script) == "connect-src"


@pytest.mark.parametrize("width", WIDTHS)
def test_the_verdict_is_seen_before_anything_else(open_page, width):
    browser = open_page(width=width)
    (_, top, _, bottom), *rest = rectangles(browser, "header h1, header dl, nav, main")
    assert 0 <= top < bottom < 400
    assert [box[1] for box in rest] == sorted(box[1] for box in rest)
    said = browser.find_element(By.CSS_SELECTOR, ".verdict").text
    assert said.index("Does the attack apply?") < said.index("Are members told?") < said.index("Do images come back?")


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_and_chart_is_there(open_page, name):
    browser = open_page(name)
    pictures = browser.execute_script("return [...document.images].map(i => [i.naturalWidth, i.alt])")
    assert len(pictures) > 5
    assert all(width > 0 and text for width, text in pictures)
    for chart in browser.find_elements(By.CSS_SELECTOR, "[data-chart]"):
        if chart.is_displayed():
            marks = chart.find_elements(By.CSS_SELECTOR, ".mark-line path, .mark-symbol path, .mark-area path")
            assert any(len(mark.get_attribute("d")) > 20 for mark in marks)
            assert chart.get_attribute("aria-label")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_off_or_overlaps(open_page, name, width, scheme):
    browser = open_page(name, width, scheme)
    if name != "inspection":
        browser.find_element(By.ID, "truth").click()
        wait_for_charts(browser)
    assert browser.execute_script("const e = document.documentElement; return e.scrollWidth <= e.clientWidth")
    for left, _, right, _ in rectangles(
        browser, "h1, h2, h3, p, .card, .card *, .chart, .drawing svg, .scroll, .filters *"
    ):
        assert left >= 0
        assert right <= width + 0.5
    for selector in (".pairs .card", "#representatives .card", ".card > *", ".chart", "main > section"):
        boxes = sorted(rectangles(browser, selector), key=lambda box: (box[1], box[0]))
        for a, b in itertools.combinations(boxes, 2):
            assert a[2] <= b[0] + 0.5 or b[2] <= a[0] + 0.5 or a[3] <= b[1] + 0.5 or b[3] <= a[1] + 0.5
    labels = "return [...document.querySelectorAll('.drawing svg text')].every(t => {"
    labels += "const a = t.getBoundingClientRect(), b = t.closest('.chart').getBoundingClientRect();"
    labels += "return a.left >= b.left - 1 && a.right <= b.right + 1 })"
    assert browser.execute_script(labels)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_stands_out_from_the_paper(open_page, scheme):
    """WCAG 2.2's contrast of text, 4.5, also of the text in charts."""
    browser = open_page(scheme=scheme)
    colours = browser.execute_script(
        "const of = (s, p) => getComputedStyle(document.querySelector(s))[p];"
        "return [of('body', 'backgroundColor'), of('body', 'color'), of('.experiment', 'color'), of('nav a', 'color'),"
        " of('.hit, .miss', 'color'), of('.drawing svg text', 'fill')]"
    )
    paper, *inks = [luminance(colour) for colour in colours]
    assert (paper < 0.1) == (scheme == "dark")
    assert all((max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 4.5 for ink in inks)


def luminance(colour):
    """Relative luminance of an rgb(...) colour (WCAG 2.2)."""
    parts = [int(part) / 255 for part in colour.strip("rgba()").split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_columns_sort_by_mouse_and_by_keyboard(open_page):
    browser = open_page()
    header = browser.find_elements(By.CSS_SELECTOR, ".sortable th")[10]
    header.find_element(By.TAG_NAME, "button").click()
    assert header.get_attribute("aria-sort") == "descending"
    values = [float(text) for text in column(browser, 10)]
    assert values == sorted(values, reverse=True)
    header.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert header.get_attribute("aria-sort") == "ascending"
    assert [float(text) for text in column(browser, 10)] == sorted(values)
    margin = browser.find_elements(By.CSS_SELECTOR, ".sortable th")[4]
    margin.find_element(By.TAG_NAME, "button").click()
    assert header.get_attribute("aria-sort") == "none"
    assert column(browser, 4)[20:] == ["–"] * 20  # held-out images have no margin and come last


def test_filters_leave_what_they_name(open_page, experiment):
    browser = open_page()
    count = browser.find_element(By.ID, "count")
    evaluation = store.read(experiment / "evaluation.h5", "evaluation")
    assert count.text == "40 of 40 images"
    Select(browser.find_element(By.ID, "part")).select_by_visible_text("held out")
    assert Counter(column(browser, 1)) == {"held out": 20}
    browser.find_element(By.ID, "hits").send_keys(Keys.SPACE)
    expected = int(evaluation["held_out/hit"].sum())
    assert expected == json.loads(str(evaluation["row"]))["ncc_held_out_hits"]
    assert count.text == f"{expected} of 40 images"
    browser.find_element(By.ID, "hits").click()
    browser.find_element(By.ID, "number").send_keys(str(evaluation["held_out/source_index"][3]))
    assert column(browser, 2) == [str(evaluation["held_out/source_index"][3])]


def test_controls_and_what_is_expected_of_each_image_are_there(open_page, experiment):
    browser = open_page("controlled")
    answers = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#controls tbody th")]
    assert {"Scrambled weights", "Random mixtures", "Other images 1"} <= {text.split("\n")[0] for text in answers}
    evaluation = store.read(experiment / "controlled/evaluation.h5", "evaluation")
    hits = evaluation["training/calibrated_hit"].sum() + evaluation["held_out/calibrated_hit"].sum()
    assert column(browser, 9).count("yes") == hits
    assert sorted(map(float, column(browser, 8))) == pytest.approx(
        sorted(np.concatenate([evaluation["training/expected_ncc"], evaluation["held_out/expected_ncc"]])), abs=6e-4
    )


def test_the_numbers_of_a_chart_open_as_a_table(open_page):
    browser = open_page(width=375)
    for summary in browser.find_elements(By.CSS_SELECTOR, "#charts .chart summary"):
        summary.send_keys(Keys.ENTER)
    tables = browser.find_elements(By.CSS_SELECTOR, "#charts details[open] table")
    assert len(tables) >= 3
    shares = [float(cell.text) for cell in tables[0].find_elements(By.CSS_SELECTOR, "tbody td:first-child")]
    assert shares == sorted(shares)
    assert all(right <= 375 for _, _, right, _ in rectangles(browser, "#charts details td"))
    assert browser.execute_script("const e = document.documentElement; return e.scrollWidth <= e.clientWidth")


def test_the_truth_is_shown_when_asked_for(open_page):
    browser = open_page()
    button = browser.find_element(By.ID, "truth")
    truths = browser.find_elements(By.CSS_SELECTOR, ".truth")
    assert len(truths) == 11
    assert not any(truth.is_displayed() for truth in truths)
    button.send_keys(Keys.ENTER)
    wait_for_charts(browser)
    assert button.get_attribute("aria-pressed") == "true"
    assert all(truth.is_displayed() for truth in truths)
    assert browser.find_element(By.CSS_SELECTOR, "[data-chart=precision] svg").size["width"] > 300
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert not any(truth.is_displayed() for truth in truths)


def test_the_keyboard_reaches_everything_and_shows_where_it_is(open_page):
    browser = open_page()
    expected = len(rectangles(browser, "a, button, select, input, summary"))
    reached = set()
    for _ in range(expected + 20):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        element = browser.switch_to.active_element
        if element.tag_name in ("a", "button", "select", "input", "summary"):
            reached.add(element.id)
            assert element.value_of_css_property("outline-style") != "none"
    assert len(reached) == expected


def test_on_paper_it_is_whole_and_without_controls(open_page):
    browser = open_page(width=700, scheme="dark", media="print")
    assert luminance(browser.execute_script("return getComputedStyle(document.body).backgroundColor")) > 0.9
    assert not rectangles(browser, "nav, #truth, .filters")
    assert all(right <= 700 for _, _, right, _ in rectangles(browser, ".card, .chart, .drawing svg, p, table"))
    assert browser.execute_script(
        "return [...document.querySelectorAll('.scroll')].every(e => e.scrollHeight <= e.clientHeight + 1)"
    )
    assert len(rectangles(browser, "details pre")) >= 5
