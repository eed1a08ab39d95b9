"""Tasks beside each other: what one has opened around an await is none of the others' business."""

import asyncio

import pytest

import weblayers as wl

pytestmark = pytest.mark.usefixtures("backend")


class Turns:
    """Tasks that wait for each other's turns by number."""

    def __init__(self):
        self._events = {}

    def _event(self, number):
        return self._events.setdefault(number, asyncio.Event())

    def reached(self, number):
        self._event(number).set()

    async def wait(self, number):
        await asyncio.wait_for(self._event(number).wait(), 30)


def test_a_scope_around_an_await_leaves_other_tasks_tensors_alone():
    async def main():
        turns = Turns()

        async def scoped():
            with wl.tidy():
                mine = wl.ones([2]) * 2
                turns.reached(1)
                await turns.wait(2)
            return mine

        async def other():
            await turns.wait(1)
            theirs = wl.ones([2]) * 3
            turns.reached(2)
            return theirs

        return await asyncio.gather(scoped(), other())

    mine, theirs = asyncio.run(main())
    assert mine.is_disposed
    assert theirs.array_sync() == [3, 3]


def test_scopes_that_overlap_close_their_own():
    async def main():
        turns = Turns()

        async def scoped(open_at, close_at):
            await turns.wait(open_at)
            with wl.tidy():
                mine = wl.ones([2])
                turns.reached(open_at + 1)
                await turns.wait(close_at)
                inside = mine.is_disposed
            turns.reached(close_at + 1)
            return inside, mine.is_disposed

        turns.reached(0)
        turns.reached(2)
        return await asyncio.gather(scoped(0, 2), scoped(1, 3))

    assert asyncio.run(main()) == [(False, True), (False, True)]


def test_a_task_that_was_begun_in_a_scope_outlives_it():
    async def main():
        turns = Turns()

        async def background():
            made = wl.ones([2])
            inner = wl.tidy(lambda: made + 1)
            turns.reached(1)
            await turns.wait(2)
            return (made + inner).array_sync()

        with wl.tidy():
            task = asyncio.ensure_future(background())
            await turns.wait(1)
        turns.reached(2)
        return await task

    assert asyncio.run(main()) == [3, 3]


def test_a_fit_goes_on_beside_a_scope():
    async def main():
        model = wl.sequential([wl.layers.dense(units=1, input_shape=[1])])
        model.compile(optimizer="sgd", loss="mse")
        begun, waited = asyncio.Event(), asyncio.Event()

        async def drawing():
            with wl.tidy():
                begun.set()
                await waited.wait()

        async def training():
            await begun.wait()
            xs = wl.tensor([[1.0], [2.0]])
            history = await model.fit(xs, xs, epochs=3, verbose=0, callbacks={"on_epoch_end": lambda *_: None})
            waited.set()
            return history

        history, _ = await asyncio.gather(training(), drawing())
        return history.history["loss"]

    assert len(asyncio.run(main())) == 3


def test_a_profile_records_the_ops_of_its_own_task():
    async def main():
        turns = Turns()

        async def profiled():
            wl.ones([2]) + 1
            turns.reached(1)
            await turns.wait(2)

        async def other():
            await turns.wait(1)
            wl.ones([2]) * 2
            turns.reached(2)

        found, _ = await asyncio.gather(wl.profile(profiled), other())
        return found["kernel_names"]

    assert asyncio.run(main()) == ["add"]
