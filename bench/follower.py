"""One `holdfast replicate` and what can be seen of it from outside: acknowledgements, memory, processor
time, requests to the store."""

import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")


def nanoseconds(text):
    moment = datetime.datetime.fromisoformat(text)
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return since // datetime.timedelta(microseconds=1) * 1000


class Follower:
    def __init__(self, binary, folder, environment, words):
        self.folder = pathlib.Path(folder)
        self.log = open(self.folder / "replicate.log", "ab")
        self.events = []  # (nanoseconds since 1970 when it was read, event)
        self.process = subprocess.Popen(
            [str(binary), "replicate", *map(str, words), "--events"], cwd=folder, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            moment = time.time_ns()
            if line.startswith(b"{"):
                event = json.loads(line)
                if event.get("event") == "durable":
                    self.events.append((moment, event))

    def alive(self):
        if self.process.poll() is not None:
            raise SystemExit(f"bench: holdfast replicate ended with {self.process.returncode}; see "
                             f"{self.log.name}")

    def wait_for(self, what, longest=300):
        end = time.monotonic() + longest
        while not what():
            self.alive()
            if time.monotonic() > end:
                raise SystemExit(f"bench: waited in vain for replication; see {self.log.name}")
            time.sleep(0.02)

    def settled(self, quiet=1.0):
        """Nothing was acknowledged for a while."""
        last = -1
        while last != len(self.events):
            last = len(self.events)
            self.alive()
            time.sleep(quiet)

    def numbers(self, database):
        """(moment, number of the position, when its last commit was seen) of each acknowledgement of
        one database; moments in nanoseconds since 1970."""
        return [(moment, int(event["position"].rpartition(".")[2]), nanoseconds(event["seen"]))
                for moment, event in list(self.events) if event["database"] == database]

    def processor(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self, field="VmRSS"):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        return None

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(120)
        self.reader.join(10)
        self.log.close()
        return status


def calls_below(place, command=None, process=None, seconds=0, output=None):
    """How often a command, or a process during so many seconds, names anything below `place` in a
    system call: (calls, distinct files opened there to be read). None without strace."""
    if not shutil.which("strace"):
        return None
    watched = ["strace", "-f", "-qq", "-y", "-s", "400", "-e", "trace=%file,%desc", "-o", str(output)]
    if command:
        subprocess.run([*watched, *map(str, command[0])], check=True, env=command[1], cwd=command[2],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    else:
        tracer = subprocess.Popen([*watched, "-p", str(process)])
        time.sleep(seconds)
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
    calls, opened = 0, set()
    place = str(place)
    with open(output, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if place not in line:
                continue
            calls += 1
            if ("open" not in line.partition("(")[0] or " = -1" in line or "O_DIRECTORY" in line
                    or "O_CREAT" in line):
                continue
            name = line.partition('"')[2].partition('"')[0]
            # Not its second handle (/proc/self/fd/5), which goes around the page cache.
            if name.startswith(place):
                opened.add(name)
    return calls, len(opened)
