"""`verify --file`: what a file holds, what is damaged, and what can still be read, without a repository."""

import base64
import gzip
import json
import sqlite3
import subprocess

from copies import Copies

NOT_FOUND, DAMAGED, USAGE, UNKNOWN = 43, 23, 2, 67


class VerifyFile(Copies):
    def setUp(self):
        super().setUp()
        self.app = self.database("app.db", rows=2000, mode="delete")

    def sound(self, path, *words):
        answer = self.ok_json("verify", "--file", path, *words)
        self.assertTrue(answer["ok"])
        self.assertEqual("intact", answer["state"])
        return answer

    def damaged(self, path):
        answer = self.expect(DAMAGED, "verify", "--file", path, "--json").json
        self.assertFalse(answer["ok"])
        self.assertEqual(("damaged", "verification_failed"), (answer["state"], answer["error"]["code"]))
        for field in ("safe", "next"):
            self.assertTrue(answer["error"][field])
        return answer

    def test_every_format_is_told_by_its_content(self):
        records = {key: {"video_id": key, "title": "T"} for key in ("a", "b")}
        object_text = json.dumps(records)
        dump = "\n".join(sqlite3.connect(self.app).iterdump())
        files = {
            "SQLite database": self.app,
            "SQL dump": self.write("dump", dump),
            "archive": self.archive("archive", ("backup/app.db", self.app.read_bytes()), ("backup/backup_metadata.json", b"{}")),
        }
        for label, path in files.items():
            answer = self.sound(path)
            self.assertEqual(label, answer["format"])
            self.assertEqual([("item", 2000)],
                             [(table["name"], table["rows"]) for table in answer["databases"][0]["tables"]])
        jsons = {
            "JSON object": object_text, "JSON array": json.dumps(list(records.values())),
            "JSON Lines": "".join(json.dumps(one) + "\n" for one in records.values()),
        }
        for label, text in jsons.items():
            for encoding, content in ((None, text.encode()), ("base64", base64.b64encode(text.encode()))):
                answer = self.sound(self.write("file", content))
                self.assertEqual((label, encoding, 2), (answer["format"], answer["encoding"], answer["records"]))
        self.assertFalse(self.repository.exists())

    def test_damage_is_named_with_what_can_still_be_read(self):
        text = json.dumps({key: {"video_id": key, "title": "T"} for key in "abc"})
        cut = self.damaged(self.write("cut", text[:-20]))
        self.assertEqual(2, cut["records"])
        self.assertIn("recover", cut["error"]["next"])
        self.assertEqual(2, self.damaged(self.write("cut64", base64.b64encode(text.encode())[:-30]))["records"])

        content = bytearray(self.app.read_bytes())
        content[len(content) // 2:len(content) // 2 + 5000] = b"\xff" * 5000
        broken = self.damaged(self.write("broken.db", bytes(content)))
        self.assertIn("salvage", broken["error"]["next"])
        self.assertTrue(1500 < broken["databases"][0]["rows"] < 2000)

        whole = self.archive("whole", ("app.db", self.app.read_bytes())).read_bytes()
        self.assertTrue(self.damaged(self.write("cut.tar.gz", whole[:len(whole) // 2]))["reasons"])
        corrupt = bytearray(whole)
        corrupt[len(corrupt) // 2] ^= 0xFF
        self.damaged(self.write("corrupt.tar.gz", bytes(corrupt)))
        self.assertTrue(self.damaged(self.write("empty", b""))["reasons"])
        self.assertTrue(self.damaged(self.write("text", "Dear reader"))["reasons"])

    def test_files_of_gzip_may_be_joined_and_followed_by_zeros(self):
        plain = gzip.decompress(self.archive("whole", ("app.db", self.app.read_bytes())).read_bytes())
        joined = gzip.compress(plain[:5000]) + gzip.compress(plain[5000:])
        self.assertEqual(2000, self.sound(self.write("joined", joined))["databases"][0]["rows"])
        self.sound(self.write("padded", joined + bytes(1000)))
        self.sound(self.write("plain.tar", plain))
        self.damaged(self.write("cut", joined[:-3]))

    def test_hostile_archives_are_refused_and_reach_nothing(self):
        for path in self.hostile_archives(self.app):
            self.damaged(path)
        self.expect_nothing_outside()

    def test_a_bomb_is_refused_before_it_fills_the_disk(self):
        with open(self.folder / "large.db", "wb") as file:
            file.seek(3 << 30)
            file.write(b"x")
        path = self.folder / "bomb"
        subprocess.run(["tar", "--sparse", "-czf", path, "large.db"], cwd=self.folder, check=True)
        answer = self.damaged(path)
        self.assertIn("unpacks to more than", answer["reasons"][0])

    def test_a_changed_export_is_not_what_was_exported(self):
        self.configure("""
            [databases.app]
            source = "app.db"
            [[databases.app.exports]]
            collection = "item"
            file = "results.json"
            [collections.item]
            database = "app"
            table = "item"
        """)
        self.ok("export")
        path = self.folder / "results.json"
        self.assertEqual(2000, self.sound(path)["records"])
        self.assertEqual(2000, self.sound(path, "--collection", "item")["records"])
        text = path.read_text()
        path.write_text(text.replace('"text":"A', '"text":"B', 1) if '"text":"A' in text else text + " ")
        self.assertIn("exported", self.damaged(path)["reasons"][0])

    def test_what_cannot_be_meant_is_refused(self):
        self.failure(NOT_FOUND, "verify", "--file", "nothing")
        self.failure(NOT_FOUND, "verify", "--file", self.folder)
        self.failure(UNKNOWN, "verify", "--file", self.app, "--collection", "nobody")
        for words in (("latest",), ("--all",), ("--read-data",), ("--integrity",)):
            self.failure(USAGE, "verify", "--file", self.app, *words)

    def test_the_file_is_only_read(self):
        wal = self.database("live.db", mode="wal")
        before = sorted(path.name for path in self.folder.iterdir())
        content = wal.read_bytes()
        self.assertEqual(100, self.sound(wal)["databases"][0]["rows"])
        self.assertEqual(content, wal.read_bytes())
        self.assertEqual(before, sorted(path.name for path in self.folder.iterdir()))
