#!/usr/bin/python3
"""An S3 service for tests: strict as AWS is, and as chaotic as it is told to be.

    tests/services/chaotic_s3.py --seed 7 --rates '{"slow_down": 0.1, "lost_response": 0.05}'

It listens on loopback, keeps objects in memory, and refuses what AWS would refuse, with the same code and
status. When it is ready it prints one line of JSON: the endpoint, the seed, the token of its control path
and, with --tls, the file of its authority's certificate. Without --configuration there is one bucket,
"holdfast", and one credential, testkey with testsecret.

POST /-/control, with the header X-Chaos-Token, changes it while it runs: see Server.control(). Its faults
are those of s3_faults.py; --log has one line for each.
"""

import argparse
import datetime
import email.utils
import json
import pathlib
import random
import secrets
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import http_messages
import s3_operations
import s3_signature
from http_messages import Closed, Response
from s3_bucket import LARGEST_PUT, Bucket
from s3_errors import S3Error
from s3_faults import AFTERWARDS, INSTEAD, Faults, flipped

CONFIGURATION = {
    "region": "us-east-1",
    "buckets": {"holdfast": {}},
    "credentials": [{"access_key": "testkey", "secret": "testsecret"}],
}
PAGE = b"<!DOCTYPE html><html><head><title>Please wait</title></head><body>Sign in.</body></html>"


class Reset(Exception):
    """The connection is to be cut at once."""


