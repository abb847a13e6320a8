"""Which server program answers at an address, by what it says of itself. Pure: somebody else has asked it.

Sources, read 2026-11-22: translation reference 3.8 to 3.16; recorded model lists. `owned_by` is `library` at
Ollama, `llamacpp`, `vllm` and `sglang` at the servers of those names, `organization_owner` at LM Studio.
"""

from __future__ import annotations

from ..wire.shapes import items, mapping, text

_OWNERS = {
    "library": "ollama",
    "llamacpp": "llamacpp",
    "vllm": "vllm",
    "sglang": "sglang",
    "organization_owner": "lmstudio",
}
_HEADERS = {"llama.cpp": "llamacpp", "ollama": "ollama", "vllm": "vllm", "sglang": "sglang", "lm studio": "lmstudio"}


def identity_of(models: object, server_header: str, props: object, ollama_version: object) -> str:
    """Return the name of the server's dialect, "" when nothing tells.

    models: the answer to /v1/models; server_header: the `Server` header; props: the answer to /props, which is
    llama.cpp's; ollama_version: the answer to /api/version, which Ollama has, but web interfaces before it have one
    too. A gateway lists models of several owners, and so has no identity.
    """
    if "default_generation_settings" in mapping(props):
        return "llamacpp"
    listed = items(mapping(models).get("data"))
    owners = {text(mapping(model).get("owned_by")) for model in listed}
    known = _OWNERS.get(next(iter(owners)), "") if len(owners) == 1 else ""
    program = server_header.lower().partition("/")[0].strip()
    version = text(mapping(ollama_version).get("version"))
    return known or _HEADERS.get(program, "") or ("ollama" if version and not listed else "")
