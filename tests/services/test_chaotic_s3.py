"""Whether the S3 service for tests is as strict as AWS, and does what its chaos says it does."""

import base64
import datetime
import hashlib
import http.client
import json
import pathlib
import random
import re
import ssl
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import s3_signature  # noqa: E402
from http_messages import Request  # noqa: E402
from s3_bucket import SMALLEST_PART  # noqa: E402
from s3_errors import S3Error  # noqa: E402
from s3_faults import KINDS  # noqa: E402
from s3_service import Client, Service, Signer  # noqa: E402

CONFIGURATION = {
    "region": "us-east-1",
    "buckets": {"holdfast": {}, "locked": {"versioned": True}},
    "credentials": [
        {"access_key": "testkey", "secret": "testsecret"},
        {"access_key": "session", "secret": "testsecret", "token": "a+token/of=one"},
        {"access_key": "old", "secret": "testsecret", "token": "old", "expired": True},
        {"access_key": "blind", "secret": "testsecret", "deny": [{"action": "s3:ListBucket"}]},
        {"access_key": "adding", "secret": "testsecret", "deny": [
            {"action": "s3:DeleteObject", "prefix": "packs/"},
            {"action": "s3:PutObject", "prefix": "packs/", "unless": "conditional"}]},
    ],
}


class ServiceTest(unittest.TestCase):
    def service(self, **options):
        folder = tempfile.TemporaryDirectory(prefix="holdfast-s3-")
        self.addCleanup(folder.cleanup)
        service = Service(folder.name, CONFIGURATION, **options)
        self.addCleanup(service.stop)
        return service

    def client(self, service=None, bucket="holdfast", **signer):
        client = Client(service or self.shared, Signer(**signer), bucket)
        self.addCleanup(client.close)
        return client

    @property
    def shared(self):
        return ServiceTest.one_service

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="holdfast-s3-")
        ServiceTest.one_service = Service(cls.folder.name, CONFIGURATION)

    @classmethod
    def tearDownClass(cls):
        ServiceTest.one_service.stop()
        cls.folder.cleanup()

    def refused(self, answer, status, code):
        self.assertEqual(status, answer.status, answer)
        self.assertIn(f"<Code>{code}</Code>".encode(), answer.body)

    def texts(self, answer, name):
        self.assertEqual(200, answer.status, answer)
        return re.findall(f"<{name}>(.*?)</{name}>", answer.body.decode())


class Signature(unittest.TestCase):
    """The examples of the Amazon S3 API Reference, "Examples: Signature Calculations"."""

    SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    EMPTY = hashlib.sha256(b"").hexdigest()

    def check(self, method, target, headers, signature):
        headers = {"host": "examplebucket.s3.amazonaws.com", **headers}
        names = sorted(headers)
        request = Request(method, target, {**headers, "authorization": (
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            f"SignedHeaders={';'.join(names)},Signature={signature}")})
        credential = s3_signature.Credential("AKIAIOSFODNN7EXAMPLE", self.SECRET)
        now = datetime.datetime(2013, 5, 24, 0, 10, tzinfo=datetime.timezone.utc)
        known = {credential.access_key: credential}
        self.assertIs(credential, s3_signature.verify(request, known, "us-east-1", now))
        request.headers["host"] = "another.s3.amazonaws.com"
        with self.assertRaisesRegex(S3Error, "SignatureDoesNotMatch"):
            s3_signature.verify(request, known, "us-east-1", now)

    def test_a_range_is_read(self):
        self.check("GET", "/test.txt", {"range": "bytes=0-9", "x-amz-content-sha256": self.EMPTY,
                                        "x-amz-date": "20130524T000000Z"},
                   "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")

    def test_an_object_is_put(self):
        self.check("PUT", "/test%24file.text",
                   {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-date": "20130524T000000Z",
                    "x-amz-content-sha256": hashlib.sha256(b"Welcome to Amazon S3.").hexdigest(),
                    "x-amz-storage-class": "REDUCED_REDUNDANCY"},
                   "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")

    def test_a_query_without_values_is_signed(self):
        self.check("GET", "/?lifecycle", {"x-amz-content-sha256": self.EMPTY,
                                          "x-amz-date": "20130524T000000Z"},
                   "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")

    def test_objects_are_listed(self):
        self.check("GET", "/?max-keys=2&prefix=J", {"x-amz-content-sha256": self.EMPTY,
                                                   "x-amz-date": "20130524T000000Z"},
                   "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")

    def test_a_presigned_address_is_good_for_its_time(self):
        request = Request("GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
                          "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date="
                          "20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
                          "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
                          {"host": "examplebucket.s3.amazonaws.com"})
        known = {"AKIAIOSFODNN7EXAMPLE": s3_signature.Credential("AKIAIOSFODNN7EXAMPLE", self.SECRET)}
        day = datetime.datetime(2013, 5, 24, 23, tzinfo=datetime.timezone.utc)
        s3_signature.verify(request, known, "us-east-1", day)
        with self.assertRaisesRegex(S3Error, "Request has expired"):
            s3_signature.verify(request, known, "us-east-1", day + datetime.timedelta(hours=2))


