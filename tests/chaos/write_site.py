"""Where a round of the write path takes place: a folder, the program, and its server, which is restarted as a
service manager would. What kind of database it is about stands in sqlite_round.py and postgres_round.py."""

import json
import os
import pathlib
import subprocess
import tempfile

import write_ledger as ledger
from site_of_round import Faults, built_faults


class Site:
    def __init__(self, program):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-write-chaos-"))
        self.held = self.folder / "held"
        self.held.mkdir()
        self.spool = self.held / "spool"
        self.program = str(program)
        self.faults = Faults(self.folder / "faults")
        self.library = built_faults()
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.folder), "LC_ALL": "C.UTF-8",
            "HOLDFAST_KEY_CACHE": "off", "HOLDFAST_REPO": str(self.folder / "repository")}
        if "FORGETFUL" in os.environ:
            self.environment["FORGETFUL"] = os.environ["FORGETFUL"]
        self.server = None
        self.port = None
        self.starts = 0

    def faulty_environment(self):
        if not self.library:
            return self.environment
        return {**self.environment, "LD_PRELOAD": str(self.library),
                "CHAOS_FAULTS": str(self.folder / "faults"), "CHAOS_FOLDER": str(self.held)}

    def run(self, *words, given=""):
        done = subprocess.run([self.program, *words], cwd=self.folder, env=self.environment, input=given,
                              capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr

    def serve(self):
        self.starts += 1
        with open(self.folder / f"serve-{self.starts}", "wb") as errors:
            self.server = subprocess.Popen(
                [self.program, "serve", "--json", "--listen", "127.0.0.1:0"], cwd=self.folder,
                env=self.faulty_environment(), stdout=subprocess.PIPE, stderr=errors, text=True)
        line = self.server.stdout.readline()
        if not line:
            raise ledger.Wrong(f"serve did not start: {self.said()}")
        self.port = int(json.loads(line)["listening"].rpartition(":")[2])

    def said(self):
        return (self.folder / f"serve-{self.starts}").read_text(errors="replace")[-1500:]

    def end_server(self, how):
        """Its exit status."""
        if self.server is None:
            return 0
        if self.server.poll() is not None:
            raise ledger.Wrong(f"serve ended by itself with {self.server.returncode}: {self.said()}")
        self.port = None
        self.server.send_signal(how)
        try:
            return self.server.wait(60)
        except subprocess.TimeoutExpired as error:
            self.server.kill()
            self.server.wait()
            raise ledger.Wrong(f"serve did not end within a minute: {self.said()}") from error
        finally:
            self.server.stdout.close()
            self.server = None

    # -- of each kind of database -----------------------------------------------------------------

    def insert_direct(self, writer, numbers, committed):
        """Past Holdfast, as an application would: appends to `committed` what surely is."""
        raise NotImplementedError

    def facts(self):
        """ledger.Facts of the database as it is."""
        raise NotImplementedError

    def calm(self):
        """Nothing disturbs any more."""
        self.faults.calm()

    def close(self):
        """Nothing of it runs any more."""
        self.calm()
        if self.server is not None:
            self.server.kill()
            self.server.wait()
            self.server.stdout.close()
