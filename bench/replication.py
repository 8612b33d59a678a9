"""Measures continuous replication, safe boot and any moment back: `./dev bench --replication`.

All of it on the local store. A commit counts as durable when the line that says so was read from
`holdfast replicate --events`. Each part has a bar of its own; see `BARS` for their order.
"""

import array
import bisect
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import time

import make_database
import measure
import report
import steady_writer
from follower import Follower, calls_below

PASSPHRASE = "correct horse battery staple"
RATE = 1_000
PARTS = ("lag", "idle", "many", "moment", "boot")
HERE = pathlib.Path(__file__).resolve().parent


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))] if values else None


class Place:
    """A folder with an application's database, a repository and a cache."""

    def __init__(self, binary, work, name):
        self.binary = pathlib.Path(binary)
        self.folder = pathlib.Path(work) / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.repository = self.folder / "repository"
        self.database = self.folder / "app.db"
        self.environment = {
            **os.environ, "HOLDFAST_PASSPHRASE": PASSPHRASE, "HOLDFAST_REPO": str(self.repository),
            "HOLDFAST_CACHE_DIR": str(self.folder / "cache"), "HOME": str(self.folder),
        }
        self.run("init")

    def run(self, *words, accept=(0,)):
        return measure.run([self.binary, *words], self.environment, folder=self.folder,
                           log=self.folder / "command.log", accept=accept)

    def follower(self, *words):
        return Follower(self.binary, self.folder, self.environment, words or [self.database])

    def anchors(self):
        return len(list(self.repository.glob("timelines/*/a/*")))

    def writer(self, paths=None, rate=RATE, seconds=0, commits=0, times=""):
        options = {"paths": [str(path) for path in paths or [self.database]], "rate": rate,
                   "seconds": seconds, "commits": commits, "times": str(times)}
        return subprocess.Popen(
            [sys.executable, "-B", HERE / "steady_writer.py", json.dumps(options)],
            stdout=subprocess.PIPE, text=True)

    def following(self, *words):
        """A follower that has taken its first scan and acknowledged a commit made after it."""
        before = self.anchors()
        follower = self.follower(*words)
        follower.wait_for(lambda: self.anchors() > before)
        return follower

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def answer_of(writer):
    said, _ = writer.communicate()
    if writer.returncode:
        raise SystemExit(f"bench: the writer ended with {writer.returncode}")
    return json.loads(said)


def staying_connection(path):
    """An application that stays connected, as servers do, and has committed once. (Where the last
    connection closes, SQLite deletes the log, and whatever was not looked at by then needs a scan.)"""
    connection = steady_writer.connect(path)
    connection.execute("INSERT INTO event (at, text) VALUES (0, 'probe')")
    return connection


def watch_log(writer, path):
    """Its answer, and the largest size the log had meanwhile."""
    largest = 0
    while writer.poll() is None:
        try:
            largest = max(largest, os.path.getsize(f"{path}-wal"))
        except OSError:
            pass
        time.sleep(0.02)
    return answer_of(writer), largest


def lags(times_file, start, acknowledged):
    """Seconds from each commit to the acknowledgement that covers it; how many have none; and whether
    continuity was proved throughout. `start` is the number of the position before the first commit.

    Where it was proved, each commit has its own number. Where a scan had to repair it, it has not: then
    an acknowledgement covers what had been committed when its last commit was seen."""
    times = array.array("q")
    with open(times_file, "rb") as file:
        times.frombytes(file.read())
    acknowledged = [entry for entry in acknowledged if entry[1] > start]
    proved = bool(acknowledged) and acknowledged[-1][1] == start + len(times)
    covered = [number if proved else seen for _, number, seen in acknowledged]
    found, missing = [], 0
    for index, committed in enumerate(times, start=1):
        at = bisect.bisect_left(covered, start + index if proved else committed)
        if at == len(covered):
            missing += 1
        else:
            # A line that was read before the writer came back from its commit is a lag of nothing.
            found.append(max(0, acknowledged[at][0] - committed) / 1e9)
    return sorted(found), missing, proved


