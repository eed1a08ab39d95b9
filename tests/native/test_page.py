"""What programs say to their page, on a host that writes it down."""

import asyncio
import gc
import html

import numpy as np
import pytest

import weblayers as wl
from weblayers import page
from weblayers.callbacks import base
from weblayers.page import reins
from weblayers.page.failures import failure
from weblayers.page.figures import figures
from weblayers.page.hosts import Host


@pytest.fixture
def told(page_host):
    """What the page is told."""
    return page_host


def test_controls_hear_and_are_set(told):
    heard = []
    rate = page.slider("Rate", 0.001, 1, 0.1, log=True, on_change=heard.append)
    control = told.said[-1]
    assert control["kind"] == "slider" and control["value"] == 0.1 and control["log"]
    told.hear(control["id"], 0.5)
    assert heard == [0.5] and rate.value == 0.5
    rate.value = 0.2
    assert told.said[-1] == {"type": "set", "id": control["id"], "value": 0.2}


@pytest.mark.parametrize(
    ("remembered", "value"),
    [(7, 7), (7.0, 7), (99, 4), (0, 4), ("7", 4), (None, 4), (True, 4), (float("nan"), 4), ([1], 4)],
)
def test_controls_are_what_the_address_remembers_if_they_can_be(told, remembered, value):
    told.given = {"Units": remembered}
    units = page.number("Units", 4, minimum=1, maximum=9)
    assert units.value == value and type(units.value) is int


