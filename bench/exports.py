"""Measures exports beside the code they replace: `./dev bench --export`.

What is replaced reads a table with Python's sqlite3, makes one object of it with json, writes that to a file, and the
same in base64 to a second one. It is run as `exports.py DATABASE FOLDER [plain]`, in turn with `holdfast export`.
"""

import base64
import json
import os
import pathlib
import random
import shutil
import sqlite3
import sys

import make_database
import measure
import report

FASTER = 8.0
MEMORY = 64e6
REFRESH_SECONDS = 1.0
RECORDS = 300_000
HERE = pathlib.Path(__file__).resolve()


def record(row):
    value = dict(row)
    if isinstance(value.get("facts"), str):
        value["facts"] = json.loads(value["facts"])
    if isinstance(value.get("attachment"), bytes):
        value["attachment"] = {"$blob": base64.b64encode(value["attachment"]).decode()}
    return value


def replaced_way(database, folder, plain):
    """The faster of the usual ways: json.dumps and not json.dump, no indentation, nothing synced, nothing read back."""
    connection = sqlite3.connect(database)
    connection.row_factory = sqlite3.Row
    records = {str(row["id"]): record(row) for row in connection.execute("SELECT * FROM document ORDER BY id")}
    text = json.dumps(records, ensure_ascii=False, separators=(",", ":"))
    folder = pathlib.Path(folder)
    (folder / "results.json.new").write_text(text, encoding="utf-8")
    os.replace(folder / "results.json.new", folder / "results.json")
    if not plain:
        (folder / "results.json.b64.new").write_bytes(base64.b64encode(text.encode()))
        os.replace(folder / "results.json.b64.new", folder / "results.json.b64")


