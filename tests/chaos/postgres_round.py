"""A round on a PostgreSQL server of its own: connections break, statements are cancelled, tables are locked, and
the server crashes and comes back."""

import atexit
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

import postgres_ledger
from cutting_proxy import CuttingProxy
from write_round import Round
from write_site import Site

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
from postgres_server import PostgresServer  # noqa: E402

WRITERS_LOCK = 0x486f6c6466617374  # docs/records.md, "PostgreSQL"
OURS = "FROM pg_stat_activity WHERE application_name = 'holdfast'"

making_pattern = threading.Lock()
patterns = []


def pattern():
    """A server that was made and never used: copies of it are there sooner."""
    with making_pattern:
        if not patterns:
            server = PostgresServer()
            atexit.register(server.close)
            server.stop()
            patterns.append(server)
        return patterns[0]


class PostgresSite(Site):
    def __init__(self, seed, program):
        super().__init__(program)
        self.postgres = PostgresServer(pattern())
        self.proxy = CuttingProxy(seed, self.postgres.folder / ".s.PGSQL.5432")
        self.environment["DATABASE_URL"] = (
            f"postgres://postgres:secret@127.0.0.1:{self.proxy.port}/postgres?sslmode=disable&gssencmode=disable")

    def insert_direct(self, writer, numbers, committed):
        rows = [(writer, number) for number in numbers]
        with contextlib.suppress(subprocess.CalledProcessError):
            self.postgres.psql(f"INSERT INTO direct VALUES {', '.join(map(str, rows))}")
            committed.extend(rows)

    def facts(self):
        return postgres_ledger.facts_of(self.postgres)

    def calm(self):
        super().calm()
        self.proxy.calm()
        if self.postgres.process.poll() is not None:
            self.postgres.start()

    def close(self):
        super().close()
        self.proxy.close()
        self.postgres.close()


class PostgresRound(Round):
    source = "$DATABASE_URL"

    def __init__(self, seed, program, options):
        super().__init__(seed, PostgresSite(seed, program), options)

    def draw_database(self):
        self.settings["own_tables"] = "inside"
        self.document = self.random.choice(("json", "jsonb"))
        return f"PostgreSQL, document {self.document}"

    def create_database(self):
        self.site.postgres.psql(postgres_ledger.SCHEMA.format(document=self.document))

    def clean_database(self):
        self.site.postgres.psql("DELETE FROM events;" + postgres_ledger.TOMBSTONES)

    def keep(self):
        super().keep()
        with contextlib.suppress(subprocess.SubprocessError, ValueError):
            facts = self.site.facts()
            (self.site.folder / "history").write_text("".join(f"{json.dumps(change)}\n" for change in facts.history),
                                                      encoding="utf-8")
        (self.site.folder / "postgres.log").write_bytes((self.site.postgres.folder / "log").read_bytes())

    def faults(self):
        faults = [self.killed, self.killed, self.ended, self.locked, self.locked, self.away, self.unreachable,
                  self.cut, self.cut_anywhere, self.cut_anywhere, self.answers_lost, self.answers_lost, self.silent,
                  self.crashed, self.crashed, self.process_killed, self.cancelled, self.terminated]
        if self.site.library:
            faults += [self.spool_fails, self.spool_full, self.slow_syncs]
        return faults

    # -- the server -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def taken_away(self):
        self.site.postgres.stop(self.random.choice((signal.SIGINT, signal.SIGQUIT)))
        try:
            yield
        finally:
            self.site.postgres.start()

    def crashed(self):
        """As by `pg_ctl restart -m immediate`."""
        self.site.postgres.stop(signal.SIGQUIT)
        self.wait(self.random.choice((0, 0.05, 0.2)))
        self.site.postgres.start()

    def process_killed(self):
        """Of one connection; the server ends all of them then, and recovers."""
        with contextlib.suppress(ProcessLookupError):
            for process in self.site.postgres.psql(f"SELECT pid {OURS} LIMIT 1").split():
                os.kill(int(process), signal.SIGKILL)
        self.meanwhile(self.length())

    def locked(self):
        lock = self.random.choice((
            "LOCK TABLE items IN ACCESS EXCLUSIVE MODE", "LOCK TABLE _holdfast_writes IN SHARE MODE",
            "LOCK TABLE events IN SHARE MODE", "SELECT FROM items FOR UPDATE", "SELECT FROM items FOR SHARE",
            f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})"))
        self.tell(f"  {lock}")
        session = subprocess.Popen(self.site.postgres.client(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        with session:
            session.stdin.write(f"SET lock_timeout = '2s';\nBEGIN;\n{lock};\n\\echo locked\n")
            session.stdin.flush()
            while session.stdout.readline() not in ("locked\n", ""):
                pass
            self.meanwhile(self.length() * 2)
            with contextlib.suppress(BrokenPipeError):
                session.stdin.write(self.random.choice(("COMMIT", "ROLLBACK")) + ";\n")
                session.stdin.close()

    def repeatedly(self, what):
        """For a while, to each of our connections by the toss of a coin."""
        seconds = self.length()
        script = (f"DO $$ BEGIN FOR i IN 1..{int(seconds * 100) + 1} LOOP PERFORM {what}(pid) {OURS} AND random() < 0.5; "
                  "PERFORM pg_stat_clear_snapshot(); PERFORM pg_sleep(0.01); END LOOP; END $$")
        with subprocess.Popen([*self.site.postgres.client(), "-c", script], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL):
            self.meanwhile(seconds)

    def cancelled(self):
        """As by a statement's time limit."""
        self.repeatedly("pg_cancel_backend")

    def terminated(self):
        self.repeatedly("pg_terminate_backend")

    # -- the connections --------------------------------------------------------------------------

    def disturbing(self, **how):
        for name, value in how.items():
            setattr(self.site.proxy, name, value)
        self.meanwhile(self.length())
        self.site.proxy.calm()

    def unreachable(self):
        self.site.proxy.cut()
        self.disturbing(refusing=True)

    def cut(self):
        self.site.proxy.cut()

    def cut_anywhere(self):
        self.disturbing(shortest=self.random.choice((500, 3000, 20000)))

    def answers_lost(self):
        """Of commits."""
        self.disturbing(unheard=self.random.choice((0.2, 1.0)))

    def silent(self):
        self.disturbing(stalled=True)
        if self.random.random() < 0.5:
            self.site.proxy.cut()
