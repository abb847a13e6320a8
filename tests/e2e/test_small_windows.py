"""The real Claude Code on a model with a small window: it compacts in time, and finishes; the first turn fits."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from tests.backend import Backend, Call, Received, Reply, Step, answer, say
from tests.e2e.claude import Claude
from tests.proxy_process import proxy_for
from tests.strict_openai import problems

from claude_code_proxy.tokens.count import Counter

TURNS = 30
ORDER = "create a detailed summary of"


@dataclass
class SmallModel:
    """Reads files, one a turn, and sums up when it is asked to; refuses what its window does not hold, as llama.cpp does."""

    window: int
    ratio: float = 1.0
    turns: int = TURNS
    tagged: bool = True
    read: int = 0
    refused: int = 0
    compacted: int = 0
    largest: int = 0
    first: int = 0
    _counter: Counter = field(default_factory=Counter)

    def __call__(self, received: Received) -> Step:
        tokens = round(self._counter.body(received.body) * self.ratio)
        self.first = self.first or tokens
        if tokens >= self.window:
            self.refused += 1
            return self._too_long(tokens)
        self.largest = max(self.largest, tokens)
        usage = {"prompt_tokens": tokens, "completion_tokens": 40, "total_tokens": tokens + 40}
        if ORDER in received.text() and self._asked_to_sum_up(received):
            self.compacted += 1
            return say(self._summary(), usage=usage)
        if self.read >= self.turns:
            return say("Finished.", usage=usage)
        self.read += 1
        words = " ".join(f"line {self.read} of a log" for _ in range(150))
        return answer(Call("Bash", {"command": f"echo '{words}'", "description": "Print"}), usage=usage)

    def _summary(self) -> str:
        told = f"{self.read} of {self.turns} files were read."
        return f"<analysis>x</analysis><summary>{told}</summary>" if self.tagged else told

    def _too_long(self, tokens: int) -> Reply:
        words = (
            f"request ({tokens} tokens) exceeds the available context size ({self.window} tokens), try increasing it"
        )
        told = {"code": 400, "message": words, "type": "exceed_context_size_error"}
        return Reply(400, {"error": {**told, "n_prompt_tokens": tokens, "n_ctx": self.window}})

    @staticmethod
    def _asked_to_sum_up(received: Received) -> bool:
        last = next(message for message in reversed(received.messages) if message["role"] == "user")
        return ORDER in str(last["content"])


@pytest.mark.parametrize("mode", ["bare", "full"])
def test_a_task_of_thirty_tool_turns_is_finished_in_a_window_of_32k(claude: Claude, mode: str) -> None:
    model = SmallModel(32_768, ratio=0.9 if mode == "full" else 1.1)
    options = ["--bare"] if mode == "bare" else []
    settings = {"PROMPT_COMPRESSION": "compact" if mode == "full" else "none", "CONTEXT_SCALE": "auto"}
    with (
        Backend(model, models={"local": model.window}, rules=problems) as backend,
        proxy_for(backend, **settings) as proxy,
    ):
        claude.url = proxy.url
        outcome = claude.run("Read all the files.", *options, model="local")
        assert backend.illegal == []
    assert outcome.succeeded(), (outcome, model)
    assert outcome.text == "Finished."
    assert model.read == TURNS
    assert model.compacted >= 1
    assert "too long" not in str(outcome.result)


MODELS = ["claude-sonnet-4-5", "local"]


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "refusing only"])
@pytest.mark.parametrize("options", [[], ["--bare"]], ids=["full", "bare"])
@pytest.mark.parametrize("model_name", MODELS)
def test_with_compact_alone_a_window_of_16k_holds_the_first_turn_and_a_tool_turn(
    claude: Claude, model_name: str, options: list[str], *, listed: bool
) -> None:
    model = SmallModel(16_384, turns=1)
    windows = {"local": model.window} if listed else {"local": 0}
    settings = {"PROMPT_COMPRESSION": "compact", "BIG_MODEL": "local", "MIDDLE_MODEL": "local", "SMALL_MODEL": "local"}
    with (
        Backend(model, models=windows, rules=problems) as backend,
        proxy_for(backend, **settings) as proxy,
    ):
        claude.url = proxy.url
        outcome = claude.run("Read the file.", *options, model=model_name)
        assert backend.illegal == []
    assert outcome.succeeded(), (outcome, model)
    assert outcome.text == "Finished."
    assert model.refused <= (not listed)
    assert model.read == 1
    assert model.largest <= (14_000 if listed else model.window)


@pytest.mark.parametrize("tagged", [True, False], ids=["with tags", "without tags"])
@pytest.mark.parametrize("model_name", MODELS)
def test_a_task_of_six_tool_turns_is_finished_in_a_window_of_16k_with_compaction(
    claude: Claude, model_name: str, *, tagged: bool
) -> None:
    """A model that forgets the summary's tags is held to them: the work goes on behind it."""
    model = SmallModel(16_384, turns=6, tagged=tagged)
    settings = {"PROMPT_COMPRESSION": "compact", "CONTEXT_SCALE": "auto", "BIG_MODEL": "local", "MIDDLE_MODEL": "local"}
    with (
        Backend(model, models={"local": model.window}, rules=problems) as backend,
        proxy_for(backend, **settings) as proxy,
    ):
        claude.url = proxy.url
        outcome = claude.run("Read all the files.", model=model_name)
        assert backend.illegal == []
    assert outcome.succeeded(), (outcome, model)
    assert outcome.text == "Finished."
    assert model.read == model.turns
    assert model.compacted >= 1
    assert "too long" not in str(outcome.result)
