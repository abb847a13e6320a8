"""Whether a model thinks by itself, known by its name wherever it runs: an answer needs room for a thought.

A backend that lists its models knows better (`backends.model_lists`), and a row of its own file wins. The first that
fits decides, so what never thinks and what always does stand before the families they belong to.

Sources: the files of the makers, which see; translation reference 3 and 4.5 (2026-11-22); the makers' model cards for
open weights (2026). Some templates end the prompt with `<think>`: without a parser on the server, text of such a model
begins inside of its thought. Names that end in `-thinking` and `-reasoning` say it themselves.
"""

from __future__ import annotations

from .row import Models

_ALWAYS, _DEFAULT, _ASKED, _NEVER = ({"thinks": word} for word in ("always", "default", "asked", "never"))
_OPENED = {**_ALWAYS, "think_opened": True}

HABITS = (
    Models(r"[^/]*-(?:non-reasoning|non-thinking|no-thinking)", _NEVER, "its name"),
    Models(r"gpt-[34]|gpt-35|chatgpt-4o|gpt-5-chat", _NEVER, "openai.py"),
    Models(r"gpt-oss|codex-mini|o[134](?:-mini|-pro|-preview)?(?![a-z0-9.])", _ALWAYS, "openai.py"),
    Models(r"gpt-5[.-]\d-(?:chat|pro)|gpt-5-pro", _ALWAYS, "openai.py"),
    Models(r"gpt-5[.-][1-4](?!\d)(?![^/]*codex)", _ASKED, "openai.py: none unless asked"),
    Models(r"gpt-5[.-]\d(?!\d)", _DEFAULT, "openai.py"),
    Models(r"gpt-[5-9]", _ALWAYS, "openai.py"),
    Models(r"gemini-2\.5-flash-lite", _ASKED, "translation reference 3.5, 2026-11-22"),
    Models(r"gemini-2\.5-flash", _DEFAULT, "translation reference 3.5, 2026-11-22"),
    Models(r"gemini-(?:2\.5-pro|[3-9])", _ALWAYS, "translation reference 3.5, 2026-11-22"),
    Models(r"gemini-[12]|gemma-?[123]|llama-?[1-4]|qwen-?2|kimi-k2(?:-0\d+|-instruct)", _NEVER, "model cards"),
    Models(r"qwen3-coder|qwen3-[^/]*-instruct", _NEVER, "qwen.py"),
    Models(r"grok-(?:3-mini|code|4(?![.\d])|4[^/]*-reasoning|4\.[5-9])", _ALWAYS, "xai.py"),
    Models(r"grok-4\.3", _DEFAULT, "xai.py"),
    Models(r"grok-[123]", _NEVER, "xai.py"),
    Models(r"minimax-m2|glm-z1|deepseek-r\d|qwq|qwen-?3[^/]*-thinking", _OPENED, "chat templates of the model cards"),
    Models(r"kimi-(?:k2[.p]7|k[3-9]|thinking)|minimax-m1|glm-5[.p-][3-9]", _ALWAYS, "kimi.py, minimax.py, glm.py"),
    Models(r"magistral|qvq|sonar-(?:reasoning|deep-research)", _ALWAYS, "model cards"),
    Models(r"[^/]*-(?:thinking|reasoning)(?![a-z])", _ALWAYS, "its name"),
    Models(r"deepseek-(?:reasoner|v[4-9])|kimi-k2[.p-][56]|minimax-m", _DEFAULT, "the makers' files"),
    Models(r"glm-(?:4[.p][5-9]|[5-9])|qwen-?3|smollm3", _DEFAULT, "glm.py, qwen.py, model cards"),
)
