"""Pages that work without a network after the first visit, and that never mix two versions."""

import threading
from contextlib import contextmanager

import pytest

from tests.browser.conftest import SITE, require_build
from tests.browser.elements import RUNTIME, TRAINING, click, ended, until
from tests.browser.test_gallery import STATUS, running
from tools.browsers import open_browser
from weblayers.hosting.pages import build_page
from weblayers.hosting.server import make_server

# What is known of the workers of a folder, to whom the page of the test need not belong.
STATE = """navigator.serviceWorker.getRegistration(%r).then((found) => (window.workers =
    found && [found.active?.state, Boolean(found.installing), Boolean(found.waiting)].join()))"""
# one that has all files, and none that is to follow
KEPT = "activated,false,false"


@pytest.fixture(scope="module")
def chromium(display):
    require_build(SITE)
    with open_browser("chromium", display) as driver:
        yield driver


@contextmanager
def served(folder, port=0):
    """Serve a folder; gives the port. At the end nobody answers there any more."""
    server = make_server(folder, port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def until_workers(driver, folder, expected):
    until(driver, f"{STATE % folder} && window.workers === {expected!r}")


def visited(driver, url):
    """The text of a page's element once its program has come to its end."""
    driver.get("about:blank")
    driver.get(url)
    return ended(driver)


def test_a_built_page_without_a_network_and_a_newer_one(chromium, tmp_path):
    program = tmp_path / "train.py"
    helper = tmp_path / "helper.py"

    def build(version):
        program.write_text(f"import helper\nprint('program {version}', helper.NAME)\n{TRAINING.replace('EPOCHS', '5')}")
        helper.write_text(f"NAME = 'helper {version}'\n")
        build_page(program, tmp_path / "host" / "site", RUNTIME, autorun=True, offline=True)

    build(1)
    with served(tmp_path / "host") as port:
        url = f"http://127.0.0.1:{port}/site/"
        assert "program 1 helper 1" in visited(chromium, url)
        until_workers(chromium, "/site/", KEPT)
    text = visited(chromium, url)
    assert "program 1 helper 1" in text and "after wasm" in text

    build(2)
    with served(tmp_path / "host", port):
        # a visit is of one version, and the newer one is fetched meanwhile
        assert "program 1 helper 1" in visited(chromium, url)
        until_workers(chromium, "/site/", "activated,false,true")
        # nothing of it is open any more
        chromium.get(f"http://127.0.0.1:{port}/")
        until_workers(chromium, "/site/", KEPT)
    assert "program 2 helper 2" in visited(chromium, url)


def test_the_gallery_without_a_network(chromium):
    with served(SITE) as port:
        url = f"http://127.0.0.1:{port}"
        running(chromium, f"{url}/gallery/spiral/")
        until_workers(chromium, "/", KEPT)
    # another page than the one that was visited, with its data
    running(chromium, f"{url}/gallery/reviews/")
    until(chromium, f"{STATUS}.includes('step')")
    click(chromium, "Stop")
