"""Chromium for the tests of pages: what to ask it, and where it is missing."""

import csv
import shutil
from xml.etree import ElementTree

import pytest
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
BROWSER = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium or chromedriver on this machine; install both"),
]


def wait_for_charts(browser):
    drawn = (
        "return [...document.querySelectorAll('[data-chart]')].every(e => !e.offsetParent || e.querySelector('svg'))"
    )
    WebDriverWait(browser, 60).until(lambda driver: driver.execute_script(drawn))


def rectangles(browser, selector):
    """left, top, right and bottom of everything shown that a selector finds."""
    script = (
        "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility())"
        ".map(e => e.getBoundingClientRect()).map(r => [r.left, r.top, r.right, r.bottom])"
    )
    return browser.execute_script(script, selector)


def downloads(browser, folder):
    """What the links below all charts shown save, by name: the rows of a table, the size of a picture in pixels."""
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    links = [link for link in browser.find_elements(By.CSS_SELECTOR, ".save > *") if link.is_displayed()]
    for count, link in enumerate(links, start=1):
        link.click()
        WebDriverWait(browser, 120).until(lambda _, count=count: len(finished(folder)) == count)
    return {path.name: READERS[path.suffix](path) for path in finished(folder)}


def finished(folder):
    return [path for path in folder.iterdir() if path.suffix in READERS]


def read_table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def read_drawing(path):
    return tuple(int(ElementTree.parse(path).getroot().get(side)) for side in ("width", "height"))


def read_picture(path):
    with Image.open(path) as picture:
        return picture.size


READERS = {".csv": read_table, ".png": read_picture, ".svg": read_drawing}
