"""Requests to `holdfast serve`, sent until one is answered."""

from __future__ import annotations

import http.client
import json
import random
import socket
import ssl
import time
import urllib.parse
from typing import Any, Mapping, Optional

from .answers import Away, Refused

UNIX = "unix:"
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0


def json_text(value: Any) -> str:
    """JSON as Holdfast reads it. Raises ValueError for what it has no number or text for (NaN is written
    as {"$number": "NaN"}, see docs/records.md)."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text.encode("utf-8")
    return text


class NotNow(Exception):
    """No answer, or none that is final."""


class UnixConnection(http.client.HTTPConnection):
    """Over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(self.timeout)
            connection.connect(self._path)
        except BaseException:
            connection.close()
            raise
        self.sock = connection


class Wire:
    """Connections to one server. Thread safe: an idle connection is taken by one thread at a time."""

    def __init__(self, url: str, token: Optional[str], timeout: float, patience: float) -> None:
        self._socket = url[len(UNIX):] if url.startswith(UNIX) else ""
        if not self._socket:
            parts = urllib.parse.urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"{url!r} is no http://, https:// or unix: address")
            self._secure = parts.scheme == "https"
            self._host, self._port = parts.hostname, parts.port
        self._prefix = "" if self._socket else parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout, self._patience = timeout, patience
        self._idle: list[http.client.HTTPConnection] = []

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> http.client.HTTPConnection:
        if self._socket:
            return UnixConnection(self._socket, self._timeout)
        if self._secure:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=ssl.create_default_context())
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _send(self, connection: http.client.HTTPConnection, method: str, path: str,
              body: Optional[bytes], headers: Mapping[str, str]) -> tuple[int, bytes]:
        try:
            connection.request(method, self._prefix + path, body, {**self._headers, **headers})
            answer = connection.getresponse()
            content = answer.read()
            if answer.will_close:
                connection.close()
            else:
                self._idle.append(connection)
            return answer.status, content
        except BaseException:
            connection.close()
            raise

    def _exchange(self, method: str, path: str, body: Optional[bytes],
                  headers: Mapping[str, str]) -> tuple[int, bytes]:
        try:
            try:
                idle = self._idle.pop()
            except IndexError:
                return self._send(self._connect(), method, path, body, headers)
            try:
                return self._send(idle, method, path, body, headers)
            except (http.client.HTTPException, ConnectionError):
                # The server ends idle connections; that says nothing about the server.
                return self._send(self._connect(), method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            raise NotNow(f"{type(error).__name__}: {error}") from error

    def _ask_once(self, method: str, path: str, body: Optional[bytes],
                  headers: Mapping[str, str]) -> Any:
        status, content = self._exchange(method, path, body, headers)
        try:
            said = json.loads(content)
        except ValueError as error:
            # A proxy speaks, not Holdfast: whatever it says, Holdfast has not refused anything.
            raise NotNow(f"HTTP status {status}, and no JSON") from error
        if 200 <= status < 300:
            return said
        error = said.get("error") if isinstance(said, dict) else None
        if not isinstance(error, dict) or "code" not in error:
            raise NotNow(f"HTTP status {status}, and not from Holdfast")
        refusal = Refused(error, status)
        if status >= 500 or status == 408:
            raise NotNow(str(refusal))
        raise refusal

    def ask(self, method: str, path: str, body: Optional[str] = None,
            headers: Optional[Mapping[str, str]] = None) -> Any:
        """The JSON of the answer. Raises Refused, or Away if there was none within the patience.

        What may be asked more than once must carry an Idempotency-Key, or change nothing.
        """
        sent = None if body is None else body.encode("utf-8")
        until = time.monotonic() + self._patience
        pause = FIRST_PAUSE
        while True:
            try:
                return self._ask_once(method, path, sent, headers or {})
            except NotNow as why:
                wait = pause * random.uniform(0.5, 1.0)
                if time.monotonic() + wait > until:
                    raise Away(str(why)) from why
            time.sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE)
