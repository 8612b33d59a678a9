"""Reads sealed sessions as docs/format.md says. Shares no code with Holdfast, so it tests that document.

    HOLDFAST_PASSPHRASE=... read_sealed.py REPO list
                            read_sealed.py REPO restore SESSION DATABASE OUT.db

`list` prints the snapshot of each session that waits, one a line. What a database goes on from must have been taken in.
"""

import hashlib
import json
import os
import pathlib
import sys

import nacl.bindings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from polyval import Multiplier  # noqa: E402
from read_snapshot import PAGES, Damaged, Repository, keyed_hash, require  # noqa: E402

PAGES_OF_BASE = bytes(16)


class Session(Repository):
    """A session is read as a repository is, with keys of its own."""

    def __init__(self, repository, key, session):
        self.repository, self.key, self.id = repository, key, session
        self.root = repository.root / "sealed" / key / session
        self.label = json.loads(repository.get(f"keys/{key}").split(b"\n")[0])["label"]
        derived = keyed_hash(32, repository.master, b"holdfast 1 machine")
        self.machine = keyed_hash(32, derived, bytes.fromhex(key) + self.label.encode())
        self.master = self.unseal()
        secrets = {"documents": self.master, "blobs": self.master, "ids": self.machine, "pages": self.machine,
                   "checksum": self.machine}
        self.keys = {name: keyed_hash(32, secret, b"holdfast 1 " + name.encode()) for name, secret in secrets.items()}
        self.page_hash = Multiplier(int.from_bytes(self.keys["pages"][:16], "little"))
        self.checksum_hash = Multiplier(int.from_bytes(self.keys["checksum"][:16], "little"))
        self.load_index()

    def unseal(self):
        content = self.get("key")
        require(len(content) == 120 and content[:8] == b"HFSK\x01\0\0\0", "key is something else")
        proof_key = keyed_hash(32, self.machine, b"holdfast 1 session")
        proof = keyed_hash(32, proof_key, bytes.fromhex(self.key + self.id) + content[8:88])
        require(proof == content[88:], "key was not made by the machine")
        seed = keyed_hash(32, self.repository.master, b"holdfast 1 sealing")
        secret = hashlib.sha512(seed).digest()[:32]
        public = nacl.bindings.crypto_scalarmult_base(secret)
        return nacl.bindings.crypto_box_seal_open(content[8:88], public, secret)

    def snapshot(self):
        found = self.snapshots()
        require([one["id"] for one in found] == [self.id], "there must be one snapshot, of the session's id")
        require(found[0]["machine"] == self.key and found[0]["host"] == self.label, "it is of another machine")
        return found[0]

    def base_pages(self, state):
        """The base as the repository gives it back: its content, and its page size."""
        if "base" not in state:
            return b"", 0
        before = self.repository.find(state["base"]["snapshot"], state["name"])
        content = Pages()
        self.repository.restore(before, content)
        return bytes(content.bytes), before["page_size"]

    def read(self, state):
        page_size, page_count = state["page_size"], state["page_count"]
        base, base_page_size = self.base_pages(state)
        out, blobs = bytearray(), {}
        leaves, height = self.leaves(bytes.fromhex(state["map"]), page_count)
        require(height == state["map_height"], "the map has another height")
        for leaf, pages in leaves:
            first = len(out)
            for blob, slot, count in self.runs(leaf, pages):
                if blob == PAGES_OF_BASE:
                    require(page_size == base_page_size, "the base has another page size")
                    start = first + slot * page_size
                    require(start == len(out), "pages of the base stand at another place")
                    content, slot = base, start // page_size
                else:
                    if blob not in blobs:
                        blobs[blob] = self.read_blob(blob, PAGES, page_size)[0]
                    content = blobs[blob]
                require((slot + count) * page_size <= len(content), "a run leaves its blob")
                out += content[slot * page_size : (slot + count) * page_size]
        checksum = self.checksum(page_size, self.page_digests(out, page_size))
        require(checksum == state["checksum"], f"checksum {checksum} and not {state['checksum']}")
        self.check_replaced(state, base, out)
        return bytes(out)

    def check_replaced(self, state, base, out):
        """`replaced` is what the base has otherwise, so where there is no such page it is zero."""
        if "base" not in state:
            return
        size = state["page_size"]
        terms = b"".join(
            bytes(16) if base[at : at + size] == out[at : at + size] else self.page_hash.polyval(base[at : at + size])
            for at in range(0, len(base), size))
        backwards = b"".join(terms[at : at + 16] for at in range(len(terms) - 16, -1, -16))
        require(self.checksum_hash.polyval(backwards).hex() == state["base"]["replaced"], "`replaced` is another sum")


class Pages:
    """What Repository.restore() writes to."""

    def __init__(self):
        self.bytes, self.at = bytearray(), 0

    def seek(self, at):
        self.at = at

    def write(self, content):
        self.bytes.extend(bytes(max(0, self.at + len(content) - len(self.bytes))))
        self.bytes[self.at : self.at + len(content)] = content


def sessions(repository):
    for key in repository.list("sealed"):
        for session in repository.list(f"sealed/{key}"):
            if any(one.is_file() for one in (repository.root / "sealed" / key / session / "snapshots").rglob("*")):
                yield Session(repository, key, session)


def main(arguments):
    if len(arguments) < 2 or len(arguments) != {"list": 2, "restore": 5}.get(arguments[1]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        repository = Repository(arguments[0], os.environ.get("HOLDFAST_PASSPHRASE"))
        if arguments[1] == "list":
            for session in sessions(repository):
                print(json.dumps(session.snapshot()))
            return 0
        chosen = [session for session in sessions(repository) if session.id.startswith(arguments[2])]
        require(len(chosen) == 1, f"{len(chosen)} sessions have the id {arguments[2]}")
        states = [one for one in chosen[0].snapshot()["databases"] if one["name"] == arguments[3]]
        require(states, f"there is no database {arguments[3]}")
        pathlib.Path(arguments[4]).write_bytes(chosen[0].read(states[0]))
        return 0
    except Damaged as error:
        print(f"read_sealed.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