def test_some_controls_are_no_business_of_the_address(told):
    told.given = {"Weight": 7, "Neuron": "b"}
    assert page.number("Weight", 4, linked=False).value == 4
    assert page.choice("Neuron", ["a", "b"], linked=False).value == "a"
    assert [message["linked"] for message in told.said] == [False, False]
    assert page.choice("Neuron", ["a", "b"]).value == "b" and told.said[-1]["linked"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: page.slider("a", 0, 1, 2), "slider 'a': 2 is above the maximum 1"),
        (lambda: page.slider("a", 0, 1, log=True), "slider 'a': a logarithmic scale"),
        (lambda: page.slider("a", 0, 1, step=0), "slider 'a': a step is above 0, got 0"),
        (lambda: page.slider("a", 0, float("inf")), "slider 'a': maximum is a finite number, got inf"),
        (lambda: page.slider("a", 2, 1), "slider 'a': nothing lies between"),
        (lambda: page.number("a", 0, 1), "number 'a': 0 is below the minimum 1"),
        (lambda: page.number("a", 5, 9, 1), "number 'a': nothing lies between the minimum 9 and the maximum 1"),
        (lambda: page.number("a", float("nan")), "number 'a': value is a finite number, got nan"),
        (lambda: page.number("a", "4"), "number 'a': value is a number, got '4'"),
        (lambda: page.choice("a", []), "choice 'a' needs an option"),
        (lambda: page.choice("a", ["x"], "y"), "choice 'a': 'y' is none of"),
        (lambda: page.choice("a", ["x", "x"]), "choice 'a': 'x' is there twice"),
        (lambda: page.choice("a", [1, 2]), "choice 'a': options are texts, got 1"),
        (lambda: page.button(None, print), "a button needs a text as its label, got None"),
        (lambda: page.button("a", None), "button 'a' needs a function to call, got None; what was given"),
        (lambda: page.text("a", None), "text 'a': its value is a text, got None"),
        (lambda: page.checkbox("a", "no"), "checkbox 'a': its value is True or False, got 'no'"),
        (lambda: page.text("a", on_change="f"), "text 'a' needs a function to call, got 'f'"),
        (lambda: page.checkbox("a", where=3), "checkbox 'a': where is the name of a place, got 3"),
        (lambda: page.on("a", 3), r"page.on\('a', ...\) needs a function to call, got 3"),
        (lambda: page.show(np.ones([0, 3])), r"an array of shape \[0, 3\] is empty"),
        (lambda: page.send("a", {"x": [object]}), r"page.send\('a', ...\): type cannot be sent to the page, which"),
    ],
)
def test_what_cannot_be_is_refused(told, make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()
    assert told.said == []


@pytest.mark.parametrize(
    ("make", "good", "bad"),
    [
        (lambda value: page.slider("a", 0, 1, value), [0.5, np.float32(0.25)], [7, float("nan"), "0.5", None]),
        (lambda value: page.number("a", value, 1, 9), [4, np.int64(5)], [0, 10, True, None]),
        (lambda value: page.choice("a", ["x", "y"], value), ["x", "y"], ["z", 1]),
        (lambda value: page.checkbox("a", value), [True, np.bool_(False)], ["no", 1, None]),
        (lambda value: page.text("a", value), ["x", ""], [3, None]),
    ],
    ids=["slider", "number", "choice", "checkbox", "text"],
)
def test_what_a_control_is_set_to_is_checked_as_what_it_begins_with(told, make, good, bad):
    control = make(good[0])
    for value in bad:
        with pytest.raises((TypeError, ValueError)) as set_to:
            control.value = value
        assert control.value == good[0]
        # nothing is what it begins with by default, where there is a default
        if value is not None or isinstance(control.value, str | bool):
            with pytest.raises(set_to.type) as begun:
                make(value)
            assert str(begun.value) == str(set_to.value)
    assert len(told.said) == 1
    control.value = good[1]
    # as JSON has it
    assert told.said[-1]["value"] == good[1] and not isinstance(control.value, np.generic)


def test_what_is_sent_keeps_its_shape(told):
    page.send("x", {"a": np.arange(6.0).reshape(2, 3).T, "t": wl.ones([1, 2]), 1: (None, b"ab"), "h": np.float16(2)})
    value = told.said[-1]["value"]
    assert [row.tolist() for row in value["a"]] == [[0, 3], [1, 4], [2, 5]]
    assert [row.tolist() for row in value["t"]] == [[1, 1]] and value["h"] == 2
    assert value["1"][0] is None and value["1"][1].tolist() == [97, 98]


def test_what_the_page_gives_is_python_s_and_can_be_sent_back(told, fake_page):
    """By messages, as by calls."""
    heard = []
    page.on("x", heard.append)
    typed = [np.array([1, 2], dtype) for dtype in ("f4", "f8", "u1", "i2", "u4", "i8")]
    told.hear("message:x", {"n": fake_page.null, "l": [fake_page.null, 3], "t": [memoryview(each) for each in typed]})
    told.hear("message:x", fake_page.null)
    value, nothing = heard
    assert nothing is None and value["n"] is None and value["l"] == [None, 3]
    for before, after in zip(typed, value["t"], strict=True):
        assert type(after) is np.ndarray and after.dtype == before.dtype and after.tolist() == [1, 2]
    page.send("back", value)
    assert [each.tolist() for each in told.said[-1]["value"]["t"]] == [[1, 2]] * len(typed)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("multi\nline\n\nmessage"), "ValueError: multi"),
        (ValueError("\n\n  late"), "ValueError: late"),
        (KeyError("x"), "KeyError: 'x'"),
        (AssertionError(), "AssertionError"),
        (SystemExit(3), "it has ended itself: exit(3)"),
        (SystemExit("no data"), "it has ended itself: no data"),
    ],
)
def test_headlines_of_errors(error, text):
    error.add_note("a note")
    told = failure(error)
    assert told["text"] == text and "a note" in told["traceback"]
    with pytest.raises(SyntaxError) as caught:
        compile("a b\n", "program.py", "exec")
    assert failure(caught.value)["text"] == "SyntaxError: invalid syntax"


def test_who_exits_in_a_control_is_told_of(told):
    page.button("Exit", lambda: exit(3)).click()
    assert told.said[-1]["text"] == "it has ended itself: exit(3)"
    # with nothing to complain of
    count = len(told.said)
    for code in (None, 0, False):
        page.button("Exit", lambda code=code: exit(code)).click()
    assert [m["type"] for m in told.said[count:]].count("error") == 0

    async def interrupted():
        raise KeyboardInterrupt

    async def main():
        page.button("Break", interrupted).click()
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert "KeyboardInterrupt" in [m.get("text") for m in told.said]


def test_what_is_left_of_a_run_before_is_not_heard(monkeypatch):
    """It knows its run by the context in which it goes on."""
    said = []

    async def main():
        host = Host()

        async def loop():
            while True:
                said.append(host.is_left_over)
                await asyncio.sleep(0)

        async def run():
            host.forget()
            host.on("go", lambda value: loop())

        await asyncio.ensure_future(run())
        host.hear("go")
        await asyncio.sleep(0.01)
        assert said and not any(said)
        await asyncio.ensure_future(run())
        said.clear()
        await asyncio.sleep(0.01)
        assert said and all(said) and not host.is_left_over

    monkeypatch.setattr(Host, "post", lambda self, message: None)
    asyncio.run(main())


