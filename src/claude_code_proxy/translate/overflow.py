"""Context overflow: forty ways backends say it, read into numbers; one way Anthropic's clients understand, written.

A client compacts its conversation on exactly one sentence (`prompt is too long: N tokens > M maximum`), lowers its
output limit on two others, and is stuck with any other text. Patterns: translation reference, section 6.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from ..errors import ContextOverflowError, Overflow, UpstreamError
from .bounds import numbers
from .output_limit import OTHER_LIMIT, OUTPUT, read_output_limit
from .overflow_sums import UNCOUNTED, Own, of_either, of_least, of_sum, of_unsaid

Kind = Literal["prompt", "total", "output"]

ASSUMED_WINDOW = 200_000
"""Tokens that Anthropic's clients assume of an unknown model."""

_LEAST_WINDOW = 256  # tokens: what would be a smaller window by a count is none, and the count is wrong

_LONGEST = 4_000  # characters looked at: an overflow says so at its beginning, and a body comes from outside

# Texts that speak of tokens and limits and yet mean something else.
_NEVER = re.compile(
    r"rate.?limit|too many requests|tokens per (min|day|hour)|\bTP[MD]\b|throttl|stream options can only be defined"
    r"|速率|频率|每分钟|配额|额度|限额|余额|套餐"
    r"|(metadata|user|name|safety_identifier)\S{0,80}: string too long",
    re.IGNORECASE,
)

_MODEL_SAYS = r"maximum context length is (?P<m>\d+) tokens[.,] however,? "

