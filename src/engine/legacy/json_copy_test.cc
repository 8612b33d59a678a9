#include "engine/legacy/json_copy.h"

#include <gtest/gtest.h>

#include <map>

#include "base/bytes.h"
#include "engine/legacy/file_format.h"

namespace holdfast::engine {
namespace {

struct ReadCopy {
  CopyReport report;
  std::vector<std::pair<std::string, Record>> records;
};

ReadCopy read_text(const std::string& text, bool base64 = false, std::size_t piece = 3) {
  ReadCopy result;
  const TextSource source = [&](const std::function<bool(std::string_view)>& take) {
    for (std::size_t at = 0; at < text.size(); at += piece) {
      if (!take(std::string_view(text).substr(at, piece))) return;
    }
  };
  result.report =
      read_json_copy(source, base64, {{"video_id"}}, [&](const std::string& id, Record&& record) {
        result.records.emplace_back(id, std::move(record));
      });
  return result;
}

TEST(JsonCopy, ReadsAnObjectKeyedById) {
  const auto copy = read_text(R"( {"a": {"video_id": "a", "n": [1, "}"]}, "b\"": {"x": {}}} )");
  EXPECT_EQ(FileFormat::kObject, copy.report.format);
  EXPECT_TRUE(copy.report.is_intact());
  ASSERT_EQ(2u, copy.records.size());
  EXPECT_EQ("a", copy.records[0].first);
  EXPECT_EQ("b\"", copy.records[1].first);
  EXPECT_EQ(Record::parse(R"({"x": {}})"), copy.records[1].second);
}

TEST(JsonCopy, TakesAnObjectThatHasTheKeyForOneRecord) {
  const auto copy = read_text("{\"counts\": {\"a\": 1},\n \"title\": \"T\", \"video_id\": \"a\"}");
  EXPECT_EQ(FileFormat::kRecord, copy.report.format);
  ASSERT_EQ(1u, copy.records.size());
  EXPECT_EQ("T", copy.records[0].second["title"]);
}

TEST(JsonCopy, ReadsArraysAndLines) {
  const auto array = read_text(R"([{"video_id": "a"}, {"video_id": "b"}])");
  EXPECT_EQ(FileFormat::kArray, array.report.format);
  EXPECT_EQ(2u, array.records.size());
  const auto lines = read_text("{\"video_id\": \"a\"}\n\n{\"video_id\": \"b\"}\r\n");
  EXPECT_EQ(FileFormat::kLines, lines.report.format);
  EXPECT_EQ(2u, lines.records.size());
  EXPECT_TRUE(lines.report.is_intact());
}

TEST(JsonCopy, AnEmptyObjectIsIntact) {
  const auto copy = read_text("{}");
  EXPECT_TRUE(copy.report.is_intact());
  EXPECT_TRUE(copy.records.empty());
}

TEST(JsonCopy, GivesTheWholeRecordsBeforeACut) {
  const std::string whole = R"({"a": {"video_id": "a"}, "b": {"video_id": "b"}, "c": {"x": 1}})";
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    const auto copy = read_text(whole.substr(0, cut));
    EXPECT_EQ(1u, copy.report.damages) << cut;
    std::size_t complete = 0;
    for (const std::string_view end : {"\"a\"}", "\"b\"}", "1}"}) {
      if (whole.find(end) + end.size() <= cut) ++complete;
    }
    // Whether a single member is a record or the first of several is not told yet.
    if (complete > 0) {
      EXPECT_EQ(complete, copy.records.size()) << cut;
    }
  }
}

TEST(JsonCopy, LeavesOutOneBadRecordAlone) {
  std::string deep = std::string(5000, '[') + std::string(5000, ']');
  const auto copy = read_text(R"({"a": {"video_id": "a", "d": )" + deep +
                              R"(}, "b": {"x": 1, "x": 2}, "c": {"n": 99999999999999999999},
                              "d": {"n": 1e999}, "e": 5, "f": {"video_id": "f"},
                              "f": {"video_id": "f"}})");
  EXPECT_EQ(6u, copy.report.damages);
  ASSERT_EQ(1u, copy.records.size());
  EXPECT_EQ("f", copy.records[0].first);
}

TEST(JsonCopy, SaysWhatFollowsTheEnd) {
  const auto copy = read_text(R"({"a": {"video_id": "a"}} x)");
  EXPECT_EQ(1u, copy.report.damages);
  EXPECT_EQ(1u, copy.records.size());
}

TEST(JsonCopy, ReadsBase64UpToItsDamage) {
  const std::string text =
      R"({"a": {"video_id": "a"}, "b": {"video_id": "b"}, "c": {"video_id": "cccccccccccc"}})";
  std::string encoded = to_base64(as_bytes(text));
  EXPECT_EQ(3u, read_text(encoded, true).records.size());
  EXPECT_TRUE(read_text(encoded, true).report.is_intact());
  const auto cut = read_text(encoded.substr(0, encoded.size() - 5), true);
  EXPECT_EQ(2u, cut.records.size());
  EXPECT_EQ(1u, cut.report.damages);
  encoded[encoded.size() - 8] = '*';
  const auto damaged = read_text(encoded, true);
  EXPECT_EQ(2u, damaged.records.size());
  ASSERT_EQ(1u, damaged.report.reasons.size());
  EXPECT_NE(std::string::npos, damaged.report.reasons[0].find("base64"))
      << damaged.report.reasons[0];
}

TEST(FileFormat, IsToldByContent) {
  EXPECT_EQ(FileFormat::kSqlite, detect_kind(std::string("SQLite format 3\0...", 19)).format);
  EXPECT_EQ(FileFormat::kSql, detect_kind("\n-- a dump\nBEGIN;").format);
  EXPECT_EQ(FileFormat::kSql, detect_kind("pragma foreign_keys=OFF;").format);
  EXPECT_EQ(FileFormat::kArchive, detect_kind("\x1F\x8B\x08").format);
  EXPECT_EQ(FileFormat::kObject, detect_kind("\xEF\xBB\xBF [").format);
  const FileKind encoded = detect_kind(to_base64(as_bytes(" {\"a\": 1}")));
  EXPECT_TRUE(encoded.base64);
  EXPECT_EQ(FileFormat::kUnknown, detect_kind("Dear reader").format);
  EXPECT_EQ(FileFormat::kUnknown, detect_kind("").format);
}

}  // namespace
}  // namespace holdfast::engine
