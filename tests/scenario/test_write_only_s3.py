"""A stolen machine with a write-only key, on a real gateway with the bucket policy of docs/s3.md: what its thief tries."""

import json
import pathlib
import re
import subprocess
import unittest

import boto3
from botocore.client import Config
from botocore.exceptions import ClientError

import gateway
from holdfast import ROOT, Scenario
from program import PYTHON

MACHINE = "only web knows this"
PREFIX = "app"


def tearDownModule():
    gateway.Gateway.end_shared()


class Stolen(Scenario):
    """One bucket with versions for each test; the machine `web` has credentials of its own."""

    count = 0

    def setUp(self):
        super().setUp()
        self.gateway = gateway.Gateway.shared()
        Stolen.count += 1
        self.bucket = f"stolen-{Stolen.count}"
        user = f"web{Stolen.count}"
        self.gateway.make_user(user, "of the machine")
        self.admin = self.client(self.gateway.environment["AWS_ACCESS_KEY_ID"],
                                 self.gateway.environment["AWS_SECRET_ACCESS_KEY"])
        self.thief = self.client(user, "of the machine")
        self.admin.create_bucket(Bucket=self.bucket)
        self.admin.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        place = f"s3://{self.bucket}/{PREFIX}"
        self.environment.update(self.gateway.environment, HOLDFAST_REPO=place)
        self.init()
        added = self.ok_json("key", "add", "--write-only", "--machine", "web", HOLDFAST_NEW_PASSPHRASE=MACHINE)
        self.key = added["added"]["id"]
        self.machine = {"HOLDFAST_PASSPHRASE": MACHINE, "AWS_ACCESS_KEY_ID": user,
                        "AWS_SECRET_ACCESS_KEY": "of the machine", "HOLDFAST_CACHE_DIR": str(self.folder / "web")}
        self.admin.put_bucket_policy(Bucket=self.bucket, Policy=self.documented_policy(user))

    def client(self, access, secret):
        client = boto3.client(
            "s3", endpoint_url=self.gateway.environment["AWS_ENDPOINT_URL"], aws_access_key_id=access,
            aws_secret_access_key=secret, region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))
        self.addCleanup(client.close)
        return client

    def documented_policy(self, user):
        """The policy as docs/s3.md has it, with the names of this test."""
        text = (ROOT / "docs" / "s3.md").read_text(encoding="utf-8")
        section = text[text.index("## A machine that can only write"):]
        policy = "{" + section.split("\n\n    {", 1)[1].split("\n\n")[0]
        policy = policy.replace("arn:aws:iam::111122223333:user/web", f"arn:aws:iam:::user/{user}")
        policy = policy.replace("arn:aws:iam::111122223333:user/admin", "arn:aws:iam:::user/test")
        policy = policy.replace("my-bucket", self.bucket).replace("KEY", self.key)
        return json.dumps(json.loads(policy))

    def send(self, **variables):
        return self.backup("app.db", **{**self.machine, **variables})

    def restored(self, snapshot="latest"):
        target = self.folder / "restored.db"
        self.ok("restore", snapshot, "--to", target, "--yes")
        return self.content(target)

    def versions(self):
        """Every version of every object: (key, version) → ETag."""
        pages = self.admin.get_paginator("list_object_versions").paginate(Bucket=self.bucket)
        return {(one["Key"], one["VersionId"]): one["ETag"] for page in pages for one in page.get("Versions", [])}

    def keys(self):
        pages = self.admin.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def denied(self, action, *arguments, **parameters):
        with self.assertRaises(ClientError, msg=f"{action} {parameters}") as refused:
            getattr(self.thief, action)(*arguments, **parameters)
        status = refused.exception.response["ResponseMetadata"]["HTTPStatusCode"]
        self.assertIn(status, (403, 404, 405, 400, 501), f"{action} {parameters}: {refused.exception}")
        return status


