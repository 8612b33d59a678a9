"""The objects of a bucket, in memory: versions, unfinished uploads, locks and how a listing may lag behind."""

import base64
import bisect
import dataclasses
import datetime
import hashlib
import threading
import zlib

from s3_errors import S3Error

SMALLEST_PART = 5 << 20
LARGEST_PUT = 5 << 30
STORAGE_CLASSES = {"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA",
                   "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR"}


@dataclasses.dataclass
class Stored:
    content: bytes
    etag: str
    modified: datetime.datetime
    headers: dict  # to be sent with it again
    version: str
    mode: str | None = None  # of a lock: GOVERNANCE or COMPLIANCE
    retained_until: datetime.datetime | None = None
    deleted: bool = False  # a delete marker


@dataclasses.dataclass
class Upload:
    key: str
    headers: dict
    begun: datetime.datetime
    parts: dict = dataclasses.field(default_factory=dict)  # number -> (etag, content)


def md5(content):
    return hashlib.md5(content, usedforsecurity=False)


def checksum(name, content):
    if name == "crc32":
        return zlib.crc32(content).to_bytes(4, "big")
    if name in ("sha1", "sha256"):
        return hashlib.new(name, content, usedforsecurity=False).digest()
    raise S3Error("NotImplemented", f"Checksums by {name} are not computed here.")


def check_digests(request):
    """Whether a digest was given; BadDigest where one is not the body's."""
    said = request.headers.get("content-md5")
    if said is not None:
        try:
            digest = base64.b64decode(said, validate=True)
        except ValueError:
            digest = b""
        if len(digest) != 16:
            raise S3Error("InvalidDigest", "The Content-MD5 you specified was invalid.")
        if digest != md5(request.body).digest():
            raise S3Error("BadDigest", "The Content-MD5 you specified did not match what we "
                                       "received.")
    given = {name.removeprefix("x-amz-checksum-"): value for name, value in request.headers.items()
             if name.startswith("x-amz-checksum-") and name not in ("x-amz-checksum-mode",
                                                                    "x-amz-checksum-algorithm")}
    for name, value in given.items():
        if base64.b64encode(checksum(name, request.body)).decode() != value:
            raise S3Error("BadDigest", f"The {name.upper()} you specified did not match the "
                                       "calculated checksum.")
    return said is not None or bool(given)


def headers_to_keep(request):
    kept = {name: value for name, value in request.headers.items()
            if name.startswith(("x-amz-meta-", "x-amz-server-side-encryption", "x-amz-checksum-"))
            or name in ("x-amz-storage-class", "content-type")}
    if kept.get("x-amz-storage-class", "STANDARD") not in STORAGE_CLASSES:
        raise S3Error("InvalidStorageClass", "The storage class you specified is not valid")
    if kept.get("x-amz-server-side-encryption", "AES256") not in ("AES256", "aws:kms"):
        raise S3Error("InvalidArgument", "The encryption method specified is not supported")
    return kept


