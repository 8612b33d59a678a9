#include "storage/open_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "env/temporary_directory.h"

namespace holdfast::storage {
namespace {

std::unique_ptr<Store> open(std::string_view url) {
  return open_store(url, {.files = env::posix_file_system(),
                          .clock = env::system_clock(),
                          .variables = [](std::string_view) { return std::nullopt; }});
}
std::string place_of(std::string_view url) { return open(url)->capabilities().description; }
std::string local(const env::Path& path) {
  return fmt::format("local directory {}", path.native());
}

TEST(OpenStore, TakesPathsAndFileUrls) {
  const env::TemporaryDirectory directory;
  const env::Path path = directory / "my repository";
  EXPECT_EQ(place_of(path.native()), local(path));
  EXPECT_EQ(place_of(path.native() + "/"), local(path));
  EXPECT_EQ(place_of("file://" + path.native()), local(path));
  EXPECT_EQ(place_of("FILE://localhost" + (directory / "my%20repository").native()), local(path));
  EXPECT_EQ(place_of("relative/x"), local(std::filesystem::current_path() / "relative/x"));
  EXPECT_EQ(place_of("./a:b"), local(std::filesystem::current_path() / "a:b"));
}

TEST(OpenStore, TakesBuckets) {
  EXPECT_EQ(place_of("s3://bucket/app?region=eu-west-1"),
            "S3 bucket bucket/app at https://s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(place_of("S3://bucket?endpoint=http://localhost:9000"),
            "S3 bucket bucket at http://localhost:9000");
}

TEST(OpenStore, RepeatsNothingOfAnUrlThatMayHoldAKey) {
  try {
    place_of("s3://AKIA:hush@bucket/app");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_EQ(error.happened().find("hush"), std::string::npos);
  }
}

TEST(OpenStore, CreatesNothing) {
  const env::TemporaryDirectory directory;
  open((directory / "r").native());
  EXPECT_FALSE(env::posix_file_system().status(directory / "r").has_value());
}

TEST(OpenStore, SaysClearlyWhatItCannotOpen) {
  const std::pair<std::string_view, ErrorCode> examples[] = {
      {"sftp://host/x", ErrorCode::kUsage}, {"sqlite:///x.db", ErrorCode::kUsage},
      {"file://host/x", ErrorCode::kUsage}, {"file://x", ErrorCode::kUsage},
      {"file:///x%2", ErrorCode::kUsage},   {"file:///x%zz", ErrorCode::kUsage},
      {"file:///x%00", ErrorCode::kUsage},  {"", ErrorCode::kUsage}};
  for (const auto& [url, code] : examples) {
    try {
      place_of(url);
      FAIL() << url;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << url;
      EXPECT_NE(error.happened().find(url), std::string::npos) << error.happened();
    }
  }
}

}  // namespace
}  // namespace holdfast::storage
