"""Providers a person may have a key for: the variable it is usually in, the base URL, and models for the three tiers.

Facts of 2026-11. A pattern stands for a family; of those the provider lists, the highest version is suggested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..local_servers import LocalServer


class Provider(NamedTuple):
    """A provider. variables: that may hold its key; big, middle, small: patterns of whole model names."""

    name: str
    title: str
    base_url: str
    variables: tuple[str, ...]
    big: str = ""
    middle: str = ""
    small: str = ""


class Source(NamedTuple):
    """A backend to choose. variable: where its key is, "" for none; key: the key itself; note: how it was found."""

    name: str
    title: str
    base_url: str
    variable: str = ""
    key: str = ""
    note: str = ""
    provider: Provider | None = None

    @property
    def is_found(self) -> bool:
        """Whether all is there to ask it."""
        return bool(self.key)


_V = r"\d+(\.\d+)?"  # a version

PROVIDERS: tuple[Provider, ...] = (
    Provider("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",),
             rf"openai/gpt-{_V}", rf"openai/gpt-{_V}-mini", rf"openai/gpt-{_V}-nano"),
    Provider("openai", "OpenAI", "https://api.openai.com/v1", ("OPENAI_API_KEY",),
             rf"gpt-{_V}", rf"gpt-{_V}-mini", rf"gpt-{_V}-nano"),
    Provider("xai", "xAI", "https://api.x.ai/v1", ("XAI_API_KEY", "GROK_API_KEY"),
             rf"grok-{_V}(-\d{{4}}|-latest)?", rf"grok-{_V}(-1)?-fast(-reasoning)?|grok-code-fast-\d+",
             rf"grok-{_V}(-1)?-fast-non-reasoning|grok-{_V}-mini"),
    Provider("gemini", "Google Gemini", "https://generativelanguage.googleapis.com/v1beta/openai",
             ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
             rf"gemini-{_V}-pro(-preview)?", rf"gemini-{_V}-flash(-preview)?", rf"gemini-{_V}-flash-lite(-preview)?"),
    Provider("groq", "Groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",),
             r"moonshotai/kimi-k\d.*|openai/gpt-oss-120b", r"openai/gpt-oss-120b", r"openai/gpt-oss-20b"),
    Provider("mistral", "Mistral", "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",),
             r"mistral-large-latest", r"mistral-medium-latest|devstral-medium-latest", r"mistral-small-latest"),
    Provider("deepseek", "DeepSeek", "https://api.deepseek.com", ("DEEPSEEK_API_KEY",),
             r"deepseek-reasoner|deepseek-v\d+-pro", r"deepseek-chat|deepseek-v\d+(-flash)?",
             r"deepseek-chat|deepseek-v\d+-flash"),
    Provider("moonshot", "Moonshot (Kimi)", "https://api.moonshot.ai/v1", ("MOONSHOT_API_KEY", "KIMI_API_KEY"),
             rf"kimi-k{_V}(-thinking)?", rf"kimi-k{_V}", rf"kimi-k{_V}-turbo.*|kimi-k{_V}"),
    Provider("zai", "Z.ai (GLM)", "https://api.z.ai/api/paas/v4", ("ZAI_API_KEY", "GLM_API_KEY", "ZHIPUAI_API_KEY"),
             rf"glm-{_V}", rf"glm-{_V}", rf"glm-{_V}-(air|flash)x?"),
    Provider("cerebras", "Cerebras", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",),
             rf"zai-glm-{_V}|qwen-3-coder.*", r"gpt-oss-120b", r"gpt-oss-120b|llama.*8b"),
    Provider("together", "Together", "https://api.together.xyz/v1", ("TOGETHER_API_KEY",),
             r".*/(Qwen3-Coder-480B.*|Kimi-K\d.*|GLM-\d.*)", r"openai/gpt-oss-120b", r"openai/gpt-oss-20b"),
    Provider("fireworks", "Fireworks", "https://api.fireworks.ai/inference/v1", ("FIREWORKS_API_KEY",),
             r".*/(kimi-k\d.*|glm-\d.*)", r".*/gpt-oss-120b", r".*/gpt-oss-20b"),
)  # fmt: skip


def found_sources(environ: Mapping[str, str], servers: list[LocalServer]) -> list[Source]:
    """Return what can be used at once: providers whose key is in the environment, then servers of this machine."""
    return [*_with_keys(environ), *_local(servers)]


def url_of(provider: Provider, environ: Mapping[str, str]) -> str:
    """Return a provider's base URL; the variable beside its key's, such as GROQ_BASE_URL, moves it."""
    stem = provider.variables[0].removesuffix("_API_KEY")
    return (environ.get(f"{stem}_BASE_URL", "").strip() or provider.base_url).rstrip("/")


def _with_keys(environ: Mapping[str, str]) -> Iterator[Source]:
    for provider in PROVIDERS:
        variable = next((name for name in provider.variables if environ.get(name, "").strip()), "")
        if variable:
            url = url_of(provider, environ)
            note = f"key in {variable}"
            yield Source(provider.name, provider.title, url, variable, environ[variable].strip(), note, provider)


def _local(servers: list[LocalServer]) -> Iterator[Source]:
    taken: set[str] = set()
    for server in servers:
        port = server.base_url.removesuffix("/v1").rpartition(":")[2]
        plain = "".join(c for c in server.name.lower() if c.isalnum()) if " on port " not in server.name else "local"
        name = plain if plain not in taken else f"{plain}-{port}"
        taken.add(name)
        many = f"{len(server.models)}{'+' * (len(server.models) >= 5)} model{'s' * (len(server.models) != 1)}"  # noqa: PLR2004 - no more are counted
        title = server.name if plain != "local" else "A local server"
        yield Source(name, title, server.base_url, "", "local", f"{server.base_url}, {many}")
