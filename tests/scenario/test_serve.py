"""`holdfast serve`: records over HTTP, for friends, for strangers, for many at once, and through a kill."""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

from holdfast import Scenario
from serving import Server

CONFIGURATION = """
[databases.app]
source = "app.db"
[[databases.app.exports]]
collection = "videos"
file = "results.json"
[records]
spool = "spool"
patience = "0s"
[collections.videos]
key = "video_id"
alias = { prefix = "yt:" }
[collections.campaigns]
create = "CREATE TABLE IF NOT EXISTS campaigns (id INTEGER PRIMARY KEY, name TEXT NOT NULL, property TEXT, active BOOLEAN)"
route = "/api/campaigns"
[collections.campaigns.defaults]
active = true
"""
TOKEN = "a-token-that-is-long-enough"
VIDEOS = "/v1/collections/videos/records"


class Serve(Scenario):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.db"
        self.sql(self.path, "PRAGMA journal_mode=WAL",
                 "CREATE TABLE videos (video_id TEXT PRIMARY KEY, title TEXT NOT NULL, slug TEXT UNIQUE)")
        self.configure(CONFIGURATION)

    def titles(self):
        return dict(self.sql(self.path, "SELECT video_id, title FROM videos"))

    def until(self, true, seconds=60):
        deadline = time.monotonic() + seconds
        while not true():
            self.assertLess(time.monotonic(), deadline, "it never came to be")
            threading.Event().wait(0.02)

    def test_a_unix_socket_is_for_one_server_at_a_time_and_outlasts_a_kill(self):
        listen = ("--listen", "unix:holdfast.sock")
        said = self.folder / "holdfast.sock"
        curl = ("curl", "--silent", "--fail", "--unix-socket", said, "--json", '{"title": "T"}',
                "-X", "PUT", f"http://localhost{VIDEOS}/a")
        killed = Server(self, *listen)
        self.assertIn("another server listens there", self.failure(79, "serve", *listen)["message"])
        self.assertEqual("stored", json.loads(subprocess.check_output(curl))["result"])
        killed.end(signal.SIGKILL)
        self.assertTrue(said.is_socket())
        Server(self, *listen)
        self.assertFalse(json.loads(subprocess.check_output(curl))["created"])

    def test_a_record_is_saved_read_listed_and_deleted(self):
        server = Server(self)
        status, answer, headers = server.ask("PUT", f"{VIDEOS}/a", {"title": "T"})
        self.assertEqual((201, "stored", "a", True), (status, answer["result"], answer["id"], answer["created"]))
        self.assertEqual(f"{VIDEOS}/a", headers["Location"])
        self.assertEqual(200, server.ask("PUT", f"{VIDEOS}/yt:a", {"title": "U"})[0])
        status, record, headers = server.ask("GET", f"{VIDEOS}/a")
        self.assertEqual((200, {"video_id": "a", "title": "U", "slug": None}), (status, record))
        self.assertEqual(304, server.ask("GET", f"{VIDEOS}/a", If_None_Match=headers["ETag"])[0])
        status, many, _ = server.ask("POST", VIDEOS, [{"video_id": "b", "title": "B"}, {"video_id": "c"}, 7])
        self.assertEqual((207, 1, 2), (status, many["stored"], many["refused"]))
        self.assertEqual("record_rejected", many["records"][1]["error"]["code"])
        self.assertIn("title", many["records"][1]["error"]["message"])
        status, lines, _ = server.ask("POST", VIDEOS, '{"video_id":"d","title":"D"}\n{"video_id":"e","title":"E"}\n',
                                      Content_Type="application/x-ndjson")
        self.assertEqual((200, 2), (status, lines["stored"]))
        status, page, headers = server.ask("GET", VIDEOS + "?filter=title%3E%3DC&sort=-title&size=2")
        self.assertEqual((200, 3, ["a", "e"]), (status, page["total"], page["ids"]))
        self.assertEqual("3", headers["X-Total-Count"])
        self.assertEqual(304, server.ask("GET", VIDEOS + "?filter=title%3E%3DC&sort=-title&size=2",
                                         If_None_Match=headers["ETag"])[0])
        self.assertEqual(200, server.ask("DELETE", f"{VIDEOS}/a")[0])
        self.assertEqual((404, "record_missing"), self.refusal(server.ask("GET", f"{VIDEOS}/a")))
        self.assertEqual((404, "record_missing"), self.refusal(server.ask("DELETE", f"{VIDEOS}/a")))
        self.assertEqual((410, "record_deleted"), self.refusal(server.ask("PUT", f"{VIDEOS}/a", {"title": "T"})))
        self.assertEqual(200, server.ask("POST", f"{VIDEOS}/a/undelete")[0])
        self.assertEqual(201, server.ask("PUT", f"{VIDEOS}/a", {"title": "T"})[0])
        self.assertEqual(0, server.end())
        self.assertEqual({"a": "T", "b": "B", "d": "D", "e": "E"}, self.titles())

    def refusal(self, answered):
        status, answer, _ = answered
        for field in ("message", "safe", "next"):
            self.assertTrue(answer["error"][field])
        return status, answer["error"]["code"]

    def test_a_mounted_collection_looks_as_its_clients_expect_it(self):
        server = Server(self)
        status, answer, _ = server.ask("POST", "/api/campaigns", {"name": "Autumn", "property": "p"})
        self.assertEqual((201, "stored"), (status, answer["result"]))
        self.assertEqual({"id": 1, "name": "Autumn", "property": "p", "active": True}, answer["record"])
        self.assertEqual([answer["record"]], server.ask("GET", "/api/campaigns")[1])
        self.assertEqual(answer["record"], server.ask("GET", "/api/campaigns/1")[1])
        self.assertEqual((404, "route_unknown"), self.refusal(server.ask("GET", "/api/campaigns/1/x")))
        self.assertEqual((404, "route_unknown"), self.refusal(server.ask("GET", "/api/campaignsx")))

    def test_a_write_may_be_bound_to_the_version_that_was_read(self):
        server = Server(self)
        self.assertEqual(201, server.ask("PUT", f"{VIDEOS}/a", {"title": "1"}, If_None_Match="*")[0])
        tag = server.ask("GET", f"{VIDEOS}/a")[2]["ETag"]
        self.assertEqual(200, server.ask("PUT", f"{VIDEOS}/a", {"title": "2"}, If_Match=tag)[0])
        for headers in ({"If_Match": tag}, {"If_None_Match": "*"}):
            self.assertEqual((412, "precondition_failed"),
                             self.refusal(server.ask("PUT", f"{VIDEOS}/a", {"title": "3"}, **headers)))
        self.assertEqual((412, "precondition_failed"),
                         self.refusal(server.ask("DELETE", f"{VIDEOS}/a", If_Match=tag)))
        self.assertEqual({"a": "2"}, self.titles())

    def test_a_repeated_request_is_done_once_also_after_a_kill(self):
        server = Server(self)
        campaign = {"name": "Autumn"}
        first = server.ask("POST", "/api/campaigns", campaign, Idempotency_Key="k")
        again = server.ask("POST", "/api/campaigns", campaign, Idempotency_Key="k")
        self.assertEqual((201, False), (first[0], first[1].pop("replayed")))
        self.assertEqual((201, True), (again[0], again[1].pop("replayed")))
        self.assertEqual(first[1], again[1])
        server.end(signal.SIGKILL)
        server = Server(self)
        self.assertEqual(first[1]["id"], server.ask("POST", "/api/campaigns", campaign, Idempotency_Key="k")[1]["id"])
        self.assertEqual((422, "idempotency_conflict"), self.refusal(
            server.ask("POST", "/api/campaigns", {"name": "Winter"}, Idempotency_Key="k")))
        self.assertEqual(1, len(server.ask("GET", "/api/campaigns")[1]))

    def test_what_the_database_does_not_take_waits_and_is_drained_by_itself(self):
        server = Server(self)
        os.rename(self.path, self.folder / "away.db")
        status, answer, _ = server.ask("PUT", f"{VIDEOS}/a", {"title": "T"})
        self.assertEqual((202, "spooled"), (status, answer["result"]))
        self.assertEqual("degraded", server.ask("GET", "/v1/health")[1]["status"])
        self.assertEqual((503, "database_missing"), self.refusal(server.ask("GET", f"{VIDEOS}/a")))
        self.assertEqual((503, "record_not_kept"),
                         self.refusal(server.ask("PUT", f"{VIDEOS}/a", {"title": "T"}, If_None_Match="*")))
        os.rename(self.folder / "away.db", self.path)
        self.until(lambda: self.titles() == {"a": "T"})
        self.until(lambda: server.ask("GET", "/v1/health")[1]["status"] == "ok")

    def test_exports_follow_writes_and_their_failure_changes_no_answer(self):
        server = Server(self)
        results = self.folder / "results.json"
        server.ask("PUT", f"{VIDEOS}/a", {"title": "T"})
        self.until(lambda: results.exists() and "a" in json.loads(results.read_bytes()))
        results.unlink()
        results.mkdir()
        (results / "in-the-way").write_text("x")
        self.assertEqual("stored", server.ask("PUT", f"{VIDEOS}/b", {"title": "T"})[1]["result"])
        self.until(lambda: server.ask("GET", "/v1/health")[1]["databases"][0]["exports"]["problems"])
        self.assertEqual("degraded", server.ask("GET", "/v1/health")[1]["status"])
        (results / "in-the-way").unlink()
        results.rmdir()
        server.ask("PUT", f"{VIDEOS}/c", {"title": "T"})
        self.assertEqual(0, server.end())
        self.assertEqual({"a", "b", "c"}, set(json.loads(results.read_bytes())))

    def test_a_lone_put_returns_after_its_export(self):
        file = self.folder / "record.json"
        file.write_text('{"video_id": "a", "title": "T"}')
        self.ok("put", "videos", file)
        self.assertEqual({"a"}, set(json.loads((self.folder / "results.json").read_bytes())))
        self.ok("delete", "videos", "a")
        self.assertEqual({}, json.loads((self.folder / "results.json").read_bytes()))
        (self.folder / "results.json").unlink()
        (self.folder / "results.json" / "in-the-way").mkdir(parents=True)
        file.write_text('{"video_id": "b", "title": "T"}')
        answer = self.ok("put", "videos", file, "--json")
        self.assertEqual("stored", answer.json["result"])
        self.assertIn("results.json", answer.err)

    def test_tokens_are_asked_for_and_an_open_address_needs_them(self):
        self.assertEqual("address_unusable", self.failure(79, "serve", "--listen", "0.0.0.0:0")["code"])
        self.assertEqual("configuration", self.failure(2, "serve", HOLDFAST_TOKEN="short")["code"])
        file = self.folder / "tokens"
        file.write_text(f"# ours\n{TOKEN}\n")
        file.chmod(0o600)
        server = Server(self, "--listen", "0.0.0.0:0", "--token-file", str(file))
        for headers in ({}, {"Authorization": "Bearer x" + TOKEN}, {"Authorization": f"Basic {TOKEN}"}):
            status, code = self.refusal(server.ask("PUT", f"{VIDEOS}/a", {"title": "T"}, **headers))
            self.assertEqual((401, "unauthorized"), (status, code))
        self.assertEqual({"status": "ok"}, server.ask("GET", "/v1/health")[1])
        authorized = {"Authorization": f"Bearer {TOKEN}"}
        self.assertEqual(201, server.ask("PUT", f"{VIDEOS}/a", {"title": "T"}, **authorized)[0])
        self.assertIn("databases", server.ask("GET", "/v1/health", **authorized)[1])
        self.assertNotIn(TOKEN, (self.folder / "serve.err").read_text())

    def test_a_web_page_of_somebody_else_is_refused(self):
        server = Server(self)
        for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            self.assertEqual((403, "forbidden"),
                             self.refusal(server.ask("PUT", f"{VIDEOS}/a", {"title": "T"}, **headers)))

    def test_nonsense_is_answered_clearly(self):
        server = Server(self, "--max-body", "100kB")
        for path, method, body, expected in (
                ("/", "GET", None, (404, "route_unknown")),
                ("/v1/collections/vidos/records", "GET", None, (404, "collection_unknown")),
                (f"{VIDEOS}/", "GET", None, (404, "route_unknown")),
                (VIDEOS, "DELETE", None, (405, "method_not_allowed")),
                (f"{VIDEOS}/a", "PATCH", "{}", (405, "method_not_allowed")),
                (VIDEOS + "?size=x", "GET", None, (400, "request_invalid")),
                (VIDEOS + "?filter=x", "GET", None, (400, "usage")),
                (VIDEOS, "POST", "", (422, "record_invalid")),
                (VIDEOS, "POST", "{", (422, "record_invalid")),
                (VIDEOS, "POST", '{"a":1,"a":2}', (422, "record_invalid")),
                (VIDEOS, "POST", "[" * 1000, (422, "record_invalid")),
                (VIDEOS, "POST", '{"video_id":"a","title":1e999}', (422, "record_invalid")),
                (VIDEOS, "POST", b'{"video_id":"\xff","title":"T"}', (422, "record_invalid")),
                (f"{VIDEOS}/a", "PUT", {"video_id": "b", "title": "T"}, (422, "record_invalid")),
                (f"{VIDEOS}/a", "PUT", {"titel": "T"}, (422, "record_invalid")),
                (VIDEOS, "POST", "x" * 100_001, (413, "request_too_large")),
        ):
            self.assertEqual(expected, self.refusal(server.ask(method, path, body)), (method, path, body))
        self.assertEqual(404, server.ask("GET", f"{VIDEOS}/%ff%00")[0])
        self.assertEqual({}, self.titles())

    def test_malformed_requests_harm_nobody(self):
        server = Server(self)
        chunked = b"POST " + VIDEOS.encode() + b" HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        for sent, status in (
                (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
                (b"GET / HTTP/1.1\r\n\r\n", b"400"),
                (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", b"400"),
                (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b"413"),
                (b"G" * 20_000, b"413"),
                (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"x: y\r\n" * 200 + b"\r\n", b"400"),
                (chunked + b"zz\r\n", b"400"),
                (chunked + b"ffffffffffffffff\r\n", b"413"),
                (chunked + b"5\r\nabcdefg\r\n", b"400"),
                (chunked.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\nabc"), b"400"),
                (b"PUT /v1/collections/videos/records/a HTTP/1.1\r\nHost: localhost\r\nExpect: cake\r\n"
                 b"Content-Length: 2\r\n\r\n{}", b"400"),
        ):
            answer = server.raw(sent)
            self.assertEqual(status, answer[9:12], (sent[:100], answer[:300]))
            self.assertIn(b'{"error":{"code":', answer)
        for sent in (b"", b"\r\n\r\n", b"GET /v1/health HTTP/1.1\r\nHo",
                     b"PUT /v1/collections/videos/records/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{}"):
            server.raw(sent)
        noise = random.Random(5)
        for _ in range(200):
            server.raw(noise.randbytes(noise.randrange(1, 300)) + b"\r\n\r\n")
        # Requests one behind the other, and one in chunks, on a single connection.
        answer = server.raw(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n" + chunked +
                            b'1\r\n{\r\n1b;x\r\n"video_id":"a","title":"T"}\r\n0\r\n\r\n'
                            b"GET /v1/collections/videos/records/a HTTP/1.0\r\n\r\n")
        self.assertEqual([b"200", b"201", b"200"], [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]])
        self.assertEqual({"a": "T"}, self.titles())
        self.assertEqual(0, server.end())

    def test_too_many_connections_are_told_so(self):
        server = Server(self, "--max-connections", "2")
        held = [server.connect() for _ in range(2)]
        for connection in held:
            self.assertEqual(200, server.ask("GET", "/v1/health", connection=connection)[0])
        self.assertIn(b"503 Service Unavailable", server.raw(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        held[0].close()
        self.until(lambda: b"200 OK" in server.raw(b"GET /v1/health HTTP/1.0\r\n\r\n"))
        held[1].close()

    def test_a_record_of_50_megabytes_comes_back_as_it_was(self):
        server = Server(self)
        title = "ä" * 25_000_000
        body = json.dumps({"title": title}, ensure_ascii=False).encode()
        self.assertEqual(201, server.ask("PUT", f"{VIDEOS}/a", body, Expect="100-continue")[0])
        self.assertTrue(title == server.ask("GET", f"{VIDEOS}/a")[1]["title"])

    def test_32_clients_at_once_each_get_what_they_were_promised(self):
        server = Server(self)
        failures = []

        def client(name):
            connection = server.connect()
            for number in range(25):
                status, answer, _ = server.ask("POST", VIDEOS, {"video_id": f"{name}-{number}", "title": "T"},
                                               connection=connection)
                if (status, answer["result"]) != (201, "stored"):
                    failures.append(answer)
            connection.close()

        clients = [threading.Thread(target=client, args=(name,)) for name in range(32)]
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        self.assertEqual([], failures)
        self.assertEqual(32 * 25, len(self.titles()))
        self.assertEqual(0, server.end())
        self.assertEqual(32 * 25, len(json.loads((self.folder / "results.json").read_bytes())))

    def test_nothing_acknowledged_is_lost_by_a_kill(self):
        chance = random.Random(20261121)
        promised = {}
        for _ in range(5):
            server = Server(self)
            stop = threading.Event()

            def client(name):
                connection = server.connect()
                number = 0
                try:
                    while not stop.is_set():
                        key, title = f"{name}-{number % 7}", str(chance.random())
                        number += 1
                        # From here on either may be there, until it is promised.
                        uncertain.setdefault(key, set()).add(title)
                        if server.ask("PUT", f"{VIDEOS}/{key}", {"title": title}, connection=connection)[0] < 300:
                            promised[key] = title
                            uncertain[key] = {title}
                except (OSError, http.client.HTTPException):
                    pass
                connection.close()

            uncertain = {key: {title} for key, title in promised.items()}
            clients = [threading.Thread(target=client, args=(name,)) for name in range(6)]
            for one in clients:
                one.start()
            self.until(lambda: len(promised) >= 20)
            stop.wait(chance.uniform(0.05, 0.3))
            server.end(signal.SIGKILL)
            stop.set()
            for one in clients:
                one.join()
            found = self.titles()
            for key, title in promised.items():
                self.assertIn(found.get(key), uncertain[key], key)
                promised[key] = found[key]
        self.assertEqual(0, Server(self).end())

    def test_what_is_under_way_is_answered_before_it_ends(self):
        server = Server(self)
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        connection.sendall(b"PUT /v1/collections/videos/records/a HTTP/1.1\r\nHost: localhost\r\n"
                           b"Content-Length: 14\r\n\r\n{\"title\"")
        idle = server.connect()
        self.assertEqual(200, server.ask("GET", "/v1/health", connection=idle)[0])
        server.process.send_signal(signal.SIGTERM)
        idle.sock.settimeout(60)
        self.assertEqual(b"", idle.sock.recv(1))
        connection.sendall(b': "T"}')
        answer = connection.recv(65536)
        self.assertIn(b"201 Created", answer)
        self.assertIn(b"Connection: close", answer)
        connection.close()
        idle.close()
        self.assertEqual(0, server.process.wait(timeout=60))
        self.assertEqual({"a": "T"}, self.titles())
        self.assertEqual({"a"}, set(json.loads((self.folder / "results.json").read_bytes())))

    def test_the_interface_is_described_for_programs(self):
        server = Server(self)
        document = server.ask("GET", "/v1/openapi.json")[1]
        self.assertTrue(document["openapi"].startswith("3.1"))
        for path in (VIDEOS, VIDEOS + "/{key}", "/api/campaigns", "/v1/health"):
            self.assertIn(path, document["paths"])
        listed = server.ask("GET", "/v1/collections")[1]["collections"]
        self.assertEqual(["campaigns", "videos"], sorted(each["name"] for each in listed))
        status, answer, headers = server.ask("HEAD", VIDEOS)
        self.assertEqual((200, None), (status, answer))
        self.assertGreater(int(headers["Content-Length"]), 0)
