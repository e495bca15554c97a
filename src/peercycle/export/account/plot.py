"""The plot of scores by round: an SVG without script, and a line of blocks for plain text."""

from __future__ import annotations

from html import escape
from typing import Any

_WIDTH, _HEIGHT = 620, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 16, 14, 36
_BLOCKS = "▁▂▃▄▅▆▇█"


def _rated(data: Any) -> list[tuple[int, float, bool, str]]:
    return [
        (row["round"], row["rating"], row["selected"], row["candidate"])
        for row in data["candidates"]
        if row["rating"] is not None
    ]


def _range(data: Any, values: list[float]) -> tuple[float, float]:
    scale = (data["best"] or {}).get("score_scale")
    if scale and scale[0] < scale[1]:
        return min(float(scale[0]), *values), max(float(scale[1]), *values)
    low, high = min(values), max(values)
    return (low - 0.5, high + 0.5) if high - low < 1e-9 else (low, high)


def round_plot(data: Any) -> str:
    """Return an inline SVG of every candidate's rating by round, with the best so far; empty without ratings."""
    points = _rated(data)
    if not points:
        return ""
    low, high = _range(data, [point[1] for point in points])
    last = max(1, *(point[0] for point in points))

    def x(round_: float) -> float:
        return _LEFT + 18 + (_WIDTH - _LEFT - _RIGHT - 36) * round_ / last

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - (value - low) / (high - low))

    parts = [*_axes(low, high, last, x, y)]
    line = [(row["round"], row["best_so_far"]) for row in data["rounds"] if row["best_so_far"] is not None]
    parts.append(f'<polyline class="best" points="{" ".join(f"{x(r):.1f},{y(v):.1f}" for r, v in line)}"/>')
    parts += _dots(points, x, y)
    label = f"Rating by round: best {max(point[1] for point in points):.2f} on a scale from {low:g} to {high:g}"
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _dots(points: list[tuple[int, float, bool, str]], x: Any, y: Any) -> list[str]:
    """Return a circle per rating, side by side where they would cover each other; those selected last, on top."""
    seen: dict[tuple[int, int], int] = {}
    dots: list[tuple[bool, str]] = []
    for round_, value, selected, name in points:
        place = (round_, round(y(value) / 9))
        twins = seen[place] = seen.get(place, -1) + 1
        kind, radius = ("chosen", 6) if selected else ("other", 4.5)
        told = f"<title>{escape(name)}, round {round_}: {value:.4g}{', selected' if selected else ''}</title>"
        where = f'cx="{x(round_) + 12 * twins:.1f}" cy="{y(value):.1f}" r="{radius:g}"'
        dots.append((selected, f'<circle class="{kind}" {where}>{told}</circle>'))
    return [dot for _, dot in sorted(dots, key=lambda dot: dot[0])]


def _axes(low: float, high: float, last: int, x: Any, y: Any) -> list[str]:
    parts = []
    for step in range(5):
        value = low + (high - low) * step / 4
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        )
        parts.append(f'<text x="{_LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    stride = max(1, last // 10)
    parts += [
        f'<text x="{x(round_):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{round_}</text>'
        for round_ in range(0, last + 1, stride)
    ]
    parts.append(f'<text x="{(_LEFT + _WIDTH) / 2:.1f}" y="{_HEIGHT - 2}" text-anchor="middle">round</text>')
    return parts


def sparkline(data: Any) -> str:
    """Return the best rating of each round as blocks, such as `▁▄█`; a middle dot where there is none."""
    values = [row["rating"] for row in data["rounds"]]
    rated = [value for value in values if value is not None]
    if not rated:
        return ""
    low, high = _range(data, rated)
    return "".join("·" if v is None else _BLOCKS[min(7, int((v - low) / (high - low) * 8))] for v in values)
