"""What S3 does with a request whose signature is right."""

import base64
import datetime
import email.utils
import re
import urllib.parse
import xml.etree.ElementTree
from xml.sax.saxutils import escape

import s3_bucket
import s3_rights
from http_messages import Response
from s3_errors import S3Error

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
LONGEST_KEY = 1024
MOST_KEYS = 1000
MOST_PARTS = 10_000
UNSUPPORTED = {"acl", "cors", "lifecycle", "policy", "tagging", "torrent", "versions", "website",
               "attributes", "select", "restore", "legal-hold", "retention", "delimiter"}


def xml_answer(root, inner, headers=None):
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">{inner}</{root}>'
    return Response(200, text.encode(), {"Content-Type": "application/xml", **(headers or {})})


def element(name, value):
    return f"<{name}>{escape(str(value))}</{name}>"


def parsed(body, root):
    """The children of the document, their names without the namespace."""
    try:
        document = xml.etree.ElementTree.fromstring(body)
    except xml.etree.ElementTree.ParseError:
        document = None
    if document is None or document.tag.rpartition("}")[2] != root:
        raise S3Error("MalformedXML", "The XML you provided was not well-formed or did not validate "
                                      "against our published schema")
    for child in document.iter():
        child.tag = child.tag.rpartition("}")[2]
    return document


def number(query, name, most, otherwise):
    text = query.get(name, str(otherwise))
    if not re.fullmatch("[0-9]{1,9}", text):
        raise S3Error("InvalidArgument", f"Provided {name} not an integer or within integer range",
                      ArgumentName=name, ArgumentValue=text)
    return min(int(text), most)


def timestamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def lock_of(request):
    mode = request.headers.get("x-amz-object-lock-mode")
    until = request.headers.get("x-amz-object-lock-retain-until-date")
    if (mode is None) != (until is None):
        raise S3Error("InvalidArgument", "x-amz-object-lock-retain-until-date and "
                      "x-amz-object-lock-mode must both be supplied")
    if mode is None:
        return None, None
    if mode not in ("GOVERNANCE", "COMPLIANCE"):
        raise S3Error("InvalidArgument", "Unknown wormMode directive.")
    try:
        moment = datetime.datetime.fromisoformat(until)
    except ValueError:
        raise S3Error("InvalidArgument", "The retain until date must be provided in ISO 8601 "
                                         "format") from None
    if moment.tzinfo is None:
        raise S3Error("InvalidArgument", "The retain until date must be provided in ISO 8601 format")
    return mode, moment