class Server:
    def __init__(self, options, configuration):
        self.random = random.Random(options.seed)
        self.faults = Faults(options.seed, options.log)
        self.token = secrets.token_hex(16)
        self.skew = datetime.timedelta()
        self.unreachable = False
        self.credentials = {}
        self.set_credentials(configuration["credentials"])
        self.service = s3_operations.Service(
            {name: Bucket(self.now, random.Random(self.random.getrandbits(64)), **settings)
             for name, settings in configuration["buckets"].items()},
            configuration["region"], self.now)
        self.listener = socket.create_server(("127.0.0.1", options.port), backlog=512)
        self.context, self.authority = None, None
        if options.tls:
            self.context, self.authority = certified(options.tls)

    def now(self):
        return datetime.datetime.now(datetime.timezone.utc) + self.skew

    def set_credentials(self, credentials):
        self.credentials = {entry["access_key"]: s3_signature.Credential(**entry)
                            for entry in credentials}

    def greeting(self):
        scheme = "https" if self.context else "http"
        return {"endpoint": f"{scheme}://localhost:{self.listener.getsockname()[1]}",
                "seed": self.faults.seed, "token": self.token,
                "authority": str(self.authority) if self.authority else None}

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    # -- one connection -------------------------------------------------------------------------

    def serve(self, connection):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection.makefile("rb", 1 << 16) as stream:
                while self.serve_one(connection, stream):
                    pass
        except Reset:
            # Closed like this, a connection ends with a reset instead of a goodbye.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except (Closed, OSError):
            pass
        finally:
            connection.close()

    def serve_one(self, connection, stream):
        """Whether the connection goes on."""
        request = http_messages.read_head(stream)
        if request.raw_path.startswith("/-/"):
            http_messages.read_body(stream, request)
            return self.send(connection, request, self.control(request))
        if self.unreachable:
            raise Reset
        fault = self.faults.draw(request)
        self.meet_at_the_head(fault, request, stream)
        identity = f"{self.random.getrandbits(64):016X}"
        try:
            response = self.answer(request, connection, stream, fault)
        except S3Error as error:
            response = Response(error.status, error.xml(request.raw_path, identity),
                                {"Content-Type": "application/xml", **error.headers})
            if not request.consumed and request.length:
                return self.send(connection, request, response, close=True)
        response.headers |= {"x-amz-request-id": identity, "Server": "ChaoticS3",
                             "Date": email.utils.format_datetime(self.now(), usegmt=True)}
        if fault is None or fault.kind not in AFTERWARDS:
            return self.send(connection, request, response)
        return self.spoil(fault, connection, request, response)

    def answer(self, request, connection, stream, fault):
        """Reads the body and does what is asked; only then is it too late for a fault to prevent it."""
        if "transfer-encoding" in request.headers:
            raise Reset  # AWS answers 501; a body without a length cannot be skipped
        if request.method in ("PUT", "POST") and "content-length" not in request.headers:
            raise S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.")
        if request.length > LARGEST_PUT:
            raise S3Error("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        refused, credential = None, None
        try:
            credential = s3_signature.verify(request, self.credentials, self.service.region,
                                             self.now())
        except S3Error as error:
            refused = error
        if request.headers.get("expect", "").lower() == "100-continue":
            if refused:
                raise refused
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        http_messages.read_body(stream, request)
        if fault is not None and fault.kind in INSTEAD:
            return self.instead(fault)
        if refused:
            raise refused
        s3_signature.check_body(request)
        bucket, key = self.place_of(request)
        if fault is not None and fault.kind == "repeated":
            try:  # something between us has sent it twice; the second answer is the one that arrives
                self.service.answer(request, credential, bucket, key)
            except S3Error:
                pass
        return self.service.answer(request, credential, bucket, key)

    def place_of(self, request):
        path = urllib.parse.unquote(request.raw_path).removeprefix("/")
        host = request.headers.get("host", "").partition(":")[0]
        bucket, dot, rest = host.partition(".")
        if dot and rest == "localhost":
            return bucket, path
        bucket, _, key = path.partition("/")
        if not bucket:
            raise S3Error("MethodNotAllowed", "Buckets are not listed here.")
        return bucket, key

    def send(self, connection, request, response, close=False):
        head = response.head(request.method, close)
        connection.sendall(head if request.method == "HEAD" else head + response.body)
        return not close and request.headers.get("connection", "").lower() != "close"

    # -- faults ---------------------------------------------------------------------------------

    def meet_at_the_head(self, fault, request, stream):
        if fault is None:
            return
        if fault.kind == "reset_before":
            raise Reset
        if fault.kind == "reset_during" or (
                # Some services answer before they have read, and hang up.
                fault.kind == "slow_down" and request.length and fault.random.random() < 0.3):
            stream.read(fault.random.randrange(request.length))
            raise Reset

    def instead(self, fault):
        if fault.kind == "html":
            status = fault.random.choice((200, 502, 503))
            return Response(status, PAGE, {"Content-Type": "text/html; charset=utf-8"})
        code, message = {
            "slow_down": ("SlowDown", "Please reduce your request rate."),
            "too_many": ("TooManyRequests", "Reduce your concurrent request rate."),
            "internal_error": ("InternalError", "We encountered an internal error. Please try again."),
            "request_timeout": ("RequestTimeout", "Your socket connection to the server was not read "
                                "from or written to within the timeout period."),
            "conflict": ("ConditionalRequestConflict", "The conditional request cannot succeed due to "
                         "a conflicting operation against this resource."),
        }[fault.kind]
        error = S3Error(code, message)
        if fault.kind in ("slow_down", "too_many") and fault.random.random() < 0.3:
            error.with_headers({"Retry-After": str(fault.random.choice((0, 1)))})
        raise error

    def spoil(self, fault, connection, request, response):
        """Sends an answer as the fault lets it through; all of these come after the deed."""
        chance = fault.random
        if fault.kind == "lost_response":
            raise Reset
        if fault.kind == "late_error" and response.status == 200:
            # As AWS does with what takes long: the status is sent before it is known.
            error = S3Error("InternalError", "We encountered an internal error. Please try again.")
            response.body = error.xml(request.raw_path, "late")
        body = b"" if request.method == "HEAD" else response.body
        head = response.head(request.method, close=False)
        if fault.kind == "flipped" and body and response.status in (200, 206):
            body = flipped(body, chance)
        whole = head + body
        if fault.kind == "reset_within":
            connection.sendall(whole[:chance.randrange(1, len(whole))])
            raise Reset
        if fault.kind == "truncated" and body:
            connection.sendall(head + body[:chance.randrange(len(body))])
            return False
        if fault.kind == "slow":
            cuts = sorted(chance.randrange(len(whole)) for _ in range(4))
            for begin, end in zip([0, *cuts], [*cuts, len(whole)]):
                connection.sendall(whole[begin:end])
                time.sleep(chance.uniform(0, 0.2))
            return True
        connection.sendall(whole)
        return request.headers.get("connection", "").lower() != "close"

    # -- control --------------------------------------------------------------------------------

    def control(self, request):
        """{"rates": {...}} sets the rates of faults, {} is calm; {"clock": SECONDS} shifts this clock;
        {"unreachable": true} cuts every connection; {"credentials": [...]} are the ones from now on;
        {"conditional_writes": "honoured" | "ignored" | "refused"}; {"stale_seconds": S} lets listings lag,
        which a service that says it is consistent may not; {"lose": PREFIX} loses the largest object below it,
        as no service should. Answers with what there is."""
        given = request.headers.get("x-chaos-token", "")
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            return Response(403, b"{}")
        try:
            wanted = json.loads(request.body or b"{}")
            if "rates" in wanted:
                self.faults.set_rates(wanted["rates"])
            if "credentials" in wanted:
                self.set_credentials(wanted["credentials"])
        except (ValueError, TypeError) as error:
            return Response(400, json.dumps({"error": str(error)}).encode())
        self.skew = datetime.timedelta(seconds=wanted.get("clock", self.skew.total_seconds()))
        self.unreachable = wanted.get("unreachable", self.unreachable)
        self.service.conditional_writes = wanted.get("conditional_writes",
                                                     self.service.conditional_writes)
        if "lose" in wanted:
            for bucket in self.service.buckets.values():
                found = bucket.listing(wanted["lose"], "", 1_000_000)
                if found:
                    bucket.remove(max(found, key=lambda entry: len(entry[1].content))[0])
        if "stale_seconds" in wanted:
            for bucket in self.service.buckets.values():
                bucket.stale_seconds = wanted["stale_seconds"]
        state = {
            "requests": self.faults.requests, "faults": self.faults.counts,
            "buckets": {name: {"objects": {key: len(bucket.current(key).content)
                                           for key in bucket.keys},
                               "uploads": [upload.key for upload in bucket.uploads.values()]}
                        for name, bucket in self.service.buckets.items()},
        }
        return Response(200, json.dumps(state).encode(), {"Content-Type": "application/json"})


def certified(folder):
    """An authority of our own, and the TLS context of a server that it vouches for."""
    folder = pathlib.Path(folder)
    authority, request = folder / "authority.pem", folder / "server.csr"
    names = folder / "names"
    names.write_text("subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1\n", encoding="utf-8")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for words in (
            ["req", "-x509", *key, "-keyout", folder / "authority.key", "-out", authority, "-days", "2",
             "-subj", "/CN=Authority of a test"],
            ["req", *key, "-keyout", folder / "server.key", "-out", request, "-subj", "/CN=localhost"],
            ["x509", "-req", "-in", request, "-CA", authority, "-CAkey", folder / "authority.key",
             "-CAcreateserial", "-days", "2", "-extfile", names, "-out", folder / "server.pem"]):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context, authority


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--port", type=int, default=0, help="a free one without this")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32),
                        help="of the faults; one is drawn and printed without this")
    parser.add_argument("--rates", type=json.loads, default={}, metavar="JSON",
                        help="how often a request meets each fault")
    parser.add_argument("--configuration", type=pathlib.Path, metavar="FILE",
                        help="JSON: region, buckets, credentials")
    parser.add_argument("--tls", action="store_true", help="under an authority of its own")
    parser.add_argument("--log", type=argparse.FileType("a", encoding="utf-8"), metavar="FILE",
                        help="write each fault there")
    return parser.parse_args()


def main():
    options = arguments()
    configuration = dict(CONFIGURATION)
    if options.configuration:
        configuration |= json.loads(options.configuration.read_text(encoding="utf-8"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="chaotic-s3-") as folder:
        options.tls = folder if options.tls else None
        server = Server(options, configuration)
        server.faults.set_rates(options.rates)
        print(json.dumps(server.greeting()), flush=True)
        server.run()


if __name__ == "__main__":
    main()
