"""Every setting of the proxy, declared once: names, defaults, bounds, meanings.

Checking, `.env.example` and the tables of docs/settings.md all come from `SETTINGS`:

    python -m claude_code_proxy.setting_docs env  > .env.example
    python -m claude_code_proxy.setting_docs docs            (the tables of docs/settings.md)
    python -m claude_code_proxy.setting_docs readme          (the table of README.md)
"""

from __future__ import annotations

import difflib
import math
import re
from typing import TYPE_CHECKING

import msgspec

from .context_scale import PATTERN, TAKES, is_sane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

HEADER_PREFIX = "CUSTOM_HEADER_"
HEADER_FAMILY = f"{HEADER_PREFIX}*"

Value = str | int | float | tuple[str, ...]

_DAY = 86_400
_MOST_TOKENS = 100_000_000


class Setting(msgspec.Struct, frozen=True):
    """One setting.

    default: its type is the setting's type, "" means none; low, high: bounds of a number, both allowed; unit: of the
    number; choices: the only texts allowed, in any case; pattern: what a text must match; check: tells whether a text
    that matches is right; takes: what it accepts, where type, bounds and choices don't say it; unset: what happens
    without it, where the default doesn't say it; secret: its value is never shown; may_be_empty: an empty value is a
    value (elsewhere it means unset); several: texts separated by commas, or a list in the TOML file; example: for
    .env.example.
    """

    group: str
    name: str
    default: Value
    meaning: str
    low: float = 0
    high: float = math.inf
    unit: str = ""
    choices: tuple[str, ...] = ()
    pattern: str = ""
    check: Callable[[str], bool] | None = None
    takes: str = ""
    unset: str = ""
    secret: bool = False
    required: bool = False
    may_be_empty: bool = False
    several: bool = False
    example: str = ""


_ASCII = r"[\x20-\x7e]*"
_TAKES_ASCII = "a text of visible ASCII characters"  # what every header can carry
_TAKES_MODELS = "a model name, or several separated by commas"
_HOST = r"[\w.-]+|\[?(?=.*:.*:)[0-9a-fA-F:.]+(%\w+)?\]?"  # a name, an IPv4 or an IPv6 address; never a port

