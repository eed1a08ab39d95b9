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

# What the page knows of itself, in one question.
STATE = """
    const number = (id) => Number(document.getElementById(id).value || NaN);
    return {
        state: document.body.dataset.state,
        status: document.getElementById("status").textContent,
        backend: document.getElementById("backend").textContent,
        firstLoss: Number(document.getElementById("loss").dataset.first),
        loss: number("loss"),
        accuracy: number("test-accuracy"),
        error: document.getElementById("error").hidden ? "" : document.getElementById("error").textContent.trim(),
    };
"""


def wait_until_trained(driver: WebDriver) -> dict:
    """The page's state once it has trained or shows an error."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        page = driver.execute_script(STATE)
        if page["error"]:
            sys.exit(f"the page shows an error: {page['error']}")
        if page["state"] == "trained":
            return page
        time.sleep(0.5)
    sys.exit(f"not trained after {TIMEOUT} seconds: the page says {page['status']!r}")


def main() -> None:
    with serving(BUILD / "site") as url, open_browser("chromium") as driver:
        driver.get(f"{url}/?autorun")
        try:
            page = wait_until_trained(driver)
        finally:
            driver.save_screenshot(str(SCREENSHOT))
    print(f"{page['status']} with {page['backend']}")
    print(f"first loss {page['firstLoss']:.4f}, last loss {page['loss']:.4f}, test accuracy {page['accuracy']:.2%}")
    if not page["loss"] < page["firstLoss"]:
        sys.exit("the loss has not fallen")
    if not page["accuracy"] >= LEAST_ACCURACY:
        sys.exit(f"the test accuracy is below {LEAST_ACCURACY:.0%}")


if __name__ == "__main__":
    main()