# Groups: n prompt, p a further part of it, o requested output, m window, c output cap, x tokens over the window;
# least: of n; sum: n and o; either: n, or the sum.
# The first match wins, so a sentence with more numbers stands before a shorter one that it contains.
_PATTERNS: tuple[tuple[Kind, str], ...] = (
    # Anthropic
    ("prompt", r"prompt is too long: (?P<n>\d+) tokens > (?P<m>\d+) maximum"),
    ("total", r"input length and `?max_tokens`? exceed context limit:\s+(?P<n>\d+)\s+\+\s+(?P<o>\d+)\s+>\s+(?P<m>\d+)"),
    ("output", r"max_tokens: (?P<o>\d+) > (?P<c>\d+), which is the maximum allowed number of output tokens"),
    # OpenAI, and everyone who copied its sentence: DeepSeek, OpenRouter, vLLM
    ("prompt", _MODEL_SAYS + r"your messages resulted in (?P<n>\d+) tokens"),
    (
        "total",
        _MODEL_SAYS + r"you requested (?:about )?\d+ tokens"
        r" \((?P<n>\d+) (?:in the messages|in your prompt|of text input)"
        r"(?:, (?P<p>\d+) (?:of tool input|in the functions))?"
        r"(?:[,;] (?:and )?(?P<o>\d+) (?:in|for) the (?:completion|output))?",
    ),
    (
        "total",
        _MODEL_SAYS + r"you requested (?P<o>\d+) output tokens"
        r" and your prompt contains (?:at least (?P<least>\d+)|(?P<n>\d+)) input tokens",
    ),
    (
        "total",
        (
            r"max_tokens'? or '?max_completion_tokens'? is too large: (?P<o>\d+)\. "
            r"This model's maximum context length is (?P<m>\d+) tokens and your request has (?P<n>\d+) input tokens"
        ),
    ),
    ("prompt", _MODEL_SAYS + r"(?:your request has|you requested) (?P<n>\d+) (?:input )?tokens"),
    ("prompt", r"configured limit of (?P<m>\d+) tokens\. Your messages resulted in (?P<n>\d+) tokens"),
    ("output", r"max_(?:completion_)?tokens is too large: (?P<o>\d+)\.\s*This model supports at most (?P<c>\d+)"),
    # vLLM, SGLang, llama.cpp, LM Studio, Ollama, TGI and other local servers
    ("prompt", r"prompt \(length (?P<n>\d+)\).{0,80}?longer than the maximum model length of (?P<m>\d+)"),
    ("output", r"max_(?:completion_)?tokens=(?P<o>\d+) cannot be greater than max_model_len=(?P<m>\d+)"),
    (
        "total",
        (
            r"maximum context length of (?P<m>\d+) tokens\. You requested a total of [\d.]+ tokens: "
            r"(?P<n>\d+) tokens from the input messages and (?P<o>\d+) tokens for the completion"
        ),
    ),
    (
        "total",
        (
            r"you passed (?P<n>\d+) input tokens and requested (?P<o>\d+) output tokens\."
            r".{0,40}?context length is only (?P<m>\d+) tokens"
        ),
    ),
    (
        "total",
        (
            r"sum of prompt length \((?P<n>\d+)(?:\.\d+)?\)(?:, query length \(\d+\))?,? max_tokens \((?P<o>\d+)\)"
            r" should not exceed max_num_tokens \((?P<m>\d+)\)"
        ),
    ),
    (
        "prompt",
        (
            r"prompt length \((?P<n>\d+)(?:\.\d+)?\)(?:, query length \(\d+\))?"
            r" (?:should not exceed max_num_tokens|exceeds maximum sequence length) \((?P<m>\d+)\)"
        ),
    ),
    ("prompt", r"input \((?P<n>\d+) tokens\) is longer than the model's context length \((?P<m>\d+) tokens\)"),
    ("prompt", r"input length \((?P<n>\d+) tokens\) exceeds the maximum allowed length \((?P<m>\d+) tokens\)"),
    ("prompt", r"request (?:\((?P<n>\d+) tokens\) )?exceeds the available context size \((?P<m>\d+) tokens\)"),
    ("prompt", r"input \((?P<n>\d+) tokens\) is larger than the max context size \((?P<m>\d+) tokens\)"),
    ("prompt", r"keep the first (?P<n>\d+) tokens when context.{0,80}? context length of only (?P<m>\d+) tokens"),
    ("prompt", r"n_keep\W{1,3}(?P<n>\d+)\W{1,6}n_ctx\W{1,3}(?P<m>\d+)"),
    ("prompt", r"exceed(?:s|ed)? (?:the )?(?:max(?:imum)? )?context (?:length|window|size) by (?P<x>\d+) tokens"),
    (
        "prompt",
        r"size limit exceeded by (?P<x>\d+) tokens(?:.{0,200}?the limit for this model is (?P<m>\d+) tokens)?",
    ),
    ("prompt", r"length of prompt_tokens \((?P<n>\d+)\) must be less than max_seq_len \((?P<m>\d+)\)"),
    ("prompt", r"prompt too long; exceeded (?:max )?context length"),
    (
        "total",
        (
            r"`inputs` tokens \+ `max_new_tokens` must be <= (?P<m>\d+)\. "
            r"Given: (?P<n>\d+) `inputs` tokens and (?P<o>\d+)"
        ),
    ),
    ("prompt", r"`inputs` must have less than (?P<m>\d+) tokens\. Given: (?P<n>\d+)"),
    (
        "total",
        r"input_tokens=(?P<n>\d+), max_new_tokens=(?P<o>\d+), required_tokens=\d+, kv_capacity=(?P<m>\d+)",
    ),
    ("prompt", r"prompt has (?P<n>[\d,]+) tokens?, but the configured context size is (?P<m>[\d,]+) tokens?"),
    ("prompt", r"(?:prompt|requested) tokens \((?P<n>\d+)\) exceeds? context (?:size|window of) \(?(?P<m>\d+)"),
    # hosted models
    (
        "prompt",
        (
            r"input token count (?:\(|is )(?P<n>\d+)\)? ?"
            r"(?:but model only supports up to|exceeds the maximum number of tokens allowed) \(?(?P<m>\d+)"
        ),
    ),
    ("prompt", r"maximum prompt length is (?P<m>\d+) but the request contains (?P<n>\d+) tokens"),
    ("prompt", r"current length is (?P<either>\d+) while limit is (?P<m>\d+)"),
    ("prompt", r"requested tokens exceed the maximum context length: (?P<either>\d+) > (?P<m>\d+)"),
    ("total", r"max_total_tokens \((?P<sum>\d+)\) must be less than or equal to max_seq_len \((?P<m>\d+)\)"),
    ("prompt", r"prompt contains (?P<n>\d+) tokens.{0,80}?too large for model with (?P<m>\d+) maximum context"),
    ("prompt", r"exceeded model token limit: (?P<m>\d+)(?: \(requested: (?P<n>\d+)\))?"),
    ("prompt", r"range of input length should be \[1, (?P<m>\d+)\]"),
    ("output", r"(?:range of max_tokens should be|valid range of max_tokens is) \[1, (?P<c>\d+)\]"),
    ("output", r"max_(?:completion_)?tokens`? must be less than or equal to `?(?P<c>\d+)"),
    ("output", r"maximum tokens you requested exceeds the model limit of (?P<c>\d+)"),
    ("prompt", r"prompt tokens \((?P<n>\d+)\) exceed model maximum \((?P<m>\d+)\)"),
    ("prompt", r"prompt token count of (?P<n>\d+) exceeds the limit of (?P<m>\d+)"),
    ("prompt", r"request body too large for \S+ model\. max size: (?P<m>\d+) tokens"),
    ("prompt", r"input too long: (?P<n>\d+) input tokens, limit is (?P<m>\d+)"),
    # no numbers, but no doubt
    ("prompt", r"tokens to keep from the initial prompt is greater than the context length"),
    ("prompt", r"please reduce the length of the messages|total length of all messages is too long"),
    (
        "prompt",
        r"exceed(?:s|ed)? (?:the )?(?:available |max(?:imum)? |model'?s? )?context (?:length|window|limit|size)",
    ),
    ("prompt", r"context (?:length|window|limit|size) (?:(?:has been|was|is) )?(?:exceeded|overflow|too small|full)"),
    ("prompt", r"(?:longer|larger|greater) than the (?:model'?s? )?(?:maximum )?context (?:length|window|size)"),
    ("prompt", r"context window exceeds limit|exceeds the maximum allowed input length|prompt exceeds max length"),
    ("prompt", r"input is too long for requested model|prompt is longer than the context|prompt is too long"),
    ("prompt", r"exceeds? max message tokens|too many total text bytes|tokens in request more than max tokens allowed"),
    (
        "prompt",
        r"(?:prompt|输入|上下文|对话|消息|内容|tokens? ?数?量?)[^。\d]{0,20}(?:过长|太长|超长|超过|超出|超限)",
    ),
    ("prompt", r"(?:ran|run) out of context|n_ctx\W{1,3}\d+\W{1,3}(?:is )?too small"),
    ("prompt", r"messages\[\d+\]\.content\S{0,80}: string too long|'input': string too long"),
)
_COMPILED = tuple((kind, re.compile(pattern, re.IGNORECASE | re.DOTALL)) for kind, pattern in _PATTERNS)

