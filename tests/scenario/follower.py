"""The program following databases beside a scenario test."""

import json
import signal
import subprocess
import threading

from holdfast import PROGRAM


class Follower:
    """The program at work beside a test, with its events as they come."""

    def __init__(self, scenario, *words):
        self.scenario = scenario
        self.process = subprocess.Popen(
            [PROGRAM, "replicate", "--events", *map(str, words)], cwd=scenario.folder,
            env=scenario.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.events = []
        self.said = []
        self.changed = threading.Condition()
        self.readers = [threading.Thread(target=self.read, args=pair, daemon=True) for pair in
                        ((self.process.stdout, self.events), (self.process.stderr, self.said))]
        for reader in self.readers:
            reader.start()
        scenario.addCleanup(self.kill)

    def read(self, stream, into):
        for line in stream:
            with self.changed:
                into.append(json.loads(line) if into is self.events else line)
                self.changed.notify_all()

    def wait_for(self, condition, what, longest=120):
        with self.changed:
            if not self.changed.wait_for(condition, timeout=longest):
                self.scenario.fail(f"{what} did not happen: {self.events[-3:]} {''.join(self.said)}")

    def wait_until_following(self, name="app"):
        self.wait_for(lambda: any(line.startswith(f"{name}: every commit") for line in self.said),
                      f"following {name}")

    def numbers(self, name="app"):
        return [int(event["position"].split(".")[1]) for event in self.events
                if event["database"] == name]

    def wait_for_number(self, number, name="app"):
        self.wait_for(lambda: max(self.numbers(name), default=0) >= number, f"position {number}")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        for reader in self.readers:
            reader.join(timeout=10)
        return status

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for reader in self.readers:
            reader.join(timeout=10)
        self.process.stdout.close()
        self.process.stderr.close()
