"""What people and their tools look at: /metrics."""

from __future__ import annotations

import asyncio

from .call import Call
from .errors import ClientError
from .journal.tally import Totals
from .services import Services


async def metrics(call: Call) -> None:
    """GET /metrics: everything counted, in Prometheus' text format, of all workers."""
    if not call.config.metrics:
        raise ClientError("Metrics are switched off (METRICS).", status=404)
    page, kind = await asyncio.to_thread(_exposed, await totals_of(call.services))
    await call.channel.whole(200, page, kind)


async def totals_of(services: Services) -> Totals:
    """Return what was counted, with what is the case now."""
    totals = await services.journal.totals()
    for name, slots in services.slots.items():
        totals.counts["queue", name] = slots.waiting
    for name, health in services.health.items():
        totals.counts["up", name] = 0 if health.is_broken else 1
    return totals


def _exposed(totals: Totals) -> tuple[bytes, str]:
    from .journal.exposition import CONTENT_TYPE, exposition  # noqa: PLC0415 - who never scrapes does not pay for it

    return exposition(totals), CONTENT_TYPE
