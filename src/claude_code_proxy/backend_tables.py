"""The backends: `default` from the settings, and one for each `[backends.NAME]` table of the TOML file.

OPENAI_API_KEY, OPENAI_BASE_URL, AZURE_API_VERSION, DIALECT and CUSTOM_HEADER_* speak of `default` only: a header or
key meant for one provider is not shown to another. Where there is a table `default` too, these settings win.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from .endpoint import Backend, Timeouts, is_openrouter, merge_headers
from .outgoing import is_proxy, proxy_of
from .settings import BY_NAME, near, quoted, show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .local_servers import LocalServer
    from .setting_values import Reading

DEFAULT_NAME = "default"

_SETTING_OF = {
    "base_url": "OPENAI_BASE_URL",
    "key": "OPENAI_API_KEY",
    "azure_api_version": "AZURE_API_VERSION",
    "dialect": "DIALECT",
}
_TIMEOUTS = {"connect": "CONNECT_TIMEOUT", "first_byte": "FIRST_BYTE_TIMEOUT", "idle": "REQUEST_TIMEOUT"}
_SWITCHES = {"text_tool_calls": "TEXT_TOOL_CALLS", "think_tags": "THINK_TAGS"}
_FIELDS = (*_SETTING_OF, "key_env", "keys", "models", "headers", "timeouts", "proxy", "ca_file", *_SWITCHES)


NO_CERTIFICATES = "names no readable file of certificates (PEM)"


def has_certificates(file: str) -> bool:
    """Tell whether a file can be trusted by."""
    import ssl  # noqa: PLC0415 - heavy, and few name a file

    try:
        ssl.create_default_context(cafile=file)
    except (OSError, ValueError):  # an SSLError is an OSError: there is no certificate in the file
        return False
    return True


def read_backends(reading: Reading, find_servers: Callable[[], Sequence[LocalServer]]) -> dict[str, Backend]:
    """Return the backends by name; the first one serves the model names that no other claims."""
    tables = _tables(reading)
    custom = reading.custom_headers()
    if _has_default(reading, tables):
        tables = {DEFAULT_NAME: tables.get(DEFAULT_NAME, {}), **tables}
    else:
        _warn_of_unused(reading, custom)
    tables = _chosen_first(reading, tables)
    backends = {name: _Part(reading, name, table).backend(custom, find_servers) for name, table in tables.items()}
    _show_default(reading, tables.get(DEFAULT_NAME, {}), backends.get(DEFAULT_NAME))
    return backends


def common_timeouts(reading: Reading) -> Timeouts:
    """Return the time-outs of the settings: REQUEST_TIMEOUT also bounds the first byte, unless that has its own."""
    values = {field: reading.value(name) for field, name in _TIMEOUTS.items()}
    if reading.is_set("REQUEST_TIMEOUT") and not reading.is_set("FIRST_BYTE_TIMEOUT"):
        values["first_byte"] = values["idle"]
        reading.override("FIRST_BYTE_TIMEOUT", values["idle"], "REQUEST_TIMEOUT")
    return Timeouts(**values)


def _tables(reading: Reading) -> dict[str, Mapping[str, Any]]:
    tables: dict[str, Mapping[str, Any]] = {}
    for name, table in reading.layers.backends.items():
        if "/" in name or not name.strip() or not name.isprintable():
            reading.problems.append(f"backends: {quoted(name)} is no name for a backend: it takes letters, digits, -")
        elif isinstance(table, Mapping):
            tables[name] = table
        else:
            reading.problems.append(f"backends.{name} in {reading.layers.file} takes a table, [backends.{name}]")
    return tables


def _has_default(reading: Reading, tables: Mapping[str, Any]) -> bool:
    """The tables may replace `default`; a key that one of them borrows does not bring it back."""
    if not tables or DEFAULT_NAME in tables:
        return True
    if reading.is_set("DEFAULT_BACKEND"):
        return reading.layers.stronger("OPENAI_BASE_URL", "DEFAULT_BACKEND")
    if reading.is_set("OPENAI_BASE_URL"):
        return True
    borrowed = any(table.get("key_env") == "OPENAI_API_KEY" for table in tables.values())
    return reading.is_set("OPENAI_API_KEY") and not borrowed


def _chosen_first(reading: Reading, tables: dict[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The tables with DEFAULT_BACKEND's before the others, unless a stronger source names a backend by its URL."""
    chosen = str(reading.value("DEFAULT_BACKEND"))
    if not chosen or reading.layers.stronger("OPENAI_BASE_URL", "DEFAULT_BACKEND"):
        return tables
    if chosen not in tables:
        close = near(chosen, tables)
        hint = f" (did you mean {close}?)" if close else ""
        takes = f"the name of a backend: {', '.join(tables)}"
        reading.problems.append(f"DEFAULT_BACKEND: got {quoted(chosen)}, takes {takes}{hint}")
        return tables
    return {chosen: tables[chosen], **tables}


