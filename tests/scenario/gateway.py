"""A real service of S3 for scenario tests: a Ceph RADOS Gateway on loopback.

    gateway.py test_replicate test_timeline …

runs these tests with their repositories on the gateway instead of in a folder; without names, all that have one."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from stored_path import Bucket

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "services" / "ceph_rgw.sh"
BUCKET = "scenarios"
# What has no repository (exports, servers of records, files that somebody has), one that is kept as a folder
# or looked into as one (test_golden, test_write_only), or a store that it breaks or brings along.
ELSEWHERE = {
    "test_chaos", "test_ending_s3", "test_export", "test_golden", "test_postgres", "test_python_client", "test_s3", "test_s3_refusals",
    "test_salvage", "test_selftest_postgres", "test_serve", "test_store_chaos", "test_verify_file", "test_write_chaos",
    "test_write_only", "test_write_only_s3",
}


class Gateway(Bucket):
    """Ends with this process, however that ends."""

    one = None

    @classmethod
    def shared(cls):
        """One for all tests of a process."""
        if cls.one is None:
            cls.one = cls()
        return cls.one

    @classmethod
    def end_shared(cls):
        if cls.one:
            cls.one.stop()
            cls.one = None

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-gateway-"))
        home = self.folder / "ceph"
        self.process = subprocess.Popen(["setpriv", "--pdeathsig=TERM", SCRIPT, "run", home],
                                        stdin=subprocess.DEVNULL)
        while not (home / "environment").exists():
            if self.process.poll() is not None:
                raise RuntimeError("the Ceph gateway did not start")
            time.sleep(0.05)
        environment = dict(line.split("=", 1) for line in (home / "environment").read_text().splitlines())
        super().__init__(BUCKET, {**environment, "AWS_EC2_METADATA_DISABLED": "true"})
        self.make_bucket(BUCKET)

    def put(self, target, *words):
        keys = f'user = "{self.environment["AWS_ACCESS_KEY_ID"]}:{self.environment["AWS_SECRET_ACCESS_KEY"]}"\n'
        subprocess.run(
            ["curl", "--silent", "--show-error", "--fail", "--config", "-", "--request", "PUT", "--aws-sigv4",
             "aws:amz:us-east-1:s3", "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *words,
             f"{self.environment['AWS_ENDPOINT_URL']}/{target}"],
            input=keys, text=True, check=True)

    def make_bucket(self, name):
        self.put(name)

    def make_user(self, name, secret):
        """One who owns nothing; `name` is the access key, too."""
        subprocess.run(
            ["radosgw-admin", "--conf", self.folder / "ceph" / "ceph.conf", "user", "create", f"--uid={name}",
             f"--display-name={name}", f"--access-key={name}", f"--secret-key={secret}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=60)

    def set_policy(self, bucket, statements):
        """Of the bucket, as of now."""
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.put(f"{bucket}?policy=", "--data-binary", policy)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def chosen():
    """The gateway, if the tests of this process are to run on it."""
    return Gateway.shared() if os.environ.get("HOLDFAST_TEST_STORE") == "s3" else None


def main(names):
    os.environ["HOLDFAST_TEST_STORE"] = "s3"
    known = sorted(path.stem for path in pathlib.Path(__file__).parent.glob("test_*.py"))
    names = names or [name for name in known if name not in ELSEWHERE]
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    # The tests import this module by its name, which is not that of a main program.
    from gateway import Gateway as shared_gateway
    try:
        result = unittest.TextTestRunner(verbosity=2).run(suite)
    finally:
        shared_gateway.end_shared()
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - len(result.skipped) - failed} passed, {failed} failed", flush=True)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