class Strictness(ServiceTest):
    def test_a_request_without_a_signature_is_refused(self):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(self.shared.endpoint + "/holdfast/config")
        self.assertEqual(403, caught.exception.code)
        caught.exception.close()

    def test_credentials_are_checked(self):
        self.refused(self.client(access_key="nobody").ask("GET", "/x"), 403, "InvalidAccessKeyId")
        self.refused(self.client(secret="wrong").ask("GET", "/x"), 403, "SignatureDoesNotMatch")

    def test_session_tokens_are_checked(self):
        self.refused(self.client(access_key="session").ask("GET", "/x"), 403, "InvalidAccessKeyId")
        self.refused(self.client(access_key="session", token="b").ask("GET", "/x"), 400,
                     "InvalidToken")
        self.refused(self.client(access_key="old", token="old").ask("GET", "/x"), 400, "ExpiredToken")
        client = self.client(access_key="session", token="a+token/of=one")
        self.refused(client.ask("GET", "/x"), 404, "NoSuchKey")

    def test_another_region_is_refused_and_the_right_one_named(self):
        answer = self.client(region="eu-west-1").ask("GET", "/x")
        self.refused(answer, 400, "AuthorizationHeaderMalformed")
        self.assertIn(b"<Region>us-east-1</Region>", answer.body)
        self.assertEqual("us-east-1", answer.headers["x-amz-bucket-region"])

    def test_clocks_may_differ_by_fifteen_minutes(self):
        service = self.service()
        for minutes, right in ((14, True), (-14, True), (16, False), (-20, False)):
            service.control(clock=minutes * 60)
            answer = self.client(service).ask("GET", "/x")
            self.refused(answer, *((404, "NoSuchKey") if right else (403, "RequestTimeTooSkewed")))

    def test_every_header_of_amazon_must_be_signed(self):
        answer = self.client().ask("GET", "/x", change=lambda headers: headers.update(
            {"x-amz-meta-more": "1"}))
        self.refused(answer, 403, "AccessDenied")
        self.assertIn(b"<HeadersNotSigned>x-amz-meta-more</HeadersNotSigned>", answer.body)

    def test_the_hash_of_the_body_is_required_and_compared(self):
        def wrong(headers):
            headers["x-amz-content-sha256"] = "0" * 64
        client = self.client()
        self.refused(client.ask("PUT", "/x", b"body", change=lambda headers: headers.pop(
            "x-amz-content-sha256")), 400, "InvalidRequest")
        self.refused(client.ask("PUT", "/x", b"body", change=wrong), 403, "SignatureDoesNotMatch")
        self.refused(client.ask("PUT", "/x", b"body", {"x-amz-content-sha256": "0" * 64}), 400,
                     "XAmzContentSHA256Mismatch")
        self.refused(client.ask("GET", "/x"), 404, "NoSuchKey")

    def test_digests_of_a_body_are_compared(self):
        client = self.client()
        right = base64.b64encode(hashlib.md5(b"body").digest()).decode()
        wrong = base64.b64encode(hashlib.md5(b"another").digest()).decode()
        self.refused(client.ask("PUT", "/digest", b"body", {"content-md5": wrong}), 400, "BadDigest")
        self.refused(client.ask("PUT", "/digest", b"body", {"content-md5": "short"}), 400,
                     "InvalidDigest")
        self.refused(client.ask("PUT", "/digest", b"body", {"x-amz-checksum-sha256": wrong}), 400,
                     "BadDigest")
        self.assertEqual(200, client.ask("PUT", "/digest", b"body", {"content-md5": right}).status)

    def test_a_body_needs_a_length(self):
        client = self.client()
        client.connection.putrequest("PUT", "/holdfast/x")
        client.connection.endheaders()
        answer = client.connection.getresponse()
        self.assertEqual(411, answer.status)
        answer.read()

    def test_unknown_buckets_and_deeds_are_refused(self):
        self.refused(self.client(bucket="elsewhere").ask("GET", "/x"), 404, "NoSuchBucket")
        self.refused(self.client().ask("PATCH", "/x"), 405, "MethodNotAllowed")
        self.refused(self.client().ask("GET", "/?acl"), 501, "NotImplemented")
        self.refused(self.client().ask("PUT", "/" + "k" * 1025, b""), 400, "KeyTooLongError")
        self.refused(self.client().ask("PUT", "/x", b"", {"x-amz-storage-class": "BASEMENT"}), 400,
                     "InvalidStorageClass")

    def test_who_may_not_list_learns_nothing_of_what_is_missing(self):
        client = self.client(access_key="blind")
        self.refused(client.ask("GET", "/?list-type=2"), 403, "AccessDenied")
        self.refused(client.ask("GET", "/not-there"), 403, "AccessDenied")

    def test_rights_bind_deleting_and_overwriting(self):
        client = self.client(access_key="adding")
        only_new = {"if-none-match": "*"}
        self.assertEqual(200, client.ask("PUT", "/packs/right", b"one", only_new).status)
        self.refused(client.ask("PUT", "/packs/right", b"two", only_new), 412, "PreconditionFailed")
        self.refused(client.ask("PUT", "/packs/right", b"two"), 403, "AccessDenied")
        self.refused(client.ask("DELETE", "/packs/right"), 403, "AccessDenied")
        self.assertEqual(b"one", client.ask("GET", "/packs/right").body)
        self.assertEqual(200, client.ask("PUT", "/leases/right", b"two").status)
        self.assertEqual(204, client.ask("DELETE", "/leases/right").status)

    def test_tls_is_under_an_authority_of_its_own(self):
        service = self.service(tls=True)
        self.refused(self.client(service).ask("GET", "/x"), 404, "NoSuchKey")
        with self.assertRaises(ssl.SSLCertVerificationError):
            http.client.HTTPSConnection("localhost", service.connect().port).request("GET", "/")


