"""The plot: bars for the figures people ask for first, and how cost grows; plain SVG, nothing to install."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from html import escape
from itertools import cycle

_COLOURS = ("#1f77b4", "#d97b0b", "#7a7a7a", "#2e8b57")
_WIDTH, _HEIGHT, _PANEL = 1080, 400, 320
_TOP, _BOTTOM, _LEFT = 60, 320, 50

Curves = Mapping[str, Mapping[int, float]]


def svg(by_streams: Curves, by_history: Curves, bars: Mapping[str, Mapping[str, float]]) -> str:
    """Return the picture."""
    names = list(dict.fromkeys([name for group in bars.values() for name in group]))
    colour = dict(zip(names, cycle(_COLOURS), strict=False))
    parts = [
        _text(_LEFT, 22, "CPU of the proxy, less is better", size=15, weight="bold"),
        *_legend(colour),
        *_bars(bars, colour, _LEFT),
        *_curves("µs per token, by open streams", by_streams, colour, _LEFT + _PANEL + 40, str),
        *_curves("ms per request, by history", by_history, colour, _LEFT + 2 * (_PANEL + 40), _bytes),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH + 80} {_HEIGHT}" '
        f'font-family="sans-serif" font-size="11" fill="#222">\n<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _legend(colour: Mapping[str, str]) -> list[str]:
    parts = []
    for number, (name, fill) in enumerate(colour.items()):
        x = 420 + 190 * number
        parts += [f'<rect x="{x}" y="12" width="12" height="12" fill="{fill}"/>', _text(x + 18, 22, name)]
    return parts


def _bars(groups: Mapping[str, Mapping[str, float]], colour: Mapping[str, str], left: int) -> list[str]:
    values = [value for group in groups.values() for value in group.values() if value > 0]
    if not values:
        return []
    low, high = math.log10(min(values)) - 0.3, math.log10(max(values)) + 0.3
    scale = (_PANEL - 60) / (high - low)
    parts = [_text(left, _TOP - 12, "side by side (logarithmic)", weight="bold")]
    y = _TOP
    for title, group in groups.items():
        parts.append(_text(left, y + 10, title))
        y += 16
        for name, value in group.items():
            width = (math.log10(value) - low) * scale
            parts += [
                f'<rect x="{left}" y="{y}" width="{width:.1f}" height="12" fill="{colour[name]}"/>',
                _text(left + width + 5, y + 10, f"{value:.3g}"),
            ]
            y += 14
        y += 8
    return parts


def _curves(title: str, curves: Curves, colour: Mapping[str, str], left: int, label: Callable[[int], str]) -> list[str]:
    points = [(x, y) for curve in curves.values() for x, y in curve.items() if y > 0]
    if not points:
        return []
    place_x = _axis([x for x, _ in points], left, left + _PANEL - 20)
    place_y = _axis([y for _, y in points] + [min(y for _, y in points) / 2], _BOTTOM, _TOP)
    parts = [
        _text(left, _TOP - 12, f"{title} (logarithmic)", weight="bold"),
        f'<path d="M{left} {_TOP} V{_BOTTOM} H{left + _PANEL - 20}" fill="none" stroke="#999"/>',
        *(_text(place_x(x), _BOTTOM + 16, label(x), anchor="middle") for x in sorted({x for x, _ in points})),
    ]
    for name, curve in curves.items():
        line = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in curve.items() if y > 0)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour[name]}" stroke-width="2"/>')
        for x, y in curve.items():
            parts.append(f'<circle cx="{place_x(x):.1f}" cy="{place_y(y):.1f}" r="3" fill="{colour[name]}"/>')
            parts.append(_text(place_x(x), place_y(y) - 7, f"{y:.3g}", anchor="middle"))
    return parts


def _axis(values: list[float] | list[int], start: int, end: int) -> Callable[[float], float]:
    low, high = math.log10(min(values)), math.log10(max(values))
    return lambda value: start + (end - start) * (math.log10(value) - low) / ((high - low) or 1)


def _bytes(size: int) -> str:
    return f"{size / 1_000_000:g} MB" if size >= 1_000_000 else f"{size / 1000:g} kB"


def _text(x: float, y: float, words: str, *, size: int = 11, weight: str = "normal", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )
