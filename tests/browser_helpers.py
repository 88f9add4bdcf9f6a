"""Chromium for the tests of pages: what to ask it, and where it is missing."""

import shutil

import pytest
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
