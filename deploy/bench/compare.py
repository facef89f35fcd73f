"""The figures of a run as a table, and two runs side by side.

``.venv/bin/python deploy/bench/compare.py BEFORE.json AFTER.json``
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HEAD = (
    "call              req/s   of yardstick   target      p50      p99  errors  queries   CPU ms",
)


def line(name: str, figures: Mapping[str, Any]) -> str:
    """Return a row of the table: CPU in milliseconds a request, of all parts together."""
    if "ratio" in figures:
        share, target = f"{figures['ratio']:.3f}", figures["target"]
        wanted = f">= {target}" if target else ""
    else:
        share, wanted = f"{figures['times_a_hash']:.2f} hashes", f"<= {figures['target']}"
    cpu = sum(figures["cpu"].values()) / max(figures["requests"], 1) * 1000
    queries = "" if figures["queries"] is None else f"{figures['queries']:.2f}"
    return (
        f"{name:<15}{figures['per_second']:>8.0f}{share:>15}{wanted:>9}"
        f"{figures['p50']:>7.1f}ms{figures['p99']:>7.1f}ms{figures['errors']:>8}{queries:>9}{cpu:>9.2f}"
    )


def table(result: Mapping[str, Any]) -> str:
    """Return all of a run."""
    rows = [*HEAD, *(line(name, figures) for name, figures in result["calls"].items())]
    for moment, parts in result["memory"].items():
        told = ", ".join(f"{name} {size:.0f}" for name, size in parts.items())
        rows.append(f"Memory (PSS, MB), {moment}: {told}; together {sum(parts.values()):.0f}")
    return "\n".join(rows)


def main() -> int:
    """Print two runs side by side."""
    parser = argparse.ArgumentParser(description="Compare two runs of the benchmark.")
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    options = parser.parse_args()
    before, after = (json.loads(path.read_text()) for path in (options.before, options.after))
    sys.stdout.write(
        "call             before     after   (share of the yardstick; login: hashes)\n"
    )
    for name, figures in after["calls"].items():
        if name in before["calls"]:
            key = "ratio" if "ratio" in figures else "times_a_hash"
            old, new = before["calls"][name][key], figures[key]
            sys.stdout.write(f"{name:<15}{old:>8.3f}{new:>10.3f}   {new / old:>5.2f} times\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
