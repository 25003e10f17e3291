"""Prints the figures as text and draws them as a chart."""

from html import escape


def heading(report):
    machine = report["machine"]
    lines = [f"{machine['system']}, {machine['architecture']}, {machine['processors']} processors"]
    lines += [f"  {name:14}{version or ''}" for name, version in report["runners"].items()]
    if report["missing"]:
        lines.append(f"not installed, not measured: {', '.join(report['missing'])}")
    return "\n".join(lines) + "\n"


def table(metric):
    """Median, range and ratio to untrap, for each runner and column."""
    unit = f" [{metric['unit']}]" if metric["unit"] else ""
    rows = [("", "median", "min – max", "× untrap")]
    own = metric["runners"].get("untrap", {})
    hidden = ("median of", "first of")
    for runner, columns in metric["runners"].items():
        for column, values in columns.items():
            if column.startswith(hidden):
                continue
            base = own.get(column, {}).get("median")
            ratio = f"{values['median'] / base:.2f}" if base and values["median"] >= 0 < base else ""
            spread = "" if values["samples"] == 1 else f"{number(values['min'])} – {number(values['max'])}"
            rows.append((f"{runner:21} {column}", number(values["median"]), spread, ratio))
    widths = [max(len(row[index]) for row in rows) for index in range(4)]
    lines = [metric["title"] + unit]
    for row in rows:
        lines.append(f"  {row[0]:{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}".rstrip())
    lines += [f"  {runner}: {why}" for runner, why in metric["failures"].items()]
    if metric["note"]:
        lines.append(f"  ({metric['note']})")
    return "\n".join(lines) + "\n"


def text(report):
    return heading(report) + "\n" + "\n".join(table(metric) for metric in report["metrics"].values())


def number(value):
    """The number with at least three significant digits."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


# The panels of the chart: metric, column, heading, unit.
PANELS = [
    ("start", "start", "Start of one program, without the program's own time", "µs"),
    ("memory", "RSS 1", "Memory with one service", "KiB"),
    ("fan-out", "last of 100", "SIGTERM to the last of 100 services", "ms"),
    ("many", "last", "Start of 500 services", "ms"),
    ("idle", "wake-ups", "Wake-ups in an idle minute", ""),
    ("timeout", "late", "Delay of SIGKILL after the timeout", "ms"),
]
WIDTH, LABEL, VALUE, ROW, GAP = 760, 170, 90, 20, 34
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; } .dim { fill: #57606a; }
.bar { fill: #b6bec9; } .own { fill: #1f7a4d; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .dim { fill: #9198a1; } .bar { fill: #484f58; } .own { fill: #3fb950; }
}
"""


def chart(report):
    """Bars, shorter is better, one panel per measured metric. No bar is cut: if the largest is more than twenty times the
    smallest, the panel has a cube-root scale and a note."""
    parts, top = [], 0
    for metric, column, title, unit in PANELS:
        measured = report["metrics"].get(metric, {}).get("runners", {})
        bars = {name: columns[column]["median"] for name, columns in measured.items() if column in columns}
        if bars:
            drawn, height = panel(title, unit, bars, top)
            parts += drawn
            top += height
    style = STYLE.strip()
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {max(top, 1)}" role="img" width="{WIDTH}">'
    return "\n".join([head, "<title>untrap and its peers, shorter is better</title>", f"<style>{style}</style>", *parts,
                      "</svg>"]) + "\n"


def panel(title, unit, bars, top):
    """The bars of one metric, best first, and the height of the panel."""
    bars = {name: max(value, 0) for name, value in sorted(bars.items(), key=lambda bar: (bar[1], bar[0] != "untrap"))}
    positive = [value for value in bars.values() if value > 0]
    power = 1 / 3 if positive and max(positive) > 20 * min(positive) else 1
    scale = (WIDTH - LABEL - VALUE) / max([value**power for value in positive], default=1)
    heading_text = f"{title}{' (' + unit + ')' if unit else ''}"
    compressed = ' <tspan class="dim">bars by cube root</tspan>' if power != 1 else ""
    parts = [f'<text class="title" x="0" y="{top + 16}">{escape(heading_text)}{compressed}</text>']
    y = top + 26
    for name, value in bars.items():
        own = name.startswith("untrap")
        length = max(value**power * scale if value else 0, 1)
        parts.append(f'<text class="{"title" if own else "name"}" x="{LABEL - 10}" y="{y + 14}" text-anchor="end">'
                     f"{escape(name)}</text>")
        parts.append(f'<rect class="{"own" if own else "bar"}" x="{LABEL}" y="{y + 3}" width="{length:.1f}" '
                     f'height="{ROW - 6}" rx="2"/>')
        parts.append(f'<text class="dim" x="{LABEL + length + 6:.1f}" y="{y + 14}">{number(value)}</text>')
        y += ROW
    return parts, y - top + GAP - ROW