class Bucket:
    """Thread safe. With `versioned`, nothing that was ever stored goes away unless its version is removed."""

    def __init__(self, clock, random, versioned=False):
        self.clock = clock
        self.random = random
        self.versioned = versioned
        self.mutex = threading.RLock()
        self.versions = {}  # key -> versions, the newest last
        self.keys = []  # that have an object now, in order
        self.uploads = {}
        self.stale_seconds = 0.0  # a listing may be so old
        self.changes = []  # (moment, key, object before or None), for listings that lag behind

    def identity(self):
        return f"{self.random.getrandbits(128):032x}"

    # -- one object -----------------------------------------------------------------------------

    def current(self, key):
        versions = self.versions.get(key)
        return None if not versions or versions[-1].deleted else versions[-1]

    def find(self, key, version=None):
        with self.mutex:
            if version is None:
                found = self.current(key)
                if found is None:
                    raise S3Error("NoSuchKey", "The specified key does not exist.", Key=key)
                return found
            for stored in self.versions.get(key, []):
                if stored.version == version and not stored.deleted:
                    return stored
            raise S3Error("NoSuchVersion", "The specified version does not exist.", Key=key)

    def check_condition(self, key, headers):
        if "if-none-match" in headers:
            if headers["if-none-match"] != "*":
                raise S3Error("NotImplemented", "A header you provided implies functionality that "
                                                "is not implemented", Header="If-None-Match")
            if self.current(key) is not None:
                raise S3Error("PreconditionFailed", "At least one of the pre-conditions you "
                              "specified did not hold", Condition="If-None-Match")
        if "if-match" in headers:
            found = self.find(key)
            if headers["if-match"].strip('"') not in ("*", found.etag):
                raise S3Error("PreconditionFailed", "At least one of the pre-conditions you "
                              "specified did not hold", Condition="If-Match")

    def put(self, key, content, etag, conditions, headers, lock=(None, None)):
        with self.mutex:
            self.check_condition(key, conditions)
            stored = Stored(content, etag, self.clock(), headers, self.identity(), *lock)
            self.append(key, stored)
            return stored

    def append(self, key, stored):
        before = self.current(key)
        versions = self.versions.setdefault(key, [])
        if not self.versioned:
            versions.clear()
        versions.append(stored)
        self.note(key, before)

    def note(self, key, before):
        """The object was `before`, and is now what current() says."""
        after = self.current(key)
        if before is None and after is not None:
            bisect.insort(self.keys, key)
        elif before is not None and after is None:
            del self.keys[bisect.bisect_left(self.keys, key)]
        if self.stale_seconds:
            oldest = self.clock() - datetime.timedelta(seconds=self.stale_seconds)
            self.changes = [change for change in self.changes if change[0] > oldest]
            self.changes.append((self.clock(), key, before))

    def remove(self, key, version=None, bypass=False):
        """The version of the delete marker, None where there are no versions."""
        with self.mutex:
            if version is not None:
                self.remove_version(key, version, bypass)
                return version
            if self.versioned:
                marker = Stored(b"", "", self.clock(), {}, self.identity(), deleted=True)
                self.append(key, marker)
                return marker.version
            before = self.current(key)
            self.versions.pop(key, None)
            self.note(key, before)
            return None

    def remove_version(self, key, version, bypass):
        versions = self.versions.get(key, [])
        for stored in versions:
            if stored.version != version:
                continue
            held = stored.retained_until is not None and self.clock() < stored.retained_until
            if held and not (bypass and stored.mode == "GOVERNANCE"):
                raise S3Error("AccessDenied", "Access Denied because object protected by object "
                                              "lock.")
            before = self.current(key)
            versions.remove(stored)
            self.note(key, before)
            return

    # -- all of them ----------------------------------------------------------------------------

    def listing(self, prefix, after, most):
        """At most so many (key, object) with that prefix behind `after`, in order; as of a while ago where
        listings may be stale."""
        with self.mutex:
            keys, objects = self.keys, None
            if self.stale_seconds:
                objects = self.objects_as_of(self.clock() - datetime.timedelta(
                    seconds=self.random.uniform(0, self.stale_seconds)))
                keys = sorted(objects)
            begin = max(bisect.bisect_left(keys, prefix), bisect.bisect_right(keys, after))
            return [(key, objects[key] if objects is not None else self.current(key))
                    for key in keys[begin:begin + most] if key.startswith(prefix)]

    def objects_as_of(self, moment):
        objects = {key: self.current(key) for key in self.keys}
        for changed, key, before in reversed(self.changes):
            if changed <= moment:
                break
            if before is None:
                objects.pop(key, None)
            else:
                objects[key] = before
        return objects

    # -- uploads in parts -----------------------------------------------------------------------

    def begin_upload(self, key, headers):
        with self.mutex:
            identity = self.identity()
            self.uploads[identity] = Upload(key, headers, self.clock())
            return identity

    def upload(self, key, identity):
        found = self.uploads.get(identity)
        if found is None or found.key != key:
            raise S3Error("NoSuchUpload", "The specified upload does not exist. The upload ID may be "
                          "invalid, or the upload may have been aborted or completed.",
                          UploadId=identity)
        return found

    def put_part(self, key, identity, number, content):
        etag = md5(content).hexdigest()
        with self.mutex:
            self.upload(key, identity).parts[number] = (etag, content)
        return etag

    def complete_upload(self, key, identity, wanted, conditions, lock):
        """`wanted`: pairs of a part's number and its ETag."""
        with self.mutex:
            upload = self.upload(key, identity)
            numbers = [number for number, _ in wanted]
            if not wanted:
                raise S3Error("MalformedXML", "The XML you provided was not well-formed or did not "
                                              "validate against our published schema")
            if numbers != sorted(set(numbers)):
                raise S3Error("InvalidPartOrder", "The list of parts was not in ascending order.")
            for number, etag in wanted:
                if upload.parts.get(number, ("", b""))[0] != etag.strip('"'):
                    raise S3Error("InvalidPart", "One or more of the specified parts could not be "
                                  "found.", PartNumber=number)
            for number in numbers[:-1]:
                size = len(upload.parts[number][1])
                if size < SMALLEST_PART:
                    raise S3Error("EntityTooSmall", "Your proposed upload is smaller than the "
                                  "minimum allowed size", ProposedSize=size,
                                  MinSizeAllowed=SMALLEST_PART, PartNumber=number)
            digests = b"".join(bytes.fromhex(upload.parts[number][0]) for number in numbers)
            content = b"".join(upload.parts[number][1] for number in numbers)
            etag = f"{md5(digests).hexdigest()}-{len(numbers)}"
            stored = self.put(key, content, etag, conditions, upload.headers, lock)
            del self.uploads[identity]
            return stored

    def abort_upload(self, key, identity):
        with self.mutex:
            self.upload(key, identity)
            del self.uploads[identity]
