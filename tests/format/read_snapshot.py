"""Reads repositories as docs/format.md says. Shares no code with Holdfast, so it tests that document.

    HOLDFAST_PASSPHRASE=... read_snapshot.py REPO list
                            read_snapshot.py REPO restore SNAPSHOT-ID DATABASE OUT.db
                            read_snapshot.py REPO checksum SNAPSHOT-ID DATABASE

`list` prints a JSON object for each snapshot, one a line. `restore` and `checksum` prove what they
read and print the database's checksum. A snapshot's id may be shortened.
"""

import base64
import hashlib
import json
import os
import pathlib
import struct
import sys

import nacl.bindings
import nacl.exceptions
import zstandard

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from polyval import Multiplier  # noqa: E402

FORMAT = 2
BOX_OVERHEAD = 40
INDEX, SNAPSHOT = 1, 2
PAGES, LEAF, NODE = 1, 2, 3
LEAF_PAGES, FANOUT, MOST_SLOTS = 4096, 256, 65536
MOST_DOCUMENT, MOST_BLOB = 1 << 30, 64 << 20
ENTRY = struct.Struct("<BBHII16s")
PACK_HEADER, PACK_FOOTER = b"HFPK\x01\0\0\0", struct.Struct("<II4s")


class Damaged(Exception):
    pass


def require(condition, problem):
    if not condition:
        raise Damaged(problem)


def keyed_hash(size, key, message):
    return hashlib.blake2b(message, digest_size=size, key=key).digest()


def open_box(key, associated, box, what):
    require(len(box) >= BOX_OVERHEAD, f"{what} is too short")
    try:
        return nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            box[24:], associated, box[:24], key
        )
    except nacl.exceptions.CryptoError:
        raise Damaged(f"{what} does not authenticate") from None


def decompress(method, stored, size, what):
    require(method in (0, 1), f"{what}: unknown compression")
    if method == 1:
        try:
            require(zstandard.frame_content_size(stored) in (size, -1), f"{what}: another size")
            stored = zstandard.ZstdDecompressor().decompress(stored, max_output_size=size)
        except zstandard.ZstdError as error:
            raise Damaged(f"{what}: {error}") from None
    require(len(stored) == size, f"{what}: another size")
    return stored