def small_records(path):
    """As many records, of the size that a static site's usually have."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE document (id TEXT PRIMARY KEY, title TEXT, "
                             "views INTEGER, facts JSON)")
    ids = random.Random(1).sample(range(10**9), RECORDS)  # in no order, as a video's are
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO document VALUES (?, ?, ?, ?)",
        ((f"video-{ids[number]:09}", f"The title of video {number}, as long as titles are", number,
          json.dumps({"tags": ["one", "two"], "score": number / 7, "language": "en", "kind": "talk"}))
         for number in range(RECORDS)))
    connection.execute("COMMIT")
    connection.close()


# Of the record with a number of records before it. What changes the length of a text moves all that follows it.
EDITS = {
    "changed": "UPDATE document SET views = views + 1 WHERE id = (SELECT id FROM document ORDER BY id LIMIT 1 OFFSET ?)",
    "longer": "UPDATE document SET title = title || 'x' WHERE id = (SELECT id FROM document ORDER BY id LIMIT 1 OFFSET ?)",
    "inserted": "INSERT INTO document SELECT (SELECT min(id) FROM document) - 1, author, updated, views, title, body, facts, "
                "attachment FROM document ORDER BY id LIMIT 1 OFFSET ?",
    "deleted": "DELETE FROM document WHERE id = (SELECT id FROM document ORDER BY id LIMIT 1 OFFSET ?)",
}

MOVING = (("late_longer", "longer", RECORDS - 1000), ("middle_longer", "longer", RECORDS // 2),
          ("middle_deleted", "deleted", RECORDS // 2), ("first_longer", "longer", 0), ("first_inserted", "inserted", 0))


class Place:
    def __init__(self, chosen, work, name):
        self.binary = chosen.holdfast
        self.folder = work / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.database = self.folder / "app.db"
        self.configuration = self.folder / "holdfast.toml"

    def configure(self, *files):
        targets = "".join(f'[[databases.app.exports]]\ncollection = "document"\nfile = "{name}"\n' for name in files)
        self.configuration.write_text(
            f'[databases.app]\nsource = ["{self.database}"]\n{targets}'
            '[collections.document]\ndatabase = "app"\n[collections.document.fields]\n'
            'facts = { column = "facts", as = "json" }\n', encoding="utf-8")

    def clear(self):
        for path in self.folder.glob("results.*"):
            path.unlink()

    def export(self):
        return measure.run([self.binary, "--config", self.configuration, "export"], folder=self.folder,
                           environment={"HOME": str(self.folder)}, log=self.folder / "log")

    def replaced(self, plain):
        words = [sys.executable, "-B", HERE, self.database, self.folder] + (["plain"] if plain else [])
        return measure.run(words, folder=self.folder, log=self.folder / "log")

    def change_one(self, edit, number):
        connection = sqlite3.connect(self.database, isolation_level=None)
        changed = connection.execute(edit, (number,)).rowcount
        connection.close()
        assert changed == 1


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def cost_of(cost, what, who):
    say(f"{what:24} {who:9} {cost.seconds:8.3f} s {cost.peak / 1e6:6.0f} MB of memory")
    return {"seconds": cost.seconds, "processor": cost.processor, "peak": cost.peak}


def prove(place):
    """A fast export of something else would be worth nothing. In a process of its own, because the memory of ours
    would be taken for that of what it starts."""
    measure.run([sys.executable, "-B", HERE, "prove", place.folder], folder=place.folder, log=place.folder / "log")


def prove_folder(folder):
    text = (folder / "results.json").read_bytes()
    if base64.b64decode((folder / "results.json.b64").read_bytes(), validate=True) != text:
        raise SystemExit("bench: the two exports are not the same")
    ours = json.loads(text)
    connection = sqlite3.connect(folder / "app.db")
    connection.row_factory = sqlite3.Row
    count = 0
    for row in connection.execute("SELECT * FROM document"):
        count += 1
        if ours[str(row["id"])] != record(row):
            raise SystemExit(f"bench: record {row['id']} is not what the database holds")
    if count != len(ours):
        raise SystemExit("bench: the export has other records than the database")


def begin_refresh(place, files):
    """The file that the next one is made of is there after two exports."""
    place.configure(*files)
    place.clear()
    place.export()
    place.change_one(EDITS["changed"], 7)
    place.export()


def refresh(place, edit, numbers, title):
    costs = []
    for number in numbers:
        place.change_one(EDITS[edit], number)
        measure.settle()
        costs.append(cost_of(place.export(), title, "holdfast"))
    return costs


def measure_all(chosen, source, work, clone):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    place = Place(chosen, work, "large")
    clone(source, place.database)
    both = ("results.json", "results.json.b64")
    answer = {"both": {"holdfast": [], "replaced": []}, "plain": {"holdfast": [], "replaced": []}}
    for number in range(chosen.rounds):
        for what, files in (("both", both), ("plain", both[:1])):
            place.configure(*files)
            for who in ("replaced", "holdfast"):
                place.clear()
                measure.settle()
                cost = place.export() if who == "holdfast" else place.replaced(what == "plain")
                answer[what][who].append(cost_of(cost, what, who))
            if number == 0 and what == "both":
                answer["bytes"] = (place.folder / "results.json").stat().st_size
                prove(place)
    middle = RECORDS // 2
    begin_refresh(place, both[:1])
    answer["refresh_large"] = refresh(place, "changed", range(middle, middle + 3 * chosen.rounds), "one changed")
    for name, edit, number in MOVING:
        answer[name] = refresh(place, edit, [number] * chosen.rounds, name)
    begin_refresh(place, both)
    answer["refresh_large_both"] = refresh(place, "changed", range(middle, middle + chosen.rounds), "one changed, both")
    prove(place)
    small = Place(chosen, work, "small")
    small_records(small.database)
    begin_refresh(small, both)
    answer["refresh_small"] = refresh(small, "changed", range(0, 3000 * chosen.rounds, 1000), "one changed, small")
    answer["small_bytes"] = (small.folder / "results.json").stat().st_size
    shutil.rmtree(work)
    return answer


def print_exports(document):
    found = document["exports"]
    print(f"\nexports of {document['database']['name']}: {found['bytes'] / 1e6:,.0f} MB of JSON, medians; "
          "ours are synced and read back, Python's are neither\n")
    table = report.Table()
    table.add("", "Python s", "holdfast s", "ratio", "bar", "memory MB", "")
    for what, title in (("both", "JSON and base64"), ("plain", "JSON alone")):
        theirs = measure.median(cost["seconds"] for cost in found[what]["replaced"])
        ours = measure.median(cost["seconds"] for cost in found[what]["holdfast"])
        peak = max(cost["peak"] for cost in found[what]["holdfast"])
        holds = theirs / ours >= FASTER and peak <= MEMORY
        table.add(title, report.number(theirs), report.number(ours), report.number(theirs / ours, digits=1),
                  f">= {FASTER:.0f}", report.number(peak, 1e6, 0), table.verdict(holds))
    rows = (("refresh_large", "one record changed", True), ("refresh_large_both", "… JSON and base64", False),
            ("late_longer", "one of the last longer", False), ("middle_longer", "one in the middle longer", False),
            ("middle_deleted", "… deleted", False), ("first_longer", "the first one longer", False),
            ("first_inserted", "one inserted before it", False),
            ("refresh_small", f"one of {found['small_bytes'] / 1e6:.0f} MB, both", True))
    for what, title, judged in rows:
        ours = measure.median(cost["seconds"] for cost in found[what])
        peak = max(cost["peak"] for cost in found[what])
        table.add(title, "-", report.number(ours), "-", f"<= {REFRESH_SECONDS:.0f} s" if judged else "-",
                  report.number(peak, 1e6, 0),
                  table.verdict(ours <= REFRESH_SECONDS and peak <= MEMORY) if judged else "")
    table.show()
    return table.missed == 0


if __name__ == "__main__":
    if sys.argv[1] == "prove":
        prove_folder(pathlib.Path(sys.argv[2]))
    else:
        replaced_way(sys.argv[1], sys.argv[2], len(sys.argv) > 3)
