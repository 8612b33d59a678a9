"""A machine with nothing but a configuration file, a passphrase and the keys of a store: `holdfast run` brings the
application up with its data."""

import http.client
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest

import s3_storage
from holdfast import PROGRAM, Scenario

APPLICATION = """
import contextlib, http.server, json, sqlite3

@contextlib.contextmanager
def database():
    connection = sqlite3.connect("data/app.db", timeout=20)
    connection.execute("PRAGMA journal_mode=wal")
    try:
        yield connection
    finally:
        connection.close()

class Notes(http.server.BaseHTTPRequestHandler):
    def answer(self, status, said):
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with database() as connection:
            self.answer(200, [row[0] for row in connection.execute("SELECT text FROM note ORDER BY id")])

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with database() as connection, connection:
            connection.execute("INSERT INTO note (text) VALUES (?)", (text,))
        self.answer(201, text)

    def log_message(self, *_):
        pass

with database() as connection, connection:
    connection.execute("CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Notes)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


class Machine:
    """A folder of its own, which is all of its disk."""

    def __init__(self, scenario, name, configuration):
        self.scenario = scenario
        self.folder = scenario.folder / name
        self.folder.mkdir()
        (self.folder / "holdfast.toml").write_text(configuration, encoding="utf-8")
        self.environment = {name: value for name, value in scenario.environment.items() if value is not None}
        self.environment["HOME"] = str(self.folder)
        self.process = None

    def start(self):
        program = self.scenario.folder / "application.py"  # of the image that is deployed
        self.process = subprocess.Popen(
            [PROGRAM, "run", "--", "/usr/bin/python3", program], cwd=self.folder, env=self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.scenario.addCleanup(self.lose)
        port = self.process.stdout.readline()
        if not port:
            self.scenario.fail(self.process.communicate(timeout=60)[1])
        self.port = int(port)

    def ask(self, method, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, "/", body)
            answer = connection.getresponse()
            self.scenario.assertIn(answer.status, (200, 201))
            return json.loads(answer.read())
        finally:
            connection.close()

    def end(self):
        """As a service manager stops a deploy."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=60)
        return said

    def lose(self):
        """Its power goes: Holdfast, the application, and the disk with them."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()


class EmptyMachine(Scenario):
    def setUp(self):
        super().setUp()
        store = self.gateway or s3_storage.strict_store(self)
        place = store.new_place()
        for name in ("HOLDFAST_CACHE_DIR", "HOLDFAST_KEY_CACHE", "HOLDFAST_REPO"):
            self.environment[name] = None
        self.environment |= store.environment
        (self.folder / "application.py").write_text(APPLICATION, encoding="utf-8")
        self.configuration = f'repository = "{place}"\n[databases.app]\nsource = "data/app.db"\n'
        self.configure(self.configuration)
        self.init()

    def machine(self, name):
        found = Machine(self, name, self.configuration)
        self.assertEqual([pathlib.Path("holdfast.toml")], [path.relative_to(found.folder)
                                                           for path in found.folder.rglob("*")])
        return found

    def test_the_application_comes_up_with_its_data(self):
        first = self.machine("first")
        first.start()
        self.assertEqual([], first.ask("GET"))
        for number in range(20):
            first.ask("POST", f"note {number}")
        first.end()

        second = self.machine("second")
        begun = time.monotonic()
        second.start()
        print(f"up with its data after {time.monotonic() - begun:.1f} s")
        expected = [f"note {number}" for number in range(20)]
        self.assertEqual(expected, second.ask("GET"))
        second.ask("POST", "of the second machine")
        self.assertEqual([*expected, "of the second machine"], second.ask("GET"))
        self.assertIn("restore", second.end())

    def test_what_was_shipped_before_the_power_went_is_there(self):
        first = self.machine("first")
        first.start()
        first.ask("POST", "one")
        deadline = time.monotonic() + 60
        first.ask("POST", "the last word")
        while not self.has_shipped("the last word"):
            self.assertLess(time.monotonic(), deadline, "it is not shipped")
        first.lose()

        second = self.machine("second")
        second.start()
        self.assertEqual(["one", "the last word"], second.ask("GET"))
        second.end()

    def has_shipped(self, text):
        copy = self.folder / "copy.db"
        copy.unlink(missing_ok=True)
        answer = self.run_program("restore", "--at", "now", "--database", "app", "--to", copy, "--yes")
        # The first state is one without any table.
        has_table = answer.status == 0 and self.sql(copy, "SELECT 1 FROM sqlite_schema WHERE name = 'note'")
        return bool(has_table) and (text,) in self.sql(copy, "SELECT text FROM note")


if __name__ == "__main__":
    unittest.main()
