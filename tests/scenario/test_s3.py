"""A repository in a bucket of S3: the whole way there and back, and what is said when the way is barred."""

import datetime
import ipaddress
import unittest

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import gateway
from follower import Follower
from holdfast import Scenario
from web_pages import serve_pages


def tearDownModule():
    gateway.Gateway.end_shared()


class Bucket(Scenario):
    def setUp(self):
        super().setUp()
        self.gateway = gateway.Gateway.shared()
        self.environment.update(self.gateway.environment, HOLDFAST_REPO=str(self.gateway.new_place()))


class InABucket(Bucket):
    def test_every_snapshot_comes_back(self):
        self.init()
        path = self.database(rows=20000)
        first = self.content(path)
        self.backup()
        self.sql(path, "UPDATE item SET text = 'changed' WHERE id % 100 = 0")
        second = self.content(path)
        self.backup()
        older, newer = sorted(self.ok_json("snapshots"), key=lambda one: one["time"])
        for snapshot, content in ((older, first), (newer, second)):
            self.ok("restore", snapshot["id"], "--to", self.folder / f"{snapshot['id']}.db")
            self.assertEqual(content, self.content(self.folder / f"{snapshot['id']}.db"))
        self.ok("verify", "--all", "--read-data")
        found = self.expect(3, "doctor", "app.db", "--json").json  # of SQLite 3.40
        self.assertEqual([], [one for one in found if one["subject"] == "repository"])

    def test_what_no_snapshot_needs_is_freed(self):
        self.init()
        path = self.database(rows=20000)
        self.backup()
        self.sql(path, "DELETE FROM item", "VACUUM")
        self.backup()
        self.ok("forget", "--keep-last", "1", "--yes")
        self.assertGreater(self.ok_json("prune")["bytes_freed"], 0)
        self.ok("verify", "--all", "--read-data")
        self.ok("restore", "latest", "--to", self.folder / "back.db")
        self.assertEqual(self.content(path), self.content(self.folder / "back.db"))

    def test_a_commit_is_durable_when_the_machine_is_lost(self):
        self.init()
        path = self.database()
        follower = Follower(self, path)
        follower.wait_until_following()
        first = max(follower.numbers(), default=1)
        self.sql(path, "INSERT INTO item (text) VALUES ('kept')")
        follower.wait_for_number(first + 1)
        follower.kill()
        path.unlink()
        self.ok("restore", "--at", "now", "--to", self.folder / "back.db", "--database", "app")
        self.assertEqual([("kept",)], self.sql(self.folder / "back.db", "SELECT text FROM item WHERE text = 'kept'"))

    def test_a_large_database_goes_there_in_parts(self):
        self.init()
        path = self.folder / "app.db"
        self.sql(path, "CREATE TABLE item (id INTEGER PRIMARY KEY, text BLOB)",
                 """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
                    INSERT INTO item SELECT i, randomblob(1000000) FROM n""")
        self.backup()
        self.ok("restore", "latest", "--to", self.folder / "back.db")
        self.assertEqual(self.content(path), self.content(self.folder / "back.db"))


class WhenTheWayIsBarred(Bucket):
    def refused(self, code, **variables):
        error = self.expect_failure(**variables)
        self.assertEqual(code, error["code"], error)
        self.assertNotIn(self.environment["AWS_SECRET_ACCESS_KEY"], str(error))
        return error["message"]

    def expect_failure(self, **variables):
        answer = self.run_program("snapshots", "--json", **variables)
        self.assertNotEqual(0, answer.status, answer)
        return answer.json["error"]

    def certificate(self):
        """A file with one that has signed itself, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "store")])
        now = datetime.datetime.utcnow()
        made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
                .not_valid_after(now + datetime.timedelta(days=1))
                .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
                .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
                .sign(key, hashes.SHA256()))
        path = self.folder / "certificate.pem"
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return path

    def test_by_keys_that_the_store_does_not_know(self):
        self.assertIn("does not know this access key",
                      self.refused("permission_denied", AWS_ACCESS_KEY_ID="nobody"))

    def test_by_a_secret_that_is_not_the_keys(self):
        self.assertIn("secret key is not that", self.refused("permission_denied", AWS_SECRET_ACCESS_KEY="mistyped"))

    def test_by_no_keys_at_all(self):
        self.refused("permission_denied", AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY="")

    def test_by_a_bucket_that_is_not_there(self):
        self.assertIn("there is no bucket nowhere", self.refused("repository_missing", HOLDFAST_REPO="s3://nowhere/app"))

    def test_by_a_place_that_holds_no_repository(self):
        self.assertIn("there is no repository", self.refused("repository_missing"))

    def test_by_nobody_who_listens(self):
        self.assertIn("no connection", self.refused("unavailable", AWS_ENDPOINT_URL="http://127.0.0.1:9"))

    def test_by_a_host_that_is_not_known(self):
        self.assertIn("host is not known", self.refused("unavailable", AWS_ENDPOINT_URL="http://store.invalid"))

    def test_by_a_web_page(self):
        self.assertIn("suspicious", self.refused("store_suspicious", AWS_ENDPOINT_URL=serve_pages(self)))

    def test_by_a_certificate_that_nobody_knows(self):
        certificate = self.certificate()
        address = serve_pages(self, certificate=certificate)
        self.assertIn("certificate", self.refused("store_untrusted", AWS_ENDPOINT_URL=address))
        # With it, what is behind is met: a web page.
        self.refused("store_suspicious", AWS_ENDPOINT_URL=address, AWS_CA_BUNDLE=str(certificate))

    def test_by_a_key_in_the_url_which_is_not_repeated(self):
        error = self.expect_failure(HOLDFAST_REPO="s3://AKIAX:hush@bucket/app")
        self.assertEqual("usage", error["code"])
        self.assertNotIn("hush", str(error))


if __name__ == "__main__":
    unittest.main()