def with_follower(place, seconds, rate, times):
    follower = place.following()
    connection = staying_connection(place.database)
    follower.wait_for(lambda: follower.numbers("app"))
    follower.settled()
    start = follower.numbers("app")[-1][1]
    before = follower.processor()
    writer = place.writer(rate=rate, seconds=seconds, times=times)
    answer, largest_log = watch_log(writer, place.database)
    processor = follower.processor() - before
    follower.settled()
    acknowledged = follower.numbers("app")
    peak = follower.memory("VmHWM")
    connection.close()
    follower.end()
    found, missing, proved = lags(times, start, acknowledged)
    return {**answer, "proved": proved, "largest_log": largest_log, "lag_p50": percentile(found, 0.5),
            "lag_p99": percentile(found, 0.99), "lag_max": percentile(found, 1.0),
            "never_durable": missing, "processor_share": processor / answer["seconds"], "peak": peak,
            "acknowledgements": sum(1 for entry in acknowledged if entry[1] > start)}


def measure_lag(chosen, work):
    """Alternately without and with Holdfast, at the rate of the bar and at full speed."""
    place = Place(chosen.holdfast, work, "lag")
    steady_writer.create(place.database, 10_000)
    document = {}
    for name, rate in (("steady", RATE), ("full_speed", 0)):
        runs = {"without": [], "with": []}
        for _ in range(chosen.rounds):
            os.sync()
            writer = place.writer(rate=rate, seconds=chosen.seconds)
            answer, largest_log = watch_log(writer, place.database)
            runs["without"].append({**answer, "largest_log": largest_log})
            os.sync()
            runs["with"].append(with_follower(place, chosen.seconds, rate, work / "times"))
            say(f"{name}: {runs['without'][-1]['commits'] / runs['without'][-1]['seconds']:,.0f} a second"
                f" without, {runs['with'][-1]['commits'] / runs['with'][-1]['seconds']:,.0f} with; lag p50"
                f" {runs['with'][-1]['lag_p50'] * 1e3:.1f} ms, p99 {runs['with'][-1]['lag_p99'] * 1e3:.1f}")
        document[name] = runs
    place.remove()
    return document


def measure_idle(chosen, work):
    place = Place(chosen.holdfast, work, "idle")
    steady_writer.create(place.database, 10_000)
    follower = place.following()
    answer_of(place.writer(seconds=5))
    say("waiting until it rests")
    follower.settled()
    time.sleep(45)  # it closes the timeline after a pause, and rests
    before, begun = follower.processor(), time.monotonic()
    time.sleep(chosen.idle_seconds)
    seconds = time.monotonic() - begun
    document = {"seconds": seconds, "processor_share": (follower.processor() - before) / seconds,
                "memory": follower.memory(), "peak": follower.memory("VmHWM"),
                "descriptors": follower.descriptors()}
    watched = calls_below(place.repository, process=follower.process.pid,
                          seconds=min(120, chosen.idle_seconds), output=place.folder / "calls")
    document["store_calls"] = watched[0] if watched else None
    document["store_calls_seconds"] = min(120, chosen.idle_seconds)
    read = calls_below(place.database, process=follower.process.pid, seconds=20,
                       output=place.folder / "calls")
    document["database_calls_in_20_seconds"] = read[0] if read else None
    follower.end()
    place.remove()
    return document