# Machine-readable codes, types and `metadata.error_type`s.
_CODES = frozenset(
    {
        "context_length_exceeded",
        "context_window_exceeded",
        "contextwindowexceedederror",
        "exceed_context_size_error",
        "context_exceeded",
        "model_context_window_exceeded",
        "too_many_prompt_tokens",
        "tokens_limit_reached",  # GitHub Models
        "outofcontexterror",  # Volcengine Ark
        "1261",  # GLM
    }
)
_VAGUE_CODES = frozenset({"token_limit_exceeded"})
"""Codes that an account's limit has too."""
_CODE_WORDS = re.compile(r"context_length_exceeded|ContextWindowExceededError|exceed_context_size_error", re.IGNORECASE)

# Sentences nobody wrote down yet: about the context, and about too much of it. Only where a request can be at fault.
_ABOUT = re.compile(
    r"context[ _-]?(?:length|window|size|limit|overflow)|(?:inputs?|prompt|context) tokens?|token (?:limit|count)"
    r"|(?:messages|conversation|input|prompt|request) (?:is |are )?too (?:long|large)|(?:input|prompt) length"
    r"|(?:messages|conversation|input|prompt|request) (?:has|have|contains?|of) \(?[\d,]+ tokens"
    r"|too many tokens|number of tokens",
    re.IGNORECASE,
)
_TOO_MUCH = re.compile(
    r"exceed|too (?:long|large|many|big|small)|(?:long|larg|great)er than|overflow|reached|reduce|shorten|at most|> ?\d"
    r"|(?:can|does) only|must be <|context length is [\d,]+",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"token|context (?:length|window|size)", re.IGNORECASE)