# fmt: off
SETTINGS: tuple[Setting, ...] = (
    Setting("Backend", "OPENAI_API_KEY", "",
            "The backend's key, or several with commas between; a local server that checks none takes any text, "
            "such as `local`.",
            pattern=_ASCII, takes=_TAKES_ASCII, secret=True, required=True, several=True),
    Setting("Backend", "OPENAI_BASE_URL", "https://openrouter.ai/api/v1",
            "Where the backend is, without `/chat/completions`.",
            takes="an http or https URL"),
    Setting("Backend", "AZURE_API_VERSION", "",
            "Turns on Azure OpenAI mode: deployment URL, `api-key` header and this api-version.",
            pattern=r"[\w.-]+", takes="an api-version such as 2024-10-21", example="2024-10-21"),
    Setting("Backend", "DIALECT", "",
            "Which backend's habits to follow.",
            pattern=r"[\w.-]+", takes="a dialect's name", unset="recognised by URL and model", example="openai"),
    Setting("Backend", HEADER_FAMILY, "",
            "A header sent to the backend with every request: `CUSTOM_HEADER_X_TEAM=a` sends `X-TEAM: a`.",
            takes="a text of visible Latin-1 characters", secret=True, example="a"),
    Setting("Backend", "OPENROUTER_REFERER", "http://localhost:8082",
            "The `HTTP-Referer` that names this application to OpenRouter, and to no other backend; may be empty.",
            pattern=_ASCII, takes=_TAKES_ASCII, may_be_empty=True),
    Setting("Backend", "OPENROUTER_TITLE", "claude-code-proxy",
            "The `X-Title` that names this application to OpenRouter, and to no other backend; may be empty.",
            pattern=_ASCII, takes=_TAKES_ASCII, may_be_empty=True),
    Setting("Backend", "DEFAULT_BACKEND", "",
            "Which of the TOML file's backends serves the names that none of them claims.",
            takes="a backend's name", unset="OPENAI_BASE_URL's, else the file's first", example="ollama"),
    Setting("Models", "BIG_MODEL", "openai/gpt-5.4",
            "The model for names that contain `opus`, and for unknown Claude names; further ones stand in for it.",
            takes=_TAKES_MODELS, several=True),
    Setting("Models", "MIDDLE_MODEL", "openai/gpt-5.4-mini",
            "The model for names that contain `sonnet`; further ones stand in for it.",
            takes=_TAKES_MODELS, several=True),
    Setting("Models", "SMALL_MODEL", "openai/gpt-5.4-nano",
            "The model for names that contain `haiku`, and for `/test-connection`; further ones stand in for it.",
            takes=_TAKES_MODELS, several=True),
    Setting("Models", "MODEL_WINDOW", 0,
            "The context window of the models, for backends that do not report it.",
            high=_MOST_TOKENS, unit="tokens", takes="a whole number of tokens, 0 to ask the backend"),
    Setting("Models", "CONTEXT_SCALE", "off",
            "Stretches the prompt counts a client sees, so that one that believes in another window compacts in time.",
            pattern=PATTERN, check=is_sane, takes=TAKES),
    Setting("Models", "MODELS_REFRESH", 3600.0,
            "How often the backend's list of models and limits is read again.",
            low=1, high=30 * _DAY, unit="seconds"),
    Setting("Serving", "ANTHROPIC_API_KEY", "",
            "Clients must send exactly this key, in `x-api-key` or as a Bearer token.",
            pattern=_ASCII, takes=_TAKES_ASCII, secret=True, unset="clients need no key"),
    Setting("Serving", "HOST", "0.0.0.0",  # noqa: S104 - the contract's default; load() narrows it
            "The address to listen on; without ANTHROPIC_API_KEY and without an explicit HOST it is 127.0.0.1.",
            pattern=_HOST, takes="an IP address or a host name, without a port"),
    Setting("Serving", "PORT", 8082,
            "The port to listen on.",
            high=65_535, takes="a whole number from 0 to 65535, 0 for any free port"),
    Setting("Serving", "WORKERS", 1,
            "How many processes serve; MAX_CONCURRENT_REQUESTS and MAX_OPEN_REQUESTS are divided among them.",
            low=1, high=256),
    Setting("Serving", "MAX_BODY_MB", 64,
            "The largest request taken.",
            low=1, high=4096, unit="megabytes"),
    Setting("Limits", "MAX_TOKENS_LIMIT", 128_000,
            "Ceiling for `max_tokens` when the backend does not report a limit.",
            low=1, high=_MOST_TOKENS, unit="tokens"),
    Setting("Limits", "MIN_TOKENS_LIMIT", 1024,
            "Floor for `max_tokens`: set, it lifts every smaller value; unset, only where the model will think.",
            high=_MOST_TOKENS, unit="tokens"),
    Setting("Limits", "MAX_CONCURRENT_REQUESTS", 0,
            "How many requests a backend gets at once, 0 for any number; a local server with one slot wants 1.",
            high=100_000),
    Setting("Limits", "MAX_OPEN_REQUESTS", 10_000,
            "How many requests are under way at once, waiting ones included, before more are told to come back later.",
            low=1, high=1_000_000),
    Setting("Limits", "QUEUE_LIMIT", 100,
            "How many requests may wait for a backend before more are told to come back later.",
            high=100_000),
    Setting("Time", "REQUEST_TIMEOUT", 90.0,
            "The backend's longest silence once it has begun to answer; set, also the longest wait for the beginning.",
            low=0.1, high=_DAY, unit="seconds"),
    Setting("Time", "FIRST_BYTE_TIMEOUT", 600.0, "How long the backend may take to begin an answer.",
            low=0.1, high=_DAY, unit="seconds", unset="REQUEST_TIMEOUT where that is set"),
    Setting("Time", "CONNECT_TIMEOUT", 10.0, "How long opening a connection to the backend may take.",
            low=0.1, high=600, unit="seconds"),
    Setting("Time", "MAX_RETRIES", 2, "How often a request is tried again before the first byte of its answer.",
            high=100),
    Setting("Time", "ANSWER_DEADLINE", 1800.0,
            "How long a request may take until its answer begins: queue, retries and other backends together.",
            low=0.1, high=_DAY, unit="seconds"),
    Setting("Time", "DRAIN_TIMEOUT", 30.0, "How long running streams may go on once the proxy is told to end.",
            high=3600, unit="seconds"),
    Setting("Time", "PING_INTERVAL", 10.0, "How long a stream may be silent before the client gets a ping.",
            low=0.1, high=300, unit="seconds"),
    Setting("Time", "COMMIT_AFTER", 10.0,
            "How long the status line is held back, so that an early failure is a proper HTTP error.",
            high=600, unit="seconds"),
    Setting("Prompt", "PROMPT_COMPRESSION", "none",
            "How the system prompt is shortened.",
            choices=("none", "compact", "summarize")),
    Setting("Prompt", "PROMPT_MAX_SYSTEM_TOKENS", 4096,
            "The budget of the shortened system prompt.",
            low=1, high=_MOST_TOKENS, unit="tokens"),
    Setting("Prompt", "TOOL_DESCRIPTIONS", "auto",
            "How tools are described: in full, by the beginning of their descriptions, or, with a PROMPT_COMPRESSION, "
            "Claude Code's own as shortly as a small window asks for.",
            choices=("auto", "full", "short")),
    Setting("Prompt", "TOOL_SUBSET", "",
            "The only tools of Claude Code a model is offered, for small windows; MCP tools are offered in any case.",
            pattern=r"[\w.-]{1,128}", takes="names separated by commas, such as Bash,Read,Edit,Write,Glob,Grep",
            unset="all of them", several=True, example="Bash,Read,Edit,Write,Glob,Grep"),
    Setting("Prompt", "COMPACTION_REMINDER", "on",
            "Whether a summary of the conversation is held to the form Claude Code reads: reminded of it, and mended.",
            choices=("on", "off")),
    Setting("Prompt", "TEXT_TOOL_CALLS", "auto",
            "Whether tool calls that a model writes as text become calls: auto is for local and unknown backends.",
            choices=("auto", "on", "off")),
    Setting("Prompt", "THINK_TAGS", "auto",
            "Whether `<think>` at the beginning of an answer becomes thinking: auto is where a backend may send it.",
            choices=("auto", "on", "off")),
    Setting("Logs", "LOG_LEVEL", "INFO",
            "What is logged.",
            choices=("DEBUG", "INFO", "WARNING", "ERROR")),
    Setting("Logs", "LOG_FORMAT", "text",
            "Log lines for people or one JSON object per line.",
            choices=("text", "json")),
    Setting("Logs", "REQUEST_LOG", "on",
            "Whether facts of each request, never its content, go to a file for `logs`, `show` and `statusline`.",
            choices=("on", "off")),
    Setting("Logs", "REQUEST_LOG_MB", 20,
            "The most that file takes; the older half goes first.",
            low=1, high=10_000, unit="megabytes"),
    Setting("Logs", "USAGE_DB", "on",
            "Whether tokens, cost and times of each request, never its content, are kept in a file for `usage`.",
            choices=("on", "off")),
    Setting("Logs", "USAGE_DAYS", 90,
            "How long they are kept.",
            low=1, high=36_500, unit="days"),
    Setting("Logs", "METRICS", "on",
            "Whether `/metrics` tells Prometheus what was counted.",
            choices=("on", "off")),
    Setting("Logs", "UI", "on",
            "Whether there is a live page at `/ui`, for this machine or with the client key.",
            choices=("on", "off")),
    Setting("Logs", "TRACES", "off",
            "Whether a trace of each request is sent to OpenTelemetry's OTEL_EXPORTER_OTLP_ENDPOINT (the otel extra).",
            choices=("on", "off")),
    Setting("Logs", "RECORD_DIR", "",
            "A folder that exchanges are recorded in, prompts and answers included, for `replay` and `report`.",
            takes="a folder's path", unset="nothing is recorded", example="recordings"),
    Setting("Logs", "RECORD", "failures",
            "Which exchanges are recorded.",
            choices=("failures", "all")),
    Setting("Advanced", "SIGNATURE_KEY", "",
            "Seals the signatures of thinking blocks; set it to keep them valid when OPENAI_API_KEY changes.",
            secret=True, unset="derived from OPENAI_API_KEY"),
    Setting("Advanced", "CONFIG_FILE", "",
            "A TOML file with settings and named backends.",
            takes="a file's path", example="claude-code-proxy.toml",
            unset="`claude-code-proxy.toml` here, else `~/.config/claude-code-proxy/config.toml`"),
    Setting("Advanced", "CONFIG_PROFILE", "",
            "Which `[profiles.NAME]` table of the TOML file is in force, before the environment; also `--profile`.",
            takes="a profile's name", example="local"),
)
# fmt: on

