"""Stands between the program and a server, and breaks connections wherever it hurts."""

import contextlib
import random
import selectors
import socket
import threading
import time

PIECE = 65536


class Connection:
    def __init__(self, client, server, left):
        self.sockets = {client: server, server: client}
        self.client = client
        self.left = left  # bytes that it still carries; None: any number
        self.doomed = False  # it ends with the server's next word, which nobody hears

    def close(self):
        for one in self.sockets:
            one.close()


class CuttingProxy(threading.Thread):
    """What it does to connections is told by its attributes, which may be changed at any moment."""

    def __init__(self, seed, server):
        """`server` is a path, or a pair of host and port."""
        super().__init__(name="proxy", daemon=True)
        self.random = random.Random(seed)
        self.server = server if isinstance(server, tuple) else str(server)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.connections = set()
        self.ended = False
        self.cutting = False  # all of them, now
        self.calm()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.start()

    def calm(self):
        self.refusing = False
        self.stalled = False
        self.shortest = None  # so many bytes at most does a connection carry; None: any number
        self.unheard = 0.0  # share of the commits whose answer is lost

    def cut(self):
        self.cutting = True

    def close(self):
        self.ended = True
        self.join()

    def run(self):
        while not self.ended:
            if self.cutting:
                self.cutting = False
                self.drop(*self.connections)
            if self.stalled:
                time.sleep(0.005)
                continue
            for ready, _ in self.selector.select(0.01):
                if ready.fileobj is self.listener:
                    self.accept()
                elif ready.data in self.connections and not self.passed_on(ready.fileobj, ready.data):
                    self.drop(ready.data)
        self.drop(*self.connections)
        self.selector.close()
        self.listener.close()

    def drop(self, *connections):
        for connection in connections:
            self.connections.discard(connection)
            for one in connection.sockets:
                self.selector.unregister(one)
            connection.close()

    def drawn_length(self):
        return None if self.shortest is None else self.random.randrange(1, self.shortest + 1)

    def accept(self):
        client, _ = self.listener.accept()
        server = socket.socket(socket.AF_INET if isinstance(self.server, tuple) else socket.AF_UNIX)
        for one in (client, server):
            one.settimeout(5)
        with contextlib.suppress(OSError):
            if not self.refusing:
                server.connect(self.server)
                connection = Connection(client, server, self.drawn_length())
                self.connections.add(connection)
                for one in connection.sockets:
                    self.selector.register(one, selectors.EVENT_READ, connection)
                return
        client.close()
        server.close()

    def passed_on(self, source, connection):
        """Whether the connection goes on."""
        try:
            data = source.recv(PIECE)
            if not data:
                return False
            if source is not connection.client and connection.doomed:
                return False
            if connection.left is None and self.shortest is not None:
                connection.left = self.drawn_length()
            if connection.left is not None and self.shortest is not None:
                data = data[:connection.left]
                connection.left -= len(data)
            connection.sockets[source].sendall(data)
        except OSError:
            return False
        if source is connection.client and b"COMMIT" in data and self.random.random() < self.unheard:
            connection.doomed = True
        return connection.left != 0
