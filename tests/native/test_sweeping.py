"""Many runs of a function: one after the other where there is no page, and what a page's workers are told."""

import asyncio
import linecache

import numpy as np
import pytest

import weblayers as wl
from weblayers.page import hosts, sweeping
from weblayers.page.program import Program


def scaled(x, by):
    x *= by
    return x


async def trained(rate):
    if rate < 0:
        raise ValueError("no such rate")
    model = wl.sequential([wl.layers.dense(units=1, input_shape=[1])])
    model.compile(wl.train.sgd(rate), "mse")
    return (await model.fit(wl.ones([4, 1]), wl.ones([4, 1]), epochs=2, verbose=0)).history


def swept(*args, **options):
    return asyncio.run(wl.page.sweep(*args, **options))


def test_runs_are_in_order_and_their_errors_their_own():
    heard = []
    runs = swept(trained, [{"rate": 0.1}, {"rate": -1}, {"rate": 0.2}], on_run=heard.append)
    assert runs == heard and [run.settings["rate"] for run in runs] == [0.1, -1, 0.2]
    assert [run.error for run in runs] == [None, "ValueError: no such rate", None]
    assert runs[1].result is None and len(runs[2].result["loss"]) == 2
    assert swept(trained, []) == []


def test_what_runs_are_given_is_their_own():
    """As in workers: none sees what another has done to it."""
    x = np.arange(3.0)
    runs = swept(scaled, [{"by": 2}, {"by": 3}], shared={"x": x})
    assert [run.result.tolist() for run in runs] == [[0, 2, 4], [0, 3, 6]] and x.tolist() == [0, 1, 2]


def test_what_cannot_be_swept():
    with pytest.raises(ValueError, match="a function of the program's top level, got <function"):
        swept(lambda x: x, [{"x": 1}])
    with pytest.raises(ValueError, match="a worker at least, got workers=0"):
        swept(scaled, [], workers=0)
    with pytest.raises(TypeError, match="arguments and results are arrays, numbers, texts"):
        swept(scaled, [{"x": 1, "by": lambda: 1}])


class Page(hosts.PageHost):
    """A page with a worker, or without any."""

    def __init__(self, worker):
        super().__init__(None)
        self.said, self._worker = [], worker

    def post(self, message):
        if message["type"] != "working":
            self.said.append(message["type"])
        if message["type"] == "sweep":
            self.run(lambda: self._work(message))

    async def _work(self, message):
        hear = f"sweep{message['id']}"
        if self._worker is None:
            self.hear(hear, {})
            return
        self._worker.define(message["source"], message["filename"])
        # they end in any order
        for index in reversed(range(len(message["tasks"]))):
            outcome = await self._worker.task(message["function"], message["tasks"][index])
            self.hear(hear, {"index": index, **outcome})


PROGRAM = """
import numpy as np

TWICE = 2
seed = sum([1, 2])


def helper(x):
    return x * TWICE


def good(x):
    return np.array([helper(x)])


def bad(x):
    return worse(x)


def worse(x):
    return x + seed
"""


@pytest.fixture
def names():
    """What a program of that text has defined."""
    found = {"__name__": "__main__"}
    linecache.cache["program.py"] = (len(PROGRAM), None, PROGRAM.splitlines(True), "program.py")
    exec(compile(PROGRAM, "program.py", "exec"), found)
    yield found
    del linecache.cache["program.py"]


@pytest.mark.parametrize("worker", [True, False], ids=["worker", "no worker"])
def test_workers_know_what_the_program_defines(monkeypatch, names, worker):
    page = Page(Program() if worker else None)
    monkeypatch.setattr(hosts, "_hosts", [page])
    heard = []
    runs = swept(names["good"], [{"x": 1}, {"x": 2}, {"x": "a"}], on_run=lambda run: heard.append(run.settings["x"]))
    assert [run.result and run.result.tolist() for run in runs] == [[2], [4], ["aa"]]
    assert heard == (["a", 2, 1] if worker else [1, 2, "a"])
    assert page.said == ["sweep", "swept"]


def test_what_workers_do_not_know_is_told_before_they_begin(monkeypatch, names):
    page = Page(None)
    monkeypatch.setattr(hosts, "_hosts", [page])
    message = r"worse reads 'seed', which a worker does not know, .* shared=\{'seed': seed\}"
    with pytest.raises(ValueError, match=message):
        swept(names["bad"], [{"x": 1}])
    assert not page.said


def test_a_program_that_ends_lets_its_workers_go(monkeypatch, names):
    page = Page(None)
    monkeypatch.setattr(hosts, "_hosts", [page])
    monkeypatch.setattr(page, "_work", lambda message: None)

    async def main():
        task = asyncio.ensure_future(wl.page.sweep(names["good"], [{"x": 1}]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert page.said == ["sweep", "swept"]


def test_definitions_train_nothing():
    source = (
        "import a\nfrom b import c\nX, Y = 1, [2]\nz = a.f()\nclass K:\n    pass\nasync def f():\n    pass\nawait f()"
    )
    with pytest.raises(SyntaxError):
        compile(source, "p.py", "exec")
    found = sweeping.definitions(source, "p.py")
    assert "await" not in found and "z =" not in found and found.count("\n") == 6
