"""Fixtures that run tests in real browsers: Chromium, Firefox and WebKitGTK (Safari's engine).

`browser` is a page that has Pyodide and weblayers; `site_page` is the demo site in a plain browser.
A browser with Pyodide takes seconds to start: all tests of a browser share its page, and leave it as they found it; a
plain browser lives as long as a module.
"""

import json
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pytest_pyodide.runner import (
    JavascriptException,
    SeleniumChromeRunner,
    SeleniumFirefoxRunner,
    SeleniumSafariRunner,
)
from pytest_pyodide.server import DefaultHandler
from selenium.common.exceptions import JavascriptException as SyntaxProblem
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.remote.webdriver import WebDriver

from tools.browsers import NAMES, kill_browser, open_browser, virtual_display
from weblayers.hosting.server import Handler, serving

BUILD = Path(__file__).parents[2] / "build"
SITE = BUILD / "site"
MAIN_PYODIDE = SITE / "weblayers"
OLDEST_PYODIDE = BUILD / "pyodide-0.27.7"

# pytest-pyodide knows the browsers by these classes; WebKitGTK takes Safari's place.
RUNNERS = {"chromium": SeleniumChromeRunner, "firefox": SeleniumFirefoxRunner, "webkit": SeleniumSafariRunner}

# Chromium can pretend that there are a camera and a microphone, and that the user has allowed them.
DEVICES = {"chromium": ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")}

# Seconds that a script may take by default; a page that needs longer is taken for hung.
SCRIPT_TIMEOUT = 120

RUN_PYTHON = """
async def run_python(request):
    import json, traceback
    from pyodide.code import eval_code_async

    request = json.loads(request)
    try:
        result = await eval_code_async(
            request["source"], request["variables"], filename="<run_python>"
        )
        return json.dumps({"result": result}, default=lambda value: value.tolist())
    except Exception as error:
        return json.dumps({"error": type(error).__name__, "traceback": traceback.format_exc()})

run_python
"""


class PythonError(Exception):
    """An exception that Python in the browser raised; the text is its traceback."""

    def __init__(self, kind: str, traceback: str, logs: list[str]) -> None:
        console = "".join(f"\n  {line}" for line in logs[-20:])
        super().__init__(f"in the browser:\n{traceback}" + (f"The console said:{console}" if console else ""))
        self.kind = kind


class BrowserCrashed(Exception):
    """The browser has lost its page or is gone: pyproject.toml has a test run once more that met this."""


class Browser:
    """A page with Pyodide, the glue registered and weblayers loaded.

    Attributes: `name` (chromium, firefox, webkit), `pyodide_version`, `url` of the Pyodide distribution that
    the page was served from, `distribution` (its folder), `driver` (selenium's), `is_running` (it has neither hung nor
    crashed).
    """

    PythonError = PythonError
    driver: WebDriver
    pyodide_version: str

    def __init__(self, name: str, display: str, url: str, distribution: Path) -> None:
        self.name = name
        self.url = url
        self._display = display
        self.distribution = distribution
        self.is_running = False
        self._opened = ExitStack()

    def ensure(self) -> None:
        """Start the browser, if it is not running: a page that hung or crashed has taken its browser along."""
        if self.is_running:
            return
        self.close()
        flags = DEVICES.get(self.name, ())
        self.driver = self._opened.enter_context(open_browser(self.name, self._display, flags))
        self.is_running = True
        self.reload()
        self.pyodide_version = self.run_js("return pyodide.version;")

    def close(self) -> None:
        self._opened.close()

    def reload(self) -> None:
        """Load the page anew: what Python had is gone, what the browser has stored stays."""
        name, driver, url, distribution = self.name, self.driver, self.url, self.distribution

        class Runner(RUNNERS[name]):
            script_timeout = SCRIPT_TIMEOUT

            def get_driver(self, jspi: bool = False) -> WebDriver:
                return driver

        host, port = url.removeprefix("http://").split(":")
        self._runner = Runner(server_hostname=host, server_port=port, dist_dir=distribution)
        if (distribution / "weblayers_glue.mjs").exists():
            self.run_js("""
                const glue = await import(new URL("weblayers_glue.mjs", location));
                pyodide.registerJsModule("weblayers_glue", glue);
            """)
        self._runner.load_package("weblayers")
        self.run_js(f"self.runPython = pyodide.runPython({json.dumps(RUN_PYTHON)});")

    def run_js(self, source: str, timeout: float = SCRIPT_TIMEOUT) -> Any:
        """Run the body of an async JS function in the page and give what it returns, as JSON has it."""
        if not self.is_running:
            pytest.fail("the browser was ended, because it did not answer this test", pytrace=False)
        try:
            self._runner.set_script_timeout(timeout)
            # Where a busy page keeps the driver from noticing its own timeout, this one helps.
            self.driver.command_executor.client_config.timeout = timeout + 10
            return self._runner.run_js(source)
        except (JavascriptException, SyntaxProblem):
            raise
        except BaseException as error:
            # The page hangs or has crashed: the tests that follow get another browser.
            self.is_running = False
            kill_browser(self.driver)
            if isinstance(error, WebDriverException) and not isinstance(error, TimeoutException):
                raise BrowserCrashed(f"{self.name} in {source.strip()[:200]}") from error
            raise

    def run_python(self, source: str, timeout: float = SCRIPT_TIMEOUT, **variables: Any) -> Any:
        """Run Python in the page, in a fresh namespace with `variables`; gives the last expression's value.

        `await` works at top level. Variables and value travel as JSON; of arrays and tensors send lists.
        Raises PythonError with the traceback for an exception.
        """
        request = json.dumps({"source": textwrap.dedent(source), "variables": variables})
        reply = json.loads(self.run_js(f"return await self.runPython({json.dumps(request)});", timeout))
        if "error" in reply:
            raise PythonError(reply["error"], reply["traceback"], self.logs)
        return reply["result"]

    @property
    def logs(self) -> list[str]:
        """What the page has written to its console so far."""
        return self.run_js("return self.logs.map(String);")

    def screenshot(self, path: Path) -> None:
        """Save what the page shows as a PNG file."""
        self.driver.save_screenshot(str(path))


class PageHandler(Handler, DefaultHandler):
    """Serves pytest-pyodide's page for tests beside the files of a Pyodide distribution."""


class SitePage(NamedTuple):
    """The demo site, served, and a browser that has not opened it yet."""

    name: str
    driver: WebDriver
    url: str


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """A virtual screen, as Firefox and WebKitGTK have no WebGL without one."""
    with virtual_display() as name:
        yield name


def require_build(folder: Path) -> None:
    if not folder.is_dir():
        pytest.fail(f"{folder.name} is not built: run `./build.sh test`, which builds all that tests need")


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(("chromium", MAIN_PYODIDE), id="chromium"),
        pytest.param(("chromium", OLDEST_PYODIDE), id="chromium-pyodide-0.27.7"),
        pytest.param(("firefox", MAIN_PYODIDE), id="firefox"),
        pytest.param(("webkit", MAIN_PYODIDE), id="webkit"),
    ],
)
def open_page(request: pytest.FixtureRequest, display: str) -> Iterator[Browser]:
    name, distribution = request.param
    require_build(distribution)
    with serving(distribution, PageHandler) as url:
        made = Browser(name, display, url, distribution)
        yield made
        made.close()


