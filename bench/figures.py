"""How benchmarks in Python show their figures."""

import os
import pathlib
import platform


class Table:
    """Rows of what, measured, target; prints itself aligned."""

    def __init__(self):
        self.rows = [("measurement", "measured", "target", "")]
        self.missed = False

    def add(self, what: str, measured: str, target: str = "", met: bool | None = None):
        self.missed |= met is False
        self.rows.append((what, measured, target, {None: "", True: "met", False: "MISSED"}[met]))

    def __str__(self):
        widths = [max(len(row[i]) for row in self.rows) for i in range(4)]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in self.rows)


def percentile(ordered: list[float], percent: float) -> float:
    """The smallest value that at least `percent` of all do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def machine() -> str:
    models = [line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")]
    return f"{os.cpu_count()} x {models[0] if models else platform.machine()}"
