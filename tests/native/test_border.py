"""The border to JavaScript: null is None, what the browser refuses is an error of ours, workers have no document."""

import ast
import asyncio
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import weblayers as wl
from tests.native.conftest import JsException
from weblayers.runtime import border, page

SOURCE = Path(__file__).parents[2] / "src" / "weblayers"
# Methods of JavaScript's that answer with null where there is nothing.
NULLABLE = {"getItem", "key", "querySelector", "getElementById", "closest", "getContext", "getExtension", "match"}


def run(waited):
    async def main():
        return await waited

    return asyncio.run(main())


def small(units=1):
    model = wl.sequential([wl.layers.dense(units=units, input_shape=[1])])
    model.compile("sgd", "mse")
    return model


# -- local storage ----------------------------------------------------------------------------------------------------


def test_what_local_storage_has_not(fake_page):
    with pytest.raises(wl.io.ModelNotFoundError, match="no model with name 'nope'"):
        run(wl.load_layers_model("localstorage://nope"))
    with pytest.raises(wl.io.ModelNotFoundError, match="Cannot find model"):
        run(wl.io.remove_model("localstorage://nope"))
    assert run(wl.io.list_models()) == {}


def test_a_model_goes_in_and_out(fake_page):
    run(small().save("localstorage://m"))
    assert list(run(wl.io.list_models())) == ["localstorage://m"]
    assert run(wl.load_layers_model("localstorage://m")).count_params() == 2


def test_a_save_that_fails_leaves_everything_as_it_was(fake_page):
    run(small().save("localstorage://m"))
    before = dict(fake_page.localStorage.items)
    fake_page.localStorage.room = sum(map(len, before.values())) + 10
    for name in ("m", "new"):
        with pytest.raises(OSError, match=f"Failed to save model '{name}' to local storage"):
            run(small(2000).save(f"localstorage://{name}"))
    assert fake_page.localStorage.items == before
    assert list(run(wl.io.list_models())) == ["localstorage://m"]


def test_a_page_that_may_not_store(fake_page):
    fake_page.throwing = {
        "localStorage": "SecurityError: access is denied for this document",
        "indexedDB": "SecurityError: access is denied for this document",
    }
    for url in ("localstorage://m", "indexeddb://m"):
        with pytest.raises(OSError, match="SecurityError: access is denied"):
            run(small().save(url))
        with pytest.raises(OSError, match="SecurityError: access is denied"):
            run(wl.load_layers_model(url))
    assert run(wl.io.list_models()) == {}


def test_a_database_that_throws_when_it_is_opened(fake_page):
    def refuse(*_):
        raise JsException("SecurityError: denied")

    fake_page.indexedDB = types.SimpleNamespace(open=refuse)
    with pytest.raises(OSError, match="Failed to save model 'm' to IndexedDB.*SecurityError: denied"):
        run(small().save("indexeddb://m"))


# -- training goes on -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["refused", "full"])
def test_training_goes_on_without_its_backup(fake_page, trouble):
    if trouble == "refused":
        fake_page.throwing = {"localStorage": "SecurityError: denied"}
    else:
        fake_page.localStorage.room = 10
    model = small()
    x = np.ones((4, 1), np.float32)

    async def main():
        backup = wl.callbacks.BackupAndRestore("localstorage://backup")
        return await model.fit(x, x, epochs=3, verbose=0, callbacks=backup)

    with pytest.warns(UserWarning, match="BackupAndRestore.*and goes on.*local storage"):
        history = run(main())
    assert len(history.history["loss"]) == 3
    fake_page.throwing = {}
    assert fake_page.localStorage.items == {}


# -- the page ---------------------------------------------------------------------------------------------------------


def test_a_selector_that_finds_nothing(fake_page):
    with pytest.raises(RuntimeError, match="the page has no element '#nope'"):
        wl.callbacks.ProgressBar("#nope")


def test_a_worker_has_no_document_whatever_it_is_shown(fake_page):
    assert border.document() is fake_page.document
    scope = types.SimpleNamespace(isPrototypeOf=lambda value: value is fake_page)
    fake_page.WorkerGlobalScope = types.SimpleNamespace(prototype=scope)
    assert border.document() is None
    with pytest.raises(RuntimeError, match="a worker has no page"):
        wl.callbacks.ProgressBar("#bar")


def test_a_canvas_with_another_context(fake_page):
    canvas = types.SimpleNamespace(getContext=lambda *_: fake_page.null)
    fake_page.Object = types.SimpleNamespace(fromEntries=dict)
    sys.modules["pyodide.ffi"].to_js = lambda value, **_: value
    with pytest.raises(RuntimeError, match="a context of another kind"):
        page.paint(canvas, np.zeros((1, 1, 4), np.uint8))


# -- the next one -----------------------------------------------------------------------------------------------------


def raw_uses(tree):
    """Where a module takes for None what JavaScript may hand over as null: results of methods that answer with null,
    and attributes with None as a default."""
    wrapped = {
        id(argument)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
        if getattr(node.func, "id", getattr(node.func, "attr", "")) == "given"
        for argument in node.args
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or id(node) in wrapped:
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr in NULLABLE:
            yield node.lineno, f"{node.func.attr}() may be null"
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) == 3:
            yield node.lineno, "an attribute may be null"


def knows_javascript(tree):
    return any(
        (isinstance(node, ast.Import) and any(a.name in ("js", "pyodide_js") for a in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("js", "pyodide")))
        for node in ast.walk(tree)
    )


def test_null_is_asked_for_at_the_border_only():
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        if path.name != "border.py" and knows_javascript(tree):
            found += [f"{path.relative_to(SOURCE)}:{line}: {what}" for line, what in raw_uses(tree)]
    assert found == []


def test_raw_uses_are_found():
    raw = ast.parse("import js\nx = js.localStorage.getItem('a')\ny = getattr(js, 'document', None)")
    assert [line for line, _ in raw_uses(raw)] == [2, 3]
    fine = ast.parse("import js\nx = given(js.localStorage.getItem('a'))\ny = attribute(js, 'document')")
    assert knows_javascript(fine) and list(raw_uses(fine)) == []
