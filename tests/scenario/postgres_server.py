"""A real PostgreSQL server in a folder of its own, reached by a socket in it."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time


class PostgresServer:
    """A copy of another one that does not run, or a new one."""

    def __init__(self, other=None):
        self.binaries = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-postgres-"))
        self.words = []
        if os.geteuid() == 0:  # for which PostgreSQL refuses to run
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.words = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                          "--pdeathsig=QUIT"]
        if other:
            self.run(["cp", "-r", "--reflink=auto", other.folder / "data", self.folder / "data"])
        else:
            self.run([self.binaries / "initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "-E",
                      "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions", "--wal-segsize=1"])
        self.process = None
        self.start()

    def run(self, command):
        done = subprocess.run([*self.words, *map(str, command)], cwd="/", capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.words, self.binaries / "postgres", "-D", self.folder / "data", "-k", self.folder,
                 "-c", "listen_addresses=", "-c", "fsync=off"], cwd="/", stdout=log, stderr=log)
        while subprocess.run([self.binaries / "pg_isready", "-q", "-h", self.folder], check=False).returncode != 0:
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text())
            time.sleep(0.02)

    def stop(self, number=signal.SIGINT):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait()

    def close(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database="postgres", password="geheim"):
        return f"postgresql://postgres:{password}@/{database}?host={self.folder}"

    def client(self, database="postgres"):
        """The command that takes SQL from its input."""
        return [self.binaries / "psql", "-h", self.folder, "-U", "postgres", "-d", database, "-XAtq",
                "-v", "ON_ERROR_STOP=1"]

    def psql(self, sql, database="postgres"):
        done = subprocess.run([*self.client(database), "-c", sql], capture_output=True, text=True, check=True)
        return done.stdout.rstrip("\n")
