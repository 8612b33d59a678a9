#include "storage/s3/s3_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_errors.h"
#include "storage/s3/test_http.h"

namespace holdfast::storage {
namespace {

using testing::HasSubstr;
using testing::Not;

class S3OptionsTest : public testing::Test, protected FakeSite {
 protected:
  S3Options completed(std::string_view url) {
    return complete(parse_s3_url(url), lookup(), env::posix_file_system());
  }
};

TEST_F(S3OptionsTest, OfAUrlAreAllTaken) {
  const S3Options options = parse_s3_url(
      "s3://my-bucket/a/b%20c/?endpoint=https%3A%2F%2Fs3.test:9000/&region=eu-1&path-style=false"
      "&profile=app&ca-file=/etc/ca.pem&storage-class=STANDARD_IA&sse-kms-key=arn:x&lock-days=7"
      "&lock-mode=compliance&listing-lag=5");
  EXPECT_EQ(options.bucket, "my-bucket");
  EXPECT_EQ(options.prefix, "a/b c");
  EXPECT_EQ(options.endpoint, "https://s3.test:9000/");
  EXPECT_EQ(options.region, "eu-1");
  EXPECT_EQ(options.path_style, false);
  EXPECT_EQ(options.profile, "app");
  EXPECT_EQ(options.ca_file, "/etc/ca.pem");
  EXPECT_EQ(options.storage_class, "STANDARD_IA");
  EXPECT_EQ(options.sse, "aws:kms");
  EXPECT_EQ(options.sse_kms_key, "arn:x");
  EXPECT_EQ(options.lock_days, 7);
  EXPECT_EQ(options.lock_mode, LockMode::kCompliance);
  EXPECT_EQ(options.listing_lag, std::chrono::seconds(5));
}

TEST_F(S3OptionsTest, ThatAreWrongAreRefusedWithoutWhatMayBeSecret) {
  for (const char* url :
       {"s3://", "s3://b", "s3:///x", "s3://bu cket", "s3://AKIAHUSH:hush@bucket/x",
        "s3://bucket?secret=hush", "s3://bucket/../hush", "s3://bucket/a//hush",
        "s3://bucket/%0ahush", "s3://bucket/%zz", "s3://bucket?endpoint=hush",
        "s3://bucket?endpoint=https://u:hush@h", "s3://bucket?endpoint=https://h%0d%0ahush:1",
        "s3://bucket?lock-days=0", "s3://bucket?listing-lag=hush", "s3://bucket?lock-mode=hush",
        "s3://bucket?path-style=hush", "s3://bucket?sse=a%0ahush", "s3://bucket?hush"}) {
    EXPECT_THAT(message_of(ErrorCode::kUsage, [&] { parse_s3_url(url); }), Not(HasSubstr("hush")))
        << url;
  }
}

TEST_F(S3OptionsTest, AreAmazonsWhereNothingElseIsSaid) {
  EXPECT_EQ(bucket_url(completed("s3://bucket")), "https://bucket.s3.us-east-1.amazonaws.com");
  EXPECT_EQ(bucket_url(completed("s3://dotted.name")),
            "https://s3.us-east-1.amazonaws.com/dotted.name");
  EXPECT_EQ(bucket_url(completed("s3://bucket?region=cn-north-1")),
            "https://bucket.s3.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(bucket_url(completed("s3://bucket?endpoint=http://h:1")), "http://h:1/bucket");
  EXPECT_EQ(bucket_url(completed("s3://bucket?endpoint=http://h:1&path-style=no")),
            "http://bucket.h:1");
}

TEST_F(S3OptionsTest, OfTheEnvironmentFillWhatTheUrlLeavesOpen) {
  variables["AWS_ENDPOINT_URL"] = "http://general/";
  variables["AWS_REGION"] = "r1";
  variables["AWS_DEFAULT_REGION"] = "r2";
  variables["AWS_CA_BUNDLE"] = "/ca";
  EXPECT_EQ(completed("s3://bucket").endpoint, "http://general");
  variables["AWS_ENDPOINT_URL_S3"] = "http://special";
  EXPECT_EQ(completed("s3://bucket").endpoint, "http://special");
  EXPECT_EQ(completed("s3://bucket").region, "r1");
  EXPECT_EQ(completed("s3://bucket").ca_file, "/ca");
  EXPECT_EQ(completed("s3://bucket?region=r3&endpoint=http://own").region, "r3");
}

}  // namespace
}  // namespace holdfast::storage
