"""Runs one command and says what it cost."""

import dataclasses
import os
import pathlib
import statistics
import subprocess
import time


@dataclasses.dataclass
class Cost:
    seconds: float
    processor: float  # seconds of all cores together
    peak: int  # bytes of memory, the largest process of them all


class Failed(Exception):
    pass


def run(command, environment=None, folder=None, log=None, accept=(0,)):
    """Waits for `command`; throws Failed with its last words if it does not end as it should."""
    with open(log or os.devnull, "wb") as output:
        begun = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=folder,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in accept:
        words = pathlib.Path(log).read_text(errors="replace")[-2000:] if log else ""
        raise Failed(f"{' '.join(map(str, command))}\nended with {process.returncode}\n{words}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def together(costs):
    """The cost of commands that a user must run one after another."""
    costs = list(costs)
    return Cost(
        sum(c.seconds for c in costs),
        sum(c.processor for c in costs),
        max(c.peak for c in costs),
    )


def size_of(*paths):
    """Bytes of all files at and below these paths."""
    total = 0
    for path in paths:
        path = pathlib.Path(path)
        if path.is_dir():
            total += sum(p.lstat().st_size for p in path.rglob("*") if p.is_file())
        elif path.exists():
            total += path.stat().st_size
    return total


def settle(cold_files=()):
    """Lets earlier writes reach the disk, so that nobody pays for them; then forgets the named files'
    content, so that they are read from the disk again."""
    os.sync()
    for path in cold_files:
        path = pathlib.Path(path)
        for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
            handle = os.open(file, os.O_RDONLY)
            try:
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def same_bytes(left, right, skip=0):
    """Whether two files are equal beyond their first `skip` bytes."""
    with open(left, "rb") as a, open(right, "rb") as b:
        a.seek(skip)
        b.seek(skip)
        while True:
            x, y = a.read(1 << 22), b.read(1 << 22)
            if x != y:
                return False
            if not x:
                return True
