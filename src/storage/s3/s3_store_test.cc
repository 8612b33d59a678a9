#include "storage/s3/s3_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_errors.h"
#include "storage/s3/payload_digest.h"
#include "storage/s3/test_http.h"

namespace holdfast::storage {
namespace {

using env::HttpFailure;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kDate = "Sun, 22 Nov 2026 12:00:00 GMT";

env::HttpAnswer stored(std::string_view content) {
  return answer_of(200, {}, {{"etag", "\"" + to_hex(md5(as_bytes(content))) + "\""}});
}
env::HttpAnswer object_head(std::size_t size, const std::string& put_id = {}) {
  return answer_of(200, {},
                   {{"etag", "\"tag\""},
                    {"content-length", std::to_string(size)},
                    {"last-modified", std::string(kDate)},
                    {"x-amz-meta-holdfast-put", put_id}});
}

class S3StoreTest : public testing::Test, protected FakeSite {
 protected:
  Duration waited() { return clock.elapsed() - began_; }

 private:
  const Duration began_ = clock.elapsed();
};

TEST_F(S3StoreTest, CreatesOnlyWhereThereIsNothing) {
  http.answers = {stored("text")};
  store()->put("packs/a", as_bytes("text"));
  ASSERT_EQ(http.sent.size(), 1u);
  EXPECT_EQ(http.sent[0].method, "PUT");
  EXPECT_EQ(http.sent[0].url, "http://s3.test/bucket/app/packs/a");
  EXPECT_EQ(http.sent[0].header("If-None-Match"), "*");
  EXPECT_EQ(http.sent[0].header("x-amz-content-sha256"), to_hex(sha256(as_bytes("text"))));
  EXPECT_EQ(http.sent[0].header("Content-MD5"), to_base64(md5(as_bytes("text"))));
}

TEST_F(S3StoreTest, ReplacesWithoutACondition) {
  http.answers = {stored("text")};
  store()->put("intents/a", as_bytes("text"), {.mode = PutMode::kReplace});
  EXPECT_EQ(http.sent[0].header("If-None-Match"), "");
}

TEST_F(S3StoreTest, TakesItsOwnObjectForItsOwnWhenTheAnswerWasLost) {
  int puts = 0;
  http.otherwise = [&](const SentRequest& request) {
    if (request.method == "PUT") {
      return puts++ == 0 ? failure_of(HttpFailure::kBroken) : refusal_of(412, "PreconditionFailed");
    }
    return object_head(4, http.sent[0].header("x-amz-meta-holdfast-put"));
  };
  store()->put("leases/a", as_bytes("text"));
  EXPECT_EQ(puts, 2);
}

TEST_F(S3StoreTest, NeverTakesTheObjectOfAnotherForItsOwn) {
  http.otherwise = [&](const SentRequest& request) {
    return request.method == "PUT" ? refusal_of(412, "PreconditionFailed")
                                   : object_head(4, "another");
  };
  EXPECT_EQ(code_of([&] { store()->put("leases/a", as_bytes("text")); }),
            ErrorCode::kAlreadyExists);
}

TEST_F(S3StoreTest, LooksAfterAPutWhoseAnswerProvesNothing) {
  http.answers = {answer_of(200, {}, {{"etag", "\"opaque\""}}), object_head(4)};
  store()->put("packs/a", as_bytes("text"));
  http.answers = {answer_of(200, {}, {{"etag", "\"opaque\""}}), object_head(3)};
  EXPECT_EQ(code_of([&] { store()->put("packs/b", as_bytes("text")); }),
            ErrorCode::kStoreSuspicious);
  http.answers = {answer_of(200, "<html>"), stored("text")};
  store()->put("packs/c", as_bytes("text"));
  EXPECT_TRUE(http.answers.empty());
}

TEST_F(S3StoreTest, TriesAgainWhatMaySucceedInAMoment) {
  http.answers = {refusal_of(503, "SlowDown"), failure_of(HttpFailure::kTimeout),
                  refusal_of(409, "ConditionalRequestConflict"), answer_of(502, "<html>"),
                  stored("text")};
  store()->put("packs/a", as_bytes("text"));
  EXPECT_EQ(http.sent.size(), 5u);
  EXPECT_GT(waited(), std::chrono::milliseconds(100));
}

TEST_F(S3StoreTest, WaitsAsLongAsTheStoreAsks) {
  http.answers = {refusal_of(503, "SlowDown", {{"retry-after", "7"}}), stored("text")};
  store()->put("packs/a", as_bytes("text"));
  EXPECT_GE(waited(), std::chrono::seconds(7));
}

TEST_F(S3StoreTest, GivesUpInTheEndAndSaysHowOftenItTried) {
  http.otherwise = [](const SentRequest&) { return refusal_of(500, "InternalError"); };
  const std::string text =
      message_of(ErrorCode::kUnavailable, [&] { store()->put("packs/a", as_bytes("text")); });
  EXPECT_THAT(text, HasSubstr("transient, tried"));
  EXPECT_LE(waited(), std::chrono::seconds(61));
  EXPECT_GE(waited(), std::chrono::seconds(40));
}

TEST_F(S3StoreTest, IsNotAskedAgainByWhoHasToEnd) {
  const auto at = store();
  http.otherwise = [&](const SentRequest&) {
    if (http.sent.size() == 3) at->give_up();
    return refusal_of(500, "InternalError");
  };
  const auto put = [&] { at->put("packs/a", as_bytes("text")); };
  EXPECT_THAT(message_of(ErrorCode::kUnavailable, put), HasSubstr("transient, tried 3 times"));
  EXPECT_THAT(message_of(ErrorCode::kUnavailable, put), HasSubstr("the program ends"));
  EXPECT_EQ(http.sent.size(), 3u);
  EXPECT_LE(waited(), std::chrono::seconds(1));
}

TEST_F(S3StoreTest, SaysWhyARequestUnderWayWasEnded) {
  const auto at = store();
  http.otherwise = [&](const SentRequest&) {
    at->give_up();
    return failure_of(HttpFailure::kStopped);
  };
  EXPECT_THAT(message_of(ErrorCode::kUnavailable, [&] { at->get("packs/a"); }),
              HasSubstr("the program ends"));
}

TEST_F(S3StoreTest, SaysWithinFiveSecondsThatNothingAnswersThere) {
  for (const HttpFailure failure : {HttpFailure::kHostUnknown, HttpFailure::kRefused}) {
    const Duration before = clock.elapsed();
    http.otherwise = [&](const SentRequest&) { return failure_of(failure); };
    const std::string text = message_of(ErrorCode::kUnavailable, [&] { store()->stat("config"); });
    EXPECT_THAT(text, HasSubstr(failure == HttpFailure::kRefused ? "no connection" : "not known"));
    EXPECT_LE(clock.elapsed() - before, std::chrono::seconds(5));
  }
}

TEST_F(S3StoreTest, BelievesNoWebPage) {
  http.otherwise = [](const SentRequest&) {
    return answer_of(200, "<!DOCTYPE html><html>", {{"content-type", "text/html; charset=x"}});
  };
  const std::string text =
      message_of(ErrorCode::kStoreSuspicious, [&] { store()->list("packs/", {}); });
  EXPECT_THAT(text,
              HasSubstr("no S3 store: status 200, with text/html [suspicious, tried 3 times]"));
  for (const std::function<void()>& ask : std::initializer_list<std::function<void()>>{
           [&] { store()->get("config"); }, [&] { store()->stat("config"); }}) {
    EXPECT_THAT(message_of(ErrorCode::kStoreSuspicious, ask),
                HasSubstr("no S3 store: status 200, with text/html"));
  }
  EXPECT_EQ(code_of([&] { store()->put("packs/a", as_bytes("text")); }),
            ErrorCode::kStoreSuspicious);
  http.otherwise = [](const SentRequest&) {
    return answer_of(502, "<html>", {{"content-type", "text/html"}});
  };
  EXPECT_THAT(message_of(ErrorCode::kUnavailable, [&] { store()->list("packs/", {}); }),
              HasSubstr("status 502, with text/html [transient"));
  http.otherwise = [](const SentRequest&) {
    return answer_of(403, "<html>", {{"content-type", "text/html"}});
  };
  EXPECT_THAT(message_of(ErrorCode::kStoreSuspicious, [&] { store()->stat("config"); }),
              HasSubstr("text/html"));
  EXPECT_LE(waited(), std::chrono::seconds(5));
}

// What is wrong with a HEAD is asked for by its first byte, and an empty object has none.
TEST_F(S3StoreTest, FindsAnEmptyObjectWhereTheFirstRequestFailed) {
  http.answers = {answer_of(503), refusal_of(416, "InvalidRange"), object_head(0)};
  const auto found = store()->stat("leases/a/00000001-released");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size, 0u);
}

struct Refusal {
  int status;
  std::string_view s3_code;
  ErrorCode code;
  std::string_view says;
  std::vector<env::HttpHeader> headers = {};
};

TEST_F(S3StoreTest, SaysOfEachRefusalWhatItMeans) {
  const Refusal refusals[] = {
      {403, "InvalidAccessKeyId", ErrorCode::kPermissionDenied, "does not know this access key"},
      {403, "SignatureDoesNotMatch", ErrorCode::kPermissionDenied, "secret key is not that"},
      {400, "ExpiredToken", ErrorCode::kPermissionDenied, "session token has expired"},
      {403, "AccessDenied", ErrorCode::kPermissionDenied, "no right to do that"},
      {404, "NoSuchBucket", ErrorCode::kRepositoryMissing, "there is no bucket bucket"},
      {400,
       "AuthorizationHeaderMalformed",
       ErrorCode::kConfiguration,
       "region eu-west-1",
       {{"x-amz-bucket-region", "eu-west-1"}}},
      {301,
       "PermanentRedirect",
       ErrorCode::kConfiguration,
       "region eu-west-1",
       {{"x-amz-bucket-region", "eu-west-1"}}},
      {403,
       "RequestTimeTooSkewed",
       ErrorCode::kClockWrong,
       "20 min 0 s behind",
       {{"date", "Sun, 22 Nov 2026 12:20:00 GMT"}}}};
  for (const Refusal& refusal : refusals) {
    http.otherwise = [&](const SentRequest& request) {
      return request.method == "HEAD"
                 ? answer_of(refusal.status, {}, refusal.headers)
                 : refusal_of(refusal.status, refusal.s3_code, refusal.headers);
    };
    const auto at = store();
    for (const std::string& text :
         {message_of(refusal.code, [&] { at->stat("config"); }),
          message_of(refusal.code, [&] { at->get("config"); }),
          message_of(refusal.code, [&] { at->list("packs/", {}); }),
          message_of(refusal.code, [&] { at->put("packs/a", as_bytes("x")); })}) {
      EXPECT_THAT(text, HasSubstr(refusal.says));
      EXPECT_THAT(text, HasSubstr("permanent"));
      EXPECT_THAT(text, Not(HasSubstr("hush")));
    }
  }
  EXPECT_LE(waited(), std::chrono::seconds(5));
}

TEST_F(S3StoreTest, WaitsBeforeEachListingThatMayBeBehind) {
  http.otherwise = [](const SentRequest&) {
    return answer_of(200, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
  };
  store()->list("packs/", {});
  EXPECT_EQ(waited(), Duration(0));
  store("s3://bucket?endpoint=http://s3.test&listing-lag=5")->list("packs/", {});
  EXPECT_EQ(waited(), std::chrono::seconds(5));
}

TEST_F(S3StoreTest, TellsWhatItWasAboutToDo) {
  http.otherwise = [](const SentRequest&) { return refusal_of(403, "AccessDenied"); };
  EXPECT_THAT(message_of(ErrorCode::kPermissionDenied, [&] { store()->list("packs/", {}); }),
              HasSubstr("cannot list packs/ in the S3 bucket bucket/app at http://s3.test"));
  const std::vector<std::string> names = {"packs/a"};
  EXPECT_THAT(message_of(ErrorCode::kPermissionDenied, [&] { store()->remove_many(names); }),
              HasSubstr("cannot remove 1 objects"));
}

TEST_F(S3StoreTest, DoesNotTrustAnUnknownAuthority) {
  http.otherwise = [](const SentRequest&) { return failure_of(HttpFailure::kUntrusted); };
  EXPECT_EQ(code_of([&] { store()->stat("config"); }), ErrorCode::kStoreUntrusted);
  EXPECT_EQ(http.sent.size(), 1u);
}

TEST_F(S3StoreTest, TellsAMissingObjectFromAMissingBucket) {
  http.answers = {answer_of(404), refusal_of(404, "NoSuchKey")};
  const auto at = store();
  EXPECT_FALSE(at->stat("config").has_value());
  // The bucket has been seen, so the next one costs one request.
  http.answers = {answer_of(404, {}, {{"x-amz-request-id", "1"}})};
  EXPECT_FALSE(at->stat("config").has_value());
  // A proxy says nothing about objects.
  http.otherwise = [](const SentRequest&) { return answer_of(404, "<html>"); };
  EXPECT_EQ(code_of([&] { at->stat("config"); }), ErrorCode::kStoreSuspicious);
}

TEST_F(S3StoreTest, FetchesOtherKeysWhenTheseAreRefused) {
  const auto at = store();
  http.answers = {object_head(1)};
  at->stat("a");
  variables["AWS_ACCESS_KEY_ID"] = "NEXT";
  http.answers = {refusal_of(400, "ExpiredToken"), refusal_of(400, "ExpiredToken"), object_head(1)};
  at->stat("a");
  EXPECT_EQ(http.sent.back().access_key, "NEXT");
}

TEST_F(S3StoreTest, SendsTheTokenOfASession) {
  variables["AWS_SESSION_TOKEN"] = "token";
  http.answers = {object_head(1)};
  store()->stat("a");
  EXPECT_EQ(http.sent[0].header("x-amz-security-token"), "token");
}

TEST_F(S3StoreTest, ReadsAgainWhatCameOtherThanItWasStored) {
  const std::string hash = to_hex(sha256(as_bytes("text")));
  const auto object = [&](std::string_view content) {
    return answer_of(200, content, {{"etag", "\"t\""}, {"x-amz-meta-holdfast-sha256", hash}});
  };
  http.answers = {object("tezt"), object("text")};
  EXPECT_EQ(as_text(store()->get("index/a")), "text");
  http.answers = {object("tezt"), object("tezt"), object("tezt")};
  EXPECT_EQ(code_of([&] { store()->get("index/a"); }), ErrorCode::kDamagedObject);
}

TEST_F(S3StoreTest, TakesOnlyTheRangeThatItAskedFor) {
  const auto part = [](int status, std::string_view body, std::string range) {
    return answer_of(status, body, {{"content-range", std::move(range)}});
  };
  const auto read = [&] {
    Bytes out(3);
    store()->get_range("packs/a", 2, out);
    return std::string(as_text(out));
  };
  http.answers = {part(206, "cde", "bytes 2-4/10")};
  EXPECT_EQ(read(), "cde");
  EXPECT_EQ(http.sent[0].header("Range"), "bytes=2-4");
  for (const auto& wrong :
       {part(206, "abc", "bytes 0-2/10"), part(206, "cd", "bytes 2-4/10"), part(206, "cde", ""),
        part(200, "abc", ""), part(206, "cd", "bytes 2-3/10")}) {
    http.answers = {wrong, wrong, wrong};
    EXPECT_EQ(code_of([&] { read(); }), ErrorCode::kStoreSuspicious);
  }
  http.answers = {part(206, "cd", "bytes 2-3/4")};
  EXPECT_EQ(code_of([&] { read(); }), ErrorCode::kDamagedObject);
}

TEST_F(S3StoreTest, ListsAllPages) {
  const auto page = [](std::string_view key, std::string_view token) {
    return answer_of(
        200, fmt::format("<ListBucketResult><IsTruncated>{}</IsTruncated><Contents><Key>{}</Key>"
                         "<LastModified>2026-11-22T12:00:00.5Z</LastModified><Size>3</Size>"
                         "</Contents><NextContinuationToken>{}</NextContinuationToken>"
                         "</ListBucketResult>",
                         !token.empty(), key, token));
  };
  const auto names = [&] {
    std::vector<std::string> found;
    store()->list("packs/",
                  [&](std::string_view name, const ObjectStatus&) { found.emplace_back(name); });
    return found;
  };
  http.answers = {page("app%2Fpacks%2Fa", "next/1"), page("app/packs/aFOREIGN", "next/2"),
                  page("app/packs/b", "")};
  EXPECT_THAT(names(), testing::ElementsAre("packs/a", "packs/b"));
  EXPECT_THAT(http.sent[1].url, HasSubstr("?continuation-token=next%2F1&encoding-type=url&"
                                          "list-type=2&prefix=app%2Fpacks%2F"));
  http.otherwise = [&](const SentRequest&) { return page("app/packs/a", "next/1"); };
  EXPECT_EQ(code_of([&] { names(); }), ErrorCode::kStoreSuspicious);
  http.otherwise = [&](const SentRequest&) { return page("other/packs/a", ""); };
  EXPECT_EQ(code_of([&] { names(); }), ErrorCode::kStoreSuspicious);
}

TEST_F(S3StoreTest, LocksWhatLastsAndNothingElse) {
  const auto at = store(
      "s3://bucket?endpoint=http://s3.test&lock-days=30&lock-mode=compliance"
      "&storage-class=GLACIER_IR&sse=AES256");
  http.answers = {stored("x"), stored("x"), stored("x"), stored("x")};
  at->put("packs/a", as_bytes("x"));
  at->put("intents/a", as_bytes("x"), {.ephemeral = true});
  at->put("leases/a", as_bytes("x"), {.transient = true});
  at->put("config", as_bytes("x"), {.mode = PutMode::kReplace});
  EXPECT_EQ(http.sent[0].header("x-amz-object-lock-mode"), "COMPLIANCE");
  EXPECT_EQ(http.sent[0].header("x-amz-object-lock-retain-until-date"), "2026-12-22T12:00:00Z");
  EXPECT_EQ(http.sent[0].header("x-amz-storage-class"), "GLACIER_IR");
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(http.sent[i].header("x-amz-object-lock-mode"), "") << i;
    EXPECT_EQ(http.sent[i].header("x-amz-storage-class"), "") << i;
    EXPECT_EQ(http.sent[i].header("x-amz-server-side-encryption"), "AES256") << i;
  }
}

// Uploads in parts

class FakeUploads {
 public:
  explicit FakeUploads(FakeHttp& http) {
    http.otherwise = [this](const SentRequest& request) { return answer(request); };
  }
  env::HttpAnswer answer(const SentRequest& request) {
    if (request.url.ends_with("?uploads=")) {
      put_id = request.header("x-amz-meta-holdfast-put");
      return answer_of(200,
                       "<InitiateMultipartUploadResult><UploadId>u</UploadId>"
                       "</InitiateMultipartUploadResult>");
    }
    if (request.method == "PUT") {
      const std::size_t at = request.url.find("partNumber=") + 11;
      const int number = std::stoi(request.url.substr(at));
      if (number == broken_part) return refusal_of(403, "AccessDenied");
      parts[number] = request.body;
      return answer_of(200, {}, {{"etag", fmt::format("\"{}\"", number)}});
    }
    if (request.method == "DELETE") {
      ++aborted;
      return answer_of(204);
    }
    if (request.method == "POST") {
      if (late_errors > 0) {
        --late_errors;
        return refusal_of(200, "InternalError");
      }
      completion = request.body;
      if (exists) return refusal_of(412, "PreconditionFailed");
      return answer_of(200, "<CompleteMultipartUploadResult/>");
    }
    if (completion.empty()) {
      return request.method == "HEAD" ? answer_of(404) : refusal_of(404, "NoSuchKey");
    }
    std::size_t size = 0;
    for (const auto& [number, body] : parts) size += body.size();
    return object_head(size, exists ? "another" : put_id);
  }

