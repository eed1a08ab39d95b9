"""The documentation site: built strictly, complete, and in need of nothing from elsewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import weblayers as wl
from weblayers.ops.dispatch import OPS

ROOT = Path(__file__).parents[2]
# What the site has beside the documentation.
BESIDE = {"../weblayers/weblayers-run.js"}


class Links(HTMLParser):
    """What a page links to, what it loads, and the anchors that it has."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.loaded, self.anchors = set(), set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.targets.add(given["href"])
        elif tag == "link" and given.get("rel") not in ("prev", "next"):
            self.loaded.add(given["href"])
        elif given.get("src"):
            self.loaded.add(given["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Links(path.read_text()) for path in site.rglob("*.html")}


def is_elsewhere(url):
    parts = urlsplit(url)
    return bool(parts.scheme not in ("", "data") or parts.netloc or parts.path.startswith("/"))


def test_no_link_leads_nowhere(site, pages):
    wrong = []
    for path, page in pages.items():
        for link in (*page.targets, *page.loaded):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link in ("", "#"):
                continue
            target = Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if os.path.relpath(target, site) in BESIDE:
                continue
            anchor = unquote(parts.fragment)
            has_anchor = not anchor or anchor.startswith("__") or anchor in pages[target].anchors
            if not target.is_file() or not has_anchor:
                wrong.append((path.relative_to(site).as_posix(), link))
    assert not wrong


def test_pages_load_nothing_from_elsewhere(site, pages):
    assert [(path.name, url) for path, page in pages.items() for url in page.loaded if is_elsewhere(url)] == []
    # it works below any path, and so has no absolute URL
    assert [link for page in pages.values() for link in page.targets if link.startswith("/")] == []
    for path in site.rglob("*.css"):
        urls = re.findall(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""", path.read_text())
        assert [url for pair in urls for url in pair if url and is_elsewhere(url)] == []
    # the theme's script has the address of one library, for diagrams that no page has
    assert not any('class="mermaid"' in path.read_text() for path in pages)


def test_links_are_told_from_what_is_loaded():
    page = Links('<a href="a.html#b"></a><img src="//host/x.png"><link rel="stylesheet" href="s.css"><p id="p">')
    assert (page.targets, page.loaded, page.anchors) == ({"a.html#b"}, {"//host/x.png", "s.css"}, {"p"})
    assert [is_elsewhere(u) for u in ("//h/x", "https://h/x", "/x", "x", "../x", "data:,")] == [True] * 3 + [False] * 3


def test_the_reference_has_what_is_public(pages):
    anchors = set().union(*(page.anchors for page in pages.values()))
    text = "".join(path.read_text() for path in pages if path.parent.name == "api")
    wanted = [*OPS.values(), wl.layers.Layer.add_weight, wl.data.Dataset.repeat]
    wanted += [
        v for n, v in wl.layers.CLASSES.items() if v.__module__.startswith("weblayers.layers.") and n == v.__name__
    ]
    wanted += [getattr(wl.callbacks, name) for name in wl.callbacks.__all__]
    missing = [v for v in wanted if f"{v.__module__}.{v.__qualname__}" not in anchors]
    # what is made of others has a row in a table
    assert not [v for v in missing if f"<td><code>{v.__name__}</code></td>" not in text]
    # what a class has from a base that is not public is its own
    assert {"weblayers.models.functional.Model.fit", "weblayers.models.functional.Model.compute_loss"} <= anchors
    assert "weblayers.models.functional.Model.graph_changed" not in anchors


def test_examples_and_arguments_are_rendered(site):
    text = (site / "api" / "models.html").read_text()
    assert "&gt;&gt;&gt; " in text and "<blockquote>" not in text
    assert re.search(r"<li><strong><code>batch_size</code></strong>: samples per step", text)
    assert ":meth:" not in text and ":class:" not in text


def test_programs_are_in_the_pages_that_have_some(site):
    for name in ("index", "start", "keras", "tensorflow_js"):
        text = (site / f"{name}.html").read_text()
        assert '<weblayers-run editable><script type="text/x-python">' in text
        assert text.count('<script src="../weblayers/weblayers-run.js">') == 1
    assert "weblayers-run.js" not in (site / "training.html").read_text()
