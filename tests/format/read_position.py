"""Reads timelines as docs/format.md says. Shares no code with Holdfast, so it tests that document.

    HOLDFAST_PASSPHRASE=... read_position.py REPO list DATABASE
                            read_position.py REPO restore BRANCH.NUMBER DATABASE OUT.db
                            read_position.py REPO check DATABASE

`list` prints a JSON object for each position that can be restored, and whether it is on the main
line. `restore` proves what it writes and prints its checksum. `check` restores every position, in
memory.
"""

import io
import json
import os
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from read_snapshot import Damaged, Fields, Repository, keyed_hash, require  # noqa: E402

SEGMENT, ANCHOR = 7, 8
SEGMENT_FIELDS, ANCHOR_FIELDS = (8, 16, 16, 16, 16), (8, 16, 16, 8, 16, 1, 16, 32)
SEGMENT_HEADER = struct.Struct("<BBHIQQqIQ32s")
RELATIONS = ("first", "continued", "repaired", "forked", "replaced")


def split(name, widths):
    """The fields of a name, or None if it is no such name."""
    fields = name.split("-")
    good = [len(field) for field in fields] == list(widths)
    return fields if good and set(name) <= set("0123456789abcdef-") else None


class Segment:
    def __init__(self, name, fields):
        self.name = name
        self.branch, self.number, self.base, self.time = (int(field, 16) for field in fields[:4])
        self.check = fields[4]


class Anchor:
    def __init__(self, name, fields):
        self.name = name
        self.branch, self.number, self.time = (int(field, 16) for field in fields[:3])
        self.origin = (int(fields[3], 16), int(fields[4], 16))
        self.relation = RELATIONS[int(fields[5], 16)]
        self.check, self.snapshot = fields[6], fields[7]


