"""clients/python against the real `holdfast serve`, and against none."""

import base64
import json
import os
import pathlib
import signal
import socket
import stat
import sys
import threading

from holdfast import Scenario
from serving import Server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "clients" / "python"))

from holdfast_client import Away, Client, NotKept, Refused  # noqa: E402  pylint: disable=wrong-import-position

CONFIGURATION = """
[databases.app]
source = "app.db"
[records]
spool = "spool"
patience = "0s"
[collections.videos]
key = "video_id"
[collections.campaigns]
"""
TOKEN = "a-token-that-is-long-enough"


class Forgetful(threading.Thread):
    """Stands before a server and hangs up before the first `lost` answers, which the server has given."""

    def __init__(self, scenario, port, lost):
        super().__init__(daemon=True)
        self.target, self.lost, self.seen = port, lost, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        scenario.addCleanup(self.join)
        scenario.addCleanup(self.end)
        self.start()

    def end(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, socket.create_connection(("127.0.0.1", self.target)) as behind:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(65536)
                head, _, body = request.partition(b"\r\n\r\n")
                length = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                          if line.startswith(b"content-length:")]
                while length and len(body) < length[0]:
                    body += connection.recv(65536)
                behind.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)
                answer = b""
                while piece := behind.recv(65536):
                    answer += piece
                self.seen += 1
                if self.seen > self.lost:
                    connection.sendall(answer)


