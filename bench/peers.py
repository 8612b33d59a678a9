"""The tools that are measured, each used as its manual says, with its own defaults.

None of the peers can read a live SQLite database, so each of them needs `sqlite3 .backup` first: that
is part of their cost, as it is for their users.
"""

import os
import pathlib
import subprocess

import measure

PASSPHRASE = "correct horse battery staple"


class Tool:
    name = ""
    title = ""

    def __init__(self, work, source):
        self.work = pathlib.Path(work) / self.name
        self.work.mkdir(parents=True)
        self.repository = self.work / "repository"
        self.source = source
        self.copy = self.work / "copy.db"
        self.log = self.work / "log"
        self.environment = {"XDG_CACHE_HOME": str(self.work / "cache"), "HOME": str(self.work)}

    def run(self, *command, **options):
        return measure.run(command, self.environment, log=self.log, **options)

    def plain_copy(self):
        # Onto a new file: over an old one it takes longer.
        self.copy.unlink(missing_ok=True)
        return self.run("sqlite3", self.source, f".backup '{self.copy}'")

    def stored(self):
        return measure.size_of(self.repository)

    def cached(self):
        return measure.size_of(self.work / "cache")

    def init(self):
        pass


class Restic(Tool):
    name = "restic"
    title = ".backup + restic"

    def __init__(self, work, source):
        super().__init__(work, source)
        self.environment.update(
            RESTIC_REPOSITORY=str(self.repository), RESTIC_PASSWORD=PASSPHRASE
        )

    def init(self):
        self.run("restic", "init")

    def backup(self):
        return measure.together([self.plain_copy(), self.run("restic", "backup", self.copy)])

    def restore(self):
        return self.run("restic", "restore", "latest", "--target", self.work / "restored")

    def verify(self):
        return self.run("restic", "check", "--read-data")


class Borg(Tool):
    name = "borg"
    title = ".backup + borg"

    def __init__(self, work, source):
        super().__init__(work, source)
        self.count = 0
        self.environment.update(
            BORG_REPO=str(self.repository),
            BORG_PASSPHRASE=PASSPHRASE,
            BORG_BASE_DIR=str(self.work),
        )

    def init(self):
        self.run("borg", "init", "--encryption", "repokey")

    def backup(self):
        self.count += 1
        command = ["borg", "create", "--compression", "zstd", f"::{self.count}", self.copy.name]
        return measure.together([self.plain_copy(), self.run(*command, folder=self.work)])

    def restore(self):
        target = self.work / "restored"
        target.mkdir()
        return self.run("borg", "extract", f"::{self.count}", folder=target)

    def verify(self):
        return self.run("borg", "check", "--verify-data")


class Zstd(Tool):
    """One compressed file: no encryption, no history."""

    name = "zstd"
    title = ".backup + zstd"

    def init(self):
        self.repository.mkdir()

    def backup(self):
        command = ["zstd", "-q", "-f", "-T0", self.copy, "-o", self.repository / "copy.zst"]
        return measure.together([self.plain_copy(), self.run(*command)])

    def restore(self):
        return self.run(
            "zstd", "-q", "-d", self.repository / "copy.zst", "-o", self.work / "restored.db"
        )

    def verify(self):
        return self.run("zstd", "-q", "-t", self.repository / "copy.zst")


class Holdfast(Tool):
    name = "holdfast"
    title = "holdfast"
    binary = "holdfast"

    def __init__(self, work, source):
        super().__init__(work, source)
        self.restored = self.work / "restored.db"
        self.environment.update(HOLDFAST_PASSPHRASE=PASSPHRASE)

    def call(self, *words):
        return self.run(self.binary, "--repo", self.repository, *words)

    def init(self):
        self.call("init")

    def backup(self):
        return self.call("backup", self.source)

    def restore(self):
        return self.call("restore", "latest", "--to", self.restored, "--yes")

    def verify(self):
        return self.call("verify", "--all", "--read-data")


def versions(binary):
    def first_line(*command):
        try:
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            return (answer.stdout or answer.stderr).strip().splitlines()[0]
        except (OSError, IndexError):
            return "not there"

    return {
        "holdfast": first_line(binary, "version"),
        "sqlite3": first_line("sqlite3", "--version"),
        "restic": first_line("restic", "version"),
        "borg": first_line("borg", "--version"),
        "zstd": first_line("zstd", "--version"),
        "kernel": os.uname().release,
    }


BY_NAME = {tool.name: tool for tool in (Restic, Borg, Zstd)}
