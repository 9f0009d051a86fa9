# SPDX-License-Identifier: BSD-2-Clause
"""In: what was measured. Out: tables that are read in a terminal and as Markdown."""

import statistics

PEER_MARGIN = 0.01  # slower or the same, where tracing costs next to nothing


def aligned(rows):
    """The first row is the head; the first column is left-aligned, the others right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def line(row):
        return "| " + " | ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))) + " |"

    rule = "|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([line(rows[0]), rule] + [line(row) for row in rows[1:]])


def ns_text(ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.2f} {unit}"
    return f"{ns:.2f} ns"


def ratio_text(ratio):
    return f"{ratio:.3f}×" if ratio < 2 else f"{ratio:.1f}×"


def ratios(results, tool):
    """Pair by pair against the untraced run of the same repetition."""
    base = {r["repetition"]: r["ns_per_operation"] for r in results.get("untraced", []) if "ns_per_operation" in r}
    return [r["ns_per_operation"] / base[r["repetition"]] for r in results.get(tool, [])
            if "ns_per_operation" in r and r["repetition"] in base]


def median_ratio(results, tool):
    pairs = ratios(results, tool)
    return statistics.median(pairs) if pairs else None


def _cell(benchmark, results, tracer, unusable):
    if tracer.name in unusable:
        return "n/a"
    ratio = median_ratio(results, tracer.name)
    if ratio is None:
        return "failed"
    return ratio_text(ratio) + ("*" if tracer.slow and benchmark.slow > 1 else "")


def _untraced_cell(benchmark, results):
    figures = [r["ns_per_operation"] for r in results.get("untraced", []) if "ns_per_operation" in r]
    if not figures:
        return "failed", ""
    median = statistics.median(figures)
    spread = (max(figures) - min(figures)) / median
    text = f"{1e9 / median:,.0f}/s" if benchmark.unit == "request" else ns_text(median)
    return f"{text} a {benchmark.unit}" if benchmark.unit != "request" else text, f"{spread:.0%}"


def verdicts(benchmark, results, unusable):
    """["<= 1.35 met", ...]"""
    said = []
    for tool, most in benchmark.targets.items():
        ratio = None if tool in unusable else median_ratio(results, tool)
        if ratio is not None:
            said.append(f"{tool} <= {most}: " + ("met" if ratio <= most else "missed"))
    return said


def ratio_table(benchmarks, tracers, results, unusable):
    rows = [["benchmark", "untraced", "spread"] + [t.title for t in tracers[1:]] + ["target"]]
    for b in benchmarks:
        untraced, spread = _untraced_cell(b, results[b.name])
        rows.append([b.title, untraced, spread] + [_cell(b, results[b.name], t, unusable) for t in tracers[1:]] +
                    ["; ".join(verdicts(b, results[b.name], unusable))])
    return aligned(rows)


def wall_table(benchmarks, tracers, results, unusable):
    rows = [["whole wall time"] + [t.title for t in tracers]]
    for b in benchmarks:
        row = [b.title]
        for t in tracers:
            walls = [r["wall_ns"] for r in results[b.name].get(t.name, []) if "wall_ns" in r]
            star = "*" if t.slow and b.slow > 1 else ""
            row.append("n/a" if t.name in unusable else ns_text(statistics.median(walls)) + star if walls else "failed")
        rows.append(row)
    return aligned(rows)


def peers(benchmarks, tracers, results):
    """(how many pairs of peer and benchmark, those in which the peer is faster)."""
    n, faster = 0, []
    for b in benchmarks:
        ours = median_ratio(results[b.name], "conctrace")
        for t in tracers:
            theirs = median_ratio(results[b.name], t.name)
            if t.name in ("untraced", "conctrace", "no-stacks") or ours is None or theirs is None:
                continue
            n += 1
            if theirs < ours - PEER_MARGIN:
                faster.append(f"{t.title} on {b.name} ({ratio_text(theirs)}, conctrace {ratio_text(ours)})")
    return n, faster


def figure_table(rows):
    table = [["figure", "result", "target", "", "note"]]
    for r in rows:
        table.append([r.title, f"{r.value:,.{r.digits}f} {r.unit}", f"<= {r.target:,g} {r.unit}",
                      "met" if r.value <= r.target else "missed", r.note])
    return aligned(table)
