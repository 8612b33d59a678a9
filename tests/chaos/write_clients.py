"""Those who write in a round: over HTTP, with commands that may be killed, and past Holdfast."""

import http.client
import json
import random
import sqlite3
import subprocess
import threading
import time
import urllib.parse

import write_ledger as ledger


class Asking:
    """Draws what is to be written. Keys that are never deleted show lost writes best, few keys disorder."""

    def __init__(self, seed, name):
        self.random = random.Random(seed)
        self.name = name
        self.count = 0
        self.batches = 0

    def token(self):
        self.count += 1
        poison = "poison-" if self.random.random() < 0.03 else ""
        return f"{poison}{self.name}-{self.count}"

    def put(self):
        if self.random.random() < 0.2:
            return ledger.Operation("put", "events", "", self.token())
        deletable = self.random.random() < 0.4
        return ledger.Operation(
            "put", "items", f"{'gone' if deletable else 'kept'}-{self.random.randrange(6)}", self.token(),
            undelete=deletable and self.random.random() < 0.1)

    def batch(self, most):
        """Puts of one collection and one way to be asked."""
        first = self.put()
        puts = [first]
        for _ in range(self.random.randrange(most)):
            other = self.put()
            if (other.collection, other.undelete) == (first.collection, first.undelete):
                puts.append(other)
        self.batches += 1
        for index, put in enumerate(puts):
            put.batch, put.index = (self.name, self.batches), index
        return puts

    def other(self):
        kind = self.random.choice(("delete", "delete", "undelete"))
        return ledger.Operation(kind, "items", f"gone-{self.random.randrange(6)}")


def record_of(put):
    if put.collection == "events":
        return {"token": put.token}
    return {"id": put.key, **ledger.content(put.token)}


class Client(threading.Thread):
    def __init__(self, site, seed, name):
        super().__init__(name=name)
        self.site = site
        self.asking = Asking(seed, name)
        self.random = self.asking.random
        self.operations = []
        self.stop = threading.Event()
        self.failure = None
        self.start_after = self.random.random() * 0.1

    def run(self):
        self.stop.wait(self.start_after)
        try:
            while not self.stop.is_set():
                self.step()
                if self.random.random() < 0.3:
                    self.stop.wait(self.random.random() * 0.03)
        except (ledger.Wrong, OSError, ValueError, subprocess.SubprocessError, sqlite3.Error) as error:
            self.failure = f"{self.name}: {type(error).__name__}: {error}"

    def begin(self, operations):
        now = time.monotonic()
        for one in operations:
            one.start = now
        self.operations.extend(operations)

    @staticmethod
    def answer(operations, answers):
        now = time.monotonic()
        if len(operations) != len(answers):
            raise ledger.Wrong(f"{len(operations)} writes had {len(answers)} answers: {answers}")
        for one, said in zip(operations, answers):
            one.told(said, now)


class HttpClient(Client):
    connection = None

    def step(self):
        chance = self.random.random()
        path = "/v1/collections/"
        if chance < 0.7:
            puts = self.asking.batch(1 if chance < 0.5 else 8)
            path += puts[0].collection + "/records" + ("?undelete=true" if puts[0].undelete else "")
            records = [record_of(put) for put in puts]
            self.ask("POST", path, json.dumps(records[0] if len(puts) == 1 else records), puts)
        else:
            one = self.asking.other()
            path += f"items/records/{urllib.parse.quote(one.key)}"
            if one.kind == "delete":
                self.ask("DELETE", path, None, [one])
            else:
                self.ask("POST", path + "/undelete", None, [one])

    def ask(self, method, path, body, operations):
        key = str(self.random.randrange(1 << 62))
        attempts = self.random.choice((1, 1, 4))
        for attempt in range(attempts):
            port = self.site.port
            if port is None:
                self.stop.wait(0.02)
            else:
                if attempt == 0 or not operations[0].start:
                    self.begin(operations)
                if self.send(port, method, path, body, key, operations):
                    return
                for one in operations:
                    one.retried = True
            if self.stop.is_set():
                return

    def send(self, port, method, path, body, key, operations):
        """Whether it was answered."""
        try:
            if self.connection is None or self.connection.port != port:
                self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            self.connection.request(method, path, body, {"Idempotency-Key": key})
            answer = self.connection.getresponse()
            said = json.loads(answer.read())
        except TimeoutError as error:
            raise ledger.Wrong(f"no answer within a minute: {operations[0]}") from error
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            self.stop.wait(0.02)
            return False
        self.answer(operations, said.get("records") or [said] * len(operations))
        return True


class CommandClient(Client):
    def step(self):
        if self.random.random() < 0.75:
            puts = self.asking.batch(12)
            words = ["put", puts[0].collection, "-"] + ["--undelete"] * puts[0].undelete
            self.command(words, "".join(json.dumps(record_of(put)) + "\n" for put in puts), puts)
        else:
            one = self.asking.other()
            self.command([one.kind, "items", one.key], "", [one])

    def command(self, words, text, operations):
        killed = self.random.random() < 0.25
        moment = self.random.random() * 0.06
        self.begin(operations)
        process = subprocess.Popen(
            [self.site.program, *words, "--json"], cwd=self.site.folder, env=self.site.faulty_environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if killed:
            killer = threading.Timer(moment, process.kill)
            killer.start()
        out, err = process.communicate(text, timeout=60)
        if killed:
            killer.cancel()
        if process.returncode < 0 and not killed:
            raise ledger.Wrong(f"{words} was ended by signal {-process.returncode}: {err}")
        try:
            said = json.loads(out)
        except ValueError as error:
            if killed:
                return  # nobody was told anything
            said = json.loads(err or "{}")
            if "error" not in said:
                raise ledger.Wrong(f"{words} ended with {process.returncode}: {out}{err}") from error
        if "records" not in said and len(operations) > 1:
            said = {"records": [said] * len(operations)}
        self.answer(operations, said.get("records") or [said])


class Direct(Client):
    """An application that knows nothing of Holdfast: tables of its own, rows of its own."""

    def __init__(self, site, seed, name, number):
        super().__init__(site, seed, name)
        self.number = number
        self.committed = []
        self.next = 0

    def step(self):
        numbers = range(self.next + 1, self.next + self.random.randrange(2, 9))
        self.next = numbers[-1]
        self.site.insert_direct(self.number, numbers, self.committed)
        self.stop.wait(self.random.random() * 0.02)
