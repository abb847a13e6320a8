"""The queue of a backend with few slots (cases CO-01, CO-02, CO-04)."""

from __future__ import annotations

import asyncio

import pytest

from claude_code_proxy.backends import slots as slots_module
from claude_code_proxy.backends.slots import Priority, Slots
from claude_code_proxy.errors import ProxyError, RetryableError


async def _work(slots: Slots, priority: Priority, name: str, log: list[str], hold: asyncio.Event) -> None:
    with await slots.hold(priority):
        log.append(name)
        await hold.wait()


async def test_without_a_limit_nobody_waits() -> None:
    slots, log, hold = Slots(0, 0), [], asyncio.Event()
    tasks = [asyncio.create_task(_work(slots, Priority.MAIN, str(i), log, hold)) for i in range(50)]
    await asyncio.sleep(0)
    assert len(log) == 50
    hold.set()
    await asyncio.gather(*tasks)


async def test_no_more_than_the_limit_at_once_and_all_get_their_turn() -> None:
    slots, running, most = Slots(5, 100), 0, 0

    async def work() -> None:
        nonlocal running, most
        with await slots.hold(Priority.MAIN):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001)
            running -= 1

    await asyncio.gather(*(work() for _ in range(40)))
    assert (most, running, slots.waiting) == (5, 0, 0)


async def test_main_goes_before_subagents_before_background() -> None:
    slots, log, hold = Slots(1, 10), [], asyncio.Event()
    tasks = [asyncio.create_task(_work(slots, Priority.MAIN, "first", log, hold))]
    await asyncio.sleep(0)
    for priority in (Priority.BACKGROUND, Priority.SUBAGENT, Priority.MAIN, Priority.SUBAGENT):
        tasks.append(asyncio.create_task(_work(slots, priority, priority.name, log, hold)))
        await asyncio.sleep(0)
    hold.set()
    await asyncio.gather(*tasks)
    assert log == ["first", "MAIN", "SUBAGENT", "SUBAGENT", "BACKGROUND"]


async def test_background_work_gets_its_turn_behind_ever_new_main_turns() -> None:
    slots, log = Slots(1, 10), []

    async def turn(left: int) -> None:
        with await slots.hold(Priority.MAIN):
            log.append("main")
            if left and "background" not in log:
                tasks.append(asyncio.create_task(turn(left - 1)))
                await asyncio.sleep(0)

    async def background() -> None:
        with await slots.hold(Priority.BACKGROUND):
            log.append("background")

    tasks = [asyncio.create_task(turn(100)), asyncio.create_task(background())]
    await tasks[1]
    await asyncio.gather(*tasks)
    assert 0 < log.index("background") < 10


async def test_who_leaves_the_queue_takes_no_slot() -> None:
    slots, log, hold = Slots(1, 10), [], asyncio.Event()
    first = asyncio.create_task(_work(slots, Priority.MAIN, "first", log, hold))
    await asyncio.sleep(0)
    leaver = asyncio.create_task(_work(slots, Priority.MAIN, "leaver", log, hold))
    last = asyncio.create_task(_work(slots, Priority.MAIN, "last", log, hold))
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.gather(leaver, return_exceptions=True)
    hold.set()
    await asyncio.gather(first, last)
    assert log == ["first", "last"]


async def test_who_is_cancelled_in_the_moment_of_its_turn_gives_the_slot_on() -> None:
    slots, log, hold = Slots(1, 10), [], asyncio.Event()
    first = asyncio.create_task(_work(slots, Priority.MAIN, "first", log, hold))
    await asyncio.sleep(0)
    unlucky = asyncio.create_task(_work(slots, Priority.MAIN, "unlucky", log, hold))
    last = asyncio.create_task(_work(slots, Priority.MAIN, "last", log, hold))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    unlucky.cancel()
    hold.set()
    await asyncio.wait_for(last, 5)
    assert log[-1] == "last"


async def test_an_exception_frees_the_slot() -> None:
    slots = Slots(1, 10)
    with pytest.raises(RuntimeError), await slots.hold(Priority.MAIN):
        raise RuntimeError
    async with asyncio.timeout(5):
        with await slots.hold(Priority.MAIN):
            pass


async def test_a_full_queue_is_told_at_once() -> None:
    slots, log, hold = Slots(1, 1), [], asyncio.Event()
    tasks = [asyncio.create_task(_work(slots, Priority.MAIN, str(i), log, hold)) for i in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ProxyError) as told, await slots.hold(Priority.MAIN):
        pass
    assert (told.value.status, told.value.type, told.value.retry_after) == (429, "rate_limit_error", 5)
    assert "QUEUE_LIMIT" in told.value.message
    hold.set()
    await asyncio.gather(*tasks)


# -- a backend that has fewer slots than anybody said ------------------------------------------------------------------


class Narrow:
    """A backend that works on `most` at once and refuses the rest. calls: how often it was asked."""

    def __init__(self, most: int) -> None:
        self.most, self.running, self.calls = most, 0, 0

    async def ask(self) -> None:
        self.calls += 1
        if self.running >= self.most:
            raise RetryableError("too many", status=429)
        self.running += 1
        await asyncio.sleep(0.002)
        self.running -= 1


async def _insist(slots: Slots, backend: Narrow) -> int:
    """Ask until there is an answer; return how often a refusal was no matter of the crowd."""
    alone = 0
    while True:
        try:
            with await slots.hold(Priority.MAIN) as slot:
                await backend.ask()
                return alone
        except RetryableError:
            alone += not slot.crowded
            if alone > 2:
                return alone


async def test_a_burst_at_a_narrow_backend_becomes_a_queue() -> None:
    slots, backend = Slots(0, 100), Narrow(5)
    assert await asyncio.gather(*(_insist(slots, backend) for _ in range(60))) == [0] * 60
    assert backend.calls < 60 + 55 + 30, "each refused once, and now and then one too many was tried"


async def test_a_backend_that_refuses_everything_is_not_asked_for_ever() -> None:
    slots, backend = Slots(0, 100), Narrow(0)
    assert await asyncio.gather(*(_insist(slots, backend) for _ in range(20))) == [3] * 20
    assert backend.calls <= 20 * 4


async def test_one_that_is_refused_alone_learns_nothing() -> None:
    slots, backend = Slots(0, 100), Narrow(0)
    assert await _insist(slots, backend) == 3
    backend.most = 50
    await asyncio.gather(*(_insist(slots, backend) for _ in range(50)))
    assert backend.calls == 3 + 50


async def test_a_refused_request_is_tried_again_though_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What refused it may have been a rate, not the crowd; and what was learned is not believed for ever."""
    monkeypatch.setattr(slots_module, "_ONE_MORE", 0.01)
    monkeypatch.setattr(slots_module, "_BELIEVED", 0.05)
    slots, backend, hold = Slots(0, 10), Narrow(0), asyncio.Event()
    long = asyncio.create_task(_work(slots, Priority.MAIN, "long", [], hold))
    await asyncio.sleep(0)
    asked = asyncio.create_task(_insist(slots, backend))
    await asyncio.sleep(0)
    backend.most = 1
    assert await asked == 0
    assert not long.done()
    await asyncio.sleep(0.1)
    assert slots._learned == 0
    hold.set()
    await long