class PythonClient(Scenario):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.db"
        self.sql(self.path, "PRAGMA journal_mode=WAL",
                 "CREATE TABLE videos (video_id TEXT PRIMARY KEY, title TEXT NOT NULL)",
                 "CREATE TABLE campaigns (id INTEGER PRIMARY KEY, name TEXT)")
        self.configure(CONFIGURATION)
        self.emergency = self.folder / "emergency"

    def client(self, port, **options):
        return self.client_at(f"http://127.0.0.1:{port}", **options)

    def client_at(self, url, **options):
        client = Client(url, **{
            "emergency": str(self.emergency), "key": {"videos": "video_id"}, "patience": 0.0, **options})
        self.addCleanup(client.close)
        return client

    def unused_port(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return listener.getsockname()[1]

    def saved(self, file):
        self.assertEqual(0o600, stat.S_IMODE(os.stat(file).st_mode))
        return json.loads(base64.b64decode(pathlib.Path(file).read_bytes(), validate=True))

    def refused(self, code, status, call, *words, **options):
        with self.assertRaises(Refused) as raised:
            call(*words, **options)
        self.assertEqual((code, status), (raised.exception.code, raised.exception.status))
        self.assertTrue(raised.exception.safe and raised.exception.next)

    def test_saves_reads_lists_and_deletes(self):
        self.saves_reads_lists_and_deletes(self.client(Server(self).port))

    def test_saves_reads_lists_and_deletes_over_a_unix_socket(self):
        server = Server(self, "--listen", "unix:holdfast.sock")
        self.assertEqual(f"unix:{self.folder}/holdfast.sock", server.address)
        self.saves_reads_lists_and_deletes(self.client_at(server.address))
        self.assertEqual(0, server.end())
        self.assertFalse((self.folder / "holdfast.sock").exists())
        away = self.client_at(server.address).put("videos", {"video_id": "c", "title": "C"})
        self.assertEqual(("emergency", True), (away.result, away.local))

    def saves_reads_lists_and_deletes(self, client):
        answer = client.put("videos", {"video_id": "a/ü", "title": "T"})
        self.assertEqual(("stored", "a/ü", True), (answer.result, answer.id, answer.created))
        self.assertFalse(client.put("videos", {"title": "U"}, id="a/ü").created)
        self.assertEqual({"video_id": "a/ü", "title": "U"}, client.get("videos", "a/ü"))
        many = client.put_many("videos", [{"video_id": "b", "title": "B"}, {"video_id": "c"}])
        self.assertEqual(["stored", "refused"], [one.result for one in many])
        self.assertEqual("record_rejected", many[1].error.code)
        page = client.list("videos", filter=["title>=B"], sort=["-title"], size=1)
        self.assertEqual((2, ["a/ü"]), (page.total, page.ids))
        self.assertEqual(["a/ü", "b"], [one["video_id"] for one in client.records("videos", size=1)])
        self.assertTrue(client.delete("videos", "b").stored)
        self.refused("record_missing", 404, client.get, "videos", "b")
        self.refused("record_missing", 404, client.delete, "videos", "b")
        self.refused("record_deleted", 410, client.put, "videos", {"video_id": "b", "title": "B"})
        self.assertTrue(client.undelete("videos", "b").stored)
        self.assertTrue(client.put("videos", {"video_id": "b", "title": "B"}).stored)
        client.delete("videos", "b")
        self.assertTrue(client.put("videos", {"video_id": "b", "title": "B"}, undelete=True).stored)
        self.refused("record_invalid", 422, client.put, "videos", {"titel": "T"})
        self.refused("collection_unknown", 404, client.list, "nothing")
        self.assertEqual("ok", client.health()["status"])
        self.assertFalse(self.emergency.exists())

    def test_tells_what_holdfast_keeps_elsewhere(self):
        client = self.client(Server(self).port)
        os.rename(self.path, self.folder / "away.db")
        answer = client.put("videos", {"video_id": "a", "title": "T"})
        self.assertEqual(("spooled", "a"), (answer.result, answer.id))
        self.assertTrue(answer.why)
        with self.assertRaises(Away):
            client.get("videos", "a")
        self.assertEqual("spooled", client.delete("videos", "a").result)

    def test_a_broken_spool_makes_an_emergency_copy_of_holdfasts_own(self):
        (self.folder / "spool").write_text("in the way")
        client = self.client(Server(self).port)
        os.rename(self.path, self.folder / "away.db")
        answer = client.put("videos", {"video_id": "a", "title": "T"})
        self.assertEqual(("emergency", False), (answer.result, answer.local))
        self.assertEqual({"a": {"video_id": "a", "title": "T"}}, self.saved(answer.file))
        self.assertFalse(self.emergency.exists())

    def test_keeps_records_itself_while_holdfast_is_away(self):
        client = self.client(self.unused_port())
        first = client.put("videos", {"video_id": "a", "title": "ü", "n": 9007199254740993})
        second = client.put("videos", {"video_id": "a", "title": "U"})
        self.assertEqual(("emergency", True, "a"), (first.result, first.local, first.id))
        self.assertIn("Connection", first.why)
        self.assertRegex(first.file, r"/EMERGENCY_SAVE_\d{8}_\d{6}\.json\.b64$")
        self.assertNotEqual(first.file, second.file)
        self.assertEqual({"a": {"video_id": "a", "title": "ü", "n": 9007199254740993}}, self.saved(first.file))
        self.assertEqual({"a": {"video_id": "a", "title": "U"}}, self.saved(second.file))
        many = client.put_many("videos", [{"video_id": "b"}, {"video_id": "c"}, {"video_id": "b", "title": "2"}, {}])
        self.assertEqual(2, len({one.file for one in many}))
        self.assertEqual({"b": {"video_id": "b"}, "c": {"video_id": "c"}}, self.saved(many[0].file))
        self.assertEqual({"b": {"video_id": "b", "title": "2"}, many[3].id: {}}, self.saved(many[3].file))
        self.assertEqual(4, len(os.listdir(self.emergency)))
        with self.assertRaises(NotKept):
            client.delete("videos", "a")

    def test_concurrent_emergency_copies_never_replace_each_other(self):
        client = self.client(self.unused_port())
        answers = []
        savers = [threading.Thread(target=lambda name=name: answers.append(client.put("videos", {"video_id": str(name)})))
                  for name in range(20)]
        for one in savers:
            one.start()
        for one in savers:
            one.join()
        self.assertEqual({str(name) for name in range(20)}, {id for one in answers for id in self.saved(one.file)})

    def test_says_when_a_record_is_nowhere(self):
        self.emergency.write_text("in the way")
        for client in (self.client(self.unused_port()), self.client(self.unused_port(), emergency=None)):
            with self.assertRaises(NotKept) as raised:
                client.put("videos", {"video_id": "a"}, idempotency_key="mine")
            self.assertEqual("mine", raised.exception.idempotency_key)

    def test_what_is_no_json_is_never_sent_nor_kept(self):
        client = self.client(self.unused_port())
        for record in ({"n": float("nan")}, {"t": "\ud800"}):
            with self.assertRaises(ValueError):
                client.put("videos", record)
        self.assertFalse(self.emergency.exists())

    def test_a_repeated_attempt_writes_once(self):
        server = Server(self)
        for lost in (0, 1, 3):
            between = Forgetful(self, server.port, lost)
            answer = self.client(between.port, patience=20).put("campaigns", {"name": f"after {lost}"})
            self.assertEqual(("stored", lost > 0), (answer.result, answer.replayed))
            self.assertEqual(lost + 1, between.seen)
        self.assertEqual([(1, "after 0"), (2, "after 1"), (3, "after 3")],
                         self.sql(self.path, "SELECT id, name FROM campaigns ORDER BY id"))

    def test_a_key_of_ones_own_outlives_a_kill_of_the_server(self):
        server = Server(self)
        client = self.client(server.port)
        first = client.put("campaigns", {"name": "Autumn"}, idempotency_key="k")
        server.end(signal.SIGKILL)
        again = self.client(Server(self).port).put("campaigns", {"name": "Autumn"}, idempotency_key="k")
        self.assertEqual((first.id, True), (again.id, again.replayed))

    def test_an_idle_connection_that_was_ended_is_no_outage(self):
        server = Server(self)
        client = self.client(server.port)
        client.put("videos", {"video_id": "a", "title": "T"})
        server.end()
        Server(self, "--listen", f"127.0.0.1:{server.port}")
        self.assertEqual("stored", client.put("videos", {"video_id": "b", "title": "T"}).result)

    def test_shows_its_token(self):
        port = Server(self, HOLDFAST_TOKEN=TOKEN).port
        self.refused("unauthorized", 401, self.client(port).put, "videos", {"video_id": "a", "title": "T"})
        self.assertTrue(self.client(port, token=TOKEN).put("videos", {"video_id": "a", "title": "T"}).stored)
