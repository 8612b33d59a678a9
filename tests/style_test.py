"""The rules about the sources that no compiler and no formatter checks."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
MOST_LINES = 500
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")
SLEEP = re.compile(r"(?<![\w.])(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(")
NAMES_NOTHING = re.compile(r"(^|_)(utils?|helpers?|managers?|common|misc)(_|$)")


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".h", ".cc"}:
                yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


def guard_of(name):
    return "HOLDFAST_" + re.sub(r"[^A-Z0-9]", "_", str(name).upper()) + "_"


class Style(unittest.TestCase):
    def refuse(self, found):
        self.assertEqual([], list(found))

    def test_no_source_file_is_long(self):
        self.refuse(
            f"{name}: {text.count(chr(10))} lines, at most {MOST_LINES}"
            for name, text in sources("src")
            if text.count("\n") > MOST_LINES
        )

    def test_every_header_has_the_guard_of_its_path(self):
        def expected(name):
            return f"#ifndef {guard_of(name)}\n#define {guard_of(name)}\n"

        self.refuse(
            f"{name}: the guard must be {guard_of(name.relative_to('src'))}"
            for name, text in sources("src")
            if name.suffix == ".h" and expected(name.relative_to("src")) not in text
        )

    def test_no_test_sleeps(self):
        self.refuse(
            f"{name}: {match.group(0)}"
            for name, text in sources("src", "tests")
            if name.stem.endswith("_test") or name.parts[0] == "tests"
            for match in SLEEP.finditer(text)
        )

    def test_every_database_is_opened_as_a_counted_connection(self):
        # Descriptors of a database may be closed only while no connection is open, and only those are counted.
        self.refuse(
            str(name)
            for name, text in sources("src")
            if "sqlite3_open" in text and name.as_posix() != "src/sqlite/connection.cc" and not name.stem.startswith("test_")
        )

    def test_nothing_is_left_unfinished(self):
        self.refuse(
            f"{name}: {match.group(0)}"
            for name, text in sources("src", "tests", "fuzz", "bench")
            for match in UNFINISHED.finditer(text)
        )

    def test_every_file_is_named_after_its_subject(self):
        self.refuse(
            str(name) for name, _ in sources("src", "tests") if NAMES_NOTHING.search(name.stem)
        )


if __name__ == "__main__":
    unittest.main()
