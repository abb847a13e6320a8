"""Any OpenAI-compatible server we know nothing else of: the fields nearly all of them take.

Source: the matrix of backends in the translation reference, section 3.1 (2026-11-22); what a server refuses is learned
from its answer.
"""

from ..translate.dialect import Dialect

GENERIC = Dialect(
    name="generic",
    max_tokens_field="max_tokens",
    efforts=("low", "medium", "high"),
    strict_flag=False,
    think_tags=True,
    replay="own",
    source="translation reference 3.1, 2026-11-22",
)
