"""Whether a prompt fits its model, what an overflow teaches of the window, and how both are told to the client."""

from __future__ import annotations

import structlog

from .backends.cuts import Cuts
from .backends.learned import Learned
from .config import Config
from .context_scale import factor
from .errors import ContextOverflowError, Overflow, UpstreamError
from .prepare import Prepared
from .record import Record
from .services import Services
from .targets import EXACT
from .translate.notes import Notes
from .translate.overflow import overflow_error, stretched
from .translate.usage import edge_of
from .wire.shapes import count

_CUT_MARGIN = 0.03  # of a window beyond which a prompt is surely cut, by the proxy's own count
_LIST_MARGIN = 0.25  # of a window that a list tells: behind a gateway the next provider may have a larger one
_LARGER = (
    "Give the model a larger context (Ollama: OLLAMA_CONTEXT_LENGTH or num_ctx; LM Studio: the loaded context length), "
    "or set MODEL_WINDOW, so that what does not fit is refused and the client compacts."
)
_LEAST_WINDOW = 512  # tokens: a smaller number in an error is no window


def check_room(prepared: Prepared, services: Services) -> None:
    """Refuse what surely does not fit.

    A backend that cuts prompts in silence, or was seen to, is not asked for more than its window. Any other is asked
    for what may fit, since it knows better; what is over its window by more than the count may be off is refused, and
    its list looked at again, in case it has a larger one now.
    """
    gauge, route = prepared.gauge, prepared.route
    if gauge.waits:  # so small that it fits anyway
        return
    window, margin = _limit(prepared, services.config.model_window, services.cuts)
    if not window or _sure_tokens(prepared) <= window * (1 + margin):
        return
    services.catalogue.look_again(route.backend, route.model, doubted=True)
    raise overflow_error(Overflow("prompt", prompt=gauge.counted.tokens, window=window))


def _limit(prepared: Prepared, declared: int, cuts: Cuts) -> tuple[int, float]:
    """Return the window that is refused beyond, 0 for none, and how far beyond it, as a part of it.

    declared: MODEL_WINDOW. A window that is known from a refusal or the proxy's own table is no reason: such a backend
    refuses by itself, and may have a larger one now.
    """
    facts, route, counted = prepared.facts, prepared.route, prepared.gauge.counted
    seen = 0 if declared else cuts.window(route.backend, route.model)
    if facts.loaded and facts.window > seen:  # as the server says, it runs with a larger one now
        seen = 0
    if seen or prepared.dialect.cuts:
        return declared or seen or facts.window, _CUT_MARGIN
    error = counted.bound / max(1, counted.tokens)
    if declared:
        return declared, error
    told = 0 if facts.shipped else max(facts.window, count(prepared.learned.get("window")))
    runs_with_it = facts.loaded or prepared.identity in EXACT
    return told if facts.window else 0, error if runs_with_it else max(error, _LIST_MARGIN)


def _sure_tokens(prepared: Prepared) -> int:
    """Return the tokens a prompt is judged by: what its images cost is a guess, which a backend that refuses knows."""
    counted = prepared.gauge.counted
    guessed = counted.measure.media if counted.bound and not prepared.dialect.cuts else 0
    return counted.tokens - guessed


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
    edge = edge_of(prompt, output) if prepared.dialect.cuts else 0
    if not edge or edge > prepared.gauge.counted.tokens:
        prepared.gauge.reported(prompt)
    known = count(prepared.learned["window"]) if "window" in prepared.learned else 0
    if known and prompt + output > known and prompt > cuts.window(route.backend, route.model):
        cuts.forget(route.backend, route.model)
        learned.add(route.backend, route.model, {"window": 0})


def told_cut(notes: Notes, record: Record) -> str:
    """Tell a person, not only the client, that the model read half of what it was sent; return which half."""
    half = next((note.detail for note in notes if note.code == "prompt-cut"), "")
    if half:
        model = f"{record.backend}/{record.upstream_model}"
        structlog.get_logger().warning(f"{model} cut a prompt of {half}, in silence. {_LARGER}")
    return half


def as_shown(error: UpstreamError, config: Config, window: int, believed: int) -> None:
    """Let an error tell the client its own numbers, where it has any; the log has the true ones."""
    if isinstance(error, ContextOverflowError):
        scale = factor(config.context_scale, error.overflow.window or window, believed)
        error.told = stretched(error.message, scale)
