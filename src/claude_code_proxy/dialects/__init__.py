"""Which dialect a backend speaks: one row each.

Chosen by setting, else by Azure mode, by the base URL's host, by what the server says of itself, by a usual local
port, else generic. A row's own models come next; at a gateway the model's family does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from ..endpoint import Backend, is_loopback
from ..translate.dialect import Dialect
from .cerebras import CEREBRAS, CEREBRAS_MODELS
from .deepseek import DEEPSEEK
from .families import FAMILIES
from .fireworks import FIREWORKS, FIREWORKS_MODELS
from .gemini import GEMINI, GEMINI_MODELS
from .generic import GENERIC
from .glm import GLM, GLM_MODELS
from .groq import GROQ, GROQ_MODELS
from .habits import HABITS
from .identity import SIGNS, identity_of, is_worth_asking
from .kimi import KIMI, KIMI_MODELS
from .llamacpp import LLAMACPP
from .lmstudio import LMSTUDIO
from .minimax import MINIMAX, MINIMAX_MODELS
from .mistral import MISTRAL, MISTRAL_MODELS
from .ollama import OLLAMA
from .openai import AZURE, AZURE_MODELS, OPENAI, OPENAI_MODELS
from .openrouter import OPENROUTER, OPENROUTER_MODELS
from .perplexity import PERPLEXITY, PERPLEXITY_MODELS
from .qwen import QWEN, QWEN_MODELS
from .row import Models, Row
from .sglang import SGLANG
from .together import TOGETHER, TOGETHER_MODELS
from .vllm import TEMPLATES, VLLM
from .xai import GROK, XAI

__all__ = [
    "DIALECTS",
    "FAMILIES",
    "HABITS",
    "ROWS",
    "SIGNS",
    "Models",
    "Row",
    "identity_of",
    "is_told",
    "is_worth_asking",
    "recognise",
]

ROWS: tuple[Row, ...] = (
    Row(dialect=OPENAI, hosts=("api.openai.com",), models=OPENAI_MODELS),
    Row(
        dialect=AZURE,
        hosts=(
            "openai.azure.com",
            "cognitiveservices.azure.com",
            "services.ai.azure.com",
            "openai.azure.us",
            "openai.azure.cn",
        ),
        models=AZURE_MODELS,
    ),
    Row(dialect=OPENROUTER, hosts=("openrouter.ai",), models=OPENROUTER_MODELS),
    Row(dialect=XAI, hosts=("api.x.ai",), models=GROK),
    Row(dialect=DEEPSEEK, hosts=("api.deepseek.com",)),
    Row(dialect=GEMINI, hosts=("generativelanguage.googleapis.com",), models=GEMINI_MODELS),
    Row(dialect=MISTRAL, hosts=("api.mistral.ai", "codestral.mistral.ai"), models=MISTRAL_MODELS),
    Row(dialect=GROQ, hosts=("api.groq.com",), models=GROQ_MODELS),
    Row(dialect=CEREBRAS, hosts=("api.cerebras.ai",), models=CEREBRAS_MODELS),
    Row(dialect=TOGETHER, hosts=("api.together.xyz", "api.together.ai"), models=TOGETHER_MODELS),
    Row(dialect=FIREWORKS, hosts=("api.fireworks.ai",), models=FIREWORKS_MODELS),
    Row(dialect=PERPLEXITY, hosts=("api.perplexity.ai",), models=PERPLEXITY_MODELS),
    Row(dialect=KIMI, hosts=("api.moonshot.ai", "api.moonshot.cn", "api.kimi.com"), models=KIMI_MODELS),
    Row(dialect=GLM, hosts=("api.z.ai", "open.bigmodel.cn"), models=GLM_MODELS),
    Row(dialect=MINIMAX, hosts=("api.minimax.io", "api.minimaxi.com", "api.minimax.chat"), models=MINIMAX_MODELS),
    Row(
        dialect=QWEN,
        hosts=("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "dashscope-us.aliyuncs.com"),
        models=QWEN_MODELS,
    ),
    # 8000 and 8080 say nothing: half of all servers are there
    Row(dialect=OLLAMA, hosts=("ollama.com",), ports=(11434,)),
    Row(dialect=LLAMACPP, ports=(9931,)),
    Row(dialect=LMSTUDIO, ports=(1234,)),
    Row(dialect=VLLM, models=TEMPLATES),
    Row(dialect=SGLANG, ports=(30000,), models=TEMPLATES),
    Row(dialect=GENERIC, models=FAMILIES),
)

_BY_NAME: Mapping[str, Row] = {row.dialect.name: row for row in ROWS}

_PROGRAMS = frozenset({"ollama", "llamacpp", "lmstudio", "vllm", "sglang", "generic"})
"""Dialects of programs that anybody may run, at any address."""

DIALECTS: Mapping[str, Dialect] = {name: row.dialect for name, row in _BY_NAME.items()}


def recognise(backend: Backend, model: str, identity: str = "") -> Dialect:
    """Return the dialect of a backend for a model. identity: as `identity_of` returns it."""
    return _recognised(backend.dialect, backend.base_url, bool(backend.azure_api_version), model, identity)


def is_told(backend: Backend) -> bool:
    """Tell whether a setting or the base URL's host says what a backend is, so that nobody need ask it."""
    host = urlsplit(backend.base_url).hostname or ""
    known = backend.dialect and backend.dialect not in _PROGRAMS
    return bool(known or backend.azure_api_version) or any(row.at(host) for row in ROWS)


@lru_cache(maxsize=1024)
def _recognised(setting: str, base_url: str, azure: bool, model: str, identity: str) -> Dialect:
    name = setting or ("azure" if azure else "")
    row = _BY_NAME[name] if name else _found(base_url, identity)
    return row.for_model(model, HABITS)


def _found(base_url: str, identity: str) -> Row:
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    here = is_loopback(host) or host == "host.docker.internal"
    by_host = next((row for row in ROWS if row.at(host)), None)
    by_port = next((row for row in ROWS if here and parts.port in row.ports), None)
    return by_host or _BY_NAME.get(identity) or by_port or _BY_NAME["generic"]
