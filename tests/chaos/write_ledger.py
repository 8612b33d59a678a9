"""What writers were told, and whether the database agrees: the oracle of the write path's chaos.

Triggers (sqlite_ledger.py, postgres_ledger.py) note every change of the table `items` in `history`, in the
order of commits: P (a record was put, with its token), D (deleted), T (a tombstone was laid), U (lifted). A
write is asked for at `start` and answered at `end`; what was never answered, or not kept, may still come to
be at any time after.
"""

import base64
import collections
import dataclasses
import itertools
import json
import math
import pathlib

STORED, SPOOLED, EMERGENCY, REFUSED, UNKNOWN = "stored", "spooled", "emergency", "refused", "unknown"


class Wrong(Exception):
    """The database, or an answer, is not what was promised."""


@dataclasses.dataclass
class Facts:
    """What a database holds."""
    history: list  # (what, item, token)
    rows: dict  # of items: token, size, body, document by id
    events: list  # their tokens
    direct: set  # (writer, number): what applications wrote past Holdfast


@dataclasses.dataclass(eq=False)
class Operation:
    kind: str  # put, delete, undelete
    collection: str
    key: str  # empty in events
    token: str = ""  # of a put; no two have the same
    undelete: bool = False
    batch: int = 0  # those of one request
    index: int = 0  # in it
    start: float = 0.0
    end: float = math.inf
    answer: str = UNKNOWN
    code: str = ""
    file: str = ""
    retried: bool = False

    def told(self, said, now):
        """Takes the answer of the program: `said` is its JSON."""
        self.answer = said.get("result", REFUSED)
        self.code = said.get("error", {}).get("code", "")
        self.file = said.get("file", "")
        if self.code in NEVER:
            raise Wrong(f"it was answered {said}: {self}")
        if self.answer == REFUSED and (self.retried or self.code not in SURE):
            self.answer = UNKNOWN
        if self.answer in (STORED, SPOOLED, REFUSED):
            self.end = now

    @property
    def poison(self):
        """It breaks a constraint."""
        return self.token.startswith("poison")

    @property
    def acknowledged(self):
        return self.answer in (STORED, SPOOLED)

    def __str__(self):
        return (f"{self.kind} {self.collection} {self.key} {self.token} {self.answer}"
                f"{' ' + self.code if self.code else ''}{' with undelete' if self.undelete else ''}"
                f" [{self.start:.4f}, {self.end:.4f}]")


# Refusals that promise that nothing was done, nor will be.
SURE = {"record_deleted", "record_missing", "record_invalid", "record_rejected"}
# Nobody here gives a reason for these.
NEVER = {"internal", "write_not_proved", "idempotency_conflict", "table_missing", "request_invalid", "route_unknown"}


def content(token):
    """What a put of this token holds beside its key."""
    size = sum(token.encode()) % 97
    return {"token": token, "size": size, "body": f"{token} ä " * size,
            "document": {"of": token, "list": [size, size / 4, None]}}


def happens_before(first, second):
    if first.end < second.start:
        return True
    return (first.batch == second.batch and first.index < second.index
            and first.acknowledged and second.acknowledged)