def range_of(text, size):
    """Where the range begins and ends, None where the whole object is meant."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", text or "")
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first:
        begin, end = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < int(first):
            return None
    else:
        begin, end = max(size - int(last), 0), size
    if begin >= size:
        raise S3Error("InvalidRange", "The requested range is not satisfiable",
                      RangeRequested=text, ActualObjectSize=size)
    return begin, end


class Service:
    """One region with its buckets. `conditional_writes`: honoured, ignored (as some servers do) or refused."""

    def __init__(self, buckets, region, clock):
        self.buckets = buckets
        self.region = region
        self.clock = clock
        self.conditional_writes = "honoured"

    def answer(self, request, credential, bucket_name, key):
        query = dict(request.query)
        if bucket_name not in self.buckets:
            raise S3Error("NoSuchBucket", "The specified bucket does not exist",
                          BucketName=bucket_name)
        for name in UNSUPPORTED & query.keys():
            raise S3Error("NotImplemented", f"?{name} is not implemented here.")
        if len(key.encode()) > LONGEST_KEY:
            raise S3Error("KeyTooLongError", "Your key is too long", MaxSizeAllowed=LONGEST_KEY)
        bucket = self.buckets[bucket_name]
        if key:
            return self.of_object(request, credential, bucket, bucket_name, key, query)
        return self.of_bucket(request, credential, bucket, bucket_name, query)

    def of_bucket(self, request, credential, bucket, name, query):
        if request.method == "HEAD":
            s3_rights.require(credential, "s3:ListBucket")
            return Response(200, headers={"x-amz-bucket-region": self.region})
        if request.method == "POST" and "delete" in query:
            return self.delete_objects(request, credential, bucket)
        if request.method != "GET":
            raise S3Error("MethodNotAllowed", "The specified method is not allowed against this "
                                              "resource.", Method=request.method)
        if "location" in query:
            s3_rights.require(credential, "s3:GetBucketLocation")
            return xml_answer("LocationConstraint",
                              "" if self.region == "us-east-1" else self.region)
        if "versioning" in query:
            return xml_answer("VersioningConfiguration",
                              element("Status", "Enabled") if bucket.versioned else "")
        if "uploads" in query:
            return self.list_uploads(credential, bucket, name, query)
        if query.get("list-type") != "2":
            raise S3Error("NotImplemented", "Only version 2 of listing is implemented here.")
        return self.list_objects(credential, bucket, name, query)

    def of_object(self, request, credential, bucket, bucket_name, key, query):
        method = request.method
        if method in ("GET", "HEAD") and "uploadId" not in query:
            return self.get(request, credential, bucket, key, query)
        if method == "PUT" and "partNumber" in query:
            return self.put_part(request, credential, bucket, key, query)
        if method == "PUT":
            return self.put(request, credential, bucket, key)
        if method == "DELETE" and "uploadId" in query:
            s3_rights.require(credential, "s3:AbortMultipartUpload", key)
            bucket.abort_upload(key, query["uploadId"])
            return Response(204)
        if method == "DELETE":
            return self.delete(request, credential, bucket, key, query)
        if method == "POST" and "uploads" in query:
            s3_rights.require(credential, "s3:PutObject", key, conditional=True)
            identity = bucket.begin_upload(key, s3_bucket.headers_to_keep(request))
            return xml_answer("InitiateMultipartUploadResult", element("Bucket", bucket_name)
                              + element("Key", key) + element("UploadId", identity))
        if method == "POST" and "uploadId" in query:
            return self.complete(request, credential, bucket, bucket_name, key, query)
        raise S3Error("MethodNotAllowed", "The specified method is not allowed against this "
                                          "resource.", Method=method)

    # -- objects --------------------------------------------------------------------------------

    def get(self, request, credential, bucket, key, query):
        version = query.get("versionId")
        s3_rights.require(credential, "s3:GetObjectVersion" if version else "s3:GetObject", key)
        try:
            stored = bucket.find(key, version)
        except S3Error as error:
            # Who may not list may not learn what is missing either.
            if error.code == "NoSuchKey" and not s3_rights.allowed(credential, "s3:ListBucket"):
                raise S3Error("AccessDenied", "Access Denied") from None
            raise
        if request.headers.get("if-match", stored.etag).strip('"') != stored.etag:
            raise S3Error("PreconditionFailed", "At least one of the pre-conditions you specified "
                          "did not hold", Condition="If-Match")
        headers = {"ETag": f'"{stored.etag}"', "Accept-Ranges": "bytes",
                   "Content-Type": "binary/octet-stream",
                   "Last-Modified": email.utils.format_datetime(stored.modified, usegmt=True),
                   **stored.headers}
        if bucket.versioned:
            headers["x-amz-version-id"] = stored.version
        if stored.mode:
            headers["x-amz-object-lock-mode"] = stored.mode
            headers["x-amz-object-lock-retain-until-date"] = timestamp(stored.retained_until)
        if request.headers.get("if-none-match", "").strip('"') == stored.etag:
            return Response(304, headers=headers)
        wanted = range_of(request.headers.get("range"), len(stored.content))
        if wanted is None:
            status, content = 200, stored.content
        else:
            status, content = 206, stored.content[slice(*wanted)]
            headers["Content-Range"] = f"bytes {wanted[0]}-{wanted[1] - 1}/{len(stored.content)}"
        if request.method == "HEAD":
            return Response(status, headers=headers, length=len(content))
        return Response(status, content, headers)

    def conditions(self, request):
        """The headers that bind a write, as this service understands them."""
        conditions = {name: request.headers[name] for name in ("if-none-match", "if-match")
                      if name in request.headers}
        if conditions and self.conditional_writes == "refused":
            raise S3Error("NotImplemented", "A header you provided implies functionality that is not "
                                            "implemented", Header=", ".join(conditions))
        return conditions if self.conditional_writes == "honoured" else {}

    def checked_write(self, request, credential, bucket, key):
        """(conditions, lock) of a request that makes an object of this key."""
        conditions = self.conditions(request)
        s3_rights.require(credential, "s3:PutObject", key, "if-none-match" in conditions)
        lock = lock_of(request)
        if lock[0] is not None:
            s3_rights.require(credential, "s3:PutObjectRetention", key)
            if not bucket.versioned:
                raise S3Error("InvalidRequest", "Bucket is missing Object Lock Configuration")
            if lock[1] <= self.clock():
                raise S3Error("InvalidArgument", "The retain until date must be in the future!")
        return conditions, lock

    def put(self, request, credential, bucket, key):
        if "x-amz-copy-source" in request.headers:
            raise S3Error("NotImplemented", "Copying is not implemented here.")
        conditions, lock = self.checked_write(request, credential, bucket, key)
        digest = s3_bucket.check_digests(request)
        if lock[0] is not None and not digest:
            raise S3Error("InvalidRequest", "Content-MD5 OR x-amz-checksum- HTTP header is required "
                                            "for Put Object requests with Object Lock parameters")
        stored = bucket.put(key, request.body, s3_bucket.md5(request.body).hexdigest(), conditions,
                            s3_bucket.headers_to_keep(request), lock)
        return Response(200, headers=self.of_written(bucket, stored))

    def of_written(self, bucket, stored):
        headers = {"ETag": f'"{stored.etag}"'}
        headers |= {name: value for name, value in stored.headers.items()
                    if name.startswith(("x-amz-server-side-encryption", "x-amz-checksum-"))}
        if bucket.versioned:
            headers["x-amz-version-id"] = stored.version
        return headers

    def delete(self, request, credential, bucket, key, query):
        version = query.get("versionId")
        s3_rights.require(credential, "s3:DeleteObjectVersion" if version else "s3:DeleteObject", key)
        marker = bucket.remove(key, version, self.bypass(request, credential))
        return Response(204, headers={"x-amz-version-id": marker} if marker else {})

    def bypass(self, request, credential):
        if request.headers.get("x-amz-bypass-governance-retention", "").lower() != "true":
            return False
        s3_rights.require(credential, "s3:BypassGovernanceRetention")
        return True

    def delete_objects(self, request, credential, bucket):
        if not s3_bucket.check_digests(request):
            raise S3Error("InvalidRequest", "Missing required header for this request: Content-MD5 "
                                            "OR x-amz-checksum-*")
        document = parsed(request.body, "Delete")
        wanted = [(entry.findtext("Key"), entry.findtext("VersionId"))
                  for entry in document.findall("Object")]
        if not 1 <= len(wanted) <= MOST_KEYS or any(not key for key, _ in wanted):
            raise S3Error("MalformedXML", "The XML you provided was not well-formed or did not "
                                          "validate against our published schema")
        bypass = self.bypass(request, credential)
        answers = []
        for key, version in wanted:
            try:
                s3_rights.require(
                    credential, "s3:DeleteObjectVersion" if version else "s3:DeleteObject", key)
                bucket.remove(key, version, bypass)
                answers.append(("Deleted", element("Key", key)))
            except S3Error as error:
                answers.append(("Error", element("Key", key) + element("Code", error.code)
                                + element("Message", error.message)))
        quiet = document.findtext("Quiet") == "true"
        return xml_answer("DeleteResult", "".join(
            f"<{kind}>{inner}</{kind}>" for kind, inner in answers
            if kind == "Error" or not quiet))

    # -- uploads in parts -----------------------------------------------------------------------

    def put_part(self, request, credential, bucket, key, query):
        part = number(query, "partNumber", MOST_PARTS + 1, 0)
        if not 1 <= part <= MOST_PARTS:
            raise S3Error("InvalidArgument", "Part number must be an integer between 1 and 10000, "
                                             "inclusive")
        s3_rights.require(credential, "s3:PutObject", key, conditional=True)
        s3_bucket.check_digests(request)
        etag = bucket.put_part(key, query.get("uploadId", ""), part, request.body)
        return Response(200, headers={"ETag": f'"{etag}"'})

    def complete(self, request, credential, bucket, bucket_name, key, query):
        conditions, lock = self.checked_write(request, credential, bucket, key)
        document = parsed(request.body, "CompleteMultipartUpload")
        try:
            wanted = [(int(part.findtext("PartNumber")), part.findtext("ETag") or "")
                      for part in document.findall("Part")]
        except (TypeError, ValueError):
            raise S3Error("MalformedXML", "The XML you provided was not well-formed or did not "
                                          "validate against our published schema") from None
        stored = bucket.complete_upload(key, query["uploadId"], wanted, conditions, lock)
        headers = self.of_written(bucket, stored)
        return xml_answer("CompleteMultipartUploadResult", element("Bucket", bucket_name)
                          + element("Key", key) + element("ETag", headers.pop("ETag")), headers)

    def list_uploads(self, credential, bucket, name, query):
        s3_rights.require(credential, "s3:ListBucketMultipartUploads")
        most = number(query, "max-uploads", MOST_KEYS, MOST_KEYS)
        prefix, shown = query.get("prefix", ""), self.shown(query)
        after = (query.get("key-marker", ""), query.get("upload-id-marker", "\U0010ffff"))
        with bucket.mutex:
            found = sorted((upload.key, identity, upload.begun)
                           for identity, upload in bucket.uploads.items()
                           if upload.key.startswith(prefix) and (upload.key, identity) > after)
        inner = element("Bucket", name) + element("IsTruncated", str(len(found) > most).lower())
        inner += self.encoding(query)
        if found[most:]:
            inner += element("NextKeyMarker", shown(found[most - 1][0]))
            inner += element("NextUploadIdMarker", found[most - 1][1])
        for key, identity, begun in found[:most]:
            inner += "<Upload>" + element("Key", shown(key)) + element("UploadId", identity)
            inner += element("Initiated", timestamp(begun)) + "</Upload>"
        return xml_answer("ListMultipartUploadsResult", inner)

    # -- listing --------------------------------------------------------------------------------

    def shown(self, query):
        encoding = query.get("encoding-type")
        if encoding not in (None, "url"):
            raise S3Error("InvalidArgument", "Invalid Encoding Method specified in Request")
        return (lambda key: urllib.parse.quote(key, safe="/")) if encoding else str

    def encoding(self, query):
        return element("EncodingType", "url") if "encoding-type" in query else ""

    def list_objects(self, credential, bucket, name, query):
        s3_rights.require(credential, "s3:ListBucket")
        most = number(query, "max-keys", MOST_KEYS, MOST_KEYS)
        prefix, shown = query.get("prefix", ""), self.shown(query)
        after = query.get("start-after", "")
        if "continuation-token" in query:
            try:
                after = base64.b64decode(query["continuation-token"], b"-_", True).decode()
            except ValueError:
                raise S3Error("InvalidArgument", "The continuation token provided is "
                                                 "incorrect") from None
        found = bucket.listing(prefix, after, most + 1)
        truncated = len(found) > most > 0
        found = found[:most]
        inner = element("Name", name) + element("Prefix", shown(prefix))
        inner += element("KeyCount", len(found)) + element("MaxKeys", most)
        inner += element("IsTruncated", str(truncated).lower()) + self.encoding(query)
        if truncated:
            token = base64.urlsafe_b64encode(found[-1][0].encode()).decode()
            inner += element("NextContinuationToken", token)
        for key, stored in found:
            inner += "<Contents>" + element("Key", shown(key))
            inner += element("LastModified", timestamp(stored.modified))
            inner += element("ETag", f'"{stored.etag}"') + element("Size", len(stored.content))
            inner += element("StorageClass", stored.headers.get("x-amz-storage-class", "STANDARD"))
            inner += "</Contents>"
        return xml_answer("ListBucketResult", inner)
