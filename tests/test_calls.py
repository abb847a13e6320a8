"""Which call a fragment belongs to, in every way backends number fragments (translation reference 5.4, ST-04 to ST-09)."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest

from claude_code_proxy.translate.calls import Calls
from claude_code_proxy.translate.deltas import ToolFragment

KNOWN = frozenset({"Read", "Bash", "get_weather"})


def part(
    arguments: str = "",
    index: int | None = None,
    id: str | None = None,  # noqa: A002 - the field's own name
    name: str = "",
    state: str | None = None,
) -> ToolFragment:
    return ToolFragment(index=index, id=id, name=name, arguments=arguments, state=state)


def collect(fragments: list[ToolFragment], known: frozenset[str] = KNOWN) -> list[tuple[str | None, str, str]]:
    calls = Calls(known)
    for fragment in fragments:
        calls.add(fragment)
    return [(call.id, call.name, call.arguments) for call in calls.all if not (call.echo and not call.arguments)]


CASES: list[tuple[str, list[ToolFragment], list[tuple[str | None, str, str]]]] = [
    (
        "OpenAI: an index on each, id and name on the first",
        [part("", 0, "a", "Read"), part('{"p"', 0), part(":1}", 0), part("", 1, "b", "Bash"), part('{"c":2}', 1)],
        [("a", "Read", '{"p":1}'), ("b", "Bash", '{"c":2}')],
    ),
    (
        "interleaved by index",
        [part("", 0, "a", "Read"), part("", 1, "b", "Read"), part('{"p"', 1), part('{"p"', 0), part(":1}", 0), part(":2}", 1)],
        [("a", "Read", '{"p":1}'), ("b", "Read", '{"p":2}')],
    ),
    (
        "indices that do not begin at 0 and have gaps",
        [part("{}", 3, "a", "Read"), part("{}", 1, "b", "Bash")],
        [("a", "Read", "{}"), ("b", "Bash", "{}")],
    ),
    (
        "ST-04: index 0 on all, the id tells them apart",
        [part('{"p":1}', 0, "a", "Read"), part('{"p":2}', 0, "b", "Read")],
        [("a", "Read", '{"p":1}'), ("b", "Read", '{"p":2}')],
    ),
    (
        "ST-04: index 0 on all, in pieces, the id only on the first of each",
        [part("", 0, "a", "Read"), part('{"p":1}', 0), part("", 0, "b", "Read"), part('{"p":', 0), part("2}", 0)],
        [("a", "Read", '{"p":1}'), ("b", "Read", '{"p":2}')],
    ),
    (
        "ST-04: index 0 on all, no ids, other names",
        [part('{"p":1}', 0, None, "Read"), part('{"c":2}', 0, None, "Bash")],
        [(None, "Read", '{"p":1}'), (None, "Bash", '{"c":2}')],
    ),
    (
        "ST-04: index 0 on all, no ids, the same name, other arguments",
        [part('{"p":1}', 0, None, "Read"), part('{"p":2}', 0, None, "Read")],
        [(None, "Read", '{"p":1}'), (None, "Read", '{"p":2}')],
    ),
    (
        "ST-04: index 0 on all, no ids, the same name, the same arguments",
        [part("{}", 0, None, "Read"), part("{}", 0, None, "Read")],
        [(None, "Read", "{}"), (None, "Read", "{}")],
    ),
    (
        "index 0 on all, no ids, the same name first and the arguments later",
        [part("", 0, None, "Read"), part('{"p":1}', 0), part("", 0, None, "Read"), part('{"p":2}', 0)],
        [(None, "Read", '{"p":1}'), (None, "Read", '{"p":2}')],
    ),
    (
        "no ids, the name repeated on each fragment, an empty one last: no call that nobody made",
        [part('{"p"', 0, None, "Read"), part(":1}", 0, None, "Read"), part("", 0, None, "Read")],
        [(None, "Read", '{"p":1}')],
    ),
    (
        "ST-05: no index, ids",
        [part('{"p":1}', None, "a", "Read"), part('{"p":2}', None, "b", "Read")],
        [("a", "Read", '{"p":1}'), ("b", "Read", '{"p":2}')],
    ),
    (
        "ST-05: no index, ids on the first fragment of each only",
        [part("", None, "a", "Read"), part('{"p"', None), part(":1}", None), part("", None, "b", "Read"), part('{"p":2}', None)],
        [("a", "Read", '{"p":1}'), ("b", "Read", '{"p":2}')],
    ),
    (
        "ST-05: neither index nor id, whole calls one after the other",
        [part('{"p":1}', name="Read"), part('{"p":2}', name="Read"), part("{}", name="Bash")],
        [(None, "Read", '{"p":1}'), (None, "Read", '{"p":2}'), (None, "Bash", "{}")],
    ),
    (
        "no index, interleaved by id",
        [part('{"p"', None, "a", "Read"), part('{"p"', None, "b", "Read"), part(":1}", None, "a"), part(":2}", None, "b")],
        [("a", "Read", '{"p":1}'), ("b", "Read", '{"p":2}')],
    ),
    (
        "the index only from the second fragment on",
        [part("", None, "a", "Read"), part('{"p":1}', 0)],
        [("a", "Read", '{"p":1}')],
    ),
    (
        "ST-07: the same id on each fragment",
        [part("", 0, "a", "Read"), part('{"p"', 0, "a"), part(":1}", 0, "a")],
        [("a", "Read", '{"p":1}')],
    ),
    (
        "ST-07: the same id and name on each fragment",
        [part("", 0, "a", "Read"), part('{"p"', 0, "a", "Read"), part(":1}", 0, "a", "Read")],
        [("a", "Read", '{"p":1}')],
    ),
    (
        "ST-07: the same id and name on each fragment, the last one empty",
        [part('{"p":1}', 0, "a", "Read"), part("", 0, "a", "Read")],
        [("a", "Read", '{"p":1}')],
    ),
    (
        "ST-08: no id anywhere",
        [part("", 0, None, "Read"), part('{"p":1}', 0), part("", 1, None, "Bash"), part("{}", 1)],
        [(None, "Read", '{"p":1}'), (None, "Bash", "{}")],
    ),
    (
        "ST-09: the name after the arguments",
        [part('{"a"', 0, "a"), part(":1}", 0), part("", 0, None, "Read")],
        [("a", "Read", '{"a":1}')],
    ),
    (
        "ST-09: the id after the arguments",
        [part('{"a"', 0, None, "Read"), part(":1}", 0), part("", 0, "a")],
        [("a", "Read", '{"a":1}')],
    ),
    (
        "ST-09: the id after the arguments, the name once more",
        [part('{"a":1}', 0, None, "Read"), part("", 0, "a", "Read")],
        [("a", "Read", '{"a":1}')],
    ),
    (
        "the name in pieces",
        [part("", 0, "a", "get_"), part("", 0, None, "weather"), part("{}", 0)],
        [("a", "get_weather", "{}")],
    ),
    (
        "an empty name on later fragments",
        [part("", 0, "a", "Read"), part("{}", 0, None, ""), part("", 0, None, "")],
        [("a", "Read", "{}")],
    ),
    (
        "the whole arguments once more in the last chunk",
        [part("", 0, "a", "Read"), part('{"p"', 0), part(":1}", 0), part('{"p":1}', 0)],
        [("a", "Read", '{"p":1}')],
    ),
    (
        "the whole calls once more in the last chunk",
        [part('{"p":1}', 0, "a", "Read"), part('{"p":2}', 1, "b", "Read"), part('{"p":1}', 0, "a", "Read"), part('{"p":2}', 1, "b", "Read")],
        [("a", "Read", '{"p":1}'), ("b", "Read", '{"p":2}')],
    ),
    (
        "two calls with one id, told apart by the index",
        [part('{"p":1}', 0, "x", "Read"), part('{"p"', 1, "x", "Read"), part(":2}", 1, "x")],
        [("x", "Read", '{"p":1}'), ("x", "Read", '{"p":2}')],
    ),
    (
        "two calls with one id and no index, told apart by their arguments",
        [part('{"p":1}', None, "x", "Read"), part('{"p":2}', None, "x", "Read")],
        [("x", "Read", '{"p":1}'), ("x", "Read", '{"p":2}')],
    ),
    (
        "an empty object first, then the arguments",
        [part("{}", 0, "a", "Read"), part('{"p"', 0), part(":1}", 0)],
        [("a", "Read", '{}{"p":1}')],
    ),
    (
        "an empty object first, then the arguments with id and name once more",
        [part("{}", 0, "a", "Read"), part('{"p":1}', 0, "a", "Read")],
        [("a", "Read", '{}{"p":1}')],
    ),
    (
        "ST-06: a fragment without id after a second start goes to the call of its index",
        [part('{"p":1', 0, "a", "Read"), part('{"p":2}', 1, "b", "Read"), part("}", 0)],
        [("a", "Read", '{"p":1}'), ("b", "Read", '{"p":2}')],
    ),
    (
        "ST-06: a fragment without id and index goes to the last call",
        [part('{"p":1}', None, "a", "Read"), part('{"p":', None, "b", "Read"), part("2}")],
        [("a", "Read", '{"p":1}'), ("b", "Read", '{"p":2}')],
    ),
    (
        "a tool nobody declared is told apart as well",
        [part('{"p":1}', 0, None, "Unknown"), part('{"c":2}', 0, None, "Other")],
        [(None, "Unknown", '{"p":1}'), (None, "Other", '{"c":2}')],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fragments", "expected"), [pytest.param(given, wanted, id=name) for name, given, wanted in CASES]
)
def test_fragments_find_their_call(fragments: list[ToolFragment], expected: list[tuple[str | None, str, str]]) -> None:
    assert collect(fragments) == expected


@pytest.mark.parametrize("first", [True, False], ids=["on the first fragment", "on a later fragment"])
def test_a_signature_is_kept_wherever_it_stands(first: bool) -> None:
    calls = Calls(KNOWN)
    calls.add(part("{", 0, "a", "Read", "s" if first else None))
    calls.add(part("}", 0, state=None if first else "s"))
    assert [call.state for call in calls.all] == ["s"]


def test_the_first_signature_and_id_stay() -> None:
    calls = Calls(KNOWN)
    calls.add(part("", 0, "a", "Read", "s"))
    calls.add(part("{}", 0, "a", "", "t"))
    assert [(call.id, call.state) for call in calls.all] == [("a", "s")]


STYLES: dict[str, Any] = {
    "index on all, id and name on the first": lambda n, first: (
        n,
        f"id{n}" if first else None,
        "Read" if first else "",
    ),
    "index and id on all": lambda n, first: (n, f"id{n}", "Read" if first else ""),
    "index, id and name on all": lambda n, _first: (n, f"id{n}", "Read"),
    "id on all, no index": lambda n, first: (None, f"id{n}", "Read" if first else ""),
    "id on all, index 0": lambda n, first: (0, f"id{n}", "Read" if first else ""),
    "index on all, no ids": lambda n, first: (n, None, "Read" if first else ""),
}


@pytest.mark.parametrize("style", STYLES.values(), ids=list(STYLES))
@pytest.mark.parametrize("count", [2, 5], ids=["two calls", "five calls"])
def test_calls_interleaved_at_random_come_apart(style: Any, count: int) -> None:
    dice = random.Random(count)
    texts = [json.dumps({"p": number, "text": "x" * number}) for number in range(count)]
    for _ in range(20):
        waiting = [[text[at : at + 4] for at in range(0, len(text), 4)] for text in texts]
        fragments, begun = [], set()
        while any(waiting):
            number = dice.choice([at for at, pieces in enumerate(waiting) if pieces])
            index, call_id, name = style(number, number not in begun)
            begun.add(number)
            fragments.append(part(waiting[number].pop(0), index, call_id, name))
        assert sorted(arguments for _, _, arguments in collect(fragments)) == sorted(texts)


def test_twenty_thousand_calls_and_as_many_fragments_of_one_are_sorted_at_once() -> None:
    calls = Calls(KNOWN)
    for number in range(20_000):
        calls.add(part("{}", number, f"id{number}", "Read"))
    for number in range(20_000):
        calls.add(part("{}", number, f"id{number}", "Read"))
    assert len(calls.all) == 20_000
    assert {call.arguments for call in calls.all} == {"{}"}

    one = Calls(KNOWN)
    text = json.dumps({"a": "x" * 40_000})
    for start in itertools.count(0, 2):
        if start >= len(text):
            break
        one.add(part(text[start : start + 2], 0, "a", "Read"))
    one.add(part(text, 0, "a", "Read"))
    assert [call.arguments for call in one.all] == [text]
