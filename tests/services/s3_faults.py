"""What goes wrong on the way to a store and back, drawn from a seed, and written down."""

import dataclasses
import json
import random
import threading
import time

# Before the request is carried out: nothing has happened.
AT_THE_HEAD = ("reset_before", "reset_during")
INSTEAD = ("slow_down", "internal_error", "too_many", "request_timeout", "conflict", "html")
# It has been carried out, and the answer suffers.
AFTERWARDS = ("lost_response", "repeated", "reset_within", "truncated", "flipped", "late_error", "slow")
KINDS = AT_THE_HEAD + INSTEAD + AFTERWARDS

ONLY_IF = {
    "reset_during": lambda request: request.length > 0,
    "request_timeout": lambda request: request.length > 0,
    "conflict": lambda request: request.method == "PUT" and "if-none-match" in request.headers,
    "late_error": lambda request: request.method == "POST" and "uploadId=" in request.target,
    "truncated": lambda request: request.method == "GET",
    "flipped": lambda request: request.method == "GET" and "list-type=" not in request.target,
}


@dataclasses.dataclass
class Fault:
    number: int
    kind: str
    random: random.Random


class Faults:
    """Thread safe. The n-th request meets what the seed says of the n-th."""

    def __init__(self, seed, log):
        self.seed = seed
        self.log = log
        self.mutex = threading.Lock()
        self.rates = {}
        self.requests = 0
        self.counts = dict.fromkeys(KINDS, 0)
        self.begun = time.monotonic()

    def set_rates(self, rates):
        unknown = set(rates) - set(KINDS)
        if unknown:
            raise ValueError(f"no such faults: {sorted(unknown)}")
        with self.mutex:
            self.rates = dict(rates)
        self.write({"rates": rates})

    def draw(self, request):
        """The fault that this request meets, or None."""
        with self.mutex:
            self.requests += 1
            number, rates = self.requests, self.rates
        if not rates:
            return None
        chance = random.Random(f"{self.seed}/{number}")
        pick = chance.random()
        for kind, rate in rates.items():
            if kind in ONLY_IF and not ONLY_IF[kind](request):
                continue
            pick -= rate
            if pick < 0:
                with self.mutex:
                    self.counts[kind] += 1
                self.write({"number": number, "fault": kind, "method": request.method,
                            "target": request.target})
                return Fault(number, kind, chance)
        return None

    def write(self, event):
        if self.log is None:
            return
        line = json.dumps({"seconds": round(time.monotonic() - self.begun, 3), **event})
        with self.mutex:
            print(line, file=self.log, flush=True)


def flipped(content, chance):
    position = chance.randrange(len(content))
    changed = bytearray(content)
    changed[position] ^= 1 << chance.randrange(8)
    return bytes(changed)
