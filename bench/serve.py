"""Measures verified durable puts over HTTP beside direct writes: `./dev bench --serve`.

32 clients put records of a kilobyte through `holdfast serve`, each over a connection that it keeps, to a port and then to a
Unix socket, and the same clients write the same records to SQLite themselves, a transaction each, with synchronous=FULL; in turn, in one run. Then one
client does both alternately, write by write. A put is answered when it is committed, synced, and read back by another
connection; a direct write when it is committed and synced. Both databases are in SQLite's own journal mode, DELETE, and
then once more both in WAL, where a commit costs one sync and not three.
"""

import json
import multiprocessing
import os
import select
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import time

import measure
import report

CLIENTS = 32
PROCESSES = 4
FASTER = 5.0
SLOWER = 1.5
JOURNALS = ("DELETE", "WAL")
WAYS = {"port": "127.0.0.1:0", "socket": "unix:holdfast.sock"}
LATENCY_WRITES = 400
SCHEMA = "CREATE TABLE document (id TEXT PRIMARY KEY, title TEXT NOT NULL, body TEXT)"
BODY = "A sentence that is as long as those which people write. " * 18
LAST = f'{BODY}"}}'.encode()


class Place:
    def __init__(self, work, name, journal, binary=None, way=None):
        self.folder = work / name
        self.folder.mkdir(parents=True)
        self.database = self.folder / "app.db"
        connection = sqlite3.connect(self.database)
        connection.executescript(f"PRAGMA journal_mode={journal}; {SCHEMA}")
        # As an application that stays connected: nobody's last connection checkpoints.
        self.application = connection
        self.process = None
        if binary:
            (self.folder / "holdfast.toml").write_text(
                f'[databases.app]\nsource = ["{self.database}"]\n[records]\nspool = "{self.folder}/spool"\n'
                "[collections.document]\n", encoding="utf-8")
            self.process = subprocess.Popen(
                [binary, "serve", "--listen", WAYS[way], "--json"], cwd=self.folder, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True, env={"HOME": str(self.folder)})
            self.address = json.loads(self.process.stdout.readline())["listening"]

    def rows(self):
        return self.application.execute("SELECT count(*) FROM document").fetchone()[0]

    def end(self):
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=60)
            self.process.stdout.close()
        self.application.close()


def put_request(key, title):
    first = f'{{"id":"{key}","title":"{title}","body":"'.encode()
    return (b"POST /v1/collections/document/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b%b"
            % (len(first) + len(LAST), first, LAST))


def read_request(key, title):
    return b"GET /v1/collections HTTP/1.1\r\nHost: localhost\r\n\r\n"


class HttpClient:
    """The least that speaks HTTP, so that it is not the client which is measured."""

    def __init__(self, address):
        kind, _, where = address.partition(":")
        if kind == "unix":
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.connect(where)
        else:
            self.socket = socket.create_connection((kind, int(where)))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def answer(self):
        """Waits for one, and gives its status."""
        answer = self.socket.recv(4096)
        while True:
            head, found, body = answer.partition(b"\r\n\r\n")
            if found and len(body) >= int(head.partition(b"Content-Length: ")[2].split(b"\r\n", 1)[0]):
                return answer[9:12]
            answer += self.socket.recv(4096)

    def write(self, key, title):
        self.socket.sendall(put_request(key, title))
        if self.answer() != b"201":
            raise SystemExit("bench: a record was not stored")


class DirectClient:
    def __init__(self, database):
        self.connection = sqlite3.connect(database, isolation_level=None, timeout=60, check_same_thread=False)
        self.connection.execute("PRAGMA synchronous=FULL")

    def write(self, key, title):
        self.connection.execute("INSERT INTO document VALUES (?, ?, ?)", (key, title, BODY))


