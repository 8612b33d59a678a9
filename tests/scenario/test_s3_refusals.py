"""What is wrong with the way to a store in S3 is told within seconds, and each thing differently."""

import dataclasses
import pathlib
import socket
import sys
import time
import unittest

import gateway
from holdfast import Scenario
from s3_storage import S3Scenario, s3_service
from web_pages import serve_pages

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))

import site_of_round  # noqa: E402

LONGEST = 5  # seconds
SKEW = 20 * 60 + 30


def tearDownModule():
    gateway.Gateway.end_shared()


@dataclasses.dataclass
class Barrier:
    """What bars the way, and what is said of it. `says` must be said of nothing else."""

    name: str
    code: str
    status: int
    says: str
    advice: str = ""
    variables: dict = dataclasses.field(default_factory=dict)
    before: object = None
    words: tuple = ("snapshots",)


class Barred(unittest.TestCase):
    """Together with a Scenario."""

    def soon_failure(self, status, *words, **variables):
        """The error, and the seconds until it was told: one of three tries must be soon enough, because a
        busy machine delays this one or that one."""
        times = []
        for _ in range(3):
            begun = time.monotonic()
            error = self.failure(status, *words, **variables)
            times.append(time.monotonic() - begun)
            if times[-1] < LONGEST:
                return error, times[-1]
        return self.fail(f"it took {times} s to say: {error}")

    def check(self, barriers):
        said = {}
        for barrier in barriers:
            with self.subTest(barrier.name):
                if barrier.before:
                    barrier.before()
                error, took = self.soon_failure(barrier.status, *barrier.words, **barrier.variables)
                print(f"{barrier.name}: {took:.1f} s: {error['message']}")
                self.assertEqual(barrier.code, error["code"], error)
                self.assertIn(barrier.says, error["message"])
                self.assertIn(barrier.advice, error["next"])
                self.assertNotIn(self.environment["AWS_SECRET_ACCESS_KEY"], str(error))
                said[barrier.name] = error["message"]
        for barrier in barriers:
            others = [name for name, message in said.items() if barrier.says in message]
            self.assertEqual([barrier.name], others, barrier.says)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def user(name, *denied):
    return {"access_key": name, "secret": f"{name} secret",
            "deny": [{"action": f"s3:{action}"} for action in denied]}


def keys_of(name):
    return {"AWS_ACCESS_KEY_ID": name, "AWS_SECRET_ACCESS_KEY": f"{name} secret"}


class AtAStrictService(S3Scenario, Barred):
    """It refuses what Amazon's refuses, in the same words."""

    CONFIGURATION = {
        "buckets": {"holdfast": {}, "another": {}},
        "credentials": [
            {"access_key": s3_service.ACCESS_KEY, "secret": s3_service.SECRET},
            {**user("session"), "token": "of a day", "expired": True},
            user("unlisting", "ListBucket"),
            user("keeping", "DeleteObject", "DeleteObjectVersion"),
            user("unwriting", "PutObject"),
            user("unreading", "GetObject"),
        ],
    }

    def setUp(self):
        super().setUp()
        self.init()
        self.database()

    def test_each_is_told_in_time_and_differently(self):
        self.backup()
        snapshot = self.backup()["snapshot"]
        self.check([
            Barrier("access key", "permission_denied", 41, "does not know this access key", "AWS_ACCESS_KEY_ID",
                    {"AWS_ACCESS_KEY_ID": "nobody"}),
            Barrier("secret key", "permission_denied", 41, "secret key is not that of the access key",
                    "AWS_SECRET_ACCESS_KEY", {"AWS_SECRET_ACCESS_KEY": "another"}),
            Barrier("no keys", "permission_denied", 41, "no keys", "AWS_ACCESS_KEY_ID",
                    {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}),
            Barrier("expired token", "permission_denied", 41, "session token has expired", "AWS_SESSION_TOKEN",
                    {"AWS_SESSION_TOKEN": "of a day", **keys_of("session")}),
            Barrier("no right to list", "permission_denied", 41, "cannot list keys", "policy",
                    keys_of("unlisting")),
            Barrier("no right to delete", "permission_denied", 41, "cannot remove", "policy", keys_of("keeping"),
                    words=("forget", snapshot, "--yes")),
            Barrier("no right to write", "permission_denied", 41, "cannot store", "policy", keys_of("unwriting"),
                    words=("backup", "app.db")),
            Barrier("no right to read", "permission_denied", 41, "perform: s3:GetObject", "policy",
                    keys_of("unreading")),
            Barrier("region", "configuration", 2, "the bucket is in the region us-east-1, but eu-central-1",
                    "region=us-east-1", {"AWS_REGION": "eu-central-1"}),
            Barrier("bucket", "repository_missing", 10, "there is no bucket elsewhere", "make the bucket",
                    {"HOLDFAST_REPO": "s3://elsewhere/app"}),
            Barrier("empty bucket", "repository_missing", 10, "there is no repository", "init",
                    {"HOLDFAST_REPO": "s3://another/app"}),
            Barrier("web page", "store_suspicious", 49, "no S3 store: status 200, with text/html", "",
                    {"AWS_ENDPOINT_URL": serve_pages(self, 200)}),
            Barrier("web page that forbids", "store_suspicious", 49, "no S3 store: status 403, with text/html", "",
                    {"AWS_ENDPOINT_URL": serve_pages(self, 403)}),
            Barrier("web page of a proxy", "unavailable", 45, "status 502, with text/html", "",
                    {"AWS_ENDPOINT_URL": serve_pages(self, 502)}),
            Barrier("nobody there", "unavailable", 45, "there is no connection", "",
                    {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}),
            Barrier("unknown host", "unavailable", 45, "the host is not known", "",
                    {"AWS_ENDPOINT_URL": "http://store.invalid"}),
            Barrier("slow clock", "clock_wrong", 48, "behind the store's", "Correct the clock",
                    before=lambda: self.service.control(clock=SKEW)),
            Barrier("fast clock", "clock_wrong", 48, "ahead of the store's", "Correct the clock",
                    before=lambda: self.service.control(clock=-SKEW)),
        ])
        self.service.control(clock=0)
        # Nothing that was refused was done, and nothing is in the way of who is allowed to.
        self.assertEqual(2, len(self.snapshot_ids()))
        self.backup()
        self.ok("verify", "--all", "--read-data")

    def test_the_difference_of_clocks_is_told(self):
        self.service.control(clock=SKEW)
        self.assertRegex(self.failure(48, "snapshots")["message"], "clock is 20 min [23]. s behind")

    def test_init_and_backup_are_refused_alike(self):
        self.environment["HOLDFAST_REPO"] = "s3://another/new"
        backup, init = ("backup", "app.db"), ("init",)
        unwriting, unlisting = keys_of("unwriting"), keys_of("unlisting")
        for words in (init, backup):
            self.check([
                Barrier("access key", "permission_denied", 41, "does not know this access key",
                        variables={"AWS_ACCESS_KEY_ID": "nobody"}, words=words),
                Barrier("secret key", "permission_denied", 41, "secret key is not that",
                        variables={"AWS_SECRET_ACCESS_KEY": "another"}, words=words),
                Barrier("region", "configuration", 2, "in the region us-east-1",
                        variables={"AWS_REGION": "eu-central-1"}, words=words),
                Barrier("bucket", "repository_missing", 10, "there is no bucket",
                        variables={"HOLDFAST_REPO": "s3://elsewhere/new"}, words=words),
                Barrier("web page", "store_suspicious", 49, "no S3 store",
                        variables={"AWS_ENDPOINT_URL": serve_pages(self, 200)}, words=words),
                Barrier("clock", "clock_wrong", 48, "behind the store's", words=words,
                        before=lambda: self.service.control(clock=SKEW)),
            ])
            self.service.control(clock=0)
        self.check([
            Barrier("no right to write", "permission_denied", 41, "cannot store", variables=unwriting, words=init),
            Barrier("no right to list", "permission_denied", 41, "cannot look for", variables=unlisting, words=init),
        ])


