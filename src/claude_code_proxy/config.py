"""The configuration as one frozen value: read once at start, handed down, never read again.

`load` reads the layers (setting_layers.py), checks every value against its declaration (settings.py) and builds the
backends (backend_tables.py). It looks at nothing but its arguments and the files they name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from .backend_tables import NO_CERTIFICATES, common_timeouts, has_certificates, read_backends
from .endpoint import Backend, Timeouts, is_loopback, is_openrouter, is_this_server
from .errors import ConfigError
from .prompt.tool_names import CLAUDE_CODES, SERVERS
from .setting_layers import gather
from .setting_values import Reading
from .settings import HEADER_FAMILY, SETTINGS, near, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .local_servers import LocalServer

__all__ = ["Backend", "Config", "Timeouts", "load"]

_TIERS = {"BIG_MODEL": "big", "MIDDLE_MODEL": "middle", "SMALL_MODEL": "small"}
_AS_SET = {
    "client_key": "ANTHROPIC_API_KEY",
    "port": "PORT",
    "log_level": "LOG_LEVEL",
    "log_format": "LOG_FORMAT",
    "max_tokens_limit": "MAX_TOKENS_LIMIT",
    "model_window": "MODEL_WINDOW",
    "context_scale": "CONTEXT_SCALE",
    "tool_descriptions": "TOOL_DESCRIPTIONS",
    "max_retries": "MAX_RETRIES",
    "max_concurrent": "MAX_CONCURRENT_REQUESTS",
    "max_open": "MAX_OPEN_REQUESTS",
    "queue_limit": "QUEUE_LIMIT",
    "answer_deadline": "ANSWER_DEADLINE",
    "drain_timeout": "DRAIN_TIMEOUT",
    "ping_interval": "PING_INTERVAL",
    "commit_after": "COMMIT_AFTER",
    "models_refresh": "MODELS_REFRESH",
    "prompt_compression": "PROMPT_COMPRESSION",
    "prompt_max_system_tokens": "PROMPT_MAX_SYSTEM_TOKENS",
}
"""Fields that are their setting's value as it stands."""

