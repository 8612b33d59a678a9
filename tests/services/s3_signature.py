"""AWS Signature Version 4, as S3 verifies it: in the Authorization header, or in the query of a presigned URL.

Written from "Authenticating Requests (AWS Signature Version 4)" of the Amazon S3 API Reference.
"""

import dataclasses
import datetime
import hashlib
import hmac
import re
import urllib.parse

from s3_errors import S3Error

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
LARGEST_SKEW = datetime.timedelta(minutes=15)
LONGEST_VALIDITY = 7 * 24 * 3600


@dataclasses.dataclass
class Credential:
    """Who may ask, and for what. `deny` is a list of statements, see s3_rights.py."""

    access_key: str
    secret: str
    token: str | None = None  # of a temporary credential
    expired: bool = False
    deny: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Claim:
    """What a request says about its signature."""

    access_key: str
    day: str
    region: str
    service: str
    signed_headers: list
    signature: str
    moment: str  # as in x-amz-date
    payload: str  # hash of the body, or UNSIGNED
    lifetime: int | None = None  # of a presigned URL, in seconds


def quoted(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~")


def canonical_query(pairs, without=()):
    encoded = sorted((quoted(name), quoted(value)) for name, value in pairs if name not in without)
    return "&".join(f"{name}={value}" for name, value in encoded)


def canonical_request(request, claim):
    presigned = claim.lifetime is not None
    headers = "".join(f"{name}:{re.sub(' +', ' ', request.headers.get(name, '').strip())}\n"
                      for name in sorted(claim.signed_headers))
    return "\n".join([
        request.method,
        quoted(urllib.parse.unquote(request.raw_path), safe="/"),
        canonical_query(request.query, ("X-Amz-Signature",) if presigned else ()),
        headers,
        ";".join(sorted(claim.signed_headers)),
        claim.payload,
    ])


def signature(secret, claim, canonical):
    scope = f"{claim.day}/{claim.region}/{claim.service}/aws4_request"
    text = "\n".join([ALGORITHM, claim.moment, scope,
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in (claim.day, claim.region, claim.service, "aws4_request", text):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def scope_of(credential, error):
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise S3Error(error, "the Credential is malformed; expecting "
                             "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".")
    return parts[:4]


def claim_of_header(request):
    text = request.headers["authorization"]
    if not text.startswith(ALGORITHM + " "):
        raise S3Error("InvalidRequest", "The authorization mechanism you have provided is not "
                                        f"supported. Please use {ALGORITHM}.")
    fields = dict(part.strip().partition("=")[::2] for part in text[len(ALGORITHM):].split(","))
    if {"Credential", "SignedHeaders", "Signature"} - fields.keys():
        raise S3Error("AuthorizationHeaderMalformed", "The authorization header is malformed.")
    scope = scope_of(fields["Credential"], "AuthorizationHeaderMalformed")
    payload = request.headers.get("x-amz-content-sha256")
    if payload is None:
        raise S3Error("InvalidRequest",
                      "Missing required header for this request: x-amz-content-sha256")
    moment = request.headers.get("x-amz-date") or moment_of_date(request.headers.get("date"))
    return Claim(*scope, fields["SignedHeaders"].split(";"), fields["Signature"], moment, payload)


def moment_of_date(text):
    try:
        date = datetime.datetime.strptime(text or "", "%a, %d %b %Y %H:%M:%S GMT")
    except ValueError:
        raise S3Error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date "
                                      "header") from None
    return date.strftime("%Y%m%dT%H%M%SZ")


def claim_of_query(request):
    query = dict(request.query)
    names = [f"X-Amz-{name}" for name in
             ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")]
    if any(name not in query for name in names) or not query["X-Amz-Expires"].isdigit():
        raise S3Error("AuthorizationQueryParametersError",
                      f"Query-string authentication requires {', '.join(names)}.")
    scope = scope_of(query["X-Amz-Credential"], "AuthorizationQueryParametersError")
    lifetime = int(query["X-Amz-Expires"])
    if lifetime > LONGEST_VALIDITY:
        raise S3Error("AuthorizationQueryParametersError",
                      "X-Amz-Expires must be less than a week (in seconds)")
    return Claim(*scope, query["X-Amz-SignedHeaders"].split(";"), query["X-Amz-Signature"],
                 query["X-Amz-Date"], UNSIGNED, lifetime)


def claim_of(request):
    if "authorization" in request.headers:
        return claim_of_header(request)
    if any(name == "X-Amz-Algorithm" for name, _ in request.query):
        return claim_of_query(request)
    raise S3Error("AccessDenied", "Access Denied")  # nobody is public here


def check_time(claim, now):
    try:
        moment = datetime.datetime.strptime(claim.moment, "%Y%m%dT%H%M%SZ")
    except ValueError:
        raise S3Error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date "
                                      "header") from None
    moment = moment.replace(tzinfo=datetime.timezone.utc)
    if claim.lifetime is not None:
        if now > moment + datetime.timedelta(seconds=claim.lifetime):
            raise S3Error("AccessDenied", "Request has expired")
    elif abs(now - moment) > LARGEST_SKEW:
        raise S3Error("RequestTimeTooSkewed", "The difference between the request time and the "
                      "current time is too large.", RequestTime=claim.moment,
                      ServerTime=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                      MaxAllowedSkewMilliseconds=900000)
    if claim.day != claim.moment[:8]:
        raise S3Error("AuthorizationHeaderMalformed", "The authorization header is malformed; "
                      f"Invalid credential date \"{claim.day}\". This date is not the same as "
                      f"X-Amz-Date: \"{claim.moment[:8]}\".")


def check_token(request, credential):
    token = request.headers.get("x-amz-security-token",
                                dict(request.query).get("X-Amz-Security-Token"))
    if credential.token is None:
        if token is not None:
            raise S3Error("InvalidToken", "The provided token is malformed or otherwise invalid.")
    elif token is None:
        # A temporary key without its token is nobody's.
        raise S3Error("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in "
                                            "our records.", AWSAccessKeyId=credential.access_key)
    elif token != credential.token:
        raise S3Error("InvalidToken", "The provided token is malformed or otherwise invalid.")
    if credential.expired:
        raise S3Error("ExpiredToken", "The provided token has expired.")


def check_headers(request, claim):
    unsigned = [name for name in request.headers
                if (name == "host" or name.startswith("x-amz-"))
                and name not in claim.signed_headers]
    if claim.lifetime is not None:
        unsigned = [name for name in unsigned if name != "x-amz-content-sha256"]
    if unsigned:
        raise S3Error("AccessDenied", "There were headers present in the request which were not "
                                      "signed", HeadersNotSigned=", ".join(unsigned))
    if not (claim.payload == UNSIGNED or re.fullmatch("[0-9a-f]{64}", claim.payload)):
        if claim.payload.startswith("STREAMING-"):
            raise S3Error("NotImplemented", "Bodies that are signed in chunks are not taken here.")
        raise S3Error("InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid "
                                         "sha256 value.")


def verify(request, credentials, region, now):
    """The credential that signed `request`, whose body is not looked at."""
    claim = claim_of(request)
    credential = credentials.get(claim.access_key)
    if credential is None:
        raise S3Error("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in "
                                            "our records.", AWSAccessKeyId=claim.access_key)
    if claim.region != region:
        raise S3Error("AuthorizationHeaderMalformed", "The authorization header is malformed; the "
                      f"region '{claim.region}' is wrong; expecting '{region}'",
                      Region=region).with_headers({"x-amz-bucket-region": region})
    if claim.service != "s3":
        raise S3Error("AuthorizationHeaderMalformed", "The authorization header is malformed; "
                      f"incorrect service \"{claim.service}\". This endpoint belongs to \"s3\".")
    check_time(claim, now)
    check_headers(request, claim)
    canonical = canonical_request(request, claim)
    if not hmac.compare_digest(signature(credential.secret, claim, canonical), claim.signature):
        raise S3Error("SignatureDoesNotMatch", "The request signature we calculated does not match "
                      "the signature you provided. Check your key and signing method.",
                      AWSAccessKeyId=claim.access_key, SignatureProvided=claim.signature,
                      CanonicalRequest=canonical)
    check_token(request, credential)
    return credential


def check_body(request):
    said = request.headers.get("x-amz-content-sha256", UNSIGNED)
    if said == UNSIGNED:
        return
    computed = hashlib.sha256(request.body).hexdigest()
    if said != computed:
        raise S3Error("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does "
                      "not match what was computed.", ClientComputedContentSHA256=said,
                      S3ComputedContentSHA256=computed)
