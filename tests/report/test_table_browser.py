"""The results table in Chromium: verdicts first, twelve columns, and all of them on request."""

import pytest
from browser_helpers import BROWSER, rectangles
from page_helpers import make_experiment
from reconstruction.evaluation.quantities import QUANTITIES
from reconstruction.report.table import FIRST
from reconstruction.stages import table
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = BROWSER


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = make_experiment(tmp_path_factory.mktemp("experiment"), 4, 30)
    table.run([folder / "evaluation.h5"], folder, [folder / "inspection.h5"])
    return folder


@pytest.mark.parametrize("width", [1280, 375])
def test_the_table_shows_twelve_columns_and_all_of_them_on_request(open_file, tables, width):
    browser = open_file(tables / "table.html", width)
    assert browser.get_log("browser") == []
    assert len(rectangles(browser, "thead th")) == len(rectangles(browser, "tbody tr:first-child td")) == len(FIRST)
    verdicts, tables = rectangles(browser, "dl"), rectangles(browser, "table")
    assert len(verdicts) == 2
    assert verdicts[-1][3] < tables[0][1]
    browser.find_element(By.ID, "all").send_keys(Keys.SPACE)
    assert len(rectangles(browser, "thead th")) == len(QUANTITIES) + 3
    assert browser.execute_script("const e = document.documentElement; return e.scrollWidth <= e.clientWidth")
    browser.find_element(By.CSS_SELECTOR, "label").click()
    assert len(rectangles(browser, "thead th")) == len(FIRST)
