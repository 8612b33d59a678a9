#include "http/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fstream>
#include <optional>
#include <string>

#include "base/test_errors.h"
#include "env/temporary_directory.h"

namespace holdfast::http {
namespace {

using testing::HasSubstr;

TEST(ListenAddressText, IsAnAddressAndAPort) {
  EXPECT_EQ(parse_listen_address("[::1]:80").host, "::1");
  EXPECT_EQ(parse_listen_address("localhost:0").port, 0);
  for (const char* text : {"", "80", ":80", "a:", "a:x", "a:65536", "::1:80", "[::1]", "unix:"}) {
    EXPECT_THROW(parse_listen_address(text), Error) << text;
  }
}

TEST(ListenAddressText, IsAUnixSocketWithItsAbsolutePath) {
  EXPECT_EQ(parse_listen_address("unix:/run/a:1").path, "/run/a:1");
  EXPECT_EQ(parse_listen_address("unix:a").path, std::filesystem::current_path() / "a");
}

TEST(ListenAddressText, TellsWhoCanReachIt) {
  EXPECT_TRUE(is_loopback("127.3.2.1"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_TRUE(is_loopback("localhost"));
  EXPECT_FALSE(is_loopback("0.0.0.0"));
  EXPECT_FALSE(is_loopback("::"));
  EXPECT_FALSE(is_loopback("localhost.example"));
  EXPECT_FALSE(is_loopback(""));
  EXPECT_TRUE(parse_listen_address("unix:/run/a").is_local());
  EXPECT_TRUE(parse_listen_address("[::1]:80").is_local());
  EXPECT_FALSE(parse_listen_address("0.0.0.0:80").is_local());
}

class UnixSocketTest : public testing::Test {
 protected:
  int connected() const {
    const Socket client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    path.native().copy(static_cast<char*>(to.sun_path), sizeof to.sun_path - 1);
    return ::connect(client.descriptor(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  std::string refusal() const {
    try {
      const Listener another(address);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kAddressUnusable);
      return error.happened();
    }
    return "";
  }

  env::TemporaryDirectory directory;
  std::filesystem::path path = directory.path() / "a.sock";
  ListenAddress address = parse_listen_address("unix:" + path.string());
};

TEST_F(UnixSocketTest, IsForItsOwnerAloneAndGoneAfterwards) {
  {
    const Listener listener(address);
    EXPECT_EQ(listener.address(), "unix:" + path.string());
    struct stat there{};
    ASSERT_EQ(::lstat(path.c_str(), &there), 0);
    EXPECT_TRUE(S_ISSOCK(there.st_mode));
    EXPECT_EQ(there.st_mode & 0777, 0600u);
    EXPECT_EQ(connected(), 0);
  }
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(path)));
}

TEST_F(UnixSocketTest, TakesThePlaceOfOneThatWasLeftBehind) {
  const auto elsewhere = directory.path() / "kept";
  {
    const Listener killed(address);
    std::filesystem::rename(path, elsewhere);
  }
  std::filesystem::rename(elsewhere, path);
  EXPECT_NE(connected(), 0);
  const Listener listener(address);
  EXPECT_EQ(connected(), 0);
}

TEST_F(UnixSocketTest, LeavesAloneWhatIsNotItsOwn) {
  {
    const Listener listener(address);
    EXPECT_THAT(refusal(), HasSubstr("another server"));
    EXPECT_EQ(connected(), 0);
    std::filesystem::remove(path);
    std::ofstream(path) << "somebody's";
  }
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
  EXPECT_THAT(refusal(), HasSubstr("no socket"));
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
}

TEST_F(UnixSocketTest, SaysWhyItCannotBe) {
  address.path = directory.path() / std::string(120, 'a');
  EXPECT_THAT(refusal(), HasSubstr("longer than the 107 bytes"));
  address.path = directory.path() / "none" / "a.sock";
  EXPECT_THAT(refusal(), HasSubstr("No such file"));
}

}  // namespace
}  // namespace holdfast::http