class Oracle:
    """`parted`: ids of writes may be lost where their records are not, so that a write may happen twice."""

    def __init__(self, facts, spool, operations, parted=False):
        self.operations = operations
        self.parted = parted
        self.spool = pathlib.Path(spool)
        self.history = facts.history
        self.rows = facts.rows
        self.happened = collections.Counter(token for what, _, token in self.history if what == "P")
        self.happened.update(facts.events)
        self.rejected = self._rejected()

    def _rejected(self):
        found = set()
        for path in self.spool.glob("rejected/*.json"):
            record = json.loads(path.read_text(encoding="utf-8")).get("record")
            if record:
                found.add(record.get("token"))
        return found

    def prove(self):
        self.nothing_waits()
        self.puts_happened()
        by_key = collections.defaultdict(list)
        for operation in self.operations:
            if operation.collection == "items":
                by_key[operation.key].append(operation)
        changes = collections.defaultdict(list)
        for what, key, token in self.history:
            changes[key].append((what, token))
        for key in by_key.keys() | changes.keys() | self.rows.keys():
            self.prove_key(key, by_key[key], changes[key])

    def nothing_waits(self):
        for folder, what in ((self.spool, "*.spool"), (self.spool / "damaged", "*")):
            left = [path.name for path in folder.glob(what)]
            if left:
                raise Wrong(f"in {folder} are still {left}")

    def puts_happened(self):
        known = set()
        for put in (one for one in self.operations if one.kind == "put"):
            known.add(put.token)
            times = self.happened[put.token]
            if times > 1 and not self.parted:
                raise Wrong(f"it happened {times} times: {put}")
            if times and put.poison:
                raise Wrong(f"it cannot have happened: {put}")
            if times and put.answer == REFUSED:
                raise Wrong(f"it was refused, and happened: {put}")
            if put.answer == EMERGENCY:
                self.emergency(put)
            if put.acknowledged and not times:
                if put.answer == SPOOLED and put.token in self.rejected and self.excused(put):
                    continue
                raise Wrong(f"it was acknowledged, and is lost: {put}")
            if put.answer == REFUSED and put.code == "record_deleted" and not self.excused(put):
                raise Wrong(f"nobody had deleted it: {put}")
        strange = [token for token in self.happened if token not in known]
        if strange:
            raise Wrong(f"nobody has put {strange[:5]}")

    def excused(self, put):
        """Whether it may have met a constraint or a tombstone."""
        if put.poison:
            return True
        own = [one for one in self.operations if one.collection == put.collection and one.key == put.key]
        lifts = [one for one in own if (one.kind == "undelete" or one.undelete) and one.acknowledged
                 and not one.poison]
        return any(
            one.kind == "delete" and one.answer != REFUSED and not happens_before(put, one)
            and not any(happens_before(one, lift) and happens_before(lift, put) for lift in lifts)
            for one in own)

    def emergency(self, put):
        try:
            saved = json.loads(base64.b64decode(pathlib.Path(put.file).read_bytes(), validate=True))
        except (OSError, ValueError) as error:
            raise Wrong(f"its emergency copy cannot be read: {put}: {error}") from error
        wanted = {**content(put.token), **({"id": put.key} if put.key else {})}
        if put.collection == "events":
            wanted = {"token": put.token}
        if wanted not in saved.values() or (put.key and saved.get(put.key) != wanted):
            raise Wrong(f"its emergency copy {put.file} does not hold it: {put}")

    def prove_key(self, key, operations, changes):
        puts = {one.token: one for one in operations if one.kind == "put"}
        happened = [puts[token] for what, token in changes if what == "P"]
        if self.parted:
            happened = list(dict.fromkeys(reversed(happened)))[::-1]  # each as it was done at last
        self.in_order(happened)
        buried = False
        for what, token in changes:
            if what in "TU":
                buried = what == "T"
            elif what == "P" and puts[token].undelete:
                buried = False  # the tombstone is lifted in the same transaction
            elif what == "P" and buried:
                raise Wrong(f"it came back under a tombstone: {puts[token]}")
        self.stay_deleted(happened, operations)
        self.row_is(key, [change for change in changes if change[0] in "PD"], puts, operations)

    def in_order(self, happened):
        """No put came after one that was only asked for when it was answered already."""
        latest = None
        for put in happened:
            if latest is not None and put.end < latest.start:
                raise Wrong(f"out of order: {latest}\n  was done before {put}")
            if latest is None or put.start > latest.start:
                latest = put
        for first, second in itertools.pairwise(happened):
            if first.batch == second.batch and happens_before(second, first):
                raise Wrong(f"out of order within a request: {first}\n  was done before {second}")

    def stay_deleted(self, happened, operations):
        lifts = [one for one in operations
                 if one.answer != REFUSED and (one.kind == "undelete" or one.undelete)]
        for delete in operations:
            if delete.kind != "delete" or not delete.acknowledged:
                continue
            for put in happened:
                if happens_before(delete, put) and not put.undelete and not any(
                        lift.end > delete.start and lift.start < put.end for lift in lifts):
                    raise Wrong(f"it came back: {put}\n  after {delete}")

    def row_is(self, key, changes, puts, operations):
        row = self.rows.get(key)
        last = changes[-1] if changes else None
        if row is None:
            if last and last[0] == "P":
                raise Wrong(f"its row is not there: {puts[last[1]]}")
            return
        if last is None or last[0] != "P" or row[0] != last[1]:
            raise Wrong(f"the row of {key} is {row[:2]}, but the last change of it is {last}")
        put = puts[last[1]]
        wanted = content(put.token)
        found = {"token": row[0], "size": row[1], "body": row[2], "document": json.loads(row[3])}
        if found != wanted:
            raise Wrong(f"its content is {str(found)[:300]}: {put}")
        for delete in operations:
            if delete.kind == "delete" and delete.acknowledged and happens_before(put, delete):
                raise Wrong(f"it is still there: {put}\n  after {delete}")
