#include "engine/legacy/file_format.h"

#include <algorithm>
#include <array>
#include <string>

#include "engine/legacy/base64_stream.h"

namespace holdfast::engine {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::size_t kTarMagicAt = 257;

std::string_view without_blanks(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const auto first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

bool begins_like_json(std::string_view text) {
  text = without_blanks(text);
  return text.starts_with('{') || text.starts_with('[');
}

// Enough of it for the first bracket, whatever is damaged behind that.
bool begins_like_base64_of_json(std::string_view text) {
  constexpr std::size_t kEnough = 64;
  Base64Stream decoder;
  std::string decoded;
  decoder.add(without_blanks(text).substr(0, kEnough), decoded);
  return begins_like_json(decoded);
}

bool begins_like_sql(std::string_view text) {
  constexpr auto kWords =
      std::to_array<std::string_view>({"PRAGMA ", "BEGIN", "CREATE ", "INSERT ", "DROP ", "--"});
  text = without_blanks(text);
  return std::ranges::any_of(kWords, [&](std::string_view word) {
    return text.size() >= word.size() &&
           std::ranges::equal(text.substr(0, word.size()), word, [](char c, char wanted) {
             return (c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c) == wanted;
           });
  });
}

}  // namespace

std::string_view format_label(FileFormat format) {
  switch (format) {
    case FileFormat::kObject:
      return "JSON object";
    case FileFormat::kRecord:
      return "JSON record";
    case FileFormat::kArray:
      return "JSON array";
    case FileFormat::kLines:
      return "JSON Lines";
    case FileFormat::kServer:
      return "PostgreSQL database";
    case FileFormat::kSqlite:
      return "SQLite database";
    case FileFormat::kSql:
      return "SQL dump";
    case FileFormat::kArchive:
      return "archive";
    case FileFormat::kUnknown:
      break;
  }
  return "unknown";
}

FileKind detect_kind(std::string_view head) {
  using namespace std::string_view_literals;
  if (head.starts_with("SQLite format 3\0"sv)) return {.format = FileFormat::kSqlite};
  const bool tar = head.size() > kTarMagicAt && head.substr(kTarMagicAt).starts_with("ustar");
  if (head.starts_with("\x1F\x8B"sv) || tar) return {.format = FileFormat::kArchive};
  if (begins_like_json(head)) return {.format = FileFormat::kObject};
  if (begins_like_base64_of_json(head)) return {.format = FileFormat::kObject, .base64 = true};
  if (begins_like_sql(head)) return {.format = FileFormat::kSql};
  return {};
}

}  // namespace holdfast::engine
