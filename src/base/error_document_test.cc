#include "base/error_document.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast {
namespace {

TEST(ErrorDocument, DescribesEveryCodeExactlyOnce) {
  const std::string text = error_catalogue_markdown();
  for (const ErrorEntry& entry : error_catalogue()) {
    const std::string section =
        fmt::format("\n### {}\n\n{}\n\n- Exit status: {}\n- Retryable: {}\n", entry.name,
                    entry.summary, entry.exit_status, entry.retryable ? "yes" : "no");
    const auto at = text.find(section);
    ASSERT_NE(at, std::string::npos) << entry.name;
    EXPECT_EQ(text.find(section, at + 1), std::string::npos) << entry.name;
    const std::string body = text.substr(at, text.find("\n### ", at + 1) - at);
    EXPECT_NE(body.find(entry.safe), std::string::npos) << entry.name;
    EXPECT_NE(body.find(entry.next), std::string::npos) << entry.name;
  }
}

TEST(ErrorDocument, ListsEachExitStatusInOneRow) {
  const std::string text = error_catalogue_markdown();
  for (const ErrorEntry& entry : error_catalogue()) {
    const auto row = text.find(fmt::format("\n| {} | ", entry.exit_status));
    ASSERT_NE(row, std::string::npos) << entry.exit_status;
    EXPECT_NE(text.substr(row, text.find('\n', row + 1) - row).find(entry.name), std::string::npos)
        << entry.name;
  }
}

}  // namespace
}  // namespace holdfast