class Timeline:
    def __init__(self, repository, database):
        self.repository, self.database = repository, database
        key = keyed_hash(32, repository.master, b"holdfast 1 series")
        name = database.encode()
        series = keyed_hash(16, key, struct.pack("<I", len(name)) + name).hex()
        self.folder, self.snapshots = f"timelines/{series}", f"snapshots/{series}"
        self.segments = self.names("s", SEGMENT_FIELDS, Segment)
        self.anchors = self.names("a", ANCHOR_FIELDS, Anchor)

    def names(self, folder, widths, kind):
        names = self.repository.list(f"{self.folder}/{folder}")
        split_names = [(f"{self.folder}/{folder}/{name}", split(name, widths)) for name in names]
        return [kind(name, fields) for name, fields in split_names if fields]

    def main_line(self):
        """(branch, first number, last number) from the newest to the oldest."""
        firsts, line = {}, []
        for anchor in sorted(self.anchors, key=lambda a: a.number, reverse=True):
            firsts[anchor.branch] = anchor
        branch, last = max(firsts, default=0), float("inf")
        while branch in firsts:
            first = firsts[branch]
            line.append((branch, first.number, last))
            if first.origin[0] >= branch:
                break
            branch, last = first.origin
        return line

    def ways(self, branch):
        """For each number that can be restored its anchor and segments, the newest first."""
        found, barrier = {}, 0
        there = set(self.repository.list(self.snapshots))
        events = [(a.number, 0, a) for a in self.anchors if a.branch == branch]
        events += [(s.number, 1, s) for s in self.segments if s.branch == branch]
        for number, is_segment, item in sorted(events, key=lambda event: event[:2]):
            if not is_segment:
                if item.relation in ("repaired", "forked", "replaced"):
                    barrier = number
                if item.snapshot in there:
                    found[number] = (item, [])
                continue
            bases = [q for q in found if max(item.base, barrier) <= q < number]
            if bases and number not in found:
                best = min(bases, key=lambda q: len(found[q][1]))
                anchor, segments = found[best]
                found[number] = (anchor, [item, *segments])
        return found

    def positions(self):
        branches = {item.branch for item in self.anchors}
        return [(branch, number, *way) for branch in sorted(branches)
                for number, way in sorted(self.ways(branch).items())]

    def read_segment(self, segment):
        """Page size, number of pages, checksum, and the pages."""
        fields = Fields(self.repository.document(SEGMENT, segment.name))
        header = SEGMENT_HEADER.unpack(fields.raw(SEGMENT_HEADER.size))
        version, flags, zero, branch, number, base, time, page_size, page_count, checksum = header
        own = (segment.branch, segment.number, segment.base, segment.time)
        require((version, zero) == (1, 0) and flags < 2, f"{segment.name}: unknown")
        require((branch, number, base, time) == own, f"{segment.name} is another")
        require(checksum.hex().startswith(segment.check), f"{segment.name} is another")
        last, numbers, pages = 0, [], {}
        for _ in range(fields.varint()):
            step = fields.varint()
            require(step > 0, f"{segment.name}: pages out of order")
            last += step
            numbers.append(last)
        require(last <= page_count, f"{segment.name}: too many pages")
        for page in numbers:
            pages[page] = fields.raw(page_size)
        require(fields.at_end(), f"{segment.name} is too long")
        return page_size, page_count, checksum.hex(), pages

    def read_anchor(self, anchor):
        content = json.loads(self.repository.document(ANCHOR, anchor.name))
        require(content["format"] == 1, f"{anchor.name} is of a newer version")
        own = (anchor.branch, anchor.number, *anchor.origin, anchor.relation, anchor.snapshot)
        keys = ("branch", "number", "origin_branch", "origin_number", "relation", "snapshot")
        require(tuple(content[key] for key in keys) == own, f"{anchor.name} is another")
        require(content["checksum"].startswith(anchor.check), f"{anchor.name} is another")
        return content

    def restore(self, anchor, segments):
        """The whole database, proved, and its checksum."""
        content = self.read_anchor(anchor)
        state = self.repository.find(anchor.snapshot, self.database)
        require(state["checksum"] == content["checksum"], f"{anchor.name} is of another state")
        file = io.BytesIO()
        self.repository.restore(state, file)
        data, page_size, checksum = bytearray(file.getvalue()), state["page_size"], state["checksum"]
        for segment in reversed(segments):
            size, count, checksum, pages = self.read_segment(segment)
            require(size == page_size, f"{segment.name} has another page size")
            data = data[: count * size] + bytes(max(0, count * size - len(data)))
            for page, page_content in pages.items():
                data[(page - 1) * size : page * size] = page_content
        digests = self.repository.page_digests(bytes(data), page_size)
        own = self.repository.checksum(page_size, digests)
        require(own == checksum, f"checksum {own} and not {checksum}")
        return bytes(data), checksum

    def find(self, text):
        branch, number = (int(field) for field in text.split("."))
        way = self.ways(branch).get(number)
        require(way, f"position {text} cannot be restored")
        return way


def main(arguments):
    counts = {"list": 3, "restore": 5, "check": 3}
    if len(arguments) < 2 or len(arguments) != counts.get(arguments[1]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        repository = Repository(arguments[0], os.environ.get("HOLDFAST_PASSPHRASE"))
        if arguments[1] == "restore":
            timeline = Timeline(repository, arguments[3])
            data, checksum = timeline.restore(*timeline.find(arguments[2]))
            with open(arguments[4], "xb") as out:
                out.write(data)
            print(checksum)
            return 0
        timeline = Timeline(repository, arguments[2])
        line = timeline.main_line()
        for branch, number, anchor, segments in timeline.positions():
            row = {"position": f"{branch}.{number}", "segments": len(segments)}
            row["main"] = any(b == branch and first <= number <= last for b, first, last in line)
            if arguments[1] == "check":
                row["checksum"] = timeline.restore(anchor, segments)[1]
            print(json.dumps(row))
        return 0
    except Damaged as error:
        print(f"read_position.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
