"""Measures Holdfast beside the tools people use today: `./dev bench --help`.

In each round every tool gets an empty repository and the same database, and each piece of work is done
by one tool after the other, so that whatever the machine does meanwhile, it does to all of them. The
table shows medians over the rounds, and beside each ratio the bar that this project set itself.
"""

import argparse
import collections
import datetime
import json
import os
import pathlib
import platform
import shutil
import sqlite3
import subprocess
import sys

import difference
import exports
import locks
import make_database
import measure
import peers
import replication
import report
import s3
import serve

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / "build" / "bench"
RESULTS = ROOT / "bench" / "results"

WORKS = ("first", "unchanged", "updated", "restore", "verify")


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.split("\n")[0])
    parser.add_argument("--holdfast", required=True, type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--small", action="store_true", help="a 10 MB database instead of 1.39 GB")
    parser.add_argument("--ten-times", action="store_true",
                        help="also measure the memory needed for a database ten times as large")
    parser.add_argument("--database", type=pathlib.Path, metavar="FILE",
                        help="a copy of your own database instead (FILE itself is only read)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="3 without this")
    parser.add_argument("--peers", default="restic,borg,zstd", metavar="LIST",
                        help="which to compare with: %(default)s, or none")
    parser.add_argument("--cold", action="store_true",
                        help="drop what each command reads from the page cache before it")
    parser.add_argument("--lock", action="store_true",
                        help="measure instead how long an application waits during backups")
    parser.add_argument("--seconds", type=int, default=20,
                        help="of each measurement of --lock, --replication and --serve")
    parser.add_argument("--replication", action="store_true",
                        help="measure instead replication, safe boot and any moment back")
    parser.add_argument("--diff", action="store_true",
                        help="measure instead how long a comparison of two databases takes")
    parser.add_argument("--export", action="store_true",
                        help="measure instead exports, beside Python's json and base64")
    parser.add_argument("--serve", action="store_true",
                        help="measure instead writes over HTTP, beside direct ones")
    parser.add_argument("--s3", action="store_true",
                        help="measure instead with the repository in a real S3 service (Ceph), beside restic")
    parser.add_argument("--only", metavar="LIST",
                        help=f"parts of --replication: {','.join(replication.PARTS)}")
    parser.add_argument("--idle-seconds", type=int, default=600, help=argparse.SUPPRESS)
    parser.add_argument("--databases", type=int, default=1000, help=argparse.SUPPRESS)
    parser.add_argument("--moment-commits", type=int, default=3_600_000, help=argparse.SUPPRESS)
    parser.add_argument("--moment-rows", type=int, default=2_000_000, help=argparse.SUPPRESS)
    parser.add_argument("--moment-rate", type=int, default=10_000, help=argparse.SUPPRESS)
    parser.add_argument("--moments", type=int, default=10, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    chosen.holdfast = chosen.holdfast.resolve()
    chosen.peers = [name for name in chosen.peers.split(",") if name and name != "none"]
    for name in chosen.peers:
        if name not in peers.BY_NAME:
            parser.error(f"no peer is called {name}")
    return chosen


def source_database(chosen):
    if chosen.database:
        return chosen.database.resolve(strict=True)
    if chosen.small:
        return make_database.cached(CACHE, "small", make_database.SMALL_ROWS)
    return make_database.cached(CACHE, "large", make_database.LARGE_ROWS)


def clone(source, target):
    """A private copy to be changed at will; of somebody's live database through SQLite itself."""
    if source.parent == CACHE:
        subprocess.run(["cp", "--reflink=auto", source, target], check=True)
    else:
        subprocess.run(["sqlite3", source, f".backup '{target}'"], check=True)


def tools_for(chosen, work, live):
    tools = [peers.BY_NAME[name](work, live) for name in chosen.peers]
    if chosen.holdfast.exists():
        peers.Holdfast.binary = str(chosen.holdfast)
        tools.append(peers.Holdfast(work, live))
    else:
        print(f"bench: {chosen.holdfast} is not built; peers only", file=sys.stderr)
    return tools


def one_round(chosen, source, work, results, place=clone):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    live = work / "live.db"
    place(source, live)
    # The application: it stays connected, so the database is live and its log is in use.
    application = sqlite3.connect(live, isolation_level=None)
    application.execute("PRAGMA journal_mode=WAL").fetchone()
    application.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    tools = tools_for(chosen, work, live)
    for tool in tools:
        tool.init()
    updates = 0
    for what in WORKS:
        if what == "updated":
            updates = make_database.scatter_updates(application)
        for tool in tools:
            before = tool.stored()
            reads = [live] if what in WORKS[:3] else [tool.repository]
            measure.settle(reads if chosen.cold else ())
            cost = getattr(tool, "backup" if what in WORKS[:3] else what)()
            results[tool.name][what].append(
                {"seconds": cost.seconds, "processor": cost.processor, "peak": cost.peak,
                 "stored": tool.stored() - before}
            )
            print(f"  {what:9} {tool.title:18} {cost.seconds:8.3f} s"
                  f" {cost.peak / 1e6:6.0f} MB of memory", file=sys.stderr, flush=True)
    prove(tools, live, work)
    application.close()
    shutil.rmtree(work)
    return updates


def prove(tools, live, work):
    """A fast restore of something else would be worth nothing."""
    for tool in tools:
        if tool.name == "holdfast":
            expected = work / "expected.db"
            subprocess.run(["sqlite3", live, f".backup '{expected}'"], check=True)
            # `.backup` itself counts its writing in the header on page 1; all else must be equal.
            page = sqlite3.connect(live).execute("PRAGMA page_size").fetchone()[0]
            if not measure.same_bytes(expected, tool.restored, skip=page):
                raise SystemExit("bench: the restored database is not equal to its source")


def small_latency(chosen, work, count=20):
    """Backing up a 10 MB database again, process start included: unchanged, and with ten rows changed."""
    if not chosen.holdfast.exists():
        return None
    source = make_database.cached(CACHE, "small", make_database.SMALL_ROWS)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    live = work / "live.db"
    clone(source, live)
    peers.Holdfast.binary = str(chosen.holdfast)
    tool = peers.Holdfast(work, live)
    tool.init()
    tool.backup()
    answer = {"unchanged": [], "ten rows changed": []}
    application = sqlite3.connect(live, isolation_level=None)
    for number in range(count):
        answer["unchanged"].append(tool.backup().seconds)
        make_database.scatter_updates(application, 10, seed=number)
        answer["ten rows changed"].append(tool.backup().seconds)
    application.close()
    shutil.rmtree(work)
    return answer


def ten_times_memory(chosen, work):
    """Peak memory of each of our commands on a database ten times as large. It is made anew each time:
    nobody has the room for a copy of it beside what the round itself needs, 50 GB."""
    source = make_database.cached(CACHE, "huge", 10 * make_database.LARGE_ROWS)
    results = collections.defaultdict(lambda: collections.defaultdict(list))
    alone = argparse.Namespace(**{**vars(chosen), "peers": []})
    print("ten times as large:", file=sys.stderr)
    one_round(alone, source, work, results, place=os.replace)
    return {what: runs[0] for what, runs in results["holdfast"].items()}


def machine():
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"processor": model, "cores": len(os.sched_getaffinity(0)), "memory": memory,
            "system": platform.platform()}


def commit():
    answer = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"],
                            capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def write_results(document, kind):
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{datetime.date.today().isoformat()}{kind}.json"
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    os.replace(unfinished, path)
    print(f"\nwritten: {path.relative_to(ROOT)}")


def main():
    chosen = arguments()
    work = CACHE / "work"
    document = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(), "machine": machine(), "versions": peers.versions(chosen.holdfast),
    }
    if chosen.replication:
        document["replication"] = replication.measure_all(chosen, work)
        passed = replication.print_replication(document["replication"])
        parts = "-" + chosen.only.replace(",", "-") if chosen.only else ""
        write_results(document, "-replication" + parts)
        return 0 if passed else 1
    if chosen.serve:
        document["serve"] = serve.measure_all(chosen, work)
        passed = serve.print_serve(document)
        write_results(document, "-serve")
        return 0 if passed else 1
    source = source_database(chosen)
    document["database"] = {"bytes": source.stat().st_size, "name": source.name}
    document["cold"] = chosen.cold
    if chosen.diff:
        document["diff"] = difference.measure_all(chosen, source, work, clone)
        passed = difference.print_differences(document)
        write_results(document, "-diff")
        return 0 if passed else 1
    if chosen.s3:
        document["s3"] = s3.measure_all(chosen, source, work, clone)
        passed = s3.print_s3(document)
        write_results(document, "-s3")
        return 0 if passed else 1
    if chosen.export:
        document["exports"] = exports.measure_all(chosen, source, work, clone)
        passed = exports.print_exports(document)
        write_results(document, "-export")
        return 0 if passed else 1
    if chosen.lock:
        document["lock"] = locks.measure_all(chosen.holdfast, source, work, chosen.seconds, clone)
        passed = report.print_locks(document)
        write_results(document, "-lock")
        return 0 if passed else 1
    results = collections.defaultdict(lambda: collections.defaultdict(list))
    for number in range(1, chosen.rounds + 1):
        print(f"round {number} of {chosen.rounds}:", file=sys.stderr, flush=True)
        document["updated_rows"] = one_round(chosen, source, work, results)
    document["results"] = results
    document["small_latency"] = small_latency(chosen, work)
    if chosen.ten_times:
        document["ten_times"] = ten_times_memory(chosen, work)
    passed = report.print_table(document)
    kind = "-own" if chosen.database else "-small" if chosen.small else ""
    kind += "-cold" if chosen.cold else ""
    write_results(document, kind + ("-ten-times" if chosen.ten_times else ""))
    return 0 if passed else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except measure.Failed as failure:
        sys.exit(f"bench: {failure}")
