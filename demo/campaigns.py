#!/usr/bin/env python3
"""A small campaign service: the kind of application that keeps everything in one SQLite file.

    campaigns.py serve DATABASE PORT-FILE     GET and POST /api/campaigns
    campaigns.py list PORT-FILE               what the service answers, one campaign a line
    campaigns.py add PORT-FILE NAME PROPERTY  what a user's browser does

It knows nothing of Holdfast, and makes its table only where there is none.
"""

import http.server
import json
import os
import pathlib
import signal
import sqlite3
import sys
import threading
import time
import urllib.request

TABLE = """CREATE TABLE IF NOT EXISTS campaigns (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
  property TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'active')"""


class Service(http.server.BaseHTTPRequestHandler):
    database = None

    def connect(self):
        connection = sqlite3.connect(self.database, timeout=5)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path != "/api/campaigns":
            return self.answer(404, {"detail": "not found"})
        connection = self.connect()
        rows = connection.execute("SELECT id, name, property, status FROM campaigns ORDER BY id")
        campaigns = [dict(zip(("id", "name", "property", "status"), row)) for row in rows]
        connection.close()
        return self.answer(200, campaigns)

    def do_POST(self):
        if self.path != "/api/campaigns":
            return self.answer(404, {"detail": "not found"})
        try:
            wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            values = (wanted["name"], wanted["property"])
        except (KeyError, TypeError, ValueError):
            return self.answer(422, {"detail": "name and property are needed"})
        connection = self.connect()
        try:
            with connection:
                number = connection.execute(
                    "INSERT INTO campaigns (name, property) VALUES (?, ?)", values).lastrowid
        except sqlite3.IntegrityError:
            return self.answer(409, {"detail": f"{values[0]} is there already"})
        finally:
            connection.close()
        return self.answer(201, {"id": number, "name": values[0], "property": values[1],
                                 "status": "active"})

    def log_message(self, *_):
        pass


def serve(database, port_file):
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode=WAL").fetchone()
    with connection:
        connection.execute(TABLE)
    connection.close()
    Service.database = database
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    unfinished = pathlib.Path(f"{port_file}.tmp")
    unfinished.write_text(str(server.server_port), encoding="ascii")
    os.replace(unfinished, port_file)
    server.serve_forever()
    server.server_close()


def ask(port_file, document=None):
    """The service's answer; while it starts, it is waited for."""
    end = time.monotonic() + 60
    while not pathlib.Path(port_file).exists():
        if time.monotonic() > end:
            raise SystemExit("campaigns: the service never came up")
        time.sleep(0.005)
    port = pathlib.Path(port_file).read_text(encoding="ascii")
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/campaigns",
        data=json.dumps(document).encode() if document else None,
        headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def main(words):
    match words:
        case ["serve", database, port_file]:
            serve(database, port_file)
        case ["list", port_file]:
            for campaign in ask(port_file):
                print(campaign["id"], campaign["status"], campaign["name"], campaign["property"],
                      sep="\t")
        case ["add", port_file, name, place]:
            print(ask(port_file, {"name": name, "property": place})["id"])
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
