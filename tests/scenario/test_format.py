"""docs/format.md is enough: a reader written from it alone restores what Holdfast wrote."""

import json
import struct
import sys
import unittest

from program import READER, ProgramTest

sys.path.insert(0, str(READER.parent))
import read_snapshot  # noqa: E402
from polyval import Multiplier  # noqa: E402


class FormatTest(ProgramTest):
    def take_snapshots(self, path, changes):
        """One backup before the changes and one after each; ids of snapshots with the bytes they hold."""
        taken = {}
        for change in [None, *changes]:
            if change:
                self.change(path, change)
            snapshot = self.holdfast_json("backup", path)["snapshot"]
            taken[snapshot] = path.read_bytes()
        return taken

    def check(self, taken, database):
        for snapshot, content in taken.items():
            read = self.folder / f"read-{snapshot}.db"
            checksum = self.reader("restore", snapshot, database, read).strip()
            self.assertEqual(content, read.read_bytes())
            own = self.folder / f"own-{snapshot}.db"
            self.holdfast("restore", snapshot, "--to", own, "--yes")
            self.assertEqual(read.read_bytes(), own.read_bytes())
            self.assertEqual(checksum, self.reader("checksum", snapshot, database).strip())
            read.unlink()
            own.unlink()

    def test_reads_every_snapshot_of_an_encrypted_repository(self):
        self.holdfast("init")
        path = self.database("app.db")
        taken = self.take_snapshots(
            path,
            [
                "UPDATE letters SET text = 'changed' WHERE id % 97 = 0",
                "DELETE FROM letters WHERE id > 1500",
                "VACUUM",
            ],
        )
        self.check(taken, "app")

    def test_reads_an_unencrypted_repository(self):
        self.passphrase = None
        self.holdfast("init", "--no-encryption")
        path = self.database("app.db")
        self.check(self.take_snapshots(path, ["DELETE FROM letters WHERE id < 500"]), "app")

    def test_reads_maps_with_nodes_above_their_leaves(self):
        self.holdfast("init")
        path = self.database("small_pages.db", page_size=512, rows=6000)
        self.assertGreater(path.stat().st_size, 512 * 4096)
        taken = self.take_snapshots(path, ["UPDATE letters SET text = 'x' WHERE id = 5000"])
        snapshots = [json.loads(line) for line in self.reader("list").splitlines()]
        self.assertEqual([1, 1], [s["databases"][0]["map_height"] for s in snapshots])
        self.check(taken, "small_pages")

    def test_reads_the_largest_pages(self):
        self.holdfast("init")
        path = self.database("large_pages.db", page_size=65536)
        self.check(self.take_snapshots(path, ["DELETE FROM letters WHERE id = 7"]), "large_pages")

    def test_reads_several_databases_of_one_snapshot(self):
        self.holdfast("init")
        first, second = self.database("first.db"), self.database("second.db", page_size=1024)
        snapshot = self.holdfast_json("backup", first, second)["snapshot"]
        for path in (first, second):
            out = self.folder / "out.db"
            self.reader("restore", snapshot, path.stem, out)
            self.assertEqual(path.read_bytes(), out.read_bytes())
            out.unlink()

    def test_makes_a_lost_index_again(self):
        self.holdfast("init")
        path = self.database("app.db")
        taken = self.take_snapshots(path, ["DELETE FROM letters WHERE id % 3 = 0"])
        for part in (self.repo / "index").rglob("*"):
            part.unlink()
        self.check(taken, "app")

    def test_reads_what_a_prune_has_left(self):
        self.holdfast("init")
        path = self.database("app.db")
        taken = self.take_snapshots(
            path, ["UPDATE letters SET content = NULL WHERE id < 900", "DELETE FROM letters WHERE id > 90"]
        )
        first = next(iter(taken))
        self.holdfast("forget", first, "--yes")
        self.holdfast("prune")
        del taken[first]
        self.check(taken, "app")

    def test_opens_a_repository_by_its_recovery_code(self):
        path = self.database("app.db", rows=10)
        code = self.holdfast_json("init")["recovery_code"]
        snapshot = self.holdfast_json("backup", path)["snapshot"]
        self.passphrase = code.lower()
        self.reader("restore", snapshot, "app", self.folder / "out.db")
        self.assertEqual(path.read_bytes(), (self.folder / "out.db").read_bytes())

    def test_lists_what_the_program_lists(self):
        self.holdfast("init")
        taken = self.take_snapshots(self.database("app.db", rows=10), ["DELETE FROM letters"])
        listed = [json.loads(line) for line in self.reader("list").splitlines()]
        own = self.holdfast_json("snapshots")
        self.assertEqual(list(taken), [snapshot["id"] for snapshot in listed])
        self.assertEqual(
            {(s["id"], s["name"], s["time"]) for s in own},
            {(s["id"], s["name"], s["time"]) for s in listed},
        )

    def test_refuses_a_wrong_passphrase(self):
        self.holdfast("init")
        self.passphrase = "wrong"
        self.assertIn("no key opens", self.reader_fails("list"))

    def flip_a_bit(self):
        (pack,) = (self.repo / "packs").iterdir()
        content = bytearray(pack.read_bytes())
        content[5000] ^= 1
        pack.write_bytes(content)

    def test_refuses_a_pack_with_a_flipped_bit(self):
        self.holdfast("init")
        snapshot = self.holdfast_json("backup", self.database("app.db"))["snapshot"]
        self.flip_a_bit()
        self.assertIn("does not authenticate", self.reader_fails("checksum", snapshot, "app"))

    def test_reads_a_damaged_blob_where_it_was_stored_again(self):
        self.holdfast("init")
        path = self.database("app.db")
        taken = self.take_snapshots(path, [])
        self.flip_a_bit()
        damage = self.run_program(
            [self.program, "--repo", self.repo, "verify", "--all", "--read-data"]
        )
        self.assertNotEqual(0, damage.returncode)
        taken.update(self.take_snapshots(path, []))
        self.check(taken, "app")
        self.holdfast("prune")
        self.check(taken, "app")


