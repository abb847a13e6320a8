"""The configuration as one frozen value: read once at start, handed down, never read again.

`load` reads the layers (setting_layers.py), checks every value against its declaration (settings.py) and builds the
backends (backend_tables.py). It looks at nothing but its arguments and the files they name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from .backend_tables import common_timeouts, read_backends
from .endpoint import Backend, Timeouts, is_loopback, is_openrouter, is_this_server
from .errors import ConfigError
from .setting_layers import gather
from .setting_values import Reading
from .settings import HEADER_FAMILY, SETTINGS, near, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .local_servers import LocalServer

__all__ = ["Backend", "Config", "Timeouts", "load"]

_TIERS = ("BIG_MODEL", "MIDDLE_MODEL", "SMALL_MODEL")
_LOCAL = "127.0.0.1"
_OTHERS_KEYS = ("sk-proj-", "sk-svcacct-", "sk-ant-", "xai-", "gsk_", "AIza")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, checked.

    backends: by name, the default one first; client_key: what clients must send, "" for nothing; max_body,
    request_log_size: bytes; ping_interval, commit_after, models_refresh: seconds; model_window: tokens, 0 to ask the
    backend; min_tokens_explicit: the floor was set by a person; signature_key: seals thinking signatures.
    sources: where each setting came from, by its name; shown: its value as text, secrets masked;
    warnings: what is probably a mistake; notices: what a person should know at start.
    """

    backends: Mapping[str, Backend]
    big_model: str = "openai/gpt-5.4"
    middle_model: str = "openai/gpt-5.4-mini"
    small_model: str = "openai/gpt-5.4-nano"
    client_key: str = ""
    host: str = _LOCAL
    port: int = 8082
    log_level: str = "INFO"
    log_format: str = "text"
    request_log: bool = True
    request_log_size: int = 20 * 1024 * 1024
    max_tokens_limit: int = 128_000
    min_tokens_limit: int = 1024
    min_tokens_explicit: bool = False
    model_window: int = 0
    max_retries: int = 2
    max_concurrent: int = 0
    queue_limit: int = 100
    ping_interval: float = 10
    commit_after: float = 10
    models_refresh: float = 3600
    max_body: int = 64 * 1024 * 1024
    prompt_compression: str = "none"
    prompt_max_system_tokens: int = 4096
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
    _check_tiers(reading, backends, value)
    floor = _floor(reading, value)
    if reading.problems:
        raise ConfigError(list(dict.fromkeys([*reading.problems, *odd_names])))  # a misspelt name may be the cause
    return Config(
        backends=backends,
        big_model=value["BIG_MODEL"],
        middle_model=value["MIDDLE_MODEL"],
        small_model=value["SMALL_MODEL"],
        client_key=value["ANTHROPIC_API_KEY"],
        host=host,
        port=value["PORT"],
        log_level=value["LOG_LEVEL"],
        log_format=value["LOG_FORMAT"],
        request_log=value["REQUEST_LOG"] == "on",
        request_log_size=value["REQUEST_LOG_MB"] * 1024 * 1024,
        max_tokens_limit=value["MAX_TOKENS_LIMIT"],
        min_tokens_limit=floor,
        min_tokens_explicit=reading.is_set("MIN_TOKENS_LIMIT"),
        model_window=value["MODEL_WINDOW"],
        max_retries=value["MAX_RETRIES"],
        max_concurrent=value["MAX_CONCURRENT_REQUESTS"],
        queue_limit=value["QUEUE_LIMIT"],
        ping_interval=value["PING_INTERVAL"],
        commit_after=value["COMMIT_AFTER"],
        models_refresh=value["MODELS_REFRESH"],
        max_body=value["MAX_BODY_MB"] * 1024 * 1024,
        prompt_compression=value["PROMPT_COMPRESSION"],
        prompt_max_system_tokens=value["PROMPT_MAX_SYSTEM_TOKENS"],
        compaction_reminder=value["COMPACTION_REMINDER"] == "on",
        signature_key=_signature_key(value["SIGNATURE_KEY"], next(iter(backends.values())).key),
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
        if is_openrouter(backend.base_url) and backend.key.startswith(_OTHERS_KEYS):
            reading.warnings.append(
                f"the key for {at} looks like another provider's (OpenRouter's begin with sk-or-); "
                "OPENAI_BASE_URL says whom it is sent to, such as https://api.openai.com/v1"
            )


def _check_tiers(reading: Reading, backends: Mapping[str, Backend], value: Mapping[str, Any]) -> None:
    default = next(iter(backends.values()))
    for name in _TIERS:
        prefix, slash, model = value[name].partition("/")
        if slash and not model.strip() and prefix in backends:
            reading.problems.append(f"{name}: got {quoted(value[name])}, takes a model's name after {prefix}/")
    unset = [name for name in _TIERS if not reading.is_set(name) and value[name].partition("/")[0] not in backends]
    if unset and not is_openrouter(default.base_url):
        names = ", ".join(f"{name}={value[name]}" for name in unset)
        reading.warnings.append(
            f"{quoted(default.base_url)} may not have the default models {names}: set them to models it has"
        )


def _floor(reading: Reading, value: Mapping[str, Any]) -> int:
    floor, ceiling = int(value["MIN_TOKENS_LIMIT"]), int(value["MAX_TOKENS_LIMIT"])
    if floor > ceiling and reading.is_set("MIN_TOKENS_LIMIT"):
        reading.problems.append(f"MIN_TOKENS_LIMIT: got {floor}, takes at most MAX_TOKENS_LIMIT, which is {ceiling}")
    return min(floor, ceiling)


def _signature_key(given: str, backend_key: str) -> bytes:
    """The seal of thinking signatures: the same in every worker and after a restart, whatever the machine."""
    source = f"given:{given}" if given else f"derived:{backend_key}"
    return hashlib.sha256(f"claude-code-proxy thinking signature\n{source}".encode()).digest()
