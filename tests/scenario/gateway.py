"""A real service of S3 for scenario tests: a Ceph RADOS Gateway on loopback.

    gateway.py test_replicate test_timeline …

runs these tests with their repositories on the gateway instead of in a folder."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "services" / "ceph_rgw.sh"
BUCKET = "scenarios"


class Gateway:
    """Ends with this process, however that ends."""

    one = None

    @classmethod
    def shared(cls):
        """One for all tests of a process."""
        if cls.one is None:
            cls.one = cls()
        return cls.one

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-gateway-"))
        home = self.folder / "ceph"
        self.process = subprocess.Popen(["setpriv", "--pdeathsig=TERM", SCRIPT, "run", home],
                                        stdin=subprocess.DEVNULL)
        while not (home / "environment").exists():
            if self.process.poll() is not None:
                raise RuntimeError("the Ceph gateway did not start")
            time.sleep(0.05)
        self.environment = dict(
            line.split("=", 1) for line in (home / "environment").read_text().splitlines())
        self.environment["AWS_EC2_METADATA_DISABLED"] = "true"
        self.places = 0
        self.make_bucket(BUCKET)

    def make_bucket(self, name):
        keys = f'user = "{self.environment["AWS_ACCESS_KEY_ID"]}:{self.environment["AWS_SECRET_ACCESS_KEY"]}"\n'
        subprocess.run(
            ["curl", "--silent", "--show-error", "--fail", "--config", "-", "--request", "PUT", "--aws-sigv4",
             "aws:amz:us-east-1:s3", "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD",
             f"{self.environment['AWS_ENDPOINT_URL']}/{name}"],
            input=keys, text=True, check=True)

    def new_place(self):
        """An empty one."""
        self.places += 1
        return f"s3://{BUCKET}/place {self.places}".replace(" ", "%20")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def chosen():
    """The gateway, if the tests of this process are to run on it."""
    return Gateway.shared() if os.environ.get("HOLDFAST_TEST_STORE") == "s3" else None


def main(names):
    os.environ["HOLDFAST_TEST_STORE"] = "s3"
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    # The tests import this module by its name, which is not that of a main program.
    from gateway import Gateway as shared_gateway
    try:
        result = unittest.TextTestRunner(verbosity=2).run(suite)
    finally:
        if shared_gateway.one:
            shared_gateway.one.stop()
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
