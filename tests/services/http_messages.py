"""HTTP/1.1 as a server reads and writes it, over one kept connection."""

import dataclasses
import http
import re
import urllib.parse

LONGEST_LINE = 16 << 10
MOST_HEADERS = 100


class Closed(Exception):
    """The other side has gone, or talks nonsense."""


@dataclasses.dataclass
class Request:
    method: str
    target: str
    headers: dict  # by lower-case name; repeated ones joined by a comma
    body: bytes = b""
    raw_path: str = ""
    query: list = dataclasses.field(default_factory=list)  # decoded pairs, as sent
    consumed: bool = False  # the body has been read off the connection

    def __post_init__(self):
        self.raw_path, _, text = self.target.partition("?")
        for pair in filter(None, text.split("&")):
            name, _, value = pair.partition("=")
            self.query.append((urllib.parse.unquote(name), urllib.parse.unquote(value)))

    @property
    def length(self):
        text = self.headers.get("content-length", "0")
        if not re.fullmatch("[0-9]{1,15}", text):
            raise Closed(f"Content-Length: {text}")
        return int(text)


@dataclasses.dataclass
class Response:
    status: int
    body: bytes = b""
    headers: dict = dataclasses.field(default_factory=dict)
    length: int | None = None  # to say, where the body is not sent

    def head(self, method, close):
        headers = dict(self.headers)
        if self.status != 204:
            headers["Content-Length"] = len(self.body) if self.length is None else self.length
        if close:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {self.status} {http.HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def line_of(stream):
    line = stream.readline(LONGEST_LINE)
    if not line:
        raise Closed("the connection ended")
    if not line.endswith(b"\r\n"):
        raise Closed(f"a line that does not end: {line[:80]!r}")
    return line[:-2].decode("latin-1")


def read_head(stream):
    words = line_of(stream).split(" ")
    if len(words) != 3 or words[2] != "HTTP/1.1" or not words[1].startswith("/"):
        raise Closed(f"not a request: {words}")
    headers = {}
    for _ in range(MOST_HEADERS):
        line = line_of(stream)
        if not line:
            return Request(words[0], words[1], headers)
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or name != name.strip():
            raise Closed(f"not a header: {line}")
        headers[name] = f"{headers[name]},{value.strip()}" if name in headers else value.strip()
    raise Closed("too many headers")


def read_body(stream, request):
    request.body = stream.read(request.length)
    if len(request.body) < request.length:
        raise Closed(f"a body of {request.length} bytes ended after {len(request.body)}")
    request.consumed = True
