"""Line charts with bands, as SVG that any browser shows: no fonts, no scripts, the same bytes for
the same numbers."""

import math
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 180, 46, 52
INK, MUTED, GRID = "#24292f", "#6e7781", "#e4e8ec"
COLOURS = ["#2166ac", "#d6604d", "#1b7837", "#762a83", "#b8860b", "#4d4d4d"]


@dataclass
class Series:
    """points: (x, mean, low, high), by x. A line through the means, a band between low and high."""

    name: str
    points: list = field(default_factory=list)


@dataclass
class Axis:
    title: str
    log: bool = False
    low: float = 0
    high: float = 1

    def place(self, value):
        """From 0 to 1; what lies outside is at the edge."""
        low, high = self.low, self.high
        if self.log:
            value, low, high = (math.log(max(v, 1e-30)) for v in (value, low, high))
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def ticks(self):
        return log_ticks(self.low, self.high) if self.log else round_ticks(self.low, self.high)


def round_ticks(low, high, count=6):
    """Multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low, high):
    """Powers of ten; of two or five times them too where there are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 2, 5)):
        ticks = [f * 10.0**p for p in powers for f in factors if low <= f * 10.0**p <= high]
        if len(ticks) >= 3:
            return ticks
    return ticks


def label(value):
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    if value >= 1e4:
        return f"{value / 1e3:g}K"
    return f"{value:.4g}"


def fit(axis, values):
    """Puts the axis round the values."""
    finite = [v for v in values if math.isfinite(v) and (v > 0 or not axis.log)]
    axis.low, axis.high = min(finite), max(finite)
    if axis.log:
        axis.low, axis.high = axis.low / 1.1, axis.high * 1.1
    elif axis.low == axis.high:
        axis.low, axis.high = axis.low - 0.5, axis.high + 0.5
    return axis


class Chart:
    def __init__(self, title, x, y):
        self.title, self.x, self.y = title, x, y
        self.lines = []

    def at(self, x, y):
        return (LEFT + self.x.place(x) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - self.y.place(y) * (HEIGHT - TOP - BOTTOM))

    def text(self, x, y, anchor, size, colour, text, more=""):
        self.lines.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
                          f'font-size="{size}" fill="{colour}"{more}>{escape(text)}</text>')

    def line(self, a, b, colour):
        self.lines.append(f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" '
                          f'stroke="{colour}"/>')

    def axes(self):
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        for value in self.y.ticks():
            y = self.at(self.x.low, value)[1]
            self.line((LEFT, y), (right, y), GRID)
            self.text(LEFT - 8, y + 4, "end", 12, MUTED, label(value))
        for value in self.x.ticks():
            x = self.at(value, self.y.low)[0]
            self.line((x, bottom), (x, bottom + 5), MUTED)
            self.text(x, bottom + 19, "middle", 12, MUTED, label(value))
        self.line((LEFT, bottom), (right, bottom), MUTED)
        self.text(LEFT, 26, "start", 15, INK, self.title, ' font-weight="bold"')
        self.text((LEFT + right) / 2, HEIGHT - 12, "middle", 12, INK, self.x.title)
        turn = f' transform="translate(18 {(TOP + bottom) / 2:.1f}) rotate(-90)"'
        self.text(0, 0, "middle", 12, INK, self.y.title, turn)

    def series(self, series, colour, row):
        points = [p for p in series.points if math.isfinite(p[1])]
        path = " ".join("{:.1f},{:.1f}".format(*self.at(x, mean)) for x, mean, _, _ in points)
        edge = [self.at(x, high) for x, _, _, high in points]
        edge += [self.at(x, low) for x, _, low, _ in reversed(points)]
        band = " ".join(f"{x:.1f},{y:.1f}" for x, y in edge)
        self.lines.append(f'<polygon points="{band}" fill="{colour}" fill-opacity="0.18"/>')
        self.lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" '
                          'stroke-width="2"/>')
        y = TOP + 14 + 20 * row
        self.line((WIDTH - RIGHT + 14, y - 4), (WIDTH - RIGHT + 38, y - 4), colour)
        self.text(WIDTH - RIGHT + 44, y, "start", 12, INK, series.name)


def chart(title, x, y, series):
    """The SVG of all series; the axes are put round them."""
    fit(x, [p[0] for s in series for p in s.points])
    fit(y, [v for s in series for p in s.points for v in p[1:]])
    drawn = Chart(title, x, y)
    drawn.axes()
    for row, one in enumerate(series):
        drawn.series(one, COLOURS[row % len(COLOURS)], row)
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
            f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="Helvetica, Arial, sans-serif">\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n')
    return head + "\n".join(drawn.lines) + "\n</svg>\n"