OF_ONE_BACKEND = frozenset(
    (
        *("OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_API_VERSION", "DIALECT", "DEFAULT_BACKEND"),
        *("BIG_MODEL", "MIDDLE_MODEL", "SMALL_MODEL", "MODEL_WINDOW"),
    )
)
"""Settings that mean nothing, or give away a key, where another backend is named."""

BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in SETTINGS}

OTHER_NAMES: Mapping[str, str] = {
    "AZURE_OPENAI_API_VERSION": "AZURE_API_VERSION",
    "MEDIUM_MODEL": "MIDDLE_MODEL",
    "OPENAI_API_BASE": "OPENAI_BASE_URL",
    "OPENROUTER_API_KEY": "OPENAI_API_KEY",
}
"""Names other programs give to settings of ours: worth a word when ours is unset, never an error."""


def _squeeze(name: str) -> str:
    return re.sub(r"[\W_]", "", name).upper()


_SQUEEZED = {_squeeze(name): name for name in BY_NAME}
_GUESSED = 7  # letters
_SHOWN = 80  # characters
_QUERY = re.compile(r"(?i)([?&][\w.-]*(?:key|token|secret|passw|sig|auth|cred|code)[\w.-]*=)[^&#\s]+")
_KEYLIKE = re.compile(r"\b(sk|xai|gsk|pk|rk)[-_]\w|\bAIza|\bBearer |//[^/]*@|(?<![\w/.-])[\w-]{32,}")