def _warn_of_unused(reading: Reading, custom: Mapping[str, str]) -> None:
    unused = [name for name in ("AZURE_API_VERSION", "DIALECT") if reading.is_set(name)]
    unused += [f"the CUSTOM_HEADER_ for {name}" for name in custom]
    reading.warnings.extend(
        f"{name} is not used: it belongs to the backend `{DEFAULT_NAME}`, which the tables replace" for name in unused
    )


def _show_default(reading: Reading, table: Mapping[str, Any], backend: Backend | None) -> None:
    """Let the listing of settings say what the table `default` decided."""
    for field, name in _SETTING_OF.items():
        if backend and field in table and not reading.is_set(name):
            reading.override(name, getattr(backend, field), f"[backends.{DEFAULT_NAME}]")


class _Part:
    """One backend being read, field by field; a problem leaves the field empty."""

    def __init__(self, reading: Reading, name: str, table: Mapping[str, Any]) -> None:
        self.reading = reading
        self.name = name
        self.table = table
        for field in table:
            if field not in _FIELDS:
                close = near(field, _FIELDS)
                hint = f"did you mean {close}?" if close else f"it has {', '.join(_FIELDS)}"
                self._problem(f"is not a field of a backend; {hint}", field)

    def backend(self, custom: Mapping[str, str], find_servers: Callable[[], Sequence[LocalServer]]) -> Backend:
        base_url = self._base_url()
        keys = self._keys()
        if not keys and self._says_no_key():
            self._ask_for_key(base_url, find_servers)
        attribution = self._attribution() if is_openrouter(base_url) else {}
        own = custom if self.name == DEFAULT_NAME else {}
        return Backend(
            name=self.name,
            base_url=base_url,
            key=keys[0] if keys else "",
            spare_keys=keys[1:],
            dialect=self._text("dialect"),
            models=self._models(),
            headers=merge_headers(attribution, self._headers(), own),
            timeouts=self._timeouts(),
            azure_api_version=self._text("azure_api_version"),
            proxy=self._proxy(base_url),
            ca_file=self._ca_file(),
            **{field: self._switch(field) for field in _SWITCHES},
        )

    def _at(self, field: str) -> str:
        path = field if field.isprintable() else quoted(field)
        return f"backends.{self.name}.{path} in {self.reading.layers.file}"

    def _problem(self, text: str, field: str) -> None:
        self.reading.problems.append(f"{self._at(field)} {text}")

    def _said(self, field: str) -> tuple[object, str] | None:
        """The raw value of a field, and how a message calls it; the settings of `default` go first."""
        name = _SETTING_OF.get(field, "")
        found = self.reading.layers.find(name) if name and self.name == DEFAULT_NAME else None
        if found:
            return found[0], f"{name} from {found[1]}"
        return (self.table[field], self._at(field)) if self.table.get(field, "") != "" else None

    def _text(self, field: str) -> str:
        said = self._said(field)
        value = self.reading.checked(BY_NAME[_SETTING_OF[field]], *said) if said else None
        return str(value or "")

    def _base_url(self) -> str:
        said = self._said("base_url")
        if said:
            text = self._text("base_url")
            return self.reading.base_url(text, said[1]) if text else ""
        if self.name != DEFAULT_NAME:
            self._problem("is not set: it takes an http or https URL", "base_url")
        return str(BY_NAME["OPENAI_BASE_URL"].default)

    def _keys(self) -> tuple[str, ...]:
        given = [field for field in ("key", "keys", "key_env") if field in self.table]
        if len(given) > 1:
            self._problem(f"and {given[1]} are both set; it takes one of them", given[0])
        setting = BY_NAME["OPENAI_API_KEY"]
        said = self._said("key")
        if said is None and "keys" in self.table:
            said = self.table["keys"], self._at("keys")
        if said is None and "key_env" in self.table:
            said = self._key_of_variable()
        keys = self.reading.checked(setting, *said) if said else None
        return keys if isinstance(keys, tuple) else (str(keys),) if keys else ()

    def _key_of_variable(self) -> tuple[str, str] | None:
        variable = self.table["key_env"]
        if not isinstance(variable, str) or not variable.strip():
            self._problem("takes the name of a variable", "key_env")
            return None
        value = self.reading.layers.variables.get(variable, "")
        if not value.strip():
            self._problem(f"names {quoted(variable)}, but no such variable is set", "key_env")
            return None
        return value, variable

    def _says_no_key(self) -> bool:
        return self._said("key") is None and not {"key_env", "keys"} & self.table.keys()

    def _proxy(self, base_url: str) -> str:
        given = self.table.get("proxy")
        if given is None:
            return proxy_of(base_url, self.reading.layers.variables, self.reading.warnings)
        if not isinstance(given, str) or (given and not is_proxy(given)):
            self._problem('takes the URL of an HTTP proxy, or "" for none', "proxy")
            return ""
        return given

    def _switch(self, field: str) -> Any:
        """A table's own word, else the setting's, which speaks of every backend."""
        name = _SWITCHES[field]
        if field not in self.table:
            return self.reading.value(name)
        return self.reading.checked(BY_NAME[name], self.table[field], self._at(field)) or BY_NAME[name].default

    def _ca_file(self) -> str:
        given = self.table.get("ca_file", "")
        if not isinstance(given, str):
            self._problem("takes a file's path", "ca_file")
            return ""
        if given and not has_certificates(given):
            self._problem(NO_CERTIFICATES, "ca_file")
        return given

    def _ask_for_key(self, base_url: str, find_servers: Callable[[], Sequence[LocalServer]]) -> None:
        if self.name == DEFAULT_NAME:
            self.reading.problems.append(_missing_key(base_url, find_servers()))
        else:
            self._problem(
                "is not set: it takes the backend's key, or key_env the name of a variable that holds it; "
                'a local server takes any text: key = "local"',
                "key",
            )

    def _attribution(self) -> dict[str, str]:
        wanted = {"HTTP-Referer": "OPENROUTER_REFERER", "X-Title": "OPENROUTER_TITLE"}
        headers = {header: str(self.reading.value(name)) for header, name in wanted.items()}
        return {header: value for header, value in headers.items() if value}

    def _models(self) -> tuple[str, ...]:
        models = self.table.get("models", [])
        if isinstance(models, list) and all(isinstance(m, str) and m.strip() and m.isprintable() for m in models):
            return tuple(model.strip() for model in models)
        self._problem("takes a list of model names", "models")
        return ()

    def _headers(self) -> dict[str, str]:
        table = self.table.get("headers", {})
        if not isinstance(table, Mapping):
            self._problem(f"takes a table, [backends.{self.name}.headers]", "headers")
            return {}
        headers: dict[str, str] = {}
        for name, value in table.items():
            headers.update(self.reading.header(name, value, self._at(f"headers.{name}")))
        return headers

    def _timeouts(self) -> Timeouts:
        common = common_timeouts(self.reading)
        table = self.table.get("timeouts", {})
        if not isinstance(table, Mapping) or not table.keys() <= _TIMEOUTS.keys():
            self._problem(f"takes a table with {', '.join(_TIMEOUTS)}, in seconds", "timeouts")
            return common
        given = {
            field: self.reading.checked(BY_NAME[_TIMEOUTS[field]], value, self._at(f"timeouts.{field}"))
            for field, value in table.items()
        }
        return msgspec.structs.replace(common, **{field: value for field, value in given.items() if value is not None})


def _missing_key(base_url: str, servers: Sequence[LocalServer]) -> str:
    """What to do without a key, for each kind of backend; local servers that answer are named with what to set."""
    lines = ["OPENAI_API_KEY is not set: it takes the backend's key"]
    if is_openrouter(base_url):
        lines.append("for OpenRouter, the default backend, make a key at https://openrouter.ai/keys")
    else:
        lines.append(f"for {show(BY_NAME['OPENAI_BASE_URL'], base_url)} it is that backend's key")
    lines.append("for a local server (Ollama, LM Studio, llama.cpp, vLLM) it is any text, and OPENAI_BASE_URL its URL")
    for server in servers:
        models = f" with {', '.join(server.models)}" if server.models else ""
        lines.append(f"{server.name} runs here{models}; to use it, set")
        lines += [f"  OPENAI_BASE_URL={server.base_url}", "  OPENAI_API_KEY=local"]
    return "\n  ".join(lines)
