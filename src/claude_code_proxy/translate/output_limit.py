"""What a sentence says of the output limit: by another name, at most so many, at least so many.

It speaks of the output alone. Where prompt and window are spoken of too, `overflow.py` reads it.
"""

from __future__ import annotations

import re

from .bounds import numbers, read_bounds

NAMES = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens", "maxOutputTokens", "maxTokens")

OUTPUT = re.compile(
    r"max_(?:completion_|new_|output_)?tokens|max(?:Output)?Tokens|tokens of output"
    r"|(?:maximum |max )?(?:number of )?(?:output|completion|generated|generation|response|new) tokens?"
    r"(?: limit| count)?"
    r"|(?:output|completion|response) (?:length|limit)|max(?:imum)? output",
    re.IGNORECASE,
)
"""The ways to name what an answer may have at most."""

OTHER_LIMIT = re.compile(
    r"(?:per|a|each|every|this|for the) (?:second|minute|hour|day|week|month)\b"
    r"|\b(?:hourly|daily|weekly|monthly)\b|quota"
    r"|credits?\b|billing|free tier|subscription|(?:usage|spend\w*|time) (?:limit|frame|window)"
    r"|\b(?:account|organi[sz]ation|project|workspace|team|trial|api key)s?\b|\btoday\b"
    r"|given time|\bcharacters?\b|\bbytes\b|\b[KM]i?B\b|\btool (?:count|descriptions?|definitions?|schemas?)"
    r"|number of tools",
    re.IGNORECASE,
)
"""What an account may use, or what is counted in something else than tokens: not what one prompt or answer may be."""

_INPUT = re.compile(r"context|prompt|\binput\b(?! should)|messages?\b|conversation|history|budget", re.IGNORECASE)
_REFUSED = re.compile(
    r"exceed|too (?:large|big|high|many|great|long)|(?:great|larg|high)er|must|should|may not|at most|less than|up to"
    r"|max(?:imum)?\b|range|limit|cannot|invalid|only|>|<|≤|范围|不能|不超过|超出|最大",
    re.IGNORECASE,
)


def read_output_limit(text: str, sent: int) -> int:
    """Return the largest output a backend takes, 0 where the sentence does not say that `sent` was too much."""
    about_input = _INPUT.search(OUTPUT.sub(" ", text)) or OTHER_LIMIT.search(text)
    if not sent or about_input or not OUTPUT.search(text) or not _REFUSED.search(text):
        return 0
    least, most = read_bounds(text).whole
    if 0 < most < sent or (least > 1 and not most):
        return most
    smaller = {number for number in numbers(text) if 1 < number < sent}
    return smaller.pop() if len(smaller) == 1 else 0


def read_output_floor(text: str, sent: int) -> int:
    """Return the smallest output limit a backend takes, 0 where nothing says that `sent` was too little."""
    least, _ = read_bounds(text).whole
    return least if OUTPUT.search(text) and least > sent else 0
