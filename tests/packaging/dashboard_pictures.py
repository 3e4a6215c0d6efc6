"""Draws a dashboard as Grafana would lay it out, each panel's query plotted: for people to look at where no Grafana can be had."""

import math
import pathlib
import re

import matplotlib

matplotlib.use("Agg")
from matplotlib import dates, pyplot, ticker  # noqa: E402

COLUMNS, CELL = 24, 0.62  # of Grafana's grid; inches a row
COLORS = {"green": "#56a64b", "yellow": "#e0b400", "orange": "#ff780a", "red": "#e02f44", "blue": "#3274d9", "text": "#333333"}


def amount(value: float, unit: str, decimals: int | None = None) -> str:
    """As Grafana writes it: 1.5 GiB, 12%, 340 ms."""
    if math.isnan(value):
        return "NaN"
    if decimals is not None:
        return f"{value:.{decimals}f}"
    if unit == "percentunit":
        return f"{value * 100:.3g}%"
    if unit == "bytes":
        for name in ("B", "KiB", "MiB", "GiB", "TiB"):
            if abs(value) < 1024 or name == "TiB":
                return f"{value:.3g} {name}"
            value /= 1024
    if unit == "s":
        if value and abs(value) < 1:
            return f"{value * 1000:.3g} ms" if abs(value) >= 0.001 else f"{value * 1e6:.3g} µs"
        for limit, size, name in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h"), (float("inf"), 86400, "d")):
            if abs(value) < limit:
                return f"{value / size:.3g} {name}"
    return f"{value:.4g}" + (" ops/s" if unit == "ops" else "")


