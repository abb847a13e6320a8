"""Which server program answers at an address, by what it says of itself. Pure: somebody else has asked it.

Sources, read 2026-11-22: translation reference 3.8 to 3.16; recorded model lists. `owned_by` is `llamacpp`, `vllm` and
`sglang` at the servers of those names, `organization_owner` at LM Studio. At Ollama it is the namespace of each model,
which is `library` only for those of its own library: a person's own models and those of Hugging Face have others
(ollama's source, `server/routes.go` and `openai.go`, 2026). Some servers imitate the paths of others (KoboldCpp those
of Ollama and of llama.cpp), so a program that names itself is not asked for signs of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..wire.shapes import items, mapping, text

_OWNERS = {
    "library": "ollama",
    "llamacpp": "llamacpp",
    "vllm": "vllm",
    "sglang": "sglang",
    "organization_owner": "lmstudio",
    "koboldcpp": "koboldcpp",
    "tabbyapi": "tabbyapi",
    "llama-swap": "llama-swap",
}
_HEADERS = {
    "llama.cpp": "llamacpp",
    "ollama": "ollama",
    "vllm": "vllm",
    "sglang": "sglang",
    "lm studio": "lmstudio",
    "koboldcpp": "koboldcpp",
}

_GATEWAYS = frozenset({"", "openai"})  # LiteLLM and most others imitate OpenAI's list to the letter

Said = Mapping[str, object]
"""What a server answered, by path; a path that it does not have is not in it."""


def identity_of(models: object, server_header: str, said: Said = {}) -> str:
    """Return the name of the server's program, "" when nothing tells; it may have no dialect of its own.

    models: the answer to /v1/models; server_header: the `Server` header; said: what it answered on `SIGNS`. A gateway
    lists models of several owners, and so is not known by them.
    """
    owners = {text(owner).lower() for owner in _owners(models)}
    known = _OWNERS.get(next(iter(owners)), "") if len(owners) == 1 else ""
    program = server_header.lower().partition("/")[0].strip()
    return known or _HEADERS.get(program, "") or _by_signs(models, said)


def is_worth_asking(models: object) -> bool:
    """Tell whether a list can be of a program that is known by signs: all of them name owners, and not OpenAI alone."""
    return not {text(owner).lower() for owner in _owners(models)} <= _GATEWAYS


def _owners(models: object) -> list[object]:
    return [mapping(model).get("owned_by") for model in items(mapping(models).get("data"))]


def _by_signs(models: object, said: Said) -> str:
    return next((name for name, is_it in _SIGNS if is_it(models, said)), "")


def _is_llamacpp(_models: object, said: Said) -> bool:
    return "default_generation_settings" in mapping(said.get("/props"))


def _is_ollama(models: object, said: Said) -> bool:
    """Web interfaces before Ollama have its /api/version too, but not its own list with the same models."""
    if not text(mapping(said.get("/api/version")).get("version")):
        return False
    own = {text(mapping(entry).get("name")) for entry in items(mapping(said.get("/api/tags")).get("models"))}
    return {text(mapping(entry).get("id")) for entry in items(mapping(models).get("data"))} <= own


def _is_lmstudio(_models: object, said: Said) -> bool:
    listed = [mapping(entry) for entry in items(mapping(said.get("/api/v0/models")).get("data"))]
    return bool(listed) and all("state" in entry and "max_context_length" in entry for entry in listed)


def _is_sglang(_models: object, said: Said) -> bool:
    told: list[Mapping[str, Any]] = [mapping(said.get(path)) for path in ("/get_model_info", "/model_info")]
    return any("model_path" in answer and "is_generation" in answer for answer in told)


def _is_vllm(models: object, said: Said) -> bool:
    listed = [mapping(entry) for entry in items(mapping(models).get("data"))]
    numbered = bool(text(mapping(said.get("/version")).get("version")))
    return numbered and bool(listed) and all("max_model_len" in entry for entry in listed)


_SIGNS: tuple[tuple[str, Callable[[object, Said], bool]], ...] = (
    ("llamacpp", _is_llamacpp),
    ("ollama", _is_ollama),
    ("lmstudio", _is_lmstudio),
    ("sglang", _is_sglang),
    ("vllm", _is_vllm),
)

SIGNS = ("/props", "/api/version", "/api/tags", "/api/v0/models", "/get_model_info", "/model_info", "/version")
"""The paths, below a server's root, by which the programs are known whose model list does not name them."""