class BehindAnUnknownAuthority(S3Scenario, Barred):
    TLS = True

    def test_nothing_is_sent_there(self):
        self.init()
        error, _ = self.soon_failure(49, "snapshots", AWS_CA_BUNDLE=None)
        self.assertEqual("store_untrusted", error["code"])
        self.assertIn("certificate is not one that is trusted", error["message"])
        self.assertIn("AWS_CA_BUNDLE", error["next"])
        self.ok("snapshots")  # with it


class AtACephGateway(Scenario, Barred):
    """A real one says it in its own words, some of which are others than Amazon's."""

    def setUp(self):
        super().setUp()
        self.gateway = gateway.Gateway.shared()
        self.environment |= {**self.gateway.environment, "HOLDFAST_REPO": str(self.gateway.new_place())}

    def with_clock(self, seconds):
        """Variables that let the program's clock be so much ahead."""
        library = site_of_round.built_faults()
        if library is None:
            self.skipTest("there is no C compiler")
        faults = site_of_round.Faults(self.folder / f"faults {seconds}")
        faults.jump(seconds)
        return {"LD_PRELOAD": str(library), "CHAOS_FAULTS": str(self.folder / f"faults {seconds}"),
                "CHAOS_FOLDER": str(self.folder / "nowhere")}

    def test_each_is_told_in_time_and_differently(self):
        self.gateway.make_bucket("refusals")
        self.environment["HOLDFAST_REPO"] = "s3://refusals/app"
        for name in ("unlisting", "keeping"):
            self.gateway.make_user(name, f"{name} secret")
        objects, whole = "arn:aws:s3:::refusals/*", "arn:aws:s3:::refusals"
        self.gateway.set_policy("refusals", [
            {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": objects},
            {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/keeping"]}, "Action": ["s3:ListBucket"],
             "Resource": whole},
        ])
        self.init()
        self.database()
        self.backup()
        snapshot = self.backup()["snapshot"]
        self.check([
            Barrier("access key", "permission_denied", 41, "does not know this access key",
                    variables={"AWS_ACCESS_KEY_ID": "nobody"}),
            Barrier("secret key", "permission_denied", 41, "secret key is not that of the access key",
                    variables={"AWS_SECRET_ACCESS_KEY": "another"}),
            Barrier("no right to list", "permission_denied", 41, "cannot list keys",
                    variables=keys_of("unlisting")),
            Barrier("no right to delete", "permission_denied", 41, "cannot remove", variables=keys_of("keeping"),
                    words=("forget", snapshot, "--yes")),
            Barrier("bucket", "repository_missing", 10, "there is no bucket elsewhere",
                    variables={"HOLDFAST_REPO": "s3://elsewhere/app"}),
            Barrier("slow clock", "clock_wrong", 48, "behind the store's", variables=self.with_clock(-SKEW)),
            Barrier("fast clock", "clock_wrong", 48, "ahead of the store's", variables=self.with_clock(SKEW)),
        ])
        self.assertEqual(2, len(self.snapshot_ids()))
        self.ok("verify", "--all", "--read-data")


if __name__ == "__main__":
    unittest.main()
