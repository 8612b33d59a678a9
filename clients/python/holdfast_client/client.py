"""The client: records saved, read, listed and deleted through `holdfast serve`."""

from __future__ import annotations

import secrets
import urllib.parse
from typing import Any, Iterable, Iterator, List, Mapping, Optional, Sequence, Union

from . import emergency
from .answers import EMERGENCY, Answer, Away, NotKept, Page
from .wire import Wire, json_text

Record = Mapping[str, Any]


class Client:
    """Talks to one `holdfast serve`. May be used by any number of threads.

    url        where it listens: http://127.0.0.1:7433, or unix:/run/holdfast.sock
    token      as in its token file; None where it asks for none
    emergency  the folder for what Holdfast cannot take: one on another disk is better. None: there is
               none, and NotKept is raised instead
    key        the field (or fields) that are a record's key, by collection; "id" unless said. Only the
               names in an emergency file need them
    timeout    seconds without a byte until a request is given up
    patience   seconds during which a request that came to nothing is sent again
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:7433",
        *,
        token: Optional[str] = None,
        emergency: Optional[str] = "backups",
        key: Optional[Mapping[str, Union[str, Sequence[str]]]] = None,
        timeout: float = 30.0,
        patience: float = 5.0,
    ) -> None:
        self._wire = Wire(url, token, timeout, patience)
        self._emergency = emergency
        self._keys = {name: [one] if isinstance(one, str) else list(one)
                      for name, one in (key or {}).items()}

    def close(self) -> None:
        """Ends idle connections. The client may be used again."""
        self._wire.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- saving ---------------------------------------------------------------------------------

    def put(self, collection: str, record: Record, *, id: Optional[str] = None, undelete: bool = False,
            idempotency_key: Optional[str] = None) -> Answer:
        """Saves a record. Fields that it leaves out stay as they are.

        `id` is its key where the record does not hold it. `undelete` brings a deleted record back.
        However often the client has to send it, it is done once; give an `idempotency_key` of your own
        (kept until you have an answer) to have that across a restart of your program, too.

        Raises Refused where saying it again will not help, NotKept if the emergency folder fails as
        well, ValueError for what is no JSON.
        """
        text = json_text(record)
        key = idempotency_key or secrets.token_hex(16)
        path = self._path(collection, id) + ("?undelete=true" if undelete else "")
        try:
            said = self._wire.ask("POST" if id is None else "PUT", path, text, self._headers(key))
        except Away as away:
            return self._keep_locally(collection, [(id, record)], str(away), key)[0]
        return Answer.from_json(said)

    def put_many(self, collection: str, records: Iterable[Record], *, undelete: bool = False,
                 idempotency_key: Optional[str] = None) -> List[Answer]:
        """Saves several records with one request; an answer for each, in order. A bad one does not fail
        its neighbours: it is answered `refused`. Raises as put() does."""
        several = list(records)
        text = json_text(several)
        if not several:
            return []
        key = idempotency_key or secrets.token_hex(16)
        path = self._path(collection) + ("?undelete=true" if undelete else "")
        try:
            said = self._wire.ask("POST", path, text, self._headers(key))
        except Away as away:
            return self._keep_locally(collection, [(None, one) for one in several], str(away), key)
        return [Answer.from_json(one) for one in said["records"]]

    def delete(self, collection: str, id: str, *, idempotency_key: Optional[str] = None) -> Answer:
        """Deletes a record; it stays deleted until undelete(). Raises Refused (`record_missing`) where
        there is none, and NotKept if Holdfast is away: a delete has no emergency copy."""
        return self._write("DELETE", self._path(collection, id), idempotency_key)

    def undelete(self, collection: str, id: str, *, idempotency_key: Optional[str] = None) -> Answer:
        """Lets a deleted record be saved again; does not bring it back. Raises as delete() does."""
        return self._write("POST", self._path(collection, id) + "/undelete", idempotency_key)

    # -- reading --------------------------------------------------------------------------------

    def get(self, collection: str, id: str) -> dict[str, Any]:
        """One record. Raises Refused (`record_missing`) where there is none, and Away."""
        record: dict[str, Any] = self._wire.ask("GET", self._path(collection, id))
        return record

    def list(self, collection: str, *, filter: Sequence[str] = (), sort: Sequence[str] = (),
             page: int = 0, size: int = 50) -> Page:
        """A page of a collection, in the order of the keys unless `sort` (`"-title"`) says another.
        A filter is `field=value`, also with `!=`, `<`, `<=`, `>`, `>=`, `~`. Raises Refused, Away."""
        asked = [("filter", one) for one in filter] + [("sort", one) for one in sort]
        asked += [("page", str(page)), ("size", str(size))]
        said = self._wire.ask("GET", f"{self._path(collection)}?{urllib.parse.urlencode(asked)}")
        return Page(**{name: said[name] for name in ("total", "page", "size", "ids", "records")})

    def records(self, collection: str, *, filter: Sequence[str] = (), sort: Sequence[str] = (),
                size: int = 1000) -> Iterator[dict[str, Any]]:
        """All records, page by page: what is written meanwhile may move some between pages."""
        number = 0
        while True:
            page = self.list(collection, filter=filter, sort=sort, page=number, size=size)
            yield from page.records
            number += 1
            if number * size >= page.total:
                return

    def health(self) -> dict[str, Any]:
        """`{"status": "ok" | "degraded", …}`, see docs/http.md. Raises Away."""
        said: dict[str, Any] = self._wire.ask("GET", "/v1/health")
        return said

    # -- details --------------------------------------------------------------------------------

    def _path(self, collection: str, id: Optional[str] = None) -> str:
        path = f"/v1/collections/{urllib.parse.quote(collection, safe='')}/records"
        return path if id is None else f"{path}/{urllib.parse.quote(id, safe='')}"

    @staticmethod
    def _headers(key: str) -> dict[str, str]:
        return {"Content-Type": "application/json", "Idempotency-Key": key}

    def _write(self, method: str, path: str, idempotency_key: Optional[str]) -> Answer:
        key = idempotency_key or secrets.token_hex(16)
        try:
            return Answer.from_json(self._wire.ask(method, path, None, {"Idempotency-Key": key}))
        except Away as away:
            raise NotKept(str(away), key) from away

    def _id_of(self, collection: str, record: Record, otherwise: str) -> str:
        values = [record.get(name) for name in self._keys.get(collection, ["id"])]
        if any(value is None for value in values):
            return otherwise
        if len(values) > 1:
            return json_text(values)
        return values[0] if isinstance(values[0], str) else json_text(values[0])

    def _keep_locally(self, collection: str, records: Sequence[tuple[Optional[str], Record]], why: str,
                      key: str) -> List[Answer]:
        if self._emergency is None:
            raise NotKept(why, key)
        named = [(id if id is not None else self._id_of(collection, record, f"{key}-{number}"),
                  json_text(record)) for number, (id, record) in enumerate(records)]
        answers: list[Answer] = []
        try:
            while len(answers) < len(named):
                # Several versions of one record go into several files: none may hide another.
                together: dict[str, str] = {}
                for id, text in named[len(answers):]:
                    if id in together:
                        break
                    together[id] = text
                file = emergency.save(self._emergency, together)
                answers += [Answer(EMERGENCY, id, why=why, file=file, local=True) for id in together]
        except OSError as error:
            raise NotKept(f"{why}; emergency copy: {error}", key) from error
        return answers