def http_clients(address, request, expected, name, seconds):
    """Some clients in one thread: each sends its next request when its last one is answered."""
    clients = {}
    ready = select.epoll()
    for number in range(CLIENTS // PROCESSES):
        one = HttpClient(address)
        one.name = f"{name}-{number}"
        clients[one.socket.fileno()] = one
        ready.register(one.socket, select.EPOLLIN)
    until = time.monotonic() + seconds
    count, under_way = 0, len(clients)
    for one in clients.values():
        one.socket.sendall(request(f"{one.name}-first", "The first of its client"))
    while under_way:
        for descriptor, _ in ready.poll():
            one = clients[descriptor]
            if one.answer() != expected:
                return -1
            count += 1
            if time.monotonic() < until:
                one.socket.sendall(request(f"{one.name}-{count}", f"The title of record {count}"))
            else:
                under_way -= 1
                ready.unregister(descriptor)
    return count


def direct_clients(database, name, seconds):
    until = time.monotonic() + seconds
    counts = []

    def client(number):
        one = DirectClient(database)
        count = 0
        while time.monotonic() < until:
            one.write(f"{name}-{number}-{count}", f"The title of record {count}")
            count += 1
        counts.append(count)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS // PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) if len(counts) == len(threads) else -1


def process(kind, where, name, barrier, seconds, answers):
    barrier.wait()
    if kind == "direct":
        answers.put(direct_clients(where, name, seconds))
    elif kind == "http":
        answers.put(http_clients(where, put_request, b"201", name, seconds))
    else:
        answers.put(http_clients(where, read_request, b"200", name, seconds))


def throughput(kind, where, seconds, name):
    barrier, answers = multiprocessing.Barrier(PROCESSES + 1), multiprocessing.Queue()
    processes = [multiprocessing.Process(target=process,
                                         args=(kind, where, f"{name}-{number}", barrier, seconds, answers))
                 for number in range(PROCESSES)]
    for one in processes:
        one.start()
    barrier.wait()
    begun = time.monotonic()
    counts = [answers.get() for _ in processes]
    for one in processes:
        one.join()
    if min(counts) < 0:
        raise SystemExit("bench: a client has failed")
    return sum(counts), sum(counts) / (time.monotonic() - begun)


def latencies(places):
    """Of one client at each place, write by write in turn: the medians."""
    for place in places:
        place.application.execute("DELETE FROM document WHERE id LIKE 'latency-%'")
        place.application.commit()
    clients = [HttpClient(place.address) if place.process else DirectClient(place.database) for place in places]
    times = [[] for _ in places]
    for number in range(LATENCY_WRITES):
        for one, own in zip(clients, times):
            begun = time.monotonic()
            one.write(f"latency-{number}", "T")
            own.append(time.monotonic() - begun)
    return [statistics.median(own) for own in times]


def sync_seconds(folder, count=50):
    """What the disk takes to sync a commit just now: rented ones change it tenfold from one minute to the next."""
    times = []
    with open(folder / "sync", "wb", buffering=0) as file:
        for _ in range(count):
            file.write(bytes(3 * 4096))
            begun = time.monotonic()
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - begun)
    return statistics.median(times)


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def measure_all(chosen, work):
    return {"clients": CLIENTS, "processes": PROCESSES, "seconds": chosen.seconds, "record_bytes": len(BODY),
            "journals": {journal: measure_journal(chosen, work, journal) for journal in JOURNALS}}


def measure_journal(chosen, work, journal):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    places = {way: Place(work, way, journal, chosen.holdfast, way) for way in WAYS}
    places["direct"] = Place(work, "direct", journal)
    answer = {"sync": []} | {kind: {name: [] for name in places} for kind in ("rate", "latency", "ceiling")}
    try:
        for number in range(chosen.rounds):
            measure.settle()
            answer["sync"].append(sync_seconds(work))
            say(f"journal_mode={journal}, the disk syncs in {answer['sync'][-1] * 1e3:.3f} ms")
            for name, place in places.items():
                kind, where = ("http", place.address) if place.process else ("direct", str(place.database))
                before = place.rows()
                count, rate = throughput(kind, where, chosen.seconds, f"round-{number}")
                if place.rows() != before + count:
                    raise SystemExit(f"bench: {count} writes were acknowledged, {place.rows() - before} are there")
                answer["rate"][name].append(rate)
                say(f"32 clients, {name:8} {rate:10.0f} writes a second")
            for name in WAYS:
                rate = throughput("nothing", places[name].address, min(chosen.seconds, 5), "")[1]
                answer["ceiling"][name].append(rate)
                say(f"32 clients, no write, {name:8} {rate:8.0f} answers a second: what clients and HTTP can do")
            for name, latency in zip(places, latencies(places.values())):
                answer["latency"][name].append(latency)
                say(f"one client, {name:8} {latency * 1e3:.3f} ms")
    finally:
        for place in places.values():
            place.end()
    shutil.rmtree(work)
    return answer


def print_serve(document):
    found = document["serve"]
    print(f"\n{found['clients']} clients in {found['processes']} processes, records of a kilobyte; ours are committed,"
          " synced and read back, theirs are\ncommitted and synced. A transaction of many gains most where a sync is slow,"
          " so each round says how slow it was;\nthe bars are for the median round.")
    # A list, so that each is shown whatever the others say.
    return all([print_journal(journal, rounds) for journal, rounds in found["journals"].items()])


def print_journal(journal, found):
    print(f"\njournal_mode={journal}\n")
    table = report.Table()
    table.add("", "sync ms", "direct", "holdfast", "ratio", "bar", "")
    for title, kind, scale, digits, bar in (("writes a second", "rate", 1, 0, f">= {FASTER:.0f}"),
                                            ("one client, ms", "latency", 1e-3, 2, f"<= {SLOWER}")):
        theirs = found[kind]["direct"]
        for way in WAYS:
            ours = found[kind][way]
            ratios = [mine / other for mine, other in zip(ours, theirs)]
            for number, ratio in enumerate(ratios):
                table.add(f"{title}, {way}, round {number + 1}", report.number(found["sync"][number], 1e-3),
                          report.number(theirs[number], scale, digits), report.number(ours[number], scale, digits),
                          report.number(ratio), "-", "")
            middle = measure.median(ratios)
            table.add(f"{title}, {way}", report.number(measure.median(found["sync"]), 1e-3), "-", "-",
                      report.number(middle), bar,
                      table.verdict(middle <= SLOWER if kind == "latency" else middle >= FASTER))
    for way in WAYS:
        table.add(f"answers without a write, {way}", "-", "-",
                  report.number(measure.median(found["ceiling"][way]), digits=0), "-", "-", "")
    table.show()
    return table.missed == 0
