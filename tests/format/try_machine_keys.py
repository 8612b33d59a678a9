"""Tries to read a repository with nothing but the passphrase of a write-only key.

    HOLDFAST_PASSPHRASE=... try_machine_keys.py REPO

opens the machine's secret as docs/format.md says, derives every key that the document names from it, and tries each on every
document, directory of a pack and sealed session key. Fails if anything at all opens.
"""

import base64
import hashlib
import itertools
import json
import os
import pathlib
import sys

import nacl.bindings
import nacl.exceptions

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from read_snapshot import PACK_FOOTER, Damaged, keyed_hash, open_box, require  # noqa: E402

CONTEXTS = ("documents", "blobs", "ids", "pages", "checksum", "series", "cache", "key cache", "sealing", "machine", "session")


def machine_secret(root, passphrase):
    config = (root / "config").read_bytes()
    for path in sorted((root / "keys").iterdir()):
        header, box = path.read_bytes().split(b"\n")[:2]
        fields = json.loads(header)
        derivation = fields["derivation"]
        wrapping = nacl.bindings.crypto_pwhash_alg(
            32, passphrase.encode(), bytes.fromhex(derivation["salt"]), derivation["passes"],
            derivation["memory_bytes"], nacl.bindings.crypto_pwhash_ALG_ARGON2ID13)
        try:
            secret = open_box(wrapping, config + b"\nkeys/" + path.name.encode() + b"\n" + header,
                              base64.b64decode(box), path.name)
        except Damaged:
            continue
        require(fields["kind"] == "write", "this passphrase opens more than a write-only key")
        return secret, bytes.fromhex(path.name), fields
    raise Damaged("no key opens with this passphrase")


def candidates(secret, key, fields):
    """Everything that follows from what the thief holds, two steps deep."""
    first = [secret, bytes(32), bytes.fromhex(fields["public_key"]),
             keyed_hash(32, secret, key + fields["label"].encode())]
    derived = [keyed_hash(32, one, b"holdfast 1 " + name.encode()) for one in first for name in CONTEXTS]
    twice = [keyed_hash(32, one, b"holdfast 1 " + name.encode()) for one in derived for name in CONTEXTS]
    return list(dict.fromkeys([*first, *derived, *twice]))


def boxes(root, name, content):
    """(associated data, box) for everything in the object that might be one; names as seen from each folder above."""
    parts = pathlib.PurePosixPath(name).parts
    names = ["/".join(parts[start:]) for start in range(len(parts))]
    if content[:4] == b"HFD1":
        for one in names:
            yield content[:12] + one.encode(), content[12:]
    elif content[:4] == b"HFPK":
        digests, directory, magic = PACK_FOOTER.unpack(content[-12:])
        require(magic == b"HFPE", f"{name} is no pack")
        pack = bytes.fromhex(parts[-1])
        yield b"holdfast pack directory" + pack, content[-12 - directory : -12]
        if digests:
            yield b"holdfast pack digests" + pack, content[-12 - directory - digests : -12 - directory]


def unseals(key, content):
    for secret in (key, hashlib.sha512(key).digest()[:32]):
        try:
            public = nacl.bindings.crypto_scalarmult_base(secret)
            nacl.bindings.crypto_box_seal_open(content[8:88], public, secret)
            return True
        except (nacl.exceptions.CryptoError, RuntimeError):
            continue
    return False


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    root = pathlib.Path(arguments[0])
    keys = candidates(*machine_secret(root, os.environ["HOLDFAST_PASSPHRASE"]))
    objects = tried = 0
    opened = []
    for path in sorted(one for one in root.rglob("*") if one.is_file()):
        name, content = path.relative_to(root).as_posix(), path.read_bytes()
        objects += 1
        if content[:4] == b"HFSK":
            tried += 1
            opened += [name for key in keys if unseals(key, content)]
        for (associated, box), key in itertools.product(list(boxes(root, name, content)), keys):
            tried += key is keys[0]
            try:
                open_box(key, associated, box, name)
                opened.append(name)
            except Damaged:
                continue
    if opened:
        print(f"these open: {', '.join(opened)}", file=sys.stderr)
        return 1
    print(f"{objects} objects, {tried} boxes, {len(keys)} keys: nothing opens")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
