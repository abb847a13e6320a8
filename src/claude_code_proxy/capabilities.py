"""What a model can do, in the words of Anthropic's model list. Pure."""

from __future__ import annotations

from typing import Any

from .backends.model_lists import ModelFacts
from .translate.context_edits import EDITS
from .translate.dialect import Dialect


def capabilities(facts: ModelFacts, dialect: Dialect) -> dict[str, Any]:
    """Return the `capabilities` of a model. What nobody knows is said to be there: the request is then simply tried."""
    thinks = dialect.thinks != "never"
    return {
        "batch": _has(False),
        "citations": _has(False),
        "code_execution": _has(False),
        "context_management": {**{edit: _has(True) for edit in sorted(EDITS)}, "compact_20260112": _has(False)}
        | _has(True),
        "effort": {level: _has(level in dialect.efforts) for level in ("low", "medium", "high", "xhigh", "max")}
        | _has(bool(dialect.efforts)),
        "image_input": _has(dialect.images != "no" and facts.vision is not False),
        "pdf_input": _has(True),
        "server_tools": {"web_search": _has(bool(dialect.web_search)), "code_execution": _has(False)}
        | _has(bool(dialect.web_search)),
        "structured_outputs": _has(dialect.json_schema == "json_schema"),
        "thinking": {
            "types": {
                "adaptive": _has(thinks),
                "between_tools": _has(thinks),
                "disabled": _has(dialect.thinks != "always"),
                "enabled": _has(thinks),
            }
        }
        | _has(thinks),
    }


def _has(supported: bool) -> dict[str, Any]:
    return {"supported": supported}
