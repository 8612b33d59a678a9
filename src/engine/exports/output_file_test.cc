#include "engine/exports/output_file.h"

#include <gtest/gtest.h>

#include <string>

#include "base/test_errors.h"
#include "engine/exports/test_lying_files.h"
#include "env/temporary_directory.h"

namespace holdfast::engine {
namespace {

constexpr std::size_t kOneWindow = EncodedWindow::kSize;

class OutputFileTest : public testing::TestWithParam<std::size_t> {
 protected:
  OutputFileTest() {
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  }
  WrittenFile write() {
    OutputFile file(files, path, false);
    for (std::size_t at = 0; at < text.size(); at += 300'000) {
      file.add(std::string_view(text).substr(at, 300'000));
    }
    return file.finish();
  }
  void expect_not_proved() {
    EXPECT_EQ(ErrorCode::kWriteNotProved, code_of([&] { write(); }));
    EXPECT_FALSE(std::filesystem::exists(path));
  }

  env::TemporaryDirectory directory;
  const env::Path path = directory / "file";
  LyingFiles files;
  std::string text = std::string(GetParam(), ' ');
};

TEST_P(OutputFileTest, HoldsWhatWasWritten) {
  const WrittenFile written = write();
  EXPECT_EQ(text.size(), written.size);
  EXPECT_EQ(digest_of_file(files, path), written.hash);
  EXPECT_TRUE(as_text(env::read_file(files, path)) == text);
}

TEST_P(OutputFileTest, IsRefusedWithAWrongByteAnywhere) {
  for (const std::size_t at : {std::size_t{0}, text.size() / 2, text.size() - 1}) {
    if (at >= text.size()) continue;
    files.wrong_byte = at;
    expect_not_proved();
  }
}

TEST_P(OutputFileTest, IsRefusedWhereItEndsTooEarlyOrTooLate) {
  files.ends_early = true;
  if (!text.empty()) expect_not_proved();
  files.ends_early = false;
  files.ends_late = true;
  expect_not_proved();
}

INSTANTIATE_TEST_SUITE_P(Sizes, OutputFileTest,
                         testing::Values(0, 1, kOneWindow - 1, kOneWindow, kOneWindow + 1,
                                         5 * kOneWindow, 5 * kOneWindow + 1'234'567));

}  // namespace
}  // namespace holdfast::engine
