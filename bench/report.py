"""Prints what was measured, and beside it the bar it is held against."""

from measure import median

TITLES = {
    "first": "first backup",
    "unchanged": "nothing changed",
    "updated": "1,000 rows updated",
    "restore": "restore",
    "verify": "verify every byte",
}
FASTER = {"first": 3.3, "updated": 40.0, "restore": 2.5, "verify": 4.0}  # than restic
MEMORY = 128e6
STORED_UPDATE = 3e6
SMALL_SECONDS = 0.050
WAIT_SECONDS = 0.250
LARGE = 1e9  # the bars of time and size are for databases of this size and more


class Table:
    def __init__(self):
        self.rows = []
        self.missed = 0

    def add(self, *cells):
        self.rows.append([str(cell) for cell in cells])

    def verdict(self, holds):
        self.missed += not holds
        return "PASS" if holds else "MISS"

    def show(self):
        widths = [max(len(row[i]) for row in self.rows) for i in range(len(self.rows[0]))]
        for number, row in enumerate(self.rows):
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
            print("  ".join(cells).rstrip())
            if number == 0:
                print("  ".join("-" * width for width in widths))


def value(results, tool, what, key):
    return median(run[key] for run in results.get(tool, {}).get(what, []))


def number(amount, scale=1.0, digits=2):
    return "-" if amount is None else f"{amount / scale:,.{digits}f}"


def print_table(document):
    results = document["results"]
    tools = [name for name in ("restic", "borg", "zstd", "holdfast") if name in results]
    ours = "holdfast" in results
    size = document["database"]["bytes"]
    rounds = len(next(iter(results.values()))["first"]) if results else 0
    cache = "cold" if document["cold"] else "warm"
    print(f"\n{document['database']['name']}: {size / 1e6:,.0f} MB, {rounds} rounds, {cache} cache,"
          f" {document['machine']['cores']} cores, {document['machine']['processor']}")
    print("medians; restic, borg and zstd with the `sqlite3 .backup` they need; MB = 10^6 bytes;")
    print("memory is that of the largest process, and below about 20 MB cannot be told apart\n")
    table = Table()
    table.add("", *tools, "vs restic", "bar", "")
    barred = size >= LARGE
    for what, title in TITLES.items():
        cells = [number(value(results, tool, what, "seconds"), digits=3) for tool in tools]
        ratio, bar, verdict = "", "", ""
        theirs, mine = (value(results, tool, what, "seconds") for tool in ("restic", "holdfast"))
        if theirs and mine:
            ratio = f"{theirs / mine:.1f}x faster"
            if barred and what in FASTER:
                bar = f">= {FASTER[what]}x"
                verdict = table.verdict(theirs / mine >= FASTER[what])
        table.add(f"{title}, s", *cells, ratio, bar, verdict)
    for what, title in TITLES.items():
        cells = [number(value(results, tool, what, "processor"), digits=2) for tool in tools]
        theirs, mine = (value(results, tool, what, "processor") for tool in ("restic", "holdfast"))
        ratio = f"{theirs / mine:.1f}x less" if theirs and mine else ""
        table.add(f"{title}, s of processor", *cells, ratio, "", "")
    for what in ("first", "updated"):
        cells = [number(value(results, tool, what, "stored"), 1e6, 1) for tool in tools]
        bar, verdict = "", ""
        theirs, mine = (value(results, tool, what, "stored") for tool in ("restic", "holdfast"))
        if barred and what == "first" and theirs and mine:
            bar, verdict = "<= restic", table.verdict(mine <= theirs)
        if barred and what == "updated" and mine is not None:
            bar, verdict = "<= 3 MB", table.verdict(mine <= STORED_UPDATE)
        ratio = f"{theirs / mine:.2f}x smaller" if theirs and mine else ""
        table.add(f"{TITLES[what]}, MB stored", *cells, ratio, bar, verdict)
    for what, title in TITLES.items():
        cells = [number(value(results, tool, what, "peak"), 1e6, 0) for tool in tools]
        mine = value(results, "holdfast", what, "peak")
        bar, verdict = ("<= 128 MB", table.verdict(mine <= MEMORY)) if mine else ("", "")
        table.add(f"{title}, MB of memory", *cells, "", bar, verdict)
    for what, run in document.get("ten_times", {}).items():
        cells = [""] * (len(tools) - 1) + [number(run["peak"], 1e6, 0)]
        once = value(results, "holdfast", what, "peak")
        verdict = table.verdict(run["peak"] <= MEMORY and run["peak"] <= max(1.1 * once, once + 4e6))
        table.add(f"{TITLES[what]}, 10x as large, MB of memory", *cells, "", "no more", verdict)
    for what, seconds in (document.get("small_latency") or {}).items():
        cells = [""] * (len(tools) - 1) + [number(median(seconds), 0.001, 1)]
        verdict = table.verdict(median(seconds) <= SMALL_SECONDS)
        table.add(f"10 MB again, {what}, ms (min {min(seconds) * 1000:.1f})", *cells, "", "<= 50 ms",
                  verdict)
    table.show()
    unchanged = value(results, "holdfast", "unchanged", "seconds")
    if unchanged:
        print(f"\nnothing changed: {size / unchanged / 1e9:.2f} GB/s, process start included")
    return ours and table.missed == 0


def print_locks(document):
    print(f"\n{document['database']['name']}: {document['database']['bytes'] / 1e6:,.0f} MB; the longest"
          " wait of an application, in ms, while backups run in a loop (and while none runs)\n")
    table = Table()
    table.add("", "backups", "commits", "refused", "longest", "without", "bar", "")
    for row in document["lock"]:
        during, alone = row["during"], row["alone"]
        bar = "none refused" if row["never_refused"] else "<= 250 ms"
        holds = during["refused"] == 0 if row["never_refused"] else during["longest"] <= WAIT_SECONDS
        table.add(row["title"], during["backups"], during["count"], during["refused"],
                  number(during["longest"], 0.001, 1), number(alone["longest"], 0.001, 1), bar,
                  table.verdict(holds and during["backups"] > 0))
    table.show()
    return table.missed == 0
