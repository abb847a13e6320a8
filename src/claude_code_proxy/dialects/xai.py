"""xAI (Grok).

Sources: docs.x.ai as read for the translation reference, 3.4 (2026-11-22); vercel/ai @ai-sdk/xai 4.0.8 (2026-07):
effort words of grok-4.3, and grok-4.20 refuses any. Chat returns reasoning text only for grok-3-mini and wants none
back. Stop sequences are an error on reasoning models: the proxy finds them itself. Every other field is OpenAI's.
"""

from ..translate.dialect import Dialect
from .row import Models

XAI = Dialect(
    name="xai",
    system_in_place=False,
    strict_flag=False,
    efforts=(),
    max_stops=0,
    source="docs.x.ai via translation reference 3.4, 2026-11-22",
)

GROK = (
    Models("grok-3-mini", {"efforts": ("low", "high")}, "docs.x.ai, 2026-11"),
    Models("grok-4\\.3|grok-latest", {"efforts": ("none", "low", "medium", "high")}, "@ai-sdk/xai 4.0.8, 2026-07"),
    Models("grok-4\\.[5-9](?!\\d)", {"efforts": ("low", "medium", "high")}, "docs.x.ai, 2026-11"),
    Models("grok", {"efforts": ()}, "docs.x.ai, 2026-11"),
)
"""Any other Grok answers 400 to an effort."""