class ExampleTest(unittest.TestCase):
    """The examples in docs/format.md, as a reader computes them."""

    def setUp(self):
        self.text = (READER.parent.parent.parent / "docs" / "format.md").read_text(encoding="utf-8")
        self.master = bytes(range(32))

    def derive(self, context):
        return read_snapshot.keyed_hash(32, self.master, context.encode())

    def polyval(self, key, data):
        return Multiplier(int.from_bytes(key[:16], "little")).polyval(data)

    def expect(self, what, value):
        self.assertIn(f"| {what} | `{value.hex()}` |", self.text)

    def test_polyval_is_the_standard_s(self):
        key, first, second, digest = (
            bytes.fromhex(text)
            for text in (
                "25629347589242761d31f826ba4b757b",
                "4f4f95668c83dfb6401762bb2d01a262",
                "d1a24ddd2721d006bbe45f20d3c9f362",
                "f7a3b47b846119fae5b7866cf5e5b77e",
            )
        )
        self.assertEqual(digest, self.polyval(key, first + second))
        for value in (key, first, second, digest):
            self.assertIn(value.hex(), self.text)

    def test_the_example_is_true(self):
        for name in ("documents", "blobs", "ids", "pages", "checksum", "series"):
            self.expect(f'`derive("holdfast 1 {name}")`', self.derive(f"holdfast 1 {name}"))
        ids, checksum = self.derive("holdfast 1 ids"), self.derive("holdfast 1 checksum")
        digests = [self.polyval(self.derive("holdfast 1 pages"), bytes([i]) * 512) for i in (1, 2)]
        pages = read_snapshot.keyed_hash(16, ids, struct.pack("<BI", 1, 512) + b"".join(digests))
        leaf = b"\x01" + pages + b"\x02\x00\x00"
        total = self.polyval(checksum, digests[1] + digests[0])
        finishing = read_snapshot.keyed_hash(32, checksum, b"holdfast 1 checksum finish")
        self.expect("finishing key", finishing)
        self.expect("D₁", digests[0])
        self.expect("D₂", digests[1])
        self.expect("id of a blob of both pages", pages)
        self.expect("the leaf of the map, if they are in slots 0 and 1 of that blob", leaf)
        self.expect("id of that leaf", read_snapshot.keyed_hash(16, ids, b"\x02" + leaf))
        self.expect("sum", total)
        self.expect(
            "checksum", read_snapshot.keyed_hash(32, finishing, struct.pack("<IQ", 512, 2) + total)
        )


if __name__ == "__main__":
    unittest.main()
