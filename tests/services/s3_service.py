"""The service of chaotic_s3.py beside a test, and a client of the standard library that signs as the
documentation of S3 says."""

import atexit
import contextlib
import dataclasses
import datetime
import hashlib
import hmac
import http.client
import json
import pathlib
import ssl
import subprocess
import sys
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
REGION, ACCESS_KEY, SECRET = "us-east-1", "testkey", "testsecret"


class Service:
    """Runs until stop(), at the latest until this process ends."""

    def __init__(self, folder, configuration=None, seed=None, rates=None, tls=False):
        self.folder = pathlib.Path(folder)
        self.log = self.folder / "s3-faults.log"
        words = [sys.executable, "-B", HERE / "chaotic_s3.py", "--log", self.log]
        if configuration:
            path = self.folder / "s3-configuration.json"
            path.write_text(json.dumps(configuration), encoding="utf-8")
            path.chmod(0o600)
            words += ["--configuration", path]
        if seed is not None:
            words += ["--seed", seed]
        if rates:
            words += ["--rates", json.dumps(rates)]
        if tls:
            words += ["--tls"]
        self.process = subprocess.Popen(
            [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        atexit.register(self.stop)
        greeting = json.loads(self.process.stdout.readline() or "null")
        if greeting is None:
            raise RuntimeError("the S3 service did not start")
        self.endpoint, self.seed = greeting["endpoint"], greeting["seed"]
        self.token, self.authority = greeting["token"], greeting["authority"]

    def stop(self):
        atexit.unregister(self.stop)
        # Where the signal meets Python in the wrong place, the exception of its handler goes nowhere.
        while self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=2)
        self.process.stdout.close()

    def connect(self):
        """A connection of the standard library; what it shows is not kept up with."""
        host = urllib.parse.urlsplit(self.endpoint).netloc
        if not self.authority:
            return http.client.HTTPConnection(host, timeout=30)
        return http.client.HTTPSConnection(
            host, timeout=30, context=ssl.create_default_context(cafile=self.authority))

    def control(self, **wanted):
        """Changes what is said and gives what there is; see Server.control() of chaotic_s3.py."""
        connection = self.connect()
        try:
            connection.request("POST", "/-/control", json.dumps(wanted),
                               {"X-Chaos-Token": self.token})
            answer = connection.getresponse()
            said = json.loads(answer.read())
            if answer.status != 200:
                raise ValueError(f"{answer.status}: {said}")
            return said
        finally:
            connection.close()

    def calm(self):
        return self.control(rates={}, unreachable=False)

    def objects(self, bucket="holdfast"):
        """The size of each object by its key."""
        return self.control()["buckets"][bucket]["objects"]


@dataclasses.dataclass
class Signer:
    access_key: str = ACCESS_KEY
    secret: str = SECRET
    region: str = REGION
    token: str | None = None

    def headers(self, method, target, headers, body, now):
        """`headers` and what a signed request has beside them."""
        path, _, query = target.partition("?")
        moment = now.strftime("%Y%m%dT%H%M%SZ")
        headers = {name.lower(): value for name, value in headers.items()}
        headers.setdefault("x-amz-date", moment)
        headers.setdefault("x-amz-content-sha256", hashlib.sha256(body).hexdigest())
        if self.token:
            headers.setdefault("x-amz-security-token", self.token)
        names = sorted(name for name in headers if name not in ("connection", "content-length"))
        pairs = "&".join(sorted(pair if "=" in pair else pair + "=" for pair in query.split("&")
                                if pair))
        canonical = "\n".join(
            [method, path, pairs, *(f"{name}:{headers[name]}" for name in names), "",
             ";".join(names), headers["x-amz-content-sha256"]])
        scope = f"{moment[:8]}/{self.region}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.secret).encode()
        for part in (*scope.split("/"), text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, "
            f"SignedHeaders={';'.join(names)}, Signature={key.hex()}")
        return headers


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    body: bytes


class Client:
    """Requests of one connection, each as it is asked for: nothing is tried again."""

    def __init__(self, service, signer=None, bucket="holdfast"):
        self.signer = signer or Signer()
        self.bucket = bucket
        self.connection = service.connect()

    def close(self):
        self.connection.close()

    def ask(self, method, target, body=b"", headers=None, now=None, change=None):
        """`target` is below the bucket; `change` may spoil the signed headers before they are sent."""
        target = f"/{self.bucket}{target}"
        host = f"{self.connection.host}:{self.connection.port}"
        signed = self.signer.headers(method, target, {"host": host, **(headers or {})}, body,
                                     now or datetime.datetime.now(datetime.timezone.utc))
        if change:
            change(signed)
        self.connection.request(method, target, body if method in ("PUT", "POST") else None, signed)
        answer = self.connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()},
                      answer.read())
