"""Measures Holdfast and restic on a real S3 service: `./dev bench --s3`.

A Ceph RADOS Gateway on loopback keeps everything in memory, so it is the two programs and their requests that are
measured, not a disk or a line. Both get a bucket of their own on the same gateway. Then a database is replicated at
1,000 commits a second, and what the gateway was asked is counted by itself.
"""

import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import time

import make_database
import measure
import peers
import replication
import report
import steady_writer

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "scenario"))

FASTER = {"first": 2.5, "updated": 15.0, "restore": 2.0}
LAG_P99 = 0.5
REQUESTS_AN_HOUR = 5_000
IDLE_SECONDS = 60
ECONOMY = "1s"  # a ship_interval for who would rather ask less often


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


class Service:
    """The gateway, and how often it was asked."""

    def __init__(self):
        from gateway import Gateway  # needs the Debian packages of Ceph
        self.gateway = Gateway()
        self.environment = self.gateway.environment
        # The first multipart upload that a new cluster ever sees waits a second until Ceph has made a pool for it.
        self.gateway.put(f"{self.place('first')}/upload?uploads=", "--request", "POST", "--output", os.devnull)

    def place(self, bucket):
        self.gateway.make_bucket(bucket)
        return bucket

    def requests(self):
        socket = next((self.gateway.folder / "ceph" / "run").glob("client.rgw*.asok"))
        answer = subprocess.run(["ceph", "--admin-daemon", socket, "perf", "dump", "rgw"],
                                capture_output=True, text=True, check=True)
        return json.loads(answer.stdout)["rgw"]["req"]

    def stop(self):
        self.gateway.stop()


class Restic(peers.Restic):
    def __init__(self, work, source, service):
        super().__init__(work, source)
        bucket = service.place("restic")
        self.environment.update(service.environment,
                                RESTIC_REPOSITORY=f"s3:{service.environment['AWS_ENDPOINT_URL']}/{bucket}",
                                AWS_DEFAULT_REGION=service.environment["AWS_REGION"])


class Holdfast(peers.Holdfast):
    def __init__(self, work, source, service):
        super().__init__(work, source)
        self.repository = f"s3://{service.place('holdfast')}/app"
        self.environment.update(service.environment)


def one_round(chosen, source, work, results, clone):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    live = work / "live.db"
    clone(source, live)
    application = sqlite3.connect(live, isolation_level=None)
    application.execute("PRAGMA journal_mode=WAL").fetchone()
    application.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    service = Service()
    try:
        peers.Holdfast.binary = str(chosen.holdfast)
        tools = [Restic(work, live, service), Holdfast(work, live, service)]
        for tool in tools:
            tool.init()
        for what in FASTER:
            if what == "updated":
                make_database.scatter_updates(application)
            for tool in tools:
                measure.settle()
                before = service.requests()
                cost = (tool.restore if what == "restore" else tool.backup)()
                results[tool.name].setdefault(what, []).append(
                    {"seconds": cost.seconds, "peak": cost.peak, "requests": service.requests() - before})
                say(f"{what:9} {tool.title:18} {cost.seconds:8.3f} s, {service.requests() - before} requests")
        expected = work / "expected.db"
        subprocess.run(["sqlite3", live, f".backup '{expected}'"], check=True)
        page = application.execute("PRAGMA page_size").fetchone()[0]
        if not measure.same_bytes(expected, tools[1].restored, skip=page):
            raise SystemExit("bench: the restored database is not equal to its source")
    finally:
        service.stop()
        application.close()
    shutil.rmtree(work)


class Place(replication.Place):
    """As on a disk, but in a bucket."""

    def __init__(self, chosen, work, service, settings):
        self.repository = f"s3://{service.place('replication')}/app"
        self.service = service
        self.binary = chosen.holdfast
        self.folder = work / "replication"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.database = self.folder / "app.db"
        (self.folder / "holdfast.toml").write_text(settings, encoding="utf-8")
        self.environment = {
            **os.environ, **service.environment, "HOLDFAST_PASSPHRASE": replication.PASSPHRASE,
            "HOLDFAST_REPO": self.repository, "HOLDFAST_CACHE_DIR": str(self.folder / "cache"),
            "HOME": str(self.folder),
        }
        self.run("init")

    def anchors(self):
        log = self.folder / "replicate.log"
        return log.read_text(errors="replace").count("every commit is being replicated") if log.exists() else 0