class Objects(ServiceTest):
    def test_an_object_is_what_was_put(self):
        client = self.client()
        body = random.Random(1).randbytes(100_000)
        etag = client.ask("PUT", "/objects/one", body).headers["etag"]
        self.assertEqual(f'"{hashlib.md5(body).hexdigest()}"', etag)
        self.assertEqual(body, client.ask("GET", "/objects/one").body)
        head = client.ask("HEAD", "/objects/one")
        self.assertEqual(("100000", b""), (head.headers["content-length"], head.body))
        self.assertRegex(head.headers["date"], r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT")
        self.assertRegex(head.headers["last-modified"], r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT")
        self.assertEqual(204, client.ask("DELETE", "/objects/one").status)
        self.assertEqual(204, client.ask("DELETE", "/objects/one").status)
        self.refused(client.ask("GET", "/objects/one"), 404, "NoSuchKey")

    def test_ranges_are_parts_of_it(self):
        client = self.client()
        client.ask("PUT", "/range", b"0123456789")
        for text, expected in (("bytes=2-4", b"234"), ("bytes=8-", b"89"), ("bytes=-3", b"789"),
                               ("bytes=5-99", b"56789")):
            answer = client.ask("GET", "/range", headers={"range": text})
            self.assertEqual((206, expected), (answer.status, answer.body))
        self.refused(client.ask("GET", "/range", headers={"range": "bytes=10-12"}), 416,
                     "InvalidRange")
        self.assertEqual(200, client.ask("GET", "/range", headers={"range": "lines=1-2"}).status)

    def test_conditions_bind_a_write(self):
        client = self.client()
        only_new = {"if-none-match": "*"}
        self.refused(client.ask("PUT", "/bound", b"x", {"if-match": "*"}), 404, "NoSuchKey")
        etag = client.ask("PUT", "/bound", b"one", only_new).headers["etag"]
        self.refused(client.ask("PUT", "/bound", b"two", only_new), 412, "PreconditionFailed")
        self.refused(client.ask("PUT", "/bound", b"two", {"if-match": '"0"'}), 412,
                     "PreconditionFailed")
        self.assertEqual(200, client.ask("PUT", "/bound", b"two", {"if-match": etag}).status)
        self.refused(client.ask("PUT", "/bound", b"x", {"if-none-match": etag}), 501,
                     "NotImplemented")

    def test_a_service_may_not_know_conditions(self):
        service = self.service()
        client = self.client(service)
        only_new = {"if-none-match": "*"}
        client.ask("PUT", "/bound", b"one")
        service.control(conditional_writes="refused")
        self.refused(client.ask("PUT", "/bound", b"two", only_new), 501, "NotImplemented")
        service.control(conditional_writes="ignored")
        self.assertEqual(200, client.ask("PUT", "/bound", b"two", only_new).status)
        self.assertEqual(b"two", client.ask("GET", "/bound").body)

    def test_listing_goes_on_where_it_stopped(self):
        client = self.client()
        names = sorted(f"list/{number}&ü" for number in range(25))
        for name in names:
            client.ask("PUT", "/" + s3_signature.quoted(name, "/"), b"x")
        client.ask("PUT", "/listing", b"x")
        found, token = [], ""
        while True:
            answer = client.ask("GET", f"/?encoding-type=url&list-type=2&max-keys=10&prefix=list%2F"
                                + token)
            keys = self.texts(answer, "Key")
            self.assertLessEqual(len(keys), 10)
            found += keys
            if self.texts(answer, "IsTruncated") == ["false"]:
                break
            token = "&continuation-token=" + s3_signature.quoted(
                self.texts(answer, "NextContinuationToken")[0])
            target = f"/?continuation-token={token[20:]}&encoding-type=url&list-type=2"
            self.assertEqual(200, client.ask("GET", target).status)
        self.assertEqual([s3_signature.quoted(name, "/") for name in names], found)
        self.refused(client.ask("GET", "/?continuation-token=%2A&list-type=2"), 400,
                     "InvalidArgument")

    def test_many_are_deleted_at_once(self):
        client = self.client(access_key="adding")
        for name in ("packs/a", "many/b", "many/c"):
            client.ask("PUT", f"/{name}", b"x", {"if-none-match": "*"})
        body = b"<Delete>" + b"".join(
            b"<Object><Key>" + name + b"</Key></Object>"
            for name in (b"packs/a", b"many/b", b"many/none")) + b"</Delete>"
        self.refused(client.ask("POST", "/?delete=", body), 400, "InvalidRequest")
        digest = {"content-md5": base64.b64encode(hashlib.md5(body).digest()).decode()}
        answer = client.ask("POST", "/?delete=", body, digest)
        self.assertEqual(["packs/a", "many/b", "many/none"], self.texts(answer, "Key"))
        self.assertEqual(["AccessDenied"], self.texts(answer, "Code"))
        self.assertEqual(200, client.ask("HEAD", "/packs/a").status)
        self.assertEqual(404, client.ask("HEAD", "/many/b").status)
        self.assertEqual(200, client.ask("HEAD", "/many/c").status)

    def upload(self, client, key, parts, **options):
        identity = self.texts(client.ask("POST", f"{key}?uploads="), "UploadId")[0]
        etags = [client.ask("PUT", f"{key}?partNumber={number}&uploadId={identity}",
                            part).headers["etag"] for number, part in enumerate(parts, 1)]
        body = "<CompleteMultipartUpload>" + "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            for number, etag in enumerate(etags, 1)) + "</CompleteMultipartUpload>"
        return identity, client.ask("POST", f"{key}?uploadId={identity}", body.encode(), **options)

    def test_large_objects_come_in_parts(self):
        client = self.client()
        parts = [b"a" * SMALLEST_PART, b"b"]
        identity, answer = self.upload(client, "/large", parts)
        self.assertRegex(self.texts(answer, "ETag")[0], '^"[0-9a-f]{32}-2"$')
        self.assertEqual(b"".join(parts), client.ask("GET", "/large").body)
        self.refused(client.ask("DELETE", f"/large?uploadId={identity}"), 404, "NoSuchUpload")
        _, answer = self.upload(client, "/large", parts, headers={"if-none-match": "*"})
        self.refused(answer, 412, "PreconditionFailed")

    def test_parts_are_checked(self):
        client = self.client()
        identity, answer = self.upload(client, "/small", [b"a", b"b"])
        self.refused(answer, 400, "EntityTooSmall")
        for parts, code in (([(2, "0")], "InvalidPart"), ([(2, "0"), (1, "0")], "InvalidPartOrder"),
                            ([], "MalformedXML")):
            body = "<CompleteMultipartUpload>" + "".join(
                f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
                for number, etag in parts) + "</CompleteMultipartUpload>"
            self.refused(client.ask("POST", f"/small?uploadId={identity}", body.encode()), 400, code)
        self.assertIn(identity, self.texts(client.ask("GET", "/?uploads="), "UploadId"))
        self.assertEqual(204, client.ask("DELETE", f"/small?uploadId={identity}").status)
        self.assertNotIn(identity, self.texts(client.ask("GET", "/?uploads="), "UploadId"))

    def test_what_is_locked_can_be_hidden_and_not_destroyed(self):
        client = self.client(bucket="locked")
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        lock = {"x-amz-object-lock-mode": "COMPLIANCE",
                "x-amz-object-lock-retain-until-date": until.strftime("%Y-%m-%dT%H:%M:%SZ")}
        digest = {"content-md5": base64.b64encode(hashlib.md5(b"kept").digest()).decode()}
        self.refused(client.ask("PUT", "/kept", b"kept", lock), 400, "InvalidRequest")
        version = client.ask("PUT", "/kept", b"kept", lock | digest).headers["x-amz-version-id"]
        client.ask("PUT", "/kept", b"overwritten")
        self.assertEqual(204, client.ask("DELETE", "/kept").status)
        self.refused(client.ask("GET", "/kept"), 404, "NoSuchKey")
        self.refused(client.ask("DELETE", f"/kept?versionId={version}"), 403, "AccessDenied")
        self.assertEqual(b"kept", client.ask("GET", f"/kept?versionId={version}").body)
        self.refused(self.client().ask("PUT", "/kept", b"kept", lock | digest), 400, "InvalidRequest")

    def test_the_bucket_may_stand_in_the_host(self):
        connection = self.shared.connect()
        self.addCleanup(connection.close)
        host = f"holdfast.localhost:{connection.port}"
        connection.request("PUT", "/hosted", b"x", Signer().headers(
            "PUT", "/hosted", {"host": host}, b"x", datetime.datetime.now(datetime.timezone.utc)))
        self.assertEqual(200, connection.getresponse().status)
        self.assertEqual(b"x", self.client().ask("GET", "/hosted").body)


class Chaos(ServiceTest):
    def under(self, kind, method, target, body=b"", headers=None, seed=1):
        """What a client sees when every request meets this fault: an answer, or the error."""
        service = self.service(seed=seed)
        client = self.client(service)
        client.ask("PUT", "/there", b"0123456789" * 1000)
        service.control(rates={kind: 1})
        try:
            answer = client.ask(method, target, body, headers)
        except (OSError, http.client.HTTPException) as error:
            answer = error
        service.calm()
        self.assertEqual(1, service.control()["faults"][kind])
        events = [json.loads(line) for line in service.log.read_text().splitlines()]
        self.assertEqual([kind], [event["fault"] for event in events if "fault" in event])
        return answer, self.client(service)

    def test_requests_are_refused_for_a_while(self):
        for kind, codes in (("internal_error", "InternalError"), ("too_many", "TooManyRequests")):
            answer, client = self.under(kind, "PUT", "/new", b"body")
            self.assertIn(f"<Code>{codes}</Code>".encode(), answer.body)
            self.assertEqual(404, client.ask("HEAD", "/new").status)
        answer, _ = self.under("slow_down", "GET", "/there")
        self.refused(answer, 503, "SlowDown")
        answer, _ = self.under("request_timeout", "PUT", "/new", b"body")
        self.refused(answer, 400, "RequestTimeout")
        answer, _ = self.under("conflict", "PUT", "/new", b"body", {"if-none-match": "*"})
        self.refused(answer, 409, "ConditionalRequestConflict")

    def test_a_refusal_may_say_when_to_come_again(self):
        said = {self.under("slow_down", "GET", "/there", seed=seed)[0].headers.get("retry-after")
                for seed in range(8)}
        self.assertLess({None}, said)

    def test_connections_break_before_anything_happened(self):
        for kind in ("reset_before", "reset_during"):
            answer, client = self.under(kind, "PUT", "/new", b"body" * 100_000)
            self.assertIsInstance(answer, OSError)
            self.assertEqual(404, client.ask("HEAD", "/new").status)

    def test_answers_are_lost_after_the_deed(self):
        for kind in ("lost_response", "reset_within"):
            answer, client = self.under(kind, "PUT", "/new", b"body")
            self.assertIsInstance(answer, (OSError, http.client.HTTPException))
            self.assertEqual(200, client.ask("HEAD", "/new").status)

    def test_a_request_may_arrive_twice(self):
        answer, client = self.under("repeated", "PUT", "/new", b"body", {"if-none-match": "*"})
        self.refused(answer, 412, "PreconditionFailed")
        self.assertEqual(b"body", client.ask("GET", "/new").body)

    def test_downloads_are_cut_slow_or_wrong(self):
        answer, client = self.under("truncated", "GET", "/there")
        self.assertIsInstance(answer, http.client.IncompleteRead)
        right = client.ask("GET", "/there").body
        answer, _ = self.under("flipped", "GET", "/there")
        self.assertEqual(1, sum((a ^ b).bit_count() for a, b in zip(answer.body, right)))
        answer, _ = self.under("slow", "GET", "/there")
        self.assertEqual(right, answer.body)

    def test_a_page_of_something_else_comes_instead(self):
        answers = {self.under("html", "PUT", "/new", b"body", seed=seed)[0].status for seed in range(8)}
        self.assertEqual({200, 502, 503}, answers)

    def test_an_error_may_come_after_the_status(self):
        service = self.service()
        client = self.client(service)
        identity = self.texts(client.ask("POST", "/late?uploads="), "UploadId")[0]
        etag = client.ask("PUT", f"/late?partNumber=1&uploadId={identity}", b"x").headers["etag"]
        service.control(rates={"late_error": 1})
        answer = client.ask("POST", f"/late?uploadId={identity}", (
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
            f"<ETag>{etag}</ETag></Part></CompleteMultipartUpload>").encode())
        self.refused(answer, 200, "InternalError")

    def test_listings_lag_only_where_the_service_says_so(self):
        service = self.service()
        client = self.client(service)
        service.control(stale_seconds=3600)
        for number in range(20):
            client.ask("PUT", f"/{number}", b"x")
        counts = {len(self.texts(client.ask("GET", "/?list-type=2"), "Key")) for _ in range(20)}
        self.assertEqual({0}, counts - {20})
        service.control(stale_seconds=0)
        self.assertEqual(20, len(self.texts(client.ask("GET", "/?list-type=2"), "Key")))

    def test_it_is_out_of_reach_until_it_is_said(self):
        service = self.service()
        service.control(unreachable=True)
        with self.assertRaises(OSError):
            self.client(service).ask("GET", "/x")
        service.calm()
        self.refused(self.client(service).ask("GET", "/x"), 404, "NoSuchKey")

    def test_the_same_seed_gives_the_same_faults(self):
        def story(seed):
            service = self.service(seed=seed, rates={"internal_error": 0.3, "slow_down": 0.2,
                                                     "too_many": 0.1})
            return [self.client(service).ask("GET", "/x").body.partition(b"<Message>")[0]
                    for _ in range(40)]
        self.assertEqual(story(7), story(7))
        self.assertNotEqual(story(7), story(8))

    def test_it_loses_an_object_when_it_is_told_to(self):
        service = self.service()
        client = self.client(service)
        for name in ("packs/a", "packs/large", "config"):
            client.ask("PUT", f"/{name}", name.encode())
        service.control(lose="packs/")
        self.assertEqual({"config": 6, "packs/a": 7}, service.objects())

    def test_nobody_controls_it_without_the_token(self):
        service = self.service()
        service.token = "guessed"
        with self.assertRaisesRegex(ValueError, "403"):
            service.control(unreachable=True)

    def test_faults_that_are_unknown_are_refused(self):
        with self.assertRaisesRegex(ValueError, "no such faults"):
            self.service().control(rates={"meteor": 1})
        self.assertEqual(len(KINDS), len(set(KINDS)))


class Boto(ServiceTest):
    """Amazon's own client must get along with it."""

    def boto(self):
        import boto3
        import botocore.config
        client = boto3.client(
            "s3", endpoint_url=self.shared.endpoint, region_name="us-east-1",
            aws_access_key_id="testkey", aws_secret_access_key="testsecret",
            config=botocore.config.Config(s3={"addressing_style": "path"}))
        self.addCleanup(client.close)
        return client

    def test_objects_go_there_and_back(self):
        boto = self.boto()
        body = random.Random(2).randbytes(200_000)
        boto.put_object(Bucket="holdfast", Key="boto/a b+c", Body=body, Metadata={"who": "boto"})
        answer = boto.get_object(Bucket="holdfast", Key="boto/a b+c", Range="bytes=10-19")
        self.assertEqual(body[10:20], answer["Body"].read())
        self.assertEqual({"who": "boto"}, answer["Metadata"])
        pages = boto.get_paginator("list_objects_v2").paginate(Bucket="holdfast", Prefix="boto/")
        self.assertEqual([("boto/a b+c", 200_000)], [(entry["Key"], entry["Size"]) for page in pages
                                                    for entry in page["Contents"]])
        boto.delete_objects(Bucket="holdfast", Delete={"Objects": [{"Key": "boto/a b+c"}]})
        with self.assertRaises(boto.exceptions.NoSuchKey):
            boto.get_object(Bucket="holdfast", Key="boto/a b+c")

    def test_uploads_in_parts_and_presigned_addresses_work(self):
        boto = self.boto()
        body = random.Random(3).randbytes(SMALLEST_PART + 10)
        upload = boto.create_multipart_upload(Bucket="holdfast", Key="boto/large")["UploadId"]
        parts = [{"PartNumber": number, "ETag": boto.upload_part(
            Bucket="holdfast", Key="boto/large", UploadId=upload, PartNumber=number,
            Body=part)["ETag"]} for number, part in ((1, body[:SMALLEST_PART]),
                                                     (2, body[SMALLEST_PART:]))]
        boto.complete_multipart_upload(Bucket="holdfast", Key="boto/large", UploadId=upload,
                                       MultipartUpload={"Parts": parts})
        address = boto.generate_presigned_url(
            "get_object", Params={"Bucket": "holdfast", "Key": "boto/large"}, ExpiresIn=60)
        self.assertIn("Signature", address)
        self.assertEqual(body, boto.get_object(Bucket="holdfast", Key="boto/large")["Body"].read())


if __name__ == "__main__":
    unittest.main()