_LOCAL = "127.0.0.1"
_OTHERS_KEYS = ("sk-proj-", "sk-svcacct-", "sk-ant-", "xai-", "gsk_", "AIza")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, checked.

    backends: by name, the default one first; big_model, middle_model, small_model: the first choice of each tier;
    stand_ins: the others by tier, in order; client_key: what clients must send, "" for nothing; max_body,
    request_log_size: bytes; ping_interval, commit_after, models_refresh, answer_deadline, drain_timeout: seconds;
    model_window: tokens, 0 to ask the backend; min_tokens_explicit: the floor was set by a person; signature_key: seals
    thinking signatures.
    sources: where each setting came from, by its name; shown: its value as text, secrets masked;
    warnings: what is probably a mistake; notices: what a person should know at start.
    """

    backends: Mapping[str, Backend]
    big_model: str = "openai/gpt-5.4"
    middle_model: str = "openai/gpt-5.4-mini"
    small_model: str = "openai/gpt-5.4-nano"
    stand_ins: Mapping[str, tuple[str, ...]] = {}
    client_key: str = ""
    host: str = _LOCAL
    port: int = 8082
    workers: int = 1
    log_level: str = "INFO"
    log_format: str = "text"
    request_log: bool = True
    usage_db: bool = True
    usage_days: int = 90
    metrics: bool = True
    traces: bool = False
    ui: bool = True
    record_dir: str = ""
    record: str = "failures"
    request_log_size: int = 20 * 1024 * 1024
    max_tokens_limit: int = 128_000
    min_tokens_limit: int = 1024
    min_tokens_explicit: bool = False
    model_window: int = 0
    context_scale: str = "off"
    max_retries: int = 2
    max_concurrent: int = 0
    max_open: int = 10_000
    queue_limit: int = 100
    answer_deadline: float = 1800
    drain_timeout: float = 30
    ping_interval: float = 10
    commit_after: float = 10
    models_refresh: float = 3600
    max_body: int = 64 * 1024 * 1024
    prompt_compression: str = "none"
    prompt_max_system_tokens: int = 4096
    tool_descriptions: str = "auto"
    tools: frozenset[str] = frozenset()
    compaction_reminder: bool = True
    signature_key: bytes = b""
    sources: Mapping[str, str] = {}
    shown: Mapping[str, str] = {}
    warnings: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def default_backend(self) -> Backend:
        """The backend of every model name that no other one claims."""
        return next(iter(self.backends.values()))

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in self.shown.items())
        return f"Config(backends={list(self.backends.values())!r}, {settings})"


def load(
    environ: Mapping[str, str],
    *,
    cwd: Path,
    overrides: Mapping[str, str] = {},
    find_servers: Callable[[], Sequence[LocalServer]] = tuple,
    dialects: Sequence[str] = (),
) -> Config:
    """Return the configuration.

    overrides: settings by name, over everything else (the command line); find_servers: looks for local servers, asked
    only when the key is missing; dialects: the names DIALECT may have, () for any. ConfigError has all problems.
    """
    layers = gather(environ, cwd, overrides)
    odd_names = tuple(layers.warnings)
    reading = Reading(layers)
    value = {setting.name: reading.value(setting.name) for setting in SETTINGS if setting.name != HEADER_FAMILY}
    common_timeouts(reading)
    backends = read_backends(reading, find_servers)
    host, notices = _host(reading, value)
    _check_backends(reading, backends, value["PORT"], dialects)
    _check_certificates(reading, environ, backends)
    chains = {name: _names(value[name]) for name in _TIERS}
    _check_tiers(reading, backends, chains)
    workers = _workers(reading, value)
    floor = _floor(reading, value)
    tools = _tools(reading, value)
    if reading.problems:
        raise ConfigError(list(dict.fromkeys([*reading.problems, *odd_names])))  # a misspelt name may be the cause
    return Config(
        backends=backends,
        big_model=chains["BIG_MODEL"][0],
        middle_model=chains["MIDDLE_MODEL"][0],
        small_model=chains["SMALL_MODEL"][0],
        stand_ins={tier: chains[name][1:] for name, tier in _TIERS.items()},
        host=host,
        workers=workers,
        request_log=value["REQUEST_LOG"] == "on",
        usage_db=value["USAGE_DB"] == "on",
        usage_days=value["USAGE_DAYS"],
        metrics=value["METRICS"] == "on",
        traces=value["TRACES"] == "on",
        ui=value["UI"] == "on",
        record_dir=value["RECORD_DIR"],
        record=value["RECORD"],
        request_log_size=value["REQUEST_LOG_MB"] * 1024 * 1024,
        min_tokens_limit=floor,
        min_tokens_explicit=reading.is_set("MIN_TOKENS_LIMIT"),
        max_body=value["MAX_BODY_MB"] * 1024 * 1024,
        compaction_reminder=value["COMPACTION_REMINDER"] == "on",
        tools=tools,
        signature_key=_signature_key(value["SIGNATURE_KEY"], next(iter(backends.values())).key),
        **{field: value[name] for field, name in _AS_SET.items()},
        sources=reading.sources,
        shown=reading.shown,
        warnings=tuple(dict.fromkeys(reading.warnings)),
        notices=tuple(notices),
    )


def _host(reading: Reading, value: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The address to bind, and what to say about it: an open port without a key is a person's own decision."""
    host = str(value["HOST"]).strip("[]")
    if value["ANTHROPIC_API_KEY"]:
        return host, []
    if not reading.is_set("HOST"):
        reading.override("HOST", _LOCAL, "no ANTHROPIC_API_KEY")
        return _LOCAL, [f"listening on {_LOCAL} only: set ANTHROPIC_API_KEY, or HOST, to serve other machines"]
    if not is_loopback(host):
        reading.warnings.append(
            f"HOST is {host} and ANTHROPIC_API_KEY is not set: whoever reaches the port can spend the backend's key"
        )
    return host, []


