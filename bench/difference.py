"""Measures `holdfast diff` of two databases that differ in 100 rows: `./dev bench --diff`."""

import json
import shutil
import sqlite3

import measure
import report

PASSPHRASE = "correct horse battery staple"
SECONDS = 3.0
ROWS = 100
CHANGES = (
    "UPDATE document SET title = title || '!' WHERE id IN (SELECT id FROM document ORDER BY id * 7919 % 100003 LIMIT 60)",
    "UPDATE document SET body = substr(body, 1, length(body) - 1) || '#'"
    " WHERE id IN (SELECT id FROM document ORDER BY id * 6007 % 100019 LIMIT 20) AND title NOT LIKE '%!'",
    "DELETE FROM document WHERE id IN (SELECT id FROM document WHERE title NOT LIKE '%!' AND body NOT LIKE '%#'"
    " ORDER BY id * 4999 % 100043 LIMIT 10)",
    "INSERT INTO document SELECT id + 10000000, author, updated, views, title, body, facts, attachment FROM document"
    " ORDER BY id LIMIT 100 - {done}",
)


def change(database):
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("BEGIN")
    done = 0
    for statement in CHANGES:
        done += connection.execute(statement.format(done=done)).rowcount
    connection.execute("COMMIT")
    connection.close()
    assert done == ROWS


def compare(chosen, environment, work, *words):
    log = work / "diff.log"
    runs = []
    for _ in range(chosen.rounds):
        cost = measure.run([chosen.holdfast, "diff", *words, "--json"], environment, work, log, accept=(7,))
        last = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
        if last["inserted"] + last["changed"] + last["deleted"] != ROWS:
            raise measure.Failed(f"diff told {last} instead of {ROWS} rows")
        runs.append({"seconds": cost.seconds, "processor": cost.processor, "peak": cost.peak})
    return runs


def measure_all(chosen, source, work, clone):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    environment = {"HOLDFAST_PASSPHRASE": PASSPHRASE, "HOLDFAST_REPO": str(work / "repository"),
                   "HOLDFAST_CACHE_DIR": str(work / "cache"), "HOME": str(work), "TMPDIR": str(work)}
    before, live = work / "before.db", work / "live.db"
    clone(source, before)
    clone(source, live)
    for words in (("init",), ("backup", live)):
        measure.run([chosen.holdfast, *words], environment, work, work / "command.log")
    change(live)
    measure.run([chosen.holdfast, "backup", live], environment, work, work / "command.log")
    measure.settle()
    try:
        return {"two files": compare(chosen, environment, work, before, live),
                "a snapshot and its database": compare(chosen, environment, work, "index:2", live),
                "two snapshots": compare(chosen, environment, work, "index:2", "latest")}
    finally:
        shutil.rmtree(work, ignore_errors=True)


def print_differences(document):
    print(f"\n{document['database']['name']}: {document['database']['bytes'] / 1e6:,.0f} MB, {ROWS} rows differ\n")
    table = report.Table()
    table.add("", "seconds", "processor", "peak MB", "bar", "")
    for what, runs in document["diff"].items():
        seconds = measure.median(run["seconds"] for run in runs)
        table.add(what, report.number(seconds), report.number(measure.median(run["processor"] for run in runs)),
                  report.number(max(run["peak"] for run in runs), 1e6, 0), f"<= {SECONDS:.0f} s",
                  table.verdict(seconds <= SECONDS))
    table.show()
    return table.missed == 0
