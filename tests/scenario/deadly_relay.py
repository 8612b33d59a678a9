"""Stands between the program and a store of S3, and kills the program at a chosen one of its changes."""

import http.client
import pathlib
import socket
import sys
import threading
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "services"))

import http_messages  # noqa: E402
from http_messages import Closed, Response  # noqa: E402

BEFORE, WITHIN, AFTER = MOMENTS = ("before", "within", "after")


class DeadlyRelay:
    """Counts what changes the store: PUT, POST, DELETE. `kill()` is called at the one that is chosen: when nothing of
    it has reached the store, when its head and half of its body have, or when it is done and nobody was told."""

    def __init__(self, endpoint):
        address = urllib.parse.urlsplit(endpoint)
        self.upstream = (address.hostname, address.port)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.mutex = threading.Lock()
        self.count(0, BEFORE, None)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def count(self, deadly, moment, kill):
        """From 1 again; 0 kills nobody."""
        with self.mutex:
            self.changes = 0
            self.deadly, self.moment, self.kill = deadly, moment, kill
            self.dead = False

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        server = http.client.HTTPConnection(*self.upstream, timeout=60)
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with client.makefile("rb") as stream:
                while self.serve_one(client, stream, server):
                    pass
        except (Closed, OSError, http.client.HTTPException):
            pass
        finally:
            client.close()
            server.close()

    def serve_one(self, client, stream, server):
        """Whether the connection goes on."""
        request = http_messages.read_head(stream)
        if request.headers.pop("expect", None):
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        http_messages.read_body(stream, request)
        if not self.lets_live(request, server):
            return False
        answer, body = self.forward(request, server)
        length = answer.getheader("Content-Length") if request.method == "HEAD" else None
        headers = {name: value for name, value in answer.getheaders()
                   if name.lower() not in ("content-length", "transfer-encoding", "connection")}
        head = Response(answer.status, body, headers, int(length) if length else None).head(request.method, False)
        client.sendall(head + body)
        return True

    def lets_live(self, request, server):
        with self.mutex:
            if self.dead:
                return False
            if request.method in ("PUT", "POST", "DELETE"):
                self.changes += 1
            else:
                return True
            if self.changes != self.deadly:
                return True
            self.dead = True
            # Others wait: nothing that comes later reaches the store.
            if self.moment == WITHIN:
                self.begin(request, server)
                server.send(request.body[:len(request.body) // 2])
                server.close()
            elif self.moment == AFTER:
                self.forward(request, server)
            self.kill()
            return False

    def begin(self, request, server):
        server.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            server.putheader(name, value)
        server.endheaders()

    def forward(self, request, server):
        self.begin(request, server)
        server.send(request.body)
        answer = server.getresponse()
        return answer, answer.read()