  std::map<int, std::string> parts;
  std::string completion, put_id;
  int broken_part = 0, aborted = 0, late_errors = 0;
  bool exists = false;
};

TEST_F(S3StoreTest, SendsLargeObjectsInParts) {
  FakeUploads uploads(http);
  Bytes content(20'000'003);
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::byte>(i * i >> 7);
  store()->put("packs/a", content);
  std::string joined;
  for (const auto& [number, body] : uploads.parts) joined += body;
  EXPECT_TRUE(joined == as_text(content));
  EXPECT_EQ(uploads.parts.size(), 3u);
  EXPECT_THAT(uploads.completion, HasSubstr("<Part><PartNumber>3</PartNumber><ETag>&quot;3&quot;"));
  EXPECT_EQ(uploads.aborted, 0);
}

TEST_F(S3StoreTest, TriesAgainWhenTheErrorComesAfterTheStatusOfSuccess) {
  FakeUploads uploads(http);
  uploads.late_errors = 4;
  store()->put("packs/a", Bytes(20'000'003));
  EXPECT_EQ(uploads.late_errors, 0);
}

TEST_F(S3StoreTest, AbortsAnUploadThatFails) {
  FakeUploads uploads(http);
  uploads.broken_part = 2;
  EXPECT_EQ(code_of([&] { store()->put("packs/a", Bytes(20'000'003)); }),
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(uploads.aborted, 1);
}

TEST_F(S3StoreTest, AbortsAnUploadThatAnotherHasBeaten) {
  FakeUploads uploads(http);
  uploads.exists = true;
  EXPECT_EQ(code_of([&] { store()->put("packs/a", Bytes(20'000'003)); }),
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(uploads.aborted, 1);
}

TEST_F(S3StoreTest, AbortsLeftoversOlderThanADayByTheClockOfTheStore) {
  clock.set(Time{});  // ours does not matter
  http.answers = {answer_of(200,
                            "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>"
                            "<Upload><Key>app/packs/old</Key><UploadId>1</UploadId>"
                            "<Initiated>2026-11-21T11:59:00.000Z</Initiated></Upload>"
                            "<Upload><Key>app/packs/young</Key><UploadId>2</UploadId>"
                            "<Initiated>2026-11-21T12:01:00.000Z</Initiated></Upload>"
                            "<Upload><Key>foreign</Key><UploadId>3</UploadId>"
                            "<Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload>"
                            "</ListMultipartUploadsResult>",
                            {{"date", std::string(kDate)}}),
                  answer_of(204)};
  store()->remove_old_leftovers();
  ASSERT_EQ(http.sent.size(), 2u);
  EXPECT_EQ(http.sent[1].method + " " + http.sent[1].url,
            "DELETE http://s3.test/bucket/app/packs/old?uploadId=1");
}

TEST_F(S3StoreTest, LooksBeforeItCreatesWhereTheStoreKnowsNoCondition) {
  const auto at = store();
  at->set_exclusive_create(false);
  EXPECT_FALSE(at->capabilities().exclusive_create);
  http.answers = {object_head(1)};
  EXPECT_EQ(code_of([&] { at->put("config", as_bytes("x")); }), ErrorCode::kAlreadyExists);
  http.answers = {answer_of(404, {}, {{"x-amz-request-id", "1"}}), stored("x")};
  at->put("config", as_bytes("x"));
  EXPECT_EQ(http.sent.back().header("If-None-Match"), "");
}

}  // namespace
}  // namespace holdfast::storage