def test_a_button_that_works_is_clicked_once(told):
    calls = []

    async def main():
        go_on = asyncio.Event()

        async def work():
            calls.append("begun")
            await go_on.wait()

        button = page.button("Work", work)
        for _ in range(3):
            button.click()
            await asyncio.sleep(0)
        go_on.set()
        for _ in range(3):
            await asyncio.sleep(0)
        button.click()
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert calls == ["begun", "begun"]
    assert [m["busy"] for m in told.said if m["type"] == "busy"] == [True, False, True, False]


def test_what_goes_wrong_is_told_with_the_program_s_line(told):
    def wrong():
        return 1 / 0

    page.button("Wrong", wrong).click()
    error = told.said[-1]
    assert error["type"] == "error" and error["text"] == "ZeroDivisionError: division by zero"
    program = "x = 1\nx.y\n"
    try:
        exec(compile(program, "program.py", "exec"), {})
    except AttributeError as failed:
        said = failure(failed, "program.py")
        assert said["line"] == 2
        # the program's own frames are the first
        assert said["traceback"].splitlines()[1].strip().startswith('File "program.py", line 2')
    try:
        compile("a b\n", "program.py", "exec")
    except SyntaxError as failed:
        said = failure(failed, "program.py")
        assert said["line"] == 1
        assert said["traceback"].startswith('  File "program.py", line 1')


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (2, 3, 3), (2, 3, 4)])
def test_pictures(told, dtype, shape):
    page.show(np.ones(shape, dtype), where="picture")
    content = told.said[-1]["content"]
    assert (content["kind"], content["width"], content["height"]) == ("picture", 3, 2)
    level = 255 if dtype in ("float32", "float64", "bool") else 1
    assert content["pixels"].shape == (2, 3, 4) and (content["pixels"][..., 0] == level).all()
    assert content["html"].startswith("<img")


def test_what_is_no_picture(told):
    page.show(wl.tensor1d([1, 2]), where="a")
    assert told.said[-1]["content"]["kind"] == "html"
    page.show("<b>text</b>", where="a")
    assert told.said[-1]["content"]["html"] == "<pre>&lt;b&gt;text&lt;/b&gt;</pre>"
    with pytest.raises(ValueError, match="must be from 0 to 1"):
        page.show(np.full((2, 2), np.nan))


class Shown:
    """What notebooks show in one way or another."""

    def __init__(self, **ways):
        vars(self).update({f"_repr_{kind}_": lambda made=made: made for kind, made in ways.items()})

    def __repr__(self):
        return "<a thing>"


SVG = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" {}>{}</svg>'


@pytest.mark.parametrize(
    ("shown", "start", "text"),
    [
        (Shown(html=None, svg=SVG.format("", "<g><title>part</title></g>")), "data:image/svg+xml;base64,", "<a thing>"),
        (Shown(svg=SVG.format('role="img" aria-label="a &lt; b"', "")), "data:image/svg+xml;base64,", "a < b"),
        (Shown(svg=SVG.format("", "\n<title>a whole</title>")), "data:image/svg+xml;base64,", "a whole"),
        (Shown(svg=None, png=b"\x89PNG"), "data:image/png;base64,iVBORw==", "<a thing>"),
        (Shown(png=("iVBORw==", {"width": 1})), "data:image/png;base64,iVBORw==", "<a thing>"),
        (Shown(jpeg=b"\xff"), "data:image/jpeg;base64,/w==", "<a thing>"),
    ],
)
def test_what_notebooks_show_as_pictures(told, shown, start, text):
    page.show(shown)
    content = told.said[-1]["content"]
    assert content["kind"] == "image" and content["text"] == text and content["source"].startswith(start)
    assert content["html"].startswith(f'<img alt="{html.escape(text)}"') and content["source"] in content["html"]


def test_html_is_preferred_and_what_shows_nothing_is_text(told):
    page.show(Shown(svg="<svg/>", html="<b>bold</b>"))
    assert told.said[-1]["content"] == {"kind": "html", "html": "<b>bold</b>", "text": "<a thing>"}
    page.show(Shown(html=None, png=None))
    assert told.said[-1]["content"]["text"] == "<a thing>" and told.said[-1]["content"]["kind"] == "text"
    page.show(wl.plot_model(wl.sequential([wl.layers.dense(1, input_shape=[2])], name="small")))
    assert told.said[-1]["content"]["text"] == "small: InputLayer, Dense"


