"""Train the main demo in headless Chromium, and fail unless it learns.

Prints the first and the last loss and the test accuracy, and saves what the page shows.
"""

import sys
import time
from pathlib import Path

from browsers import open_browser
from selenium.webdriver.remote.webdriver import WebDriver

from weblayers.hosting.server import serving

BUILD = Path(__file__).parents[1] / "build"
SCREENSHOT = BUILD / "smoke.png"
LEAST_ACCURACY = 0.96
TIMEOUT = 300

# Writes down what the program's element tells, from before it runs.
LISTEN = """
    const program = document.querySelector("weblayers-run");
    window.told = { epochs: [], backend: "", ended: false, error: "" };
    program.addEventListener("epoch", ({ detail }) => told.epochs.push(detail.logs));
    program.addEventListener("backend", ({ detail }) => (told.backend = detail.words));
    program.addEventListener("done", () => (told.ended = true));
    program.addEventListener("error", ({ detail }) => (told.error = detail.traceback ?? detail.message));
    program.run();
"""


def trained(driver: WebDriver) -> dict:
    """What the page has told once its program has come to its end."""
    driver.execute_script(LISTEN)
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        told = driver.execute_script("return told")
        if told["error"]:
            sys.exit(f"the page shows an error: {told['error']}")
        if told["ended"]:
            return told
        time.sleep(0.5)
    sys.exit(f"not trained after {TIMEOUT} seconds and {len(told['epochs'])} epochs")


def main() -> None:
    with serving(BUILD / "site") as url, open_browser("chromium") as driver:
        driver.get(url)
        try:
            told = trained(driver)
        finally:
            driver.save_screenshot(str(SCREENSHOT))
    first, last = told["epochs"][0], told["epochs"][-1]
    print(f"{len(told['epochs'])} epochs {told['backend']}")
    print(f"first loss {first['loss']:.4f}, last loss {last['loss']:.4f}, test accuracy {last['val_acc']:.2%}")
    if not last["loss"] < first["loss"]:
        sys.exit("the loss has not fallen")
    if not last["val_acc"] >= LEAST_ACCURACY:
        sys.exit(f"the test accuracy is below {LEAST_ACCURACY:.0%}")


if __name__ == "__main__":
    main()