class WithTheDocumentedPolicy(Stolen):
    def test_a_machine_backs_up_fully_and_then_what_changed(self):
        path = self.folder / "app.db"
        self.sql(path, "CREATE TABLE item (id INTEGER PRIMARY KEY, text BLOB)",
                 """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
                    INSERT INTO item SELECT i, randomblob(1000000) FROM n""")
        whole = self.send()["bytes_stored"]  # in packs of more than one part
        self.assertGreater(whole, 40_000_000)
        self.ok("adopt")
        self.assertEqual(self.content(path), self.restored())
        self.sql(path, "UPDATE item SET text = randomblob(100) WHERE id = 7")
        self.assertLess(self.send()["bytes_stored"], whole / 10)
        self.sql(path, "INSERT INTO item VALUES (1000, 'new')")
        self.assertLess(self.send()["bytes_stored"], whole / 100)
        self.assertEqual(self.content(path), self.restored())
        self.ok("verify", "--all", "--read-data")

    def test_its_thief_reads_deletes_and_replaces_nothing(self):
        path = self.database(rows=20000)
        history = self.content(path)
        self.backup("app.db", "--name", "by the admin")
        path = self.database("web.db", rows=20000)
        first = self.content(path)
        sent = self.backup("web.db", **self.machine)["snapshot"]
        self.ok("adopt")
        self.sql(path, "UPDATE item SET text = 'waits' WHERE id % 10 = 0")
        second = self.content(path)
        waiting = self.backup("web.db", **self.machine)["snapshot"]

        before = self.versions()
        own = f"{PREFIX}/sealed/{self.key}/"
        readable = {f"{PREFIX}/config", f"{PREFIX}/keys/{self.key}"}
        self.assertTrue(any(key.startswith(own) for key, _ in before))
        self.assertTrue(any(key.startswith(f"{PREFIX}/packs/") for key, _ in before))
        for key, version in before:
            self.attack(key, version, readable=key in readable, own=key.startswith(own))
        self.attack_the_bucket()

        # Nothing that was there is gone or changed, and nothing was added but below its own folder.
        after = self.versions()
        self.assertEqual(before, {one: tag for one, tag in after.items() if one in before})
        self.assertTrue(all(key.startswith(own) for key, _ in set(after) - set(before)))
        # What waited is taken in as it was first, whatever was put over it since. What was put in the place of the
        # session that is gone is none.
        adopted = self.expect(3, "adopt", "--json").json
        self.assertEqual([waiting], [one["id"] for one in adopted["adopted"]])
        self.assertEqual([sent], [one["session"] for one in adopted["refused"]])
        for snapshot, content in ((sent, first), (waiting, second), ("by the admin", history)):
            self.assertEqual(content, self.restored(snapshot))
        self.ok("verify", "--all", "--read-data")

    def attack(self, key, version, readable, own):
        here = {"Bucket": self.bucket, "Key": key}
        if not readable and not own:
            self.denied("get_object", **here)
            self.denied("head_object", **here)
            self.denied("get_object", **here, VersionId=version)
        self.denied("delete_object", **here)
        self.denied("delete_object", **here, VersionId=version)
        self.denied("put_object_retention", **here, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": "2030-01-01"})
        if own:  # it belongs to who has put it, here
            self.thief.put_object(**here, Body=b"spoilt")  # a version more
            return
        self.denied("put_object_acl", **here, ACL="public-read")
        self.denied("put_object", **here, Body=b"spoilt")
        self.denied("copy_object", **here, CopySource=here)
        self.denied("create_multipart_upload", **here)
        stolen = {**here, "Key": f"{PREFIX}/sealed/{self.key}/stolen"}
        if not readable:
            self.denied("copy_object", **stolen, CopySource=here)

    def attack_the_bucket(self):
        bucket = {"Bucket": self.bucket}
        for prefix in ("", f"{PREFIX}/", f"{PREFIX}/packs/", f"{PREFIX}/snapshots/", f"{PREFIX}/sealed/"):
            self.denied("list_objects_v2", **bucket, Prefix=prefix)
            self.denied("list_objects", **bucket, Prefix=prefix)
        self.denied("list_object_versions", **bucket)
        self.denied("put_bucket_versioning", **bucket, VersioningConfiguration={"Status": "Suspended"})
        self.denied("put_bucket_policy", **bucket, Policy='{"Version":"2012-10-17","Statement":[]}')
        self.denied("delete_bucket_policy", **bucket)
        self.denied("put_bucket_acl", **bucket, ACL="public-read-write")
        self.denied("put_bucket_lifecycle_configuration", **bucket, LifecycleConfiguration={
            "Rules": [{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]})
        self.denied("delete_bucket", **bucket)
        everything = {"Objects": [{"Key": key} for key in self.keys()]}
        try:
            answer = self.thief.delete_objects(**bucket, Delete=everything)
            self.assertEqual([], answer.get("Deleted", []))
        except ClientError as refused:
            self.assertEqual(403, refused.response["ResponseMetadata"]["HTTPStatusCode"])

    def test_the_program_itself_does_nothing_else_with_stolen_credentials(self):
        self.database(rows=500)
        self.send()
        self.ok("adopt")
        for words in (["snapshots"], ["restore", "latest", "--to", "x.db"], ["verify", "--all"], ["adopt"],
                      ["diff", "latest", "app.db"], ["forget", "latest", "--yes"], ["prune"], ["key", "list"]):
            self.failure(85, *words, **self.machine)
        self.assertFalse((self.folder / "x.db").exists())

    def test_with_all_objects_in_hand_nothing_can_be_decrypted(self):
        """As if the thief had the bucket as well: everything, and the passphrase of the machine."""
        path = self.database(rows=3000)
        self.sql(path, "UPDATE item SET text = 'attack at dawn' || id")
        self.send()
        self.ok("adopt")
        self.sql(path, "INSERT INTO item VALUES (99999, 'attack at dusk')")
        self.send()
        copy = self.folder / "copy"
        for key in self.keys():
            target = copy / pathlib.PurePosixPath(key).relative_to(PREFIX)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.admin.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        self.failure(85, "snapshots", HOLDFAST_REPO=str(copy), HOLDFAST_PASSPHRASE=MACHINE)
        tried = subprocess.run([PYTHON, ROOT / "tests" / "format" / "try_machine_keys.py", copy],
                               env={**self.environment, "HOLDFAST_PASSPHRASE": MACHINE}, text=True,
                               capture_output=True, check=False)
        self.assertEqual(0, tried.returncode, tried.stderr)
        told = re.fullmatch(r"(\d+) objects, (\d+) boxes, (\d+) keys: nothing opens\n", tried.stdout)
        self.assertTrue(told, tried.stdout)
        self.assertGreater(int(told[2]), 20)
        everything = b"".join(one.read_bytes() for one in copy.rglob("*") if one.is_file())
        for secret in (b"attack", b"app.db", b"TABLE item"):
            self.assertNotIn(secret, everything)
        # With the passphrase of the repository the same objects give everything back.
        self.ok("restore", "latest", "--to", self.folder / "back.db", HOLDFAST_REPO=str(copy))
        self.assertEqual(self.content(path), self.content(self.folder / "back.db"))


if __name__ == "__main__":
    unittest.main()
