"""How far a model's own count of prompts lies from ours: a running ratio that what the backend reports corrects. Pure.

Three reports that agree are believed. One odd report after that (a prompt cut in silence, counts without what was
cached) changes nothing; reports that stay odd are the truth: another model answers under the name now. Reports that
have nothing to do with the prompts' sizes are never believed.
"""

from __future__ import annotations

import msgspec

UNPROVEN = 0.25
"""How far a count may be off, as a part of it, before a backend has reported anything."""

SHORTEST = 200
"""Tokens: the report of a shorter prompt says more of the chat template than of the prompt."""

_WEIGHT = 0.3  # of the newest report; the first ones weigh more
_LIKELY = (0.25, 4.0)  # ratios that a tokenizer can be the cause of
_ODD = 0.4  # of what was expected
_ODDITIES = 3  # in a row are the truth
_PROVEN = 3  # reports
_AGREED = 0.15  # a usual error above says that the backend counts something else
_SURE = 0.02
_SPREAD = 3  # times the usual error is a bound of it


class Calibration(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one model.

    ratio: reported to counted tokens; error: its usual error, as a part; turns: reports; odd: how many of the latest
    did not fit.
    """

    ratio: float = 1.0
    error: float = 0.0
    turns: int = 0
    odd: int = 0

    @property
    def proven(self) -> bool:
        """Whether enough was reported to be believed, and the reports agree with each other."""
        return self.turns >= _PROVEN and self.error < _AGREED

    @property
    def factor(self) -> float:
        """What to multiply a count with."""
        return self.ratio if self.proven else 1.0

    @property
    def bound(self) -> float:
        """How far a corrected count may be off, as a part of it."""
        return min(UNPROVEN, max(_SURE, _SPREAD * self.error)) if self.proven else UNPROVEN


def observe(known: Calibration, counted: int, reported: int) -> Calibration:
    """Return what is known after a backend reported a prompt. counted: by us, not corrected."""
    if counted < SHORTEST or not is_likely(counted, reported):
        return known
    seen = reported / counted
    miss = abs(known.ratio / seen - 1)
    if known.turns >= _PROVEN and miss > _ODD:
        again = msgspec.structs.replace(known, odd=known.odd + 1)
        return again if again.odd < _ODDITIES else Calibration(ratio=seen, turns=1)
    weight = max(_WEIGHT, 1 / (known.turns + 1))
    error = known.error + weight * (miss - known.error) if known.turns else 0.0
    return Calibration(ratio=known.ratio + weight * (seen - known.ratio), error=error, turns=known.turns + 1)


def is_likely(counted: int, reported: int) -> bool:
    """Tell whether a report can be the count of the same prompt."""
    least, most = _LIKELY
    return counted > 0 and least <= reported / counted <= most


def may_teach(reported: int) -> bool:
    """Tell whether a report can teach anything, whatever its prompt is counted as; if not, nobody need count it."""
    return reported >= SHORTEST * _LIKELY[0]