_SUM = re.compile(r"\+|\bplus\b|\bsum\b|together|(?:input|prompt)\b[^.]{0,40}\band\b", re.IGNORECASE)
_WINDOW = re.compile(
    r"context[ _](?:length|window|size|limit)\W{0,3}(?:(?:is|of|reached|exceeded)\W{1,3})?[\d,]{3,}", re.IGNORECASE
)
_AT_FAULT = (None, 200, 400, 413, 422)


# The sentences of ours that name a prompt and a window.
_TOLD = re.compile(
    r"(?P<before>prompt is too long: |exceed context limit: )(?P<n>\d+)"
    r"(?P<between> tokens > | \+ (?P<o>\d+) > )(?P<m>\d+)"
)


def read_overflow(
    text: str, *, status: int | None = None, codes: Iterable[str] = (), asked: int = 0, own: Own = UNCOUNTED
) -> Overflow | None:
    """Return what did not fit, when a backend's error says that something did not.

    text: the message; status: the HTTP status, None inside a stream; codes: `code`, `type` and the like; asked: the
    output limit that was sent, 0 unknown; own: what the proxy knows of the prompt.
    """
    text = text[:_LONGEST]
    if _NEVER.search(text):
        return None
    known = next((found for row in _COMPILED if (found := _read(row, text, asked, own))), None)
    if known is not None and known != _SILENT:
        return known
    if limit := read_output_limit(text, asked):
        return Overflow("output", output=asked, limit=limit)
    coded = not _CODES.isdisjoint(code.lower() for code in codes) or _CODE_WORDS.search(text)
    return _guessed(text, asked, own) if known or coded or _is_unheard(text, status, codes) else None


_SILENT = Overflow("prompt")


def _read(row: tuple[Kind, re.Pattern[str]], text: str, asked: int, own: Own) -> Overflow | None:
    kind, pattern = row
    found = pattern.search(text)
    return _settled(_numbers(kind, found, asked, own)) if found else None


def _is_unheard(text: str, status: int | None, codes: Iterable[str]) -> bool:
    """Whether a sentence nobody wrote down speaks of a prompt that is too long; what limits the output is no prompt."""
    if status not in _AT_FAULT or OTHER_LIMIT.search(text):
        return False
    told = OUTPUT.sub(" ", text)
    coded = not _VAGUE_CODES.isdisjoint(code.lower() for code in codes) and told == text
    return bool(coded or (_ABOUT.search(told) and _TOO_MUCH.search(told)))


def _numbers(kind: Kind, found: re.Match[str], asked: int, own: Own) -> Overflow:
    said = {name: int(value.replace(",", "")) for name, value in found.groupdict().items() if value}
    if "least" in said:
        return of_least(said["least"], said["o"], said["m"], own)
    if "sum" in said:
        return of_sum(said["sum"], said["m"], asked)
    if "either" in said:
        return of_either(said["either"], said["m"], asked, own)
    prompt = said.get("n", 0) + said.get("p", 0)
    return Overflow(kind, prompt, said.get("o", 0), said.get("m", 0), said.get("c", 0), said.get("x", 0))


def _settled(found: Overflow) -> Overflow:
    """Call a prompt that fills the window alone too long, whatever output was asked for."""
    fills = found.window and found.prompt >= found.window
    return found._replace(kind="prompt") if found.kind == "total" and (fills or not found.output) else found