class Picture:
    """`ask(expr, instant)` gives Prometheus' result: of query_range, or of query where `instant`."""

    def __init__(self, dashboard: dict, ask):
        self._dashboard, self._ask = dashboard, ask
        self.empty: list[str] = []    # panels that show nothing
        self.odd: list[str] = []      # what a person would stumble over

    def draw(self, to: pathlib.Path):
        panels = self._dashboard["panels"]
        rows = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels)
        figure = pyplot.figure(figsize=(18, rows * CELL), dpi=70)
        figure.suptitle(self._dashboard["title"], y=1 - 0.15 / (rows * CELL), fontsize=14)
        for panel in panels:
            self._draw_panel(figure, panel, rows)
        figure.savefig(to)
        pyplot.close(figure)

    def _draw_panel(self, figure, panel: dict, rows: int):
        at = panel["gridPos"]
        top, bottom = at["y"] / rows, (at["y"] + at["h"]) / rows
        if panel["type"] == "row":
            figure.text(0.01, 1 - (top + bottom) / 2, panel["title"], fontsize=12, weight="bold")
            return
        pad_x, pad_y = 0.032, 0.55 / rows
        axes = figure.add_axes((at["x"] / COLUMNS + pad_x, 1 - bottom + pad_y, at["w"] / COLUMNS - pad_x - 0.008,
                                (bottom - top) - pad_y - 0.75 / rows))
        axes.set_title(panel["title"], fontsize=10, loc="left")
        series = [(self._legend(target, result["metric"], panel), result) for target in panel.get("targets", [])
                  for result in self._ask(target["expr"], bool(target.get("instant")) or panel["type"] == "table")]
        if not series:
            self.empty.append(panel["title"])
            axes.text(0.5, 0.5, "No data", ha="center", va="center", transform=axes.transAxes)
            axes.set_axis_off()
            return
        unit = panel["fieldConfig"]["defaults"].get("unit", "short")
        {"timeseries": self._lines, "stat": self._number, "bargauge": self._bars, "heatmap": self._heat,
         "table": self._table}[panel["type"]](axes, panel, unit, series)

    def _legend(self, target: dict, labels: dict, panel: dict) -> str:
        form = target.get("legendFormat", "__auto")
        if form == "__auto":
            return ", ".join(f"{k}={v}" for k, v in sorted(labels.items()) if k != "__name__")
        name = re.sub(r"{{\s*(\w+)\s*}}", lambda m: labels.get(m[1], ""), form)
        if not re.search(r"\w", name) and panel["type"] != "heatmap":
            self.odd.append(f"{panel['title']}: a series has no name: {form} of {labels}")
        return name

    def _lines(self, axes, panel: dict, unit: str, series: list):
        defaults = panel["fieldConfig"]["defaults"]
        names = [name for name, _ in series]
        if len(set(names)) != len(names):
            self.odd.append(f"{panel['title']}: two series of one name: {sorted(names)}")
        lines = [(name, dates.num2date([float(t) / 86400 for t, _ in r["values"]]), [float(v) for _, v in r["values"]]) for name, r in series]
        stacked = defaults.get("custom", {}).get("stacking", {}).get("mode") == "normal"
        if stacked and len({len(times) for _, times, _ in lines}) == 1:
            axes.stackplot(lines[0][1], [values for *_, values in lines], labels=names, alpha=0.6)
        else:
            for name, times, values in lines:
                axes.plot(times, values, label=name, linewidth=1.2)
        if "min" in defaults:
            axes.set_ylim(bottom=defaults["min"])
        if "max" in defaults:
            axes.set_ylim(top=defaults["max"])
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: amount(value, unit)))
        axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S"))
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=6, loc="upper left", ncols=2 if len(lines) > 6 else 1)

    def _number(self, axes, panel: dict, unit: str, series: list):
        axes.set_axis_off()
        if len(series) > 1:
            self.odd.append(f"{panel['title']}: {len(series)} numbers where one is meant")
        result = series[0][1]
        value = float((result["value"] if "value" in result else result["values"][-1])[1])
        text = amount(value, unit)
        for mapping in panel["fieldConfig"]["defaults"].get("mappings", []):
            text = mapping.get("options", {}).get(f"{value:g}", {}).get("text", text)
        axes.text(0.5, 0.45, text, ha="center", va="center", fontsize=24, color=self._color(panel, value), transform=axes.transAxes)

    def _color(self, panel: dict, value: float) -> str:
        thresholds = panel["fieldConfig"]["defaults"].get("thresholds", {})
        scale = 100 if thresholds.get("mode") == "percentage" else 1
        color = "text"
        for step in thresholds.get("steps", []):
            if step.get("value") is None or value * scale >= step["value"]:
                color = step["color"]
        return COLORS.get(color, color)

    def _bars(self, axes, panel: dict, unit: str, series: list):
        values = [(name, float(result["value"][1])) for name, result in series]
        for place, (name, value) in enumerate(sorted(values, key=lambda each: -each[1])):
            axes.barh(place, value, color=self._color(panel, value), alpha=0.5)
            axes.text(0, place, f" {name}  {amount(value, unit, panel['fieldConfig']['defaults'].get('decimals'))}", va="center", fontsize=8)
        axes.invert_yaxis()
        axes.set_yticks([])
        axes.set_xlim(0, panel["fieldConfig"]["defaults"].get("max", max(v for _, v in values) or 1))
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: amount(value, unit)))
        axes.tick_params(labelsize=7)

    def _heat(self, axes, panel: dict, unit: str, series: list):
        """Buckets are cumulative, as Prometheus has them."""
        ordered = sorted(series, key=lambda each: float(each[1]["metric"]["le"]))
        times = [float(t) for t, _ in ordered[0][1]["values"]]
        below, cells = [0.0] * len(times), []
        for _, result in ordered:
            current = [float(v) for _, v in result["values"]]
            cells.append([max(a - b, 0) for a, b in zip(current, below)])
            below = current
        axes.pcolormesh(dates.num2date([t / 86400 for t in times]), range(len(cells)), cells, shading="nearest", cmap="Oranges")
        axes.set_yticks(range(len(cells))[::3], [amount(float(r["metric"]["le"]), unit) for _, r in ordered][::3])
        axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S"))
        axes.tick_params(labelsize=7)

    def _table(self, axes, _panel: dict, _unit: str, series: list):
        axes.set_axis_off()
        columns = sorted({key for _, result in series for key in result["metric"] if key != "__name__"})
        cells = [[result["metric"].get(column, "") for column in columns] for _, result in series]
        table = axes.table(cells, colLabels=columns, loc="upper center")
        table.auto_set_font_size(False)
        table.set_fontsize(7)
