"""What a client answers, and what it raises."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Optional

STORED, SPOOLED, EMERGENCY, REFUSED = "stored", "spooled", "emergency", "refused"


class HoldfastError(Exception):
    """Whatever kept a request from being done."""


class Refused(HoldfastError):
    """Holdfast said no, and saying it again will not help: the record is not kept.

    `code` is one of docs/errors.md (`record_rejected`, `record_deleted`, `record_missing`,
    `unauthorized`, …), `status` the HTTP status, `safe` and `next` say what is unharmed and what to do.
    """

    def __init__(self, error: Mapping[str, Any], status: int = 0) -> None:
        self.code = str(error.get("code", ""))
        self.status = status
        self.safe = str(error.get("safe", ""))
        self.next = str(error.get("next", ""))
        super().__init__(f"{self.code}: {error.get('message', '')}")


class Away(HoldfastError):
    """Holdfast could not be reached, or could not do it now. Nothing was asked to be kept."""


class NotKept(Away):
    """Neither Holdfast nor the emergency folder took it: keep it yourself and try again.

    It may have been done nevertheless, if an answer was lost on its way; `idempotency_key` with the
    next attempt makes sure that it is done once.
    """

    def __init__(self, why: str, idempotency_key: str) -> None:
        self.idempotency_key = idempotency_key
        super().__init__(why)


@dataclasses.dataclass(frozen=True)
class Answer:
    """Where a record is now.

    `stored`: in the database, synced and read back. `spooled`: synced to Holdfast's spool, reaches the
    database by itself. `emergency`: only in `file`, written by Holdfast, or by this client if `local`.
    `refused` stands only in the answers of `put_many`: nowhere, and `error` says why.
    """

    result: str
    id: str
    created: bool = False
    replayed: bool = False
    """An earlier attempt had done it already."""
    adjusted: tuple[str, ...] = ()
    """Fields of which a trigger made something else."""
    children_removed: int = 0
    why: str = ""
    """What keeps a spooled or emergency record from the database."""
    file: Optional[str] = None
    local: bool = False
    error: Optional[Refused] = None

    @property
    def stored(self) -> bool:
        return self.result == STORED

    @property
    def kept(self) -> bool:
        """Durably somewhere."""
        return self.result != REFUSED

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Answer:
        error = said.get("error")
        return cls(
            result=said["result"],
            id=said["id"],
            created=said.get("created", False),
            replayed=said.get("replayed", False),
            adjusted=tuple(said.get("adjusted", ())),
            children_removed=said.get("children_removed", 0),
            why=said.get("why", ""),
            file=said.get("file"),
            error=Refused(error) if error else None,
        )


@dataclasses.dataclass(frozen=True)
class Page:
    """A part of a collection."""

    total: int
    """Records that the filters let through, on all pages."""
    page: int
    size: int
    ids: list[str]
    records: list[dict[str, Any]]
