"""OpenAI itself, and Azure OpenAI. Source: openai SDK 3.54.0 types (2026-11-22)."""

from dataclasses import replace

from ..translate.dialect import Dialect

OPENAI = Dialect(
    name="openai",
    system_role="developer",
    efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    documents="file",
    obfuscation_off=True,
    user_field="safety_identifier",
    cache_key_field="prompt_cache_key",
    service_tier=True,
    extra_body={"store": False},
    source="openai 3.54.0 types, 2026-11-22",
)

AZURE = replace(OPENAI, name="azure", auth_header="api-key", obfuscation_off=False, user_field="user", extra_body={})
