"""What the other browser tests take for granted: versions, WebGL2, and the ways to load weblayers."""

import zipfile
from pathlib import Path

import pytest

import weblayers

NUMPY_VERSIONS = {"314.0.3": "2.4.3", "0.27.7": "2.0.2"}
DIST = Path(__file__).parents[2] / "build" / "dist"


def test_versions(browser):
    versions = browser.run_python("import numpy, weblayers; [numpy.__version__, weblayers.__version__]")
    assert versions == [NUMPY_VERSIONS[browser.pyodide_version], weblayers.__version__]


def test_webgl2_renders_to_float_textures(browser):
    extensions = browser.run_js("""
        const gl = document.createElement("canvas").getContext("webgl2");
        return gl && gl.getSupportedExtensions();
    """)
    assert extensions is not None
    assert {"EXT_color_buffer_float", "WEBGL_lose_context"} <= set(extensions)


def test_run_python(browser):
    assert browser.run_python("import asyncio; await asyncio.sleep(0, [x, 'ü'])", x=1.5) == [1.5, "ü"]
    assert browser.run_python("import numpy; numpy.arange(3)") == [0, 1, 2]
    assert browser.run_python("x = 1") is None


def test_run_python_passes_exceptions_on(browser):
    with pytest.raises(browser.PythonError, match="ValueError: too bad") as caught:
        browser.run_python("""
            def fail():
                raise ValueError("too bad")
            fail()
        """)
    assert caught.value.kind == "ValueError"
    assert "in fail" in str(caught.value)


def test_glue_is_registered(browser):
    assert browser.run_python("import weblayers_glue; hasattr(weblayers_glue, 'createDevice')")


def test_micropip_installs_the_wheel_by_url(browser):
    """In a page that has Pyodide but not weblayers nor its glue, with nothing to reach but the page's own server."""
    [wheel] = DIST.glob("*.whl")
    found = browser.run_js(
        """
        const { loadPyodide } = await import(new URL("pyodide.mjs", location));
        const fresh = await loadPyodide();
        await fresh.loadPackage("micropip");
        return await fresh.runPythonAsync(`
            import micropip
            await micropip.install("WHEEL")
            import weblayers as wl
            doubled = wl.tensor1d([1, 2]) * 2
            model = wl.sequential([wl.layers.dense(1, input_shape=[1])])
            await model.save("line.keras")
            await wl.load_layers_model("line.keras")
            from weblayers.runtime import glue
            glue.load = None  # as where evaluating is forbidden
            script = await glue.load_async()
            [wl.__version__, wl.get_backend(), str(doubled.numpy().tolist()), hasattr(script, "createDevice")]
        `).then((list) => list.toJs());
        """.replace("WHEEL", f"{browser.url}/{wheel.name}")
    )
    assert found == [weblayers.__version__, "wasm", "[2.0, 4.0]", True]


def test_wheel_is_pure_python_and_carries_the_scripts():
    [wheel] = DIST.glob("*.whl")
    assert wheel.name == f"weblayers-{weblayers.__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert {"weblayers/glue/weblayers_glue.mjs", "weblayers/io/keras/assets/weblayers_hdf5.mjs"} <= set(names)
    assert all(name.startswith(("weblayers/", "weblayers-")) for name in names)
