"""Whether a prompt fits its model, what an overflow teaches of the window, and how both are told to the client."""

from __future__ import annotations

from .backends.cuts import Cuts
from .backends.learned import Learned
from .config import Config
from .context_scale import factor
from .errors import ContextOverflowError, Overflow, UpstreamError
from .prepare import Prepared
from .translate.overflow import overflow_error, stretched
from .translate.usage import edge_of
from .wire.shapes import count

_SURELY_CUT = 1.03  # of the window, by the proxy's own count
_LEAST_WINDOW = 512  # tokens: a smaller number in an error is no window


def check_room(prepared: Prepared, declared: int, cuts: Cuts) -> None:
    """Refuse what can't fit. declared: MODEL_WINDOW; cuts: what was seen of prompts that were cut in silence.

    A backend that refuses by itself is asked: it knows better. One that would cut the prompt in silence, or was seen
    to, is not, and where a person has said how large the window is, what is over it beyond the error of the count is
    refused too. A window that is known from a refusal only is no reason: that backend does refuse, and may run with a
    larger one now.
    """
    facts, route = prepared.facts, prepared.route
    seen = 0 if declared else cuts.window(route.backend, route.model)
    if facts.loaded and facts.window > seen:  # as the server says, it runs with a larger one now
        seen = 0
    window, cuts_off = declared or seen or facts.window, bool(seen or prepared.dialect.cuts)
    if not (window and (cuts_off or declared)):
        return
    counted = prepared.gauge.counted
    cut = cuts_off and counted.tokens > window * _SURELY_CUT
    if cut or (declared and counted.least > window):
        raise overflow_error(Overflow("prompt", prompt=counted.tokens, window=window))


def lower_output(prepared: Prepared, rooms: list[int]) -> None:
    """Lower the output limit to what fits this prompt."""
    if rooms:
        prepared.translated.body[prepared.dialect.max_tokens_field] = min(rooms)


def learn_window(learned: Learned, prepared: Prepared, error: UpstreamError) -> None:
    """Remember the window a backend named when it refused a prompt: it is the one that counts."""
    if not isinstance(error, ContextOverflowError):
        return
    window, route = error.overflow.window, prepared.route
    said = str(window) in error.words.replace(",", "")  # not what the proxy filled in
    if window >= _LEAST_WINDOW and said and window != prepared.learned.get("window"):
        learned.add(route.backend, route.model, {"window": window})


def learn_cut(learned: Learned, cuts: Cuts, prepared: Prepared, prompt: int, output: int) -> None:
    """Remember the window a backend cut a prompt to in silence. prompt, output: as it counted them."""
    route, window = prepared.route, edge_of(prompt, output)
    if not cuts.saw(route.backend, route.model, window, prepared.gauge.largest):
        return
    if window != prepared.learned.get("window"):
        learned.add(route.backend, route.model, {"window": window})


def learn_size(learned: Learned, cuts: Cuts, prepared: Prepared, prompt: int, output: int) -> None:
    """Let the count learn from what the backend read of a prompt.

    Where prompts are cut in silence, one that ends at a window's edge was: that is no measure of it. A learned window
    that a prompt and its answer were larger than is forgotten: the server was started anew. (Where prompts are cut, an
    answer may go beyond the window.)
    """
    route = prepared.route
    at_edge = prepared.dialect.cuts and 0 < edge_of(prompt, output) <= prepared.gauge.counted.tokens
    if not at_edge:
        prepared.gauge.reported(prompt)
    known = count(prepared.learned["window"]) if "window" in prepared.learned else 0
    if known and prompt + output > known and prompt > cuts.window(route.backend, route.model):
        cuts.forget(route.backend, route.model)
        learned.add(route.backend, route.model, {"window": 0})


def as_shown(error: UpstreamError, config: Config, window: int, believed: int) -> None:
    """Let an error tell the client its own numbers, where it has any; the log has the true ones."""
    if isinstance(error, ContextOverflowError):
        scale = factor(config.context_scale, error.overflow.window or window, believed)
        error.told = stretched(error.message, scale)
