"""Checked values out of the layers: each problem is noted and reading goes on, so that all are reported at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .endpoint import header_problem, read_base_url
from .settings import BY_NAME, HEADER_FAMILY, HEADER_PREFIX, Setting, Value, read, show

if TYPE_CHECKING:
    from .setting_layers import Layers

DEFAULT = "default"


class Reading:
    """One pass over the settings. sources, shown: by setting, as `Config` has them."""

    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self.problems = layers.problems
        self.warnings = layers.warnings
        self.sources: dict[str, str] = {}
        self.shown: dict[str, str] = {}

    def is_set(self, name: str) -> bool:
        """Tell whether a source says anything about a setting."""
        return self.layers.find(name) is not None

    def value(self, name: str) -> Any:
        """Return a setting's value, of the type of its default; the default where it is unset or wrong."""
        setting = BY_NAME[name]
        raw, source = self.layers.find(name) or (setting.default, DEFAULT)
        checked = setting.default if source == DEFAULT else self.checked(setting, raw, f"{name} from {source}")
        value = setting.default if checked is None else checked
        self.sources[name] = source
        self.shown[name] = show(setting, value)
        return value

    def checked(self, setting: Setting, raw: object, title: str) -> Value | None:
        """Return a raw value as the setting's type; None, and a problem under `title`, where it is wrong."""
        try:
            return read(setting, raw)
        except ValueError as error:
            self.problems.append(f"{title}: got {show(setting, raw)}, takes {error}")
            return None

    def base_url(self, text: str, title: str) -> str:
        """Return a checked base URL; a pasted endpoint is cut to it, with a warning."""
        try:
            url, pasted = read_base_url(text)
        except ValueError as error:
            self.problems.append(f"{title}: got {show(BY_NAME['OPENAI_BASE_URL'], text)}, takes {error}")
            return text
        if pasted:
            self.warnings.append(f"{title}: /chat/completions is left out; a base URL ends before it")
        return url

    def custom_headers(self) -> dict[str, str]:
        """Return the headers that CUSTOM_HEADER_ settings ask for."""
        headers: dict[str, str] = {}
        for name, (value, source) in self.layers.headers().items():
            header = name.removeprefix(HEADER_PREFIX).replace("_", "-")
            self.sources[name] = source
            self.shown[name] = show(BY_NAME[HEADER_FAMILY], value)
            headers.update(self.header(header, value, f"{name} from {source}"))
        return headers

    def header(self, name: str, value: object, title: str) -> dict[str, str]:
        """Return a checked header; nothing, and a problem under `title`, where it can't be sent."""
        text = value.strip() if isinstance(value, str) else None
        problem = "takes a text" if text is None else header_problem(name, text)
        if problem:
            self.problems.append(f"{title}: {problem}")
        return {} if problem or text is None else {name: text}

    def override(self, name: str, value: Value, source: str) -> None:
        """Show a setting as another value from another source: it does not come from where it usually does."""
        self.sources[name] = source
        self.shown[name] = show(BY_NAME[name], value)
