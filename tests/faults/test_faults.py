"""A slice of the table in docs/reliability.md, which `make faults` runs whole."""

from __future__ import annotations

import itertools

from .backend import FaultBackend
from .cases import connecting, matrix, shaped, truncated
from .run import proxies, run


async def test_of_every_fault_in_every_phase_the_client_sees_a_legal_outcome() -> None:
    with FaultBackend() as backend, proxies(backend) as running:
        urls = {again: proxy.url for again, proxy in running.items()}
        cases = itertools.chain(matrix(), shaped(), connecting(), truncated(step=23))
        outcomes = await run(cases, backend, urls)
    wrong = [f"{one.case.name}: {one.kind} {one.detail}" for one in outcomes if not one.is_legal]
    assert wrong == []
    assert len(outcomes) > 400