@pytest.fixture
def browser(open_page: Browser) -> Browser:
    """A page with Pyodide and weblayers, in every supported browser."""
    open_page.ensure()
    return open_page


@contextmanager
def computing(browser: Browser, name: str) -> Iterator[str]:
    """Have the page compute with a backend for a while."""
    browser.run_python("import weblayers as wl\n_ = wl.set_backend(name)", name=name)
    yield name
    # of a browser that is gone there is nothing to set back, and a second error would keep it from being tried again
    if browser.is_running:
        browser.run_python("import weblayers as wl\n_ = wl.set_backend('auto')")


@pytest.fixture
def webgl(browser: Browser) -> Iterator[str]:
    """The page computes with WebGL, which it would not choose here, as software draws it."""
    with computing(browser, "webgl") as name:
        yield name


@pytest.fixture(params=["webgl", "wasm"])
def backend(request: pytest.FixtureRequest, browser: Browser) -> Iterator[str]:
    """Both devices of the page, one after the other."""
    with computing(browser, request.param) as name:
        yield name


@pytest.fixture(scope="session")
def site_url() -> Iterator[str]:
    """The URL of the served demo site."""
    require_build(SITE)
    with serving(SITE) as url:
        yield url


@pytest.fixture(scope="module", params=NAMES)
def site_page(request: pytest.FixtureRequest, display: str, site_url: str) -> Iterator[SitePage]:
    """The demo site's URL and a plain browser to open it with."""
    with open_browser(request.param, display) as driver:
        yield SitePage(request.param, driver, site_url)


# -- pages with a `<weblayers-run>` -----------------------------------------------------------------------------------

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>t</title><link rel="icon" href="data:,">
<script src="{runtime}weblayers-run.js"></script>{body}
<script src="events.js"></script></html>"""
EVENTS = """
window.events = [];
for (const type of ["ready", "log", "epoch", "done", "error", "message"]) {
  document.querySelector("weblayers-run").addEventListener(type, ({ detail }) => events.push([type, detail]));
}
"""


@pytest.fixture(scope="module", params=["chromium", "firefox", "webkit"])
def driver(request, display):
    """Each of the browsers, with no page."""
    require_build(SITE)
    with open_browser(request.param, display) as opened:
        opened.name_of_test = request.param
        yield opened


@pytest.fixture
def chromium(driver):
    if driver.name_of_test != "chromium":
        pytest.skip("what the page says is the same in every browser; one of them is asked")
    return driver


@pytest.fixture
def site(tmp_path):
    """Writes a page with an element."""
    (tmp_path / "weblayers").symlink_to(MAIN_PYODIDE)
    (tmp_path / "events.js").write_text(EVENTS)

    def write(program=None, attributes="autorun", inside="", runtime="weblayers/", name="index.html"):
        source = ""
        if program is not None:
            (tmp_path / "program.py").write_text(textwrap.dedent(program))
            source = 'src="program.py"'
        body = f"<weblayers-run {source} {attributes}>{inside}</weblayers-run>"
        (tmp_path / name).write_text(PAGE.format(runtime=runtime, body=body))
        return tmp_path

    return write