def _guessed(text: str, asked: int, own: Own) -> Overflow:
    """Read the numbers of a sentence without known words: they count where it speaks of tokens (not of characters).

    Of two numbers the larger is the prompt, or its sum with the output, and the smaller the window. Where one of them
    is the output that was asked for, and the sentence names it, what fits is less output.
    """
    said = set(numbers(text)) if _COUNTED.search(text) else set()
    rest = sorted(said - {asked})
    both = OUTPUT.search(text) and _SUM.search(text)
    if not said and both:
        return of_unsaid(asked, own)
    if len(rest) == 1 and asked not in said:
        window = rest[0] if both or _WINDOW.search(text) else 0
        return Overflow("total", output=asked, window=window) if both and asked else Overflow("prompt", window=window)
    if asked in said and OUTPUT.search(text):
        rest = [number for number in rest if number - asked not in rest]  # the sum of both says nothing more
        if len(rest) == 1 and rest[0] < asked:
            return Overflow("output", output=asked, window=rest[0])
        if len(rest) == 2 and rest[0] + asked > rest[1]:  # noqa: PLR2004 - a prompt and a window
            return Overflow("total", prompt=rest[0], output=asked, window=rest[1])
        return _SILENT
    if len(rest) == 2:  # noqa: PLR2004 - a window and a prompt
        return of_either(rest[1], rest[0], asked, own)
    return _SILENT


def overflow_error(
    found: Overflow, *, counted: int = 0, window: int = 0, asked: int = 0, status: int | None = None
) -> ContextOverflowError:
    """Return the error with the sentence and the numbers Anthropic's clients act on.

    counted: the prompt by the proxy's own count; window: as known beforehand; asked: the output limit that was sent;
    status: what the backend answered. What the backend said wins over these.
    """
    known = found._replace(prompt=found.prompt or counted, output=found.output or asked, window=found.window or window)
    say = {"prompt": _too_long, "total": _too_much, "output": _too_much_output}[known.kind]
    return ContextOverflowError(say(known), known, upstream_status=status)


def completed(error: UpstreamError, *, counted: int, window: int, asked: int) -> UpstreamError:
    """Return an overflow inside an answer with the numbers it came without; any other error as it is."""
    if not isinstance(error, ContextOverflowError):
        return error
    known = overflow_error(error.overflow, counted=counted, window=window, asked=asked, status=error.upstream_status)
    known.words, known.param, known.raw = error.words, error.param, error.raw
    return known


def stretched(message: str, scale: float) -> str:
    """Return an overflow's sentence with its window and prompt multiplied; the room between them is the true one."""
    if scale == 1:
        return message
    return _TOLD.sub(lambda found: _stretch(found, scale), message)


def _stretch(found: re.Match[str], scale: float) -> str:
    before, prompt, between, window = found["before"], int(found["n"]), found["between"], int(found["m"])
    wide = round(window * scale)
    if found["o"]:
        return f"{before}{wide - window + prompt}{between}{wide}"
    return f"{before}{max(wide + 1, round(prompt * scale))}{between}{wide}"


def _too_much_output(known: Overflow) -> str:
    limit = known.room or known.limit or known.window
    output = max(known.output, limit + 1)
    return f"max_tokens: {output} > {limit}, which is the maximum allowed number of output tokens for this model"


def _too_much(known: Overflow) -> str:
    window = known.window or max(1, known.prompt + known.output - 1)
    output = max(known.output, window - known.prompt + 1)
    return (
        f"input length and `max_tokens` exceed context limit: {known.prompt} + {output} > {window}, "
        "decrease input length or `max_tokens` and try again"
    )


def _too_long(known: Overflow) -> str:
    """Clients read both numbers, and only believe the sentence when the first is larger."""
    below = known.prompt - known.excess if known.excess else int(known.prompt * 0.95)
    window = known.window or (below if below >= _LEAST_WINDOW else ASSUMED_WINDOW)
    prompt = window + known.excess if known.excess else max(known.prompt, window + 1)
    return f"prompt is too long: {prompt} tokens > {window} maximum"
