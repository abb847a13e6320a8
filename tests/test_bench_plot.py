"""The plot of the bench takes as many targets as there are."""

from __future__ import annotations

from bench.plot import svg


def test_every_target_has_its_bars_and_its_curve() -> None:
    names = [f"proxy {number}" for number in range(6)]
    drawn = svg({name: {1: 1.0, 10: 2.0} for name in names}, {}, {"ms": {name: 1.0 + len(name) for name in names}})
    assert all(name in drawn for name in names)
    assert drawn.count("<polyline") == len(names)