def test_each_fit_is_told_and_may_be_stopped(told, monkeypatch):
    monkeypatch.setattr(base, "_constructors", [(0, reins.Reporter)])
    model = wl.sequential([wl.layers.dense(1, input_shape=[2])])
    model.compile("sgd", "mse")
    x, y = wl.ones([8, 2]), wl.ones([8, 1])

    async def main():
        await model.fit(x, y, epochs=3, batch_size=4, verbose=0)
        fit = model.fit(x, y, epochs=100_000, verbose=0)
        while sum(m["type"] == "epoch" for m in told.said) < 5:
            await asyncio.sleep(0)
        reins.pause()
        assert fit.paused
        reins.resume()
        reins.stop()
        history = await fit
        # who was asked to stop begins no other training, until he is asked for something
        with pytest.raises(asyncio.CancelledError):
            await model.fit(x, y, verbose=0)
        told.hear("anything")
        await model.fit(x, y, verbose=0)
        return history

    history = asyncio.run(main())
    assert 1 < len(history.epoch) < 100_000
    kinds = [m["type"] for m in told.said if m["type"] != "progress"]
    assert kinds[:7] == ["training", "backend", "epoch", "epoch", "backend", "epoch", "training"]
    assert told.said[0] == {
        "type": "training",
        "running": True,
        "paused": False,
        "unit": "epoch",
        "epochs": 3,
        "steps": 2,
        "samples": 8,
        "batch_size": 4,
    }
    assert all(np.isfinite(m["logs"]["loss"]) for m in told.said if m["type"] == "epoch")


@pytest.mark.parametrize("steered", [False, True])
def test_a_fit_that_is_stopped_before_its_first_step_ends_the_program(told, monkeypatch, steered):
    """As there is no loss that it could go on with."""
    monkeypatch.setattr(base, "_constructors", [(0, reins.Reporter)])
    model = wl.sequential([wl.layers.dense(1, input_shape=[2])])
    model.compile("sgd", "mse")
    fit = page.training(model, "line").fit if steered else model.fit

    async def main():
        history = await fit(
            wl.ones([8, 2]), wl.ones([8, 1]), verbose=0, callbacks={"on_train_begin": lambda logs: reins.stop()}
        )
        pytest.fail(f"{history.history['loss']}")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert [m["running"] for m in told.said if m["type"] == "training"] == [True, False]


def test_rounds_that_are_stopped_before_the_first_one_end_the_program(told):
    """As where one is paused, and another takes its place."""
    model = wl.sequential([wl.layers.dense(1, input_shape=[2])])
    model.compile("sgd", "mse")
    training = page.training(model, "line")
    training._begins_paused = True

    async def main():
        asyncio.get_running_loop().call_later(0.1, reins.stop)
        async for round in training.rounds(3):
            pytest.fail(f"round {round}")
        pytest.fail("it went on")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_figures(backend):
    """What the page's panel shows: who computes, what lives, and what the devices have done."""
    # what other tests have left goes now
    gc.collect()
    before = figures()
    model = wl.sequential([wl.layers.dense(units=1, input_shape=[1])])
    model.compile("sgd", "mse")

    async def main():
        await model.fit(wl.ones([4, 1]), wl.ones([4, 1]), epochs=3, verbose=0)

    asyncio.run(main())
    after = figures()
    assert after["backend"] == backend and after["why"] == wl.why()
    assert after["tensors"] - before["tensors"] >= 2 and after["bytes"] > before["bytes"]
    if backend == "numpy":
        assert after["devices"] == []
    else:
        [device] = after["devices"]
        assert device["name"] == backend and device["bytes"] > 0
        assert device["steps"] - before["devices"][0]["steps"] == 3
        assert device["draws"] > before["devices"][0]["draws"]


def test_what_has_gone_wrong_with_a_control_is_told_and_mended(told):
    async def later(value):
        await asyncio.sleep(0)
        return 1 / value

    async def main():
        page.number("At once", 1, on_change=lambda value: 1 / value)
        page.number("Later", 1, on_change=later)
        for label in ("At once", "Later"):
            event = told.control(label)["id"]
            for value in (0, 0, 2, 3):
                told.put(label, value)
                await asyncio.sleep(0.01)
            heard = [m["type"] for m in told.said if m.get("id") == event]
            # what is async is taken for mended until it fails again
            again = ["error", "error"] if label == "At once" else ["error", "mended", "error"]
            assert heard == ["control", *again, "mended"]

    asyncio.run(main())