class Fields:
    """Takes numbers and ids off a byte string."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def raw(self, size):
        require(self.at + size <= len(self.data), "cut short")
        self.at += size
        return self.data[self.at - size : self.at]

    def u32(self):
        return int.from_bytes(self.raw(4), "little")

    def varint(self):
        value = shift = 0
        while True:
            byte = self.raw(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                require(value < 1 << 64 and (byte or shift == 7), "malformed number")
                return value
            require(shift < 64, "malformed number")

    def entry(self):
        entry = Entry(*ENTRY.unpack(self.raw(ENTRY.size)))
        entry.check()
        return entry

    def at_end(self):
        return self.at == len(self.data)


class Entry:
    def __init__(self, kind, compression, pages, size, stored, blob):
        self.kind, self.compression, self.pages = kind, compression, pages
        self.size, self.stored, self.id = size, stored, blob

    def check(self):
        fits = self.pages and self.size % self.pages == 0 if self.kind == PAGES else not self.pages
        require(
            self.kind in (PAGES, LEAF, NODE)
            and self.compression in (0, 1)
            and fits
            and self.size <= MOST_BLOB
            and BOX_OVERHEAD <= self.stored <= self.size + BOX_OVERHEAD,
            "an entry makes no sense",
        )

    def associated(self):
        return struct.pack("<BBBBI16s", 1, self.kind, self.compression, 0, self.size, self.id)


class Pack:
    def __init__(self, pack, digests, directory, entries):
        self.id, self.digests, self.directory, self.entries = pack, digests, directory, entries

    def blobs_size(self):
        return sum(entry.stored for entry in self.entries)

    def size(self):
        return 8 + self.blobs_size() + self.digests + self.directory + 12


class Repository:
    def __init__(self, root, secret=None):
        self.root = pathlib.Path(root)
        self.secret = secret
        self.config_bytes = self.get("config")
        self.config = json.loads(self.config_bytes)
        require(self.config.get("application") == "holdfast", "not a repository")
        require(self.config["format"] <= FORMAT, "of a newer format")
        require(self.config["encrypted"] or not secret, "a secret for an unencrypted repository")
        self.master = self.unlock()
        self.keys = {
            name: keyed_hash(32, self.master, b"holdfast 1 " + name.encode())
            for name in ("documents", "blobs", "ids", "pages", "checksum")
        }
        self.page_hash = Multiplier(int.from_bytes(self.keys["pages"][:16], "little"))
        self.checksum_hash = Multiplier(int.from_bytes(self.keys["checksum"][:16], "little"))
        self.load_index()

    # Objects

    def get(self, name, offset=0, size=-1):
        with open(self.root / name, "rb") as file:
            file.seek(offset)
            content = file.read(size)
        require(size < 0 or len(content) == size, f"{name} is cut short")
        return content

    def list(self, folder):
        path = self.root / folder
        return sorted(p.name for p in path.iterdir()) if path.is_dir() else []

    def document(self, kind, name):
        data = self.get(name)
        header = data[:12]
        require(len(header) == 12, f"{name} is cut short")
        magic, own_kind, compression, zero, size = struct.unpack("<4sBBHI", header)
        require((magic, own_kind, zero) == (b"HFD1", kind, 0), f"{name} is something else")
        require(size <= MOST_DOCUMENT, f"{name} is too large")
        plain = open_box(self.keys["documents"], header + name.encode(), data[12:], name)
        return decompress(compression, plain, size, name)

    # Keys

    def unlock(self):
        for name in self.list("keys"):
            header, box = self.get(f"keys/{name}").split(b"\n")[:2]
            fields = json.loads(header)
            if fields["format"] != 1 or fields["repository"] != self.config["id"]:
                continue
            wrapping = self.wrapping_key(fields)
            if wrapping is None:
                continue
            associated = self.config_bytes + b"\nkeys/" + name.encode() + b"\n" + header
            try:
                return open_box(wrapping, associated, base64.b64decode(box), f"keys/{name}")
            except Damaged:
                continue
        raise Damaged("no key opens this repository")

    def wrapping_key(self, fields):
        if fields["kind"] == "write":  # the secret of a machine, which reads nothing
            return None
        if (fields["kind"] == "open") == self.config["encrypted"]:
            return None
        if fields["kind"] == "open":
            return bytes(32)
        secret = self.secret or ""
        if fields["kind"] == "recovery":
            secret = secret.upper().translate(str.maketrans("ILO", "110", " -"))
        derivation = fields["derivation"]
        require(derivation["algorithm"] == "argon2id-1.3", "unknown derivation")
        return nacl.bindings.crypto_pwhash_alg(
            32,
            secret.encode(),
            bytes.fromhex(derivation["salt"]),
            derivation["passes"],
            derivation["memory_bytes"],
            nacl.bindings.crypto_pwhash_ALG_ARGON2ID13,
        )

    # Index and packs

    def load_index(self):
        packs, withdrawn = {}, set()
        for name in self.list("index"):
            try:
                self.read_index(name, packs, withdrawn)
            except (Damaged, FileNotFoundError):
                continue
        self.places = {}
        for name in self.list("packs"):
            pack = packs.get(bytes.fromhex(name)) or self.read_directory(name)
            if pack is None or pack.size() != (self.root / "packs" / name).stat().st_size:
                continue
            offset, digest = 8, 0
            for entry in pack.entries:
                if (pack.id, entry.id) not in withdrawn:
                    self.places.setdefault(entry.id, []).append((pack, entry, offset, digest))
                offset += entry.stored
                digest += entry.pages

    def read_index(self, name, packs, withdrawn):
        fields = Fields(self.document(INDEX, f"index/{name}"))
        for _ in range(fields.varint()):
            pack, digests, directory = fields.raw(16), fields.u32(), fields.u32()
            entries = [fields.entry() for _ in range(fields.varint())]
            packs[pack] = Pack(pack, digests, directory, entries)
        for _ in range(fields.varint()):
            withdrawn.add((fields.raw(16), fields.raw(16)))
        require(fields.at_end(), f"index/{name} is too long")

    def read_directory(self, hexadecimal):
        name, pack = f"packs/{hexadecimal}", bytes.fromhex(hexadecimal)
        try:
            size = (self.root / name).stat().st_size
            require(size >= 20, f"{name} is too short")
            digests, directory, magic = PACK_FOOTER.unpack(self.get(name, size - 12, 12))
            require(magic == b"HFPE" and digests + directory <= size - 20, f"{name} is damaged")
            require(self.get(name, 0, 8) == PACK_HEADER, f"{name} is no pack")
            box = self.get(name, size - 12 - directory, directory)
            associated = b"holdfast pack directory" + pack
            fields = Fields(open_box(self.keys["blobs"], associated, box, name))
            entries = []
            while not fields.at_end():
                entries.append(fields.entry())
            return Pack(pack, digests, directory, entries)
        except (Damaged, FileNotFoundError):
            return None

    def listed_digests(self, pack, entry, position):
        name = f"packs/{pack.id.hex()}"
        box = self.get(name, 8 + pack.blobs_size(), pack.digests)
        digests = open_box(self.keys["blobs"], b"holdfast pack digests" + pack.id, box, name)
        require(len(digests) == 16 * sum(e.pages for e in pack.entries), f"{name}: digests")
        return digests[16 * position : 16 * (position + entry.pages)]

    # Blobs

    def page_digests(self, content, page_size):
        view = memoryview(content)
        pages = range(0, len(content), page_size)
        return b"".join(self.page_hash.polyval(view[at : at + page_size]) for at in pages)

    def tree_id(self, kind, content):
        return keyed_hash(16, self.keys["ids"], bytes([kind]) + content)

    def pages_id(self, page_size, digests):
        return keyed_hash(16, self.keys["ids"], struct.pack("<BI", PAGES, page_size) + digests)

    def read_place(self, blob, place, page_size=None):
        """The content, and for pages their digests."""
        pack, entry, offset, position = place
        what = f"blob {blob.hex()}"
        box = self.get(f"packs/{pack.id.hex()}", offset, entry.stored)
        plain = open_box(self.keys["blobs"], entry.associated(), box, what)
        content = decompress(entry.compression, plain, entry.size, what)
        if entry.kind != PAGES:
            require(self.tree_id(entry.kind, content) == blob, f"{what} is another")
            return content, b""
        require(entry.size // entry.pages == page_size, f"{what} has another page size")
        digests = self.page_digests(content, page_size)
        require(self.pages_id(page_size, digests) == blob, f"{what} is another")
        require(self.listed_digests(pack, entry, position) == digests, f"{what}: listed digests")
        return content, digests

    def read_blob(self, blob, kind, page_size=None):
        problem = Damaged(f"blob {blob.hex()} is in no pack")
        for attempt in range(2):
            for place in self.places.get(blob, []):
                try:
                    require(place[1].kind == kind, f"blob {blob.hex()} is of another kind")
                    return self.read_place(blob, place, page_size)
                except (Damaged, FileNotFoundError) as error:
                    problem = error
            if attempt == 0:  # a prune may have moved it meanwhile
                self.load_index()
        raise problem

    # Snapshots and maps

    def snapshots(self):
        found = []
        for series in self.list("snapshots"):
            for name in self.list(f"snapshots/{series}"):
                content = json.loads(self.document(SNAPSHOT, f"snapshots/{series}/{name}"))
                require(content["format"] <= 1, f"snapshot {name} is of a newer version")
                found.append({"id": name, **content})
        return sorted(found, key=lambda snapshot: (snapshot["time"], snapshot["id"]))

    def leaves(self, root, page_count):
        """Leaves of a map with the number of pages of each, in order."""
        count, height = -(-page_count // LEAF_PAGES), 0
        while FANOUT**height < count:
            height += 1
        return self.leaves_below(root, height, page_count), height

    def leaves_below(self, blob, level, pages):
        if level == 0:
            yield blob, pages
            return
        below = FANOUT ** (level - 1) * LEAF_PAGES
        content, _ = self.read_blob(blob, NODE)
        require(len(content) == 16 * -(-pages // below), f"node {blob.hex()} has another size")
        for child in range(0, len(content), 16):
            yield from self.leaves_below(content[child : child + 16], level - 1, min(below, pages))
            pages -= below

    def runs(self, leaf, pages):
        """(blob, slot, count) in order of pages."""
        fields = Fields(self.read_blob(leaf, LEAF)[0])
        number = fields.varint()
        require(number <= pages, "a leaf names too many blobs")
        blobs = [fields.raw(16) for _ in range(number)]
        while not fields.at_end():
            count, blob, slot = fields.varint(), fields.varint(), fields.varint()
            require(0 < count <= pages and blob < number, "a run makes no sense")
            require(slot + count <= MOST_SLOTS, "a run makes no sense")
            pages -= count
            yield blobs[blob], slot, count
        require(pages == 0, "a leaf covers too few pages")

    def restore(self, state, out=None):
        """Writes the database to the file `out`, if there is one, and proves and returns its checksum."""
        page_size, page_count = state["page_size"], state["page_count"]
        leaves, height = self.leaves(bytes.fromhex(state["map"]), page_count)
        require(height == state["map_height"], "the map has another height")
        uses, page = {}, 0
        for leaf, pages in leaves:
            for blob, slot, count in self.runs(leaf, pages):
                uses.setdefault(blob, []).append((slot, count, page))
                page += count
        all_digests = bytearray(16 * page_count)
        for blob, pieces in uses.items():
            content, digests = self.read_blob(blob, PAGES, page_size)
            for slot, count, page in pieces:
                require((slot + count) * page_size <= len(content), "a run leaves its blob")
                all_digests[16 * page : 16 * (page + count)] = digests[16 * slot : 16 * (slot + count)]
                if out:
                    out.seek(page * page_size)
                    out.write(content[slot * page_size : (slot + count) * page_size])
        checksum = self.checksum(page_size, bytes(all_digests))
        require(checksum == state["checksum"], f"checksum {checksum} and not {state['checksum']}")
        return checksum

    def checksum(self, page_size, digests):
        count = len(digests) // 16
        backwards = b"".join(digests[16 * i : 16 * i + 16] for i in reversed(range(count)))
        total = self.checksum_hash.polyval(backwards)
        finishing = keyed_hash(32, self.keys["checksum"], b"holdfast 1 checksum finish")
        return keyed_hash(32, finishing, struct.pack("<IQ", page_size, count) + total).hex()

    def find(self, prefix, database):
        found = [s for s in self.snapshots() if s["id"].startswith(prefix)]
        require(len(found) == 1, f"{len(found)} snapshots have the id {prefix}")
        states = [d for d in found[0]["databases"] if d["name"] == database]
        require(states, f"snapshot {prefix} has no database {database}")
        return states[0]


def main(arguments):
    if len(arguments) < 2 or len(arguments) != {"list": 2, "restore": 5, "checksum": 4}.get(arguments[1]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        repository = Repository(arguments[0], os.environ.get("HOLDFAST_PASSPHRASE"))
        if arguments[1] == "list":
            for snapshot in repository.snapshots():
                print(json.dumps(snapshot))
            return 0
        state = repository.find(arguments[2], arguments[3])
        if arguments[1] == "checksum":
            print(repository.restore(state))
            return 0
        with open(arguments[4], "xb") as out:
            print(repository.restore(state, out))
        return 0
    except Damaged as error:
        print(f"read_snapshot.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
