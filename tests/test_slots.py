"""The queue of a backend with few slots (cases CO-01, CO-02, CO-04)."""

from __future__ import annotations

import asyncio

import pytest

from claude_code_proxy.backends.slots import Priority, Slots
from claude_code_proxy.errors import ProxyError


async def _work(slots: Slots, priority: Priority, name: str, log: list[str], hold: asyncio.Event) -> None:
    async with slots.hold(priority):
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
        async with slots.hold(Priority.MAIN):
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
    with pytest.raises(RuntimeError):
        async with slots.hold(Priority.MAIN):
            raise RuntimeError
    async with asyncio.timeout(5), slots.hold(Priority.MAIN):
        pass


async def test_a_full_queue_is_told_at_once() -> None:
    slots, log, hold = Slots(1, 1), [], asyncio.Event()
    tasks = [asyncio.create_task(_work(slots, Priority.MAIN, str(i), log, hold)) for i in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ProxyError) as told:
        async with slots.hold(Priority.MAIN):
            pass
    assert (told.value.status, told.value.type, told.value.retry_after) == (429, "rate_limit_error", 5)
    assert "QUEUE_LIMIT" in told.value.message
    hold.set()
    await asyncio.gather(*tasks)