def _check_backends(reading: Reading, backends: Mapping[str, Backend], port: int, dialects: Sequence[str]) -> None:
    for backend in backends.values():
        at = f"{quoted(backend.base_url)} (backend {backend.name})"
        if backend.dialect and dialects and backend.dialect not in dialects:
            close = near(backend.dialect, dialects)
            hint = f" (did you mean {close}?)" if close else ""
            reading.problems.append(f"DIALECT: got {quoted(backend.dialect)}, takes {', '.join(dialects)}{hint}")
        if is_this_server(backend.base_url, port):
            reading.problems.append(f"OPENAI_BASE_URL: {at} is this proxy itself; it takes the URL of the backend")
        if is_openrouter(backend.base_url) and backend.azure_api_version:
            reading.problems.append(
                f"AZURE_API_VERSION is set, but {at} is not Azure; OPENAI_BASE_URL takes https://NAME.openai.azure.com"
            )
        if is_openrouter(backend.base_url) and any(key.startswith(_OTHERS_KEYS) for key in backend.pool):
            reading.warnings.append(
                f"the key for {at} looks like another provider's (OpenRouter's begin with sk-or-); "
                "OPENAI_BASE_URL says whom it is sent to, such as https://api.openai.com/v1"
            )


def _names(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _workers(reading: Reading, value: Mapping[str, Any]) -> int:
    """A worker without a slot of the backend could serve nobody."""
    wanted, slots = int(value["WORKERS"]), int(value["MAX_CONCURRENT_REQUESTS"])
    if not slots or wanted <= slots:
        return wanted
    reading.warnings.append(f"WORKERS is {wanted}, but {slots} requests at once (MAX_CONCURRENT_REQUESTS) need no more")
    return slots


def _check_certificates(reading: Reading, environ: Mapping[str, str], backends: Mapping[str, Backend]) -> None:
    """With a wrong file no TLS certificate would be trusted, and every request fail."""
    file = environ.get("SSL_CERT_FILE", "")
    if file and any(one.base_url.startswith("https:") for one in backends.values()) and not has_certificates(file):
        reading.problems.append(f"SSL_CERT_FILE {NO_CERTIFICATES}; unset it to use the system's")


def _check_tiers(reading: Reading, backends: Mapping[str, Backend], chains: Mapping[str, tuple[str, ...]]) -> None:
    default = next(iter(backends.values()))
    for name, text in ((name, text) for name, chain in chains.items() for text in chain):
        prefix, slash, model = text.partition("/")
        if slash and not model.strip() and prefix in backends:
            reading.problems.append(f"{name}: got {quoted(text)}, takes a model's name after {prefix}/")
    unset = [name for name in _TIERS if not reading.is_set(name) and chains[name][0].partition("/")[0] not in backends]
    if unset and not is_openrouter(default.base_url):
        names = ", ".join(f"{name}={chains[name][0]}" for name in unset)
        reading.warnings.append(
            f"{quoted(default.base_url)} may not have the default models {names}: set them to models it has"
        )


def _tools(reading: Reading, value: Mapping[str, Any]) -> frozenset[str]:
    """The subset of tools. A name nobody knows may be a newer Claude Code's; a misspelt one takes a tool away."""
    names = frozenset(_names(value["TOOL_SUBSET"])) - {""}
    for name in sorted(names - CLAUDE_CODES):
        if not name.startswith(SERVERS):
            close = {known.lower(): known for known in CLAUDE_CODES}.get(name.lower()) or near(name, CLAUDE_CODES)
            hint = f" (did you mean {close}?)" if close else ""
            reading.warnings.append(f"TOOL_SUBSET: Claude Code is not known to have a tool {quoted(name)}{hint}")
    return names


def _floor(reading: Reading, value: Mapping[str, Any]) -> int:
    floor, ceiling = int(value["MIN_TOKENS_LIMIT"]), int(value["MAX_TOKENS_LIMIT"])
    if floor > ceiling and reading.is_set("MIN_TOKENS_LIMIT"):
        reading.problems.append(f"MIN_TOKENS_LIMIT: got {floor}, takes at most MAX_TOKENS_LIMIT, which is {ceiling}")
    return min(floor, ceiling)


def _signature_key(given: str, backend_key: str) -> bytes:
    """The seal of thinking signatures: the same in every worker and after a restart, whatever the machine."""
    source = f"given:{given}" if given else f"derived:{backend_key}"
    return hashlib.sha256(f"claude-code-proxy thinking signature\n{source}".encode()).digest()