def measure_replication(chosen, work, ship_interval=None):
    settings = f'[replication]\nship_interval = "{ship_interval}"\n' if ship_interval else ""
    service = Service()
    try:
        place = Place(chosen, work, service, settings)
        steady_writer.create(place.database, 10_000)
        before = service.requests()
        answer = replication.with_follower(place, chosen.seconds, replication.RATE, work / "times")
        answer["requests"] = service.requests() - before
        say(f"lag p50 {answer['lag_p50'] * 1e3:.0f} ms, p99 {answer['lag_p99'] * 1e3:.0f} ms,"
            f" {answer['requests']} requests in {answer['seconds']:.0f} s and around")
        follower = place.follower()
        follower.wait_for(lambda: place.anchors() >= 2)
        connection = replication.staying_connection(place.database)
        follower.wait_for(lambda: follower.numbers("app"))
        if not ship_interval:
            time.sleep(45)  # it closes the timeline after a pause, and rests
            before = service.requests()
            time.sleep(IDLE_SECONDS)
            answer["idle_requests"] = service.requests() - before
            say(f"{answer['idle_requests']} requests in {IDLE_SECONDS} idle seconds")
        before = service.requests()
        begun = time.monotonic()
        replication.answer_of(place.writer(rate=replication.RATE, seconds=max(chosen.seconds, 60)))
        answer["requests_an_hour"] = (service.requests() - before) / (time.monotonic() - begun) * 3600
        say(f"{answer['requests_an_hour']:,.0f} requests an hour at {replication.RATE:,} commits a second")
        connection.close()
        follower.end()
        place.remove()
        return answer
    finally:
        service.stop()


def measure_all(chosen, source, work, clone):
    results = {"restic": {}, "holdfast": {}}
    for number in range(1, chosen.rounds + 1):
        print(f"round {number} of {chosen.rounds}:", file=sys.stderr, flush=True)
        one_round(chosen, source, work, results, clone)
    work.mkdir(parents=True, exist_ok=True)
    return {"results": results, "replication": measure_replication(chosen, work),
            "economy": measure_replication(chosen, work, ECONOMY)}


def print_s3(document):
    found = document["s3"]
    print(f"\n{document['database']['name']}: {document['database']['bytes'] / 1e6:,.0f} MB, on one Ceph RADOS Gateway;"
          " seconds, medians of the rounds;\nrestic with the `sqlite3 .backup` that it needs\n")
    table = report.Table()
    table.add("", "restic", "holdfast", "ratio", "bar", "", "requests", "memory MB")
    for what, bar in FASTER.items():
        theirs = report.value(found["results"], "restic", what, "seconds")
        ours = report.value(found["results"], "holdfast", what, "seconds")
        table.add(report.TITLES[what], report.number(theirs), report.number(ours, digits=3),
                  report.number(theirs / ours), f">= {bar}", table.verdict(theirs / ours >= bar),
                  report.number(report.value(found["results"], "holdfast", what, "requests"), digits=0),
                  report.number(report.value(found["results"], "holdfast", what, "peak"), 1e6, 0))
    table.show()
    lag = found["replication"]
    print(f"\nreplication at {replication.RATE:,} commits a second\n")
    bars = report.Table()
    bars.add("", "measured", "bar", "")
    bars.add("lag p99, ms", report.number(lag["lag_p99"], 1e-3, 0), f"<= {LAG_P99 * 1e3:.0f}",
             bars.verdict(lag["lag_p99"] <= LAG_P99))
    bars.add("requests an hour", report.number(lag["requests_an_hour"], digits=0), f"<= {REQUESTS_AN_HOUR:,}",
             bars.verdict(lag["requests_an_hour"] <= REQUESTS_AN_HOUR))
    bars.add(f"requests in {IDLE_SECONDS} idle s", lag["idle_requests"], "0", bars.verdict(lag["idle_requests"] == 0))
    bars.add("commits never durable", lag["never_durable"], "0", bars.verdict(lag["never_durable"] == 0))
    bars.show()
    economy = found["economy"]
    print(f"\nThe first two exclude each other: 99 of 100 commits within half a second need 7,200 requests an hour. With"
          f"\nship_interval = \"{ECONOMY}\": {economy['requests_an_hour']:,.0f} requests an hour, lag p99"
          f" {economy['lag_p99'] * 1e3:,.0f} ms.")
    return table.missed + bars.missed == 0
