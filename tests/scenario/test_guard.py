"""Boot decisions from the outside: what an application finds after `holdfast run` has let it start."""

import unittest

from holdfast import Scenario

CONFIGURATION = """
environment = "$APP_ENV"
[databases.app]
source = "app.db"
seed = "seed.sql"
on_violation = "{on_violation}"
invariants = [{{ name = "rows", sql = "SELECT count(*) FROM item", min = 12 }}]
exclusions = [{{ table = "item", where = "text = 'Prizies'" }}]
"""
SEED = """CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 13)
INSERT INTO item SELECT i, 'campaign ' || i FROM n;
UPDATE item SET text = 'Prizies' WHERE id = 13;
"""


class Guard(Scenario):
    def setUp(self):
        super().setUp()
        self.init()
        (self.folder / "seed.sql").write_text(SEED, encoding="utf-8")
        self.set_up("restore")

    def set_up(self, on_violation):
        self.configure(CONFIGURATION.format(on_violation=on_violation))

    def texts(self):
        return {row[0] for row in self.sql(self.folder / "app.db", "SELECT text FROM item")}

    def wipe(self):
        for file in self.folder.glob("app.db*"):
            file.unlink()

    def test_seeds_an_empty_disk_without_the_excluded_rows(self):
        self.ok("run", "--", "true")
        self.assertEqual({f"campaign {number}" for number in range(1, 13)}, self.texts())

    def test_prefers_the_history_to_the_seed(self):
        self.ok("run", "--", "true")
        self.sql(self.folder / "app.db", "UPDATE item SET text = 'edited' WHERE id = 1")
        self.ok("run", "--", "true")
        self.wipe()
        self.ok("run", "--", "true")
        self.assertIn("edited", self.texts())

    def test_skips_the_seed_in_production_and_names_the_switch(self):
        answer = self.ok("run", "--", "true", APP_ENV="production")
        self.assertIn("HOLDFAST_FORCE_IMPORT", answer.err)

    def test_seeds_in_production_when_that_is_forced(self):
        self.ok("run", "--", "true", APP_ENV="production", HOLDFAST_FORCE_IMPORT="true")
        self.assertEqual(12, len(self.texts()))

    def test_brings_back_what_was_deleted(self):
        self.ok("run", "--", "true")
        self.sql(self.folder / "app.db", "DELETE FROM item WHERE id > 3")
        self.ok("run", "--", "true")
        self.assertEqual(12, len(self.texts()))

    def test_merges_where_users_added_something_meanwhile(self):
        self.set_up("merge")
        self.ok("run", "--", "true")
        self.sql(self.folder / "app.db", "DELETE FROM item WHERE id > 3",
                 "INSERT INTO item VALUES (99, 'added by a user')")
        self.ok("run", "--", "true")
        self.assertEqual(13, len(self.texts()))
        self.assertIn("added by a user", self.texts())

    def test_refuses_before_the_application_starts(self):
        self.set_up("refuse")
        self.ok("run", "--", "true")
        self.sql(self.folder / "app.db", "DELETE FROM item WHERE id > 3")
        answer = self.expect(55, "run", "--", "sh", "-c", "echo started")
        self.assertNotIn("started", answer.out)

    def test_removes_excluded_rows_that_came_back(self):
        self.ok("run", "--", "true")
        self.sql(self.folder / "app.db", "INSERT INTO item VALUES (77, 'Prizies')")
        self.ok("run", "--", "true")
        self.assertNotIn("Prizies", self.texts())


if __name__ == "__main__":
    unittest.main()
