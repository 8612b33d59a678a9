#include "storage/s3/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_errors.h"
#include "env/temporary_directory.h"
#include "storage/s3/aws_profile.h"
#include "storage/s3/test_http.h"

namespace holdfast::storage {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kRoleKeys = R"({"AccessKeyId":"ROLE","SecretAccessKey":"s","Token":"t",)"
                                       R"("Expiration":"2026-11-22T13:00:00Z"})";

class CredentialsTest : public testing::Test, protected FakeSite {
 protected:
  CredentialsTest() { variables = {{"HOME", directory_.path().string()}}; }

  void write(const std::string& name, std::string_view text) {
    env::posix_file_system().make_directories((directory_ / name).parent_path());
    env::write_file_atomically(env::posix_file_system(), directory_ / name, as_bytes(text));
  }
  std::string path(const std::string& name) { return (directory_ / name).string(); }
  CredentialSource source(const S3Options& options = {}) {
    return {options, lookup(), env::posix_file_system(), clock, *client_};
  }
  Credentials found(const S3Options& options = {}) { return source(options).get(); }

 private:
  const env::TemporaryDirectory directory_;
  const std::unique_ptr<env::HttpClient> client_ = http.client();
};

TEST_F(CredentialsTest, OfTheEnvironmentAreTakenFirst) {
  variables["AWS_ACCESS_KEY_ID"] = "A";
  variables["AWS_SECRET_ACCESS_KEY"] = "s";
  variables["AWS_SESSION_TOKEN"] = "t";
  write(".aws/credentials", "[default]\naws_access_key_id=B\naws_secret_access_key=s\n");
  EXPECT_EQ(found().access_key, "A");
  EXPECT_EQ(found().session_token, "t");
  EXPECT_TRUE(http.sent.empty());
}

TEST_F(CredentialsTest, OfANamedProfileAreTakenWhateverTheEnvironmentSays) {
  variables["AWS_ACCESS_KEY_ID"] = "A";
  variables["AWS_SECRET_ACCESS_KEY"] = "s";
  write(".aws/credentials",
        "# keys\n[default]\naws_access_key_id=D\naws_secret_access_key=d\n"
        "[other] ; said\naws_access_key_id = O\naws_secret_access_key = o#o ; not this\n");
  const Credentials other = found({.bucket = "b", .profile = "other"});
  EXPECT_EQ(other.access_key, "O");
  EXPECT_EQ(other.secret_key, "o#o");
  EXPECT_EQ(code_of([&] { found({.bucket = "b", .profile = "none"}); }), ErrorCode::kConfiguration);
}

TEST_F(CredentialsTest, OfAProfileStandInEitherFile) {
  variables["AWS_SHARED_CREDENTIALS_FILE"] = path("c");
  variables["AWS_CONFIG_FILE"] = path("d");
  variables["AWS_PROFILE"] = "app";
  write("c", "[app]\naws_secret_access_key=s\n");
  write("d", "[profile app]\naws_access_key_id=A\nregion=eu-west-3\ns3 =\n  nested = 1\n");
  EXPECT_EQ(found().access_key, "A");
  EXPECT_EQ(complete({.bucket = "b"}, lookup(), env::posix_file_system()).region, "eu-west-3");
}

TEST_F(CredentialsTest, AFileThatIsNoneIsRefusedWithoutItsContent) {
  write(".aws/credentials", "[default]\naws_access_key_id=A\nhush hush\n");
  const std::string text = message_of(ErrorCode::kConfiguration, [&] { found(); });
  EXPECT_THAT(text, HasSubstr("credentials:3"));
  EXPECT_THAT(text, Not(HasSubstr("hush")));
}

TEST_F(CredentialsTest, OfAContainerAreAskedWithItsToken) {
  variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/x";
  variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = path("token");
  write("token", "pass\n");
  http.answers = {answer_of(200, kRoleKeys)};
  EXPECT_EQ(found().access_key, "ROLE");
  EXPECT_EQ(http.sent[0].url, "http://169.254.170.2/v2/x");
  EXPECT_EQ(http.sent[0].header("Authorization"), "pass");
}

TEST_F(CredentialsTest, AreNotAskedOfAStranger) {
  for (const char* uri : {"http://example.com/x", "http://127.0.0.1.example.com/",
                          "http://localhost@example.com/", "ftp://127.0.0.1/"}) {
    variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = uri;
    EXPECT_EQ(code_of([&] { found(); }), ErrorCode::kConfiguration) << uri;
  }
  EXPECT_TRUE(http.sent.empty());
  EXPECT_TRUE(is_allowed_container_uri("http://127.0.0.1:51679/x"));
  EXPECT_TRUE(is_allowed_container_uri("https://example.com/x"));
}

TEST_F(CredentialsTest, OfAnInstanceAreAskedByItsSecondProtocol) {
  http.answers = {answer_of(200, "session"), answer_of(200, "role\n"), answer_of(200, kRoleKeys)};
  EXPECT_EQ(found().session_token, "t");
  EXPECT_EQ(http.sent[0].method, "PUT");
  EXPECT_EQ(http.sent[2].url,
            "http://169.254.169.254/latest/meta-data/iam/security-credentials/role");
  EXPECT_EQ(http.sent[2].header("X-aws-ec2-metadata-token"), "session");
}

TEST_F(CredentialsTest, AreFetchedAgainBeforeTheyExpire) {
  variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/x";
  CredentialSource keys = source();
  http.answers = {answer_of(200, kRoleKeys)};
  keys.get();
  clock.advance(std::chrono::minutes(54));
  keys.get();
  EXPECT_EQ(http.sent.size(), 1u);
  clock.advance(std::chrono::minutes(2));
  // That fails, but those that are there hold for some minutes more.
  EXPECT_EQ(keys.get().access_key, "ROLE");
  EXPECT_EQ(http.sent.size(), 2u);
  clock.advance(std::chrono::minutes(5));
  EXPECT_EQ(code_of([&] { keys.get(); }), ErrorCode::kUnavailable);
}

TEST_F(CredentialsTest, AreMissedWithAnAnswerThatHelps) {
  EXPECT_THAT(message_of(ErrorCode::kPermissionDenied, [&] { found(); }), HasSubstr("no keys"));
  variables["AWS_EC2_METADATA_DISABLED"] = "true";
  http.sent.clear();
  EXPECT_EQ(code_of([&] { found(); }), ErrorCode::kPermissionDenied);
  EXPECT_TRUE(http.sent.empty());
}

TEST_F(CredentialsTest, WithALineBreakWouldBecomeAHeader) {
  variables["AWS_ACCESS_KEY_ID"] = "A";
  variables["AWS_SECRET_ACCESS_KEY"] = "s";
  variables["AWS_SESSION_TOKEN"] = "t\r\nx: y";
  EXPECT_EQ(code_of([&] { found(); }), ErrorCode::kConfiguration);
}

}  // namespace
}  // namespace holdfast::storage
