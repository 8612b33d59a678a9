"""One round of the write path: several write at once, everything fails that can, and then every answer
that was given must be true. What is particular to one kind of database stands in sqlite_round.py and
postgres_round.py."""

import collections
import errno
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import time

import write_clients as clients
import write_ledger as ledger

DATABASE, SPOOL = 3, 4

CONFIGURATION = """
[databases.app]
source = "{source}"
{exports}
[records]
spool = "held/spool"
emergency = "emergency"
spool_limit = "{spool_limit}"
patience = "{patience}"
own_tables = "{own_tables}"
[collections.items]
[collections.events]
"""
EXPORT = """[[databases.app.exports]]
collection = "items"
file = "items.json"
"""


class Round:
    source = None  # of the database, in the configuration
    parted = False  # ids of writes may be lost where their records are not

    def __init__(self, seed, site, options):
        self.random = random.Random(seed)
        self.options = options
        self.site = site
        self.story = []
        self.begun = time.monotonic()
        self.clients = []

    def tell(self, text):
        self.story.append(f"{time.monotonic() - self.begun:7.3f} {text}")

    # -- of each kind of database -----------------------------------------------------------------

    def draw_database(self):
        """May change the settings; what is told of it."""
        raise NotImplementedError

    def create_database(self):
        raise NotImplementedError

    def clean_database(self):
        """Empties `events`, and has tombstones noted from now on."""
        raise NotImplementedError

    def faults(self):
        raise NotImplementedError

    def taken_away(self):
        """A context, in which there is no database."""
        raise NotImplementedError

    # -- before ---------------------------------------------------------------------------------

    def prepare(self):
        draw = self.random
        self.settings = {
            "source": self.source,
            "exports": EXPORT if draw.random() < 0.4 else "",
            "spool_limit": draw.choice(("1GB", "1GB", "20kB")),
            "patience": draw.choice(("0s", "0s", "1s")),
            "own_tables": draw.choice(("inside", "inside", "beside"))}
        self.tell(f"{self.draw_database()}, {self.settings}")
        (self.site.folder / "holdfast.toml").write_text(CONFIGURATION.format(**self.settings), encoding="utf-8")
        self.create_database()
        status, said = self.site.run("put", "events", "-", given='{"token": "first"}')
        if status:
            raise ledger.Wrong(f"the first put ended with {status}: {said}")
        self.clean_database()
        self.site.serve()
        for number in range(draw.randrange(1, 4)):
            self.clients.append(clients.HttpClient(self.site, draw.random(), f"http{number}"))
        for number in range(draw.randrange(1, 3)):
            self.clients.append(clients.CommandClient(self.site, draw.random(), f"command{number}"))
        for number in range(draw.randrange(0, 3)):
            self.clients.append(clients.Direct(self.site, draw.random(), f"direct{number}", number))
        for client in self.clients:
            client.start()

    # -- meanwhile ------------------------------------------------------------------------------

    def length(self):
        return self.random.choice((0.05, 0.2, 0.6)) * self.random.uniform(0.5, 1.5) * self.options.slowness

    def wait(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.site.server is not None and self.site.server.poll() is not None:
                raise ledger.Wrong(f"serve ended by itself with {self.site.server.returncode}: {self.site.said()}")
            time.sleep(min(0.02, max(0.0, until - time.monotonic())))

    def killed(self):
        self.site.end_server(signal.SIGKILL)
        self.wait(self.random.choice((0, 0.05, 0.2)))
        self.site.serve()

    def ended(self):
        status = self.site.end_server(signal.SIGTERM)
        if status:
            raise ledger.Wrong(f"serve ended with {status}: {self.site.said()}")
        self.site.serve()

    def away(self):
        with self.taken_away():
            self.meanwhile(self.length())

    def failing(self, error, permille, where):
        self.site.faults.set(permille=permille, error=error, where=where)
        self.meanwhile(self.length())
        self.site.faults.calm()

    def spool_fails(self):
        self.failing(errno.EIO, self.random.choice((5, 30, 200)), SPOOL)

    def spool_full(self):
        """While nothing else takes the records."""
        with self.taken_away():
            self.failing(errno.ENOSPC, self.random.choice((300, 1000)), SPOOL)

    def slow_syncs(self, where=SPOOL):
        self.site.faults.set(delay=self.random.choice((0.002, 0.02, 0.1)), where=where)
        self.meanwhile(self.length())
        self.site.faults.calm()

    def meanwhile(self, seconds):
        """Some die of what else goes wrong."""
        if self.random.random() < 0.3:
            self.wait(seconds / 2)
            self.tell("  killed")
            self.killed()
            seconds /= 2
        self.wait(seconds)

    def disturb(self):
        fault = self.random.choice(self.faults())
        self.tell(fault.__name__)
        fault()

    # -- after ----------------------------------------------------------------------------------

    def settle(self):
        self.tell("settle")
        for client in self.clients:
            client.stop.set()
        for client in self.clients:
            client.join(90)
            if client.is_alive():
                raise ledger.Wrong(f"{client.name} never came to its end")
        for client in self.clients:
            if client.failure:
                raise ledger.Wrong(client.failure)
        how = self.random.choice((signal.SIGKILL, signal.SIGTERM))
        status = self.site.end_server(how)
        if how == signal.SIGTERM and status:
            raise ledger.Wrong(f"serve ended with {status}: {self.site.said()}")
        status, said = self.site.run("put", "items", "-")
        if status:
            raise ledger.Wrong(f"draining ended with {status}: {said}")

    def operations(self):
        return [one for client in self.clients for one in client.operations]

    def prove(self):
        facts = self.site.facts()
        ledger.Oracle(facts, self.site.spool / "app", self.operations(), parted=self.parted).prove()
        for client in self.clients:
            lost = [row for row in getattr(client, "committed", []) if row not in facts.direct]
            if lost:
                raise ledger.Wrong(f"what {client.name} committed itself is lost: {lost[:5]}")
        if self.settings["exports"]:
            self.prove_export(facts)

    def prove_export(self, facts):
        status, said = self.site.run("export")
        if status:
            raise ledger.Wrong(f"export ended with {status}: {said}")
        exported = json.loads((self.site.folder / "items.json").read_bytes())
        if {key: record["token"] for key, record in exported.items()} != {
                key: row[0] for key, row in facts.rows.items()}:
            raise ledger.Wrong("the export is not what the database holds")

    def play(self):
        self.prepare()
        end = time.monotonic() + self.options.seconds
        self.wait(self.random.random() * 0.1)
        while time.monotonic() < end:
            self.disturb()
            self.wait(self.random.choice((0.02, 0.2)) * self.random.uniform(0.5, 1.5))
        self.settle()
        self.prove()

    def finish(self):
        """Nothing of it runs any more."""
        self.site.calm()
        for client in self.clients:
            client.stop.set()
        for client in self.clients:
            if client.is_alive():
                client.join(90)
        self.site.close()

    def figures(self):
        answers = collections.Counter(one.answer for one in self.operations())
        answers["restarts"] = self.site.starts
        return answers

    def keep(self):
        """What helps to understand a failure, in the folder."""
        (self.site.folder / "operations").write_text("".join(f"{each}\n" for each in sorted(
            self.operations(), key=lambda each: each.start)), encoding="utf-8")


def play(one, options):
    """(failure or None, figures, story, folder)."""
    failure = None
    try:
        one.play()
    except (ledger.Wrong, RuntimeError, sqlite3.Error, OSError, subprocess.SubprocessError) as reason:
        failure = f"{type(reason).__name__}: {reason}"
        one.keep()
    finally:
        one.finish()
    if not failure and not options.keep:
        shutil.rmtree(one.site.folder, ignore_errors=True)
    return failure, one.figures(), one.story, one.site.folder