def accepts(setting: Setting) -> str:
    """Return what a setting takes, as the end of the sentence "it takes ..."."""
    if setting.takes:
        return setting.takes
    if setting.choices:
        return f"{', '.join(setting.choices[:-1])} or {setting.choices[-1]}"
    if isinstance(setting.default, str):
        return "a text of visible characters"
    kind = "a whole number" if isinstance(setting.default, int) else "a number"
    return f"{kind}{f' of {setting.unit}' * bool(setting.unit)} from {setting.low:.15g} to {setting.high:.15g}"


def read(setting: Setting, raw: object) -> Value:
    """Return a setting's value from a text (environment, .env) or a TOML value; ValueError says what it takes."""
    if setting.several:
        return _read_several(setting, raw)
    if isinstance(setting.default, str):
        return _read_text(setting, raw)
    number = raw.strip() if isinstance(raw, str) else raw
    try:
        value: int | float = msgspec.convert(number, int if isinstance(setting.default, int) else float, strict=False)
    except msgspec.ValidationError:
        raise ValueError(accepts(setting)) from None
    if not setting.low <= value <= setting.high:  # written so that nan is refused too
        raise ValueError(accepts(setting))
    return value


def resembles(name: str) -> str:
    """Return the setting that `name` is probably a misspelling of, else ""."""
    squeezed = _squeeze(name)
    if squeezed in _SQUEEZED:
        return _SQUEEZED[squeezed]
    if squeezed.startswith(_squeeze(HEADER_PREFIX)):
        return HEADER_FAMILY
    # Short names such as PORT have too many honest neighbours (PORTS, POST) to guess at.
    candidates = [other for other in _SQUEEZED if len(other) >= _GUESSED and abs(len(other) - len(squeezed)) < 3]  # noqa: PLR2004
    short = (other for other in _SQUEEZED if len(other) < _GUESSED and is_slip(squeezed, other))
    if slipped := next(short, ""):
        return _SQUEEZED[slipped]
    close = difflib.get_close_matches(squeezed, candidates, n=1, cutoff=0.87)
    return _SQUEEZED[close[0]] if close else ""


def is_slip(typed: str, meant: str) -> bool:
    """Tell whether a word is another one with a letter typed twice, or with two neighbours in each other's place."""
    doubled = any(typed == meant[: n + 1] + meant[n:] for n in range(len(meant)))
    swapped = any(typed == meant[:n] + meant[n + 1] + meant[n] + meant[n + 2 :] for n in range(len(meant) - 1))
    return doubled or (swapped and typed != meant)


def near(word: str, known: Iterable[str]) -> str:
    """Return the known word that `word` is probably meant to be, else ""."""
    return next(iter(difflib.get_close_matches(word[:_SHOWN], list(known), n=1)), "")


def show(setting: Setting, value: object) -> str:
    """Return a value for a message or a listing: short, on one line, without secrets."""
    if isinstance(value, tuple):
        value = ", ".join(value)
    text = value if isinstance(value, str) else f"{value:.15g}" if isinstance(value, float) else str(value)
    if text and (setting.secret or _KEYLIKE.search(text)):
        return "a hidden text"
    return quoted(text) if isinstance(value, str) else text[:_SHOWN]


def _read_several(setting: Setting, raw: object) -> str | tuple[str, ...]:
    """One text, or several between commas; a list of the TOML file takes each as it stands, whatever is in it."""
    parts = [part for part in raw.split(",") if part.strip()] if isinstance(raw, str) else raw
    if not isinstance(parts, list) or not parts:
        raise ValueError(accepts(setting))
    texts = tuple(dict.fromkeys(_read_text(setting, part) for part in parts))
    if not all(texts):
        raise ValueError(accepts(setting))
    return texts if len(texts) > 1 else texts[0]


def _read_text(setting: Setting, raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError(accepts(setting))  # noqa: TRY004 - a wrong value of a setting, whatever its type
    value = raw.strip()
    if not (value.isprintable() and re.fullmatch(setting.pattern or ".*", value)):
        raise ValueError(accepts(setting))
    if setting.check and not setting.check(value):
        raise ValueError(accepts(setting))
    return _choice(setting, value) if setting.choices else value


def _choice(setting: Setting, value: str) -> str:
    by_lower = {choice.lower(): choice for choice in setting.choices}
    if value.lower() in by_lower:
        return by_lower[value.lower()]
    close = near(value.lower(), by_lower)
    raise ValueError(accepts(setting) + (f" (did you mean {by_lower[close]}?)" if close else ""))


def quoted(text: str) -> str:
    """Return a foreign text in quotes: short, without the keys in a query and what could move a cursor."""
    text = _QUERY.sub(r"\1***", text)
    cut = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut) + '"'
