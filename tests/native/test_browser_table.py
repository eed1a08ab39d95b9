"""The table of browsers is made of tests' results."""

from pathlib import Path

import pytest

from tools import browser_table
from tools.browser_table import AREAS, Case, area_of, browser_of, cases, table, written

RESULTS = """<?xml version="1.0"?><testsuites><testsuite name="pytest">
<testcase classname="tests.native.test_api" name="test_x"/>
<testcase classname="tests.browser.test_ops" name="test_a[chromium-x]"/>
<testcase classname="tests.browser.test_ops" name="test_a[chromium-pyodide-0.27.7-x]"><skipped/></testcase>
<testcase classname="tests.browser.test_ops" name="test_a[x-firefox]"><failure message="no"/></testcase>
<testcase classname="tests.browser.test_ops" name="test_b[firefox]"/>
<testcase classname="tests.browser.test_gallery" name="test_a_program_runs[gan]"/>
</testsuite></testsuites>"""


def test_results_are_read():
    found = cases(RESULTS)
    assert found == [
        Case("test_ops.test_a[chromium-x]", True),
        Case("test_ops.test_a[x-firefox]", False),
        Case("test_ops.test_b[firefox]", True),
        Case("test_gallery.test_a_program_runs[gan]", True),
    ]
    head, rule, *rows = table(found).splitlines()
    assert head == "| | Chromium | Chromium, Pyodide 0.27.7 | Firefox | WebKitGTK |" and rule == "|---|---|---|---|---|"
    assert rows[0] == "| ops, layers and gradients as with NumPy | yes | | 1 of 2 tests | |"
    assert rows[-1].endswith("accessibility | yes | | | |")
    assert len(rows) == len(AREAS)


@pytest.mark.parametrize(
    ("name", "browser"),
    [
        ("test_a", "chromium"),
        ("test_a[chromium]", "chromium"),
        ("test_a[chromium-pyodide-0.27.7-conv]", "chromium-pyodide-0.27.7"),
        ("test_a[conv-webkit]", "webkit"),
        ("test_a[firefoxes]", "chromium"),
    ],
)
def test_what_a_test_ran_in(name, browser):
    assert browser_of(name) == browser


def test_every_file_of_tests_is_about_something():
    for path in sorted((Path(__file__).parents[1] / "browser").glob("test_*.py")):
        assert area_of(f"{path.stem}.test_x")
    assert area_of("test_data.test_cameras[chromium]") == "camera and microphone" != area_of("test_data.test_x")
    with pytest.raises(LookupError, match=r"test_new.test_x: say in AREAS"):
        area_of("test_new.test_x")


def test_the_page_has_a_place_for_it():
    page = browser_table.PAGE.read_text()
    again = written(page, "the table")
    assert "the table" in again and "| yes |" not in again and written(again, table([])) == written(page, table([]))
    # as the tool writes it
    assert [line.split("|")[1].strip() for line in table([]).splitlines()[2:]] == [
        line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ") and "Chromium" not in line
    ]
