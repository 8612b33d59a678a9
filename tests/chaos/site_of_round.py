"""Where a round takes place: folders, the program in them, and the faults it is exposed to."""

import json
import mmap
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
PASSPHRASE = "correct horse"
EVERYWHERE, STORE, CACHE = 0, 1, 2

CONFIGURATION = """
[replication]
close_interval = "{close_interval}"
lease_stale = "2s"
"""


def built_faults():
    """The library to preload; None where there is no C compiler: then those faults are left out."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        return None
    source = HERE / "faults.c"
    library = pathlib.Path(tempfile.gettempdir()) / (
        f"holdfast-faults-{os.getuid()}-{int(source.stat().st_mtime)}.so")
    if not library.exists():
        unfinished = library.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        subprocess.run([compiler, "-O1", "-fPIC", "-shared", "-o", unfinished, source, "-ldl"],
                       check=True)
        os.replace(unfinished, library)
    return library


class Faults:
    def __init__(self, path):
        path.write_bytes(bytes(24))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 24)
        self.clock = 0
        self.calm()

    def set(self, permille=0, error=0, delay=0.0, where=EVERYWHERE):
        self.active = bool(permille or delay)
        self.memory[:] = struct.pack("=iiiiq", permille, error, int(delay * 1e6), where,
                                     int(self.clock * 1e6))

    def calm(self):
        self.set()

    def jump(self, seconds):
        self.clock = seconds
        self.set()


class Site:
    def __init__(self, program, close_interval="2s"):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-chaos-"))
        self.held = self.folder / "held"
        self.held.mkdir()
        self.repository = self.held / "repository"
        self.program = str(program)
        self.faults = Faults(self.folder / "faults")
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self.folder),
            "HOLDFAST_REPO": str(self.repository),
            "HOLDFAST_PASSPHRASE": PASSPHRASE,
            "HOLDFAST_CACHE_DIR": str(self.held / "cache"),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }
        if "COPYING" in os.environ:
            self.environment["COPYING"] = os.environ["COPYING"]
        (self.folder / "holdfast.toml").write_text(
            CONFIGURATION.format(close_interval=close_interval), encoding="utf-8")
        self.library = built_faults()

    def faulty_environment(self):
        if not self.library:
            return self.environment
        return {**self.environment, "LD_PRELOAD": str(self.library),
                "CHAOS_FAULTS": str(self.folder / "faults"), "CHAOS_FOLDER": str(self.held)}

    def run(self, *words, longest=120):
        """A command of the program without any fault of ours: (status, what it wrote)."""
        done = subprocess.run(
            [self.program, *map(str, words)], cwd=self.folder, env=self.environment, text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=longest, check=False)
        return done.returncode, done.stdout + done.stderr

    def restore(self, database, target, *which):
        for ending in ("", "-wal", "-shm", "-journal"):
            pathlib.Path(f"{target}{ending}").unlink(missing_ok=True)
        return self.run("restore", "--database", database, *which, "--to", target, "--yes")

    def take_store_away(self):
        self.repository.rename(self.held / "away")

    def bring_store_back(self):
        away = self.held / "away"
        if away.exists():
            # Whoever met an empty place must not have made another repository there.
            if self.repository.exists():
                raise RuntimeError(f"something made {self.repository} anew: "
                                   f"{[str(p) for p in self.repository.rglob('*')][:20]}")
            away.rename(self.repository)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Replicator:
    """One `holdfast replicate`, restarted as a service manager would."""

    def __init__(self, site, name, databases, random):
        self.site = site
        self.name = name
        self.databases = databases
        self.random = random
        self.starts = 0
        self.process = None
        self.stopped = False
        self.wanted = False
        self.started = self.starting_at = 0.0
        self.outputs = []
        self.ends = []  # (exit status, whether faults were active, last words)

    def start(self):
        self.wanted = True
        self.stopped = False
        self.started = time.monotonic()
        self.starts += 1
        events = self.site.folder / f"events-{self.name}-{self.starts}"
        self.outputs.append(events)
        with open(events, "wb") as out, open(self.log(), "wb") as err:
            self.process = subprocess.Popen(
                [self.site.program, "replicate", *map(str, self.databases), "--events"],
                cwd=self.site.folder, env=self.site.faulty_environment(), stdin=subprocess.DEVNULL,
                stdout=out, stderr=err)

    def log(self):
        return self.site.folder / f"log-{self.name}-{self.starts}"

    def has_begun(self):
        """Whether it has told of its databases since its start: not where all that it says is why it ended."""
        said = self.log().read_text(errors="replace")
        return bool(said) and not said.startswith("Error:")

    def running(self):
        return self.process is not None and self.process.poll() is None

    def supervise(self, disturbed):
        """Notes an end that nobody asked for, and starts it again."""
        if not self.wanted:
            return
        if self.process is not None and self.process.poll() is not None:
            self.ends.append((self.process.returncode, disturbed,
                              self.log().read_text(errors="replace")[-1500:]))
            self.process = None
            self.starting_at = time.monotonic() + 0.3
        if self.process is None and time.monotonic() >= self.starting_at:
            self.start()

    def signal(self, number):
        if self.running():
            self.process.send_signal(number)
            self.stopped = number == signal.SIGSTOP or (self.stopped and number != signal.SIGCONT)

    def kill(self):
        self.wanted = False
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def end(self, longest=60):
        """As a service manager stops it: the exit status, None when it had to be killed."""
        self.wanted = False
        if self.process is None:
            return 0
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(longest)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = None
        self.process = None
        return status

    def events(self):
        """What it acknowledged, in order: only whole lines count."""
        found = []
        for path in self.outputs:
            for line in path.read_text(errors="replace").splitlines(keepends=True):
                if line.endswith("\n") and line.startswith("{"):
                    event = json.loads(line)
                    if event.get("event") == "durable":
                        found.append(event)
        return found