def measure_many(chosen, work):
    place = Place(chosen.holdfast, work, "many")
    tenants = place.folder / "tenants"
    tenants.mkdir()
    for number in range(chosen.databases):
        steady_writer.create(tenants / f"t{number:04}.db", 200)
    (place.folder / "holdfast.toml").write_text('[databases.tenants]\nsource = "tenants/*.db"\n')
    follower = place.follower("tenants")
    begun = time.monotonic()
    follower.wait_for(lambda: place.anchors() >= chosen.databases, 1200)
    document = {"databases": chosen.databases, "first_scans_seconds": time.monotonic() - begun}
    say(f"{chosen.databases} first snapshots in {document['first_scans_seconds']:.0f} s")
    active = sorted(tenants.glob("*.db"))[:: max(1, chosen.databases // 10)][:10]
    connections = [staying_connection(path) for path in active]
    follower.settled(2.0)
    names = {path: next((event["database"] for _, event in follower.events
                         if event["database"].endswith(path.stem)), None) for path in active}
    starts = {path: follower.numbers(names[path])[-1][1] for path in active}
    before, cpu_begun = follower.processor(), time.monotonic()
    writers = [place.writer([path], rate=20, seconds=chosen.seconds, times=work / f"times-{path.stem}")
               for path in active]
    answers = [answer_of(writer) for writer in writers]
    document["processor_share"] = (follower.processor() - before) / (time.monotonic() - cpu_begun)
    follower.settled()
    found, missing = [], 0
    for path in active:
        some, lost, _ = lags(work / f"times-{path.stem}", starts[path], follower.numbers(names[path]))
        found += some
        missing += lost
    found.sort()
    document |= {"commits": sum(answer["commits"] for answer in answers),
                 "errors": sum(answer["errors"] for answer in answers), "never_durable": missing,
                 "lag_p50": percentile(found, 0.5), "lag_p99": percentile(found, 0.99),
                 "memory": follower.memory(), "peak": follower.memory("VmHWM"),
                 "descriptors": follower.descriptors()}
    before, begun = follower.processor(), time.monotonic()
    time.sleep(60)
    document["idle_processor_share"] = (follower.processor() - before) / (time.monotonic() - begun)
    for connection in connections:
        connection.close()
    follower.end()
    place.remove()
    return document


def restore_cost(place, *which):
    target = place.folder / "restored.db"
    for ending in ("", "-wal", "-shm"):
        pathlib.Path(f"{target}{ending}").unlink(missing_ok=True)
    os.sync()
    return place.run("restore", "--database", "app", *which, "--to", target, "--yes").seconds


def measure_moment(chosen, work):
    """As many commits as an hour at the rate has, written at `moment_rate` (ten times as fast without
    that): the same pages change and the same commits are reached, by fewer and larger segments than in
    real time; closings by size come as they would. The database has two million rows before."""
    place = Place(chosen.holdfast, work, "moment")
    steady_writer.create(place.database, chosen.moment_rows)
    follower = place.following()
    begun = time.monotonic()
    answer = answer_of(place.writer(rate=chosen.moment_rate, commits=chosen.moment_commits))
    follower.settled(2.0)
    positions = [event["position"] for _, event in follower.events]
    say(f"{answer['commits']:,} commits in {time.monotonic() - begun:.0f} s, {len(positions):,} segments,"
        f" {place.anchors()} snapshots")
    follower.end()
    snapshots = json.loads(subprocess.run(
        [place.binary, "snapshots", "--json"], env=place.environment, cwd=place.folder,
        capture_output=True, check=True).stdout)
    chooser = random.Random(7)
    runs = []
    for position in sorted(chooser.sample(positions, min(len(positions), chosen.moments)),
                           key=lambda p: int(p.rpartition(".")[2])):
        # The newest snapshot is the largest, so it is the one that a point is compared with where
        # nothing else is known; the nearest is found by what the restored size comes closest to.
        restore_cost(place, "--position", position)
        size = (place.folder / "restored.db").stat().st_size
        nearest = min(snapshots, key=lambda s: abs(s["bytes"] - size))
        # Alternately, and the best of each: what else the machine does meets both alike.
        pairs = [(restore_cost(place, "--position", position), restore_cost(place, nearest["id"]))
                 for _ in range(chosen.rounds)]
        seconds, plain = (min(pair[which] for pair in pairs) for which in (0, 1))
        target = place.folder / "watched.db"
        watched = calls_below(place.repository, command=(
            [place.binary, "restore", "--database", "app", "--position", position, "--to", target,
             "--yes"], place.environment, place.folder), output=place.folder / "calls")
        target.unlink(missing_ok=True)
        runs.append({"position": position, "seconds": seconds, "plain": plain, "bytes": size,
                     "objects": watched[1] if watched else None})
        say(f"position {position}: {seconds:.2f} s, nearest snapshot {plain:.2f} s, "
            f"{runs[-1]['objects']} objects")
    document = {"commits": answer["commits"], "seconds_of_writing": answer["seconds"],
                "segments": len(positions), "snapshots": len(snapshots), "runs": runs,
                "repository": measure.size_of(place.repository)}
    place.remove()
    return document


def start(place):
    """Seconds from starting `holdfast run` to the first moment of the application, and the bytes that
    were read from the disk until then."""
    mark = place.folder / "started"
    mark.unlink(missing_ok=True)
    begun = time.time_ns()
    measure.run([place.binary, "run", "--", "sh", "-c", "date +%s%N > started; cat /proc/$PPID/io > io"],
                place.environment, folder=place.folder, log=place.folder / "run.log")
    counts = dict(line.split(": ") for line in (place.folder / "io").read_text().splitlines())
    return (int(mark.read_text()) - begun) / 1e9, int(counts["read_bytes"])


def started_after(place):
    return start(place)[0]


def measure_boot(chosen, work, source):
    place = Place(chosen.holdfast, work, "boot")
    shutil.copyfile(source, place.database)
    (place.folder / "holdfast.toml").write_text(
        '[databases.app]\nsource = "app.db"\n'
        'invariants = [{ name = "documents", sql = "SELECT count(*) > 0 FROM author", equals = "1" }]\n')
    started_after(place)  # the first run makes the history
    document = {"bytes": source.stat().st_size, "restored": [], "plain": [], "healthy": [], "bare": [],
                "cold": []}
    for _ in range(chosen.rounds):
        document["healthy"].append(started_after(place))
        begun = time.time_ns()
        mark = place.folder / "started"
        subprocess.run(["sh", "-c", "date +%s%N > started"], cwd=place.folder, check=True)
        document["bare"].append((int(mark.read_text()) - begun) / 1e9)
        measure.settle([place.database])
        seconds, read = start(place)
        document["cold"].append({"seconds": seconds, "read": read})
        document["plain"].append(restore_cost(place, "latest"))
        (place.folder / "restored.db").unlink()
        for ending in ("", "-wal", "-shm"):
            pathlib.Path(f"{place.database}{ending}").unlink(missing_ok=True)
        # An empty machine has no cache of ours either.
        shutil.rmtree(place.folder / "cache", ignore_errors=True)
        os.sync()
        document["restored"].append(started_after(place))
        started_after(place)  # its cache is there again
        say(f"healthy {document['healthy'][-1] * 1e3:.0f} ms, onto an empty disk"
            f" {document['restored'][-1]:.2f} s, plain restore {document['plain'][-1]:.2f} s")
    place.remove()
    return document


def measure_all(chosen, work):
    document = {}
    wanted = chosen.only.split(",") if chosen.only else PARTS
    for part in PARTS:
        if part not in wanted:
            continue
        print(f"{part}:", file=sys.stderr, flush=True)
        if part == "boot":
            rows = make_database.SMALL_ROWS if chosen.small else make_database.LARGE_ROWS
            source = make_database.cached(work.parent, "small" if chosen.small else "large", rows)
            document[part] = measure_boot(chosen, work, source)
        else:
            document[part] = {"lag": measure_lag, "idle": measure_idle, "many": measure_many,
                              "moment": measure_moment}[part](chosen, work)
    return document


def median_of(runs, key):
    return statistics.median(run[key] for run in runs)


def print_lag(table, lag):
    for name, title, bars in (("steady", f"{RATE:,} commits a second", True),
                              ("full_speed", "full speed", False)):
        without, following = lag[name]["without"], lag[name]["with"]

        def row(what, value, bar, holds):
            table.add(f"{title}: {what}", value, bar if bars else "", table.verdict(holds) if bars else "")

        p50, p99 = median_of(following, "lag_p50"), max(run["lag_p99"] for run in following)
        row("lag p50, ms", f"{p50 * 1e3:.1f}", "<= 20", p50 <= 0.020)
        row("lag p99, ms (worst run)", f"{p99 * 1e3:.1f}", "<= 100", p99 <= 0.100)
        speed = [median_of([{"speed": run["commits"] / run["seconds"]} for run in runs], "speed")
                 for runs in (without, following)]
        row(f"throughput with / without ({speed[1]:,.0f} / {speed[0]:,.0f})",
            f"{speed[1] / speed[0] * 100:.1f} %", ">= 95 %", speed[1] >= 0.95 * speed[0])
        logs = [max(run["largest_log"] for run in runs) for runs in (without, following)]
        row(f"largest log, MB (without {logs[0] / 1e6:.1f})", f"{logs[1] / 1e6:.1f}", "2 x or + 8",
            logs[1] <= max(2 * logs[0], logs[0] + 8e6))
        errors = sum(run["errors"] for run in following) - sum(run["errors"] for run in without)
        row("errors the application saw", errors, "0", errors <= 0)
        proved = sum(run["proved"] for run in following)
        row("runs in which continuity was proved, not repaired", f"{proved} of {len(following)}", "all",
            proved == len(following))
        lost = sum(run["never_durable"] for run in following)
        row("commits never acknowledged", lost, "0", lost == 0)
        table.add(f"{title}: processor of Holdfast", f"{median_of(following, 'processor_share'):.2f}", "",
                  "")


def print_replication(document):
    table = report.Table()
    table.add("", "measured", "bar", "")

    def row(what, value, bar, holds):
        table.add(what, value, bar, table.verdict(holds))

    if "lag" in document:
        print_lag(table, document["lag"])
    if "idle" in document:
        idle = document["idle"]
        row(f"idle {idle['seconds']:.0f} s: calls that name the store", idle["store_calls"], "0",
            idle["store_calls"] == 0)
        row("idle: of a core, %", f"{idle['processor_share'] * 100:.3f}", "<= 0.1",
            idle["processor_share"] <= 0.001)
        row("idle: resident, MB", f"{idle['memory'] / 1e6:.1f}", "<= 40", idle["memory"] <= 40e6)
    if "many" in document:
        many = document["many"]
        row(f"{many['databases']:,} databases, 10 active: resident at most, MB",
            f"{many['peak'] / 1e6:.0f}", "<= 400", many["peak"] <= 400e6)
        row("    lag p99, ms", f"{many['lag_p99'] * 1e3:.0f}", "<= 1000", many["lag_p99"] <= 1.0)
        row("    errors and commits never acknowledged", many["errors"] + many["never_durable"], "0",
            many["errors"] + many["never_durable"] == 0)
        table.add("    of a core, active / idle", f"{many['processor_share']:.3f} /"
                  f" {many['idle_processor_share']:.4f}", "", "")
    if "moment" in document:
        runs = document["moment"]["runs"]
        ratio = max(run["seconds"] / run["plain"] for run in runs)
        row(f"any of {document['moment']['commits']:,} commits back / nearest snapshot (worst)",
            f"{ratio:.2f}", "<= 1.5", ratio <= 1.5)
        objects = max(run["objects"] or 0 for run in runs)
        row("    objects read (most)", objects, "<= 64", 0 < objects <= 64)
    if "boot" in document:
        boot = document["boot"]
        ratio = statistics.median(boot["restored"]) / statistics.median(boot["plain"])
        row(f"{boot['bytes'] / 1e6:,.0f} MB onto an empty disk / plain restore", f"{ratio:.2f}", "<= 1.3",
            ratio <= 1.3)
        added = statistics.median(boot["healthy"]) - statistics.median(boot["bare"])
        row("healthy database: start delayed by, ms (warm)", f"{added * 1e3:.0f}", "<= 300",
            added <= 0.3)
        read = statistics.median(run["read"] for run in boot["cold"])
        row("healthy database: read from the disk before the start, MB (cold)", f"{read / 1e6:,.0f}",
            f"<= {boot['bytes'] / 1e6:,.0f}", read <= boot["bytes"])
        seconds = statistics.median(run["seconds"] for run in boot["cold"])
        table.add("healthy database: started after, ms (cold)", f"{seconds * 1e3:.0f}", "", "")
    table.show()
    return table.missed == 0
