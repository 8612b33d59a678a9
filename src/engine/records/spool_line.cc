#include "engine/records/spool_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace holdfast::engine {
namespace {

constexpr std::size_t kHashSize = 16;
constexpr std::array<std::string_view, 3> kKinds = {"put", "delete", "undelete"};

}  // namespace

Record write_document(const Write& write) {
  Record document = {{"collection", write.collection},
                     {"id", write.id},
                     {"kind", kKinds[static_cast<std::size_t>(write.kind)]},
                     {"record_id", write.record_id},
                     {"time", format_rfc3339(write.time)},
                     {"undelete", write.undelete}};
  if (!write.digest.empty()) document["digest"] = write.digest;
  return document;
}

std::string spool_line(const Write& write) {
  const std::string text =
      fmt::format("{}\t{}", record_text(write_document(write)), record_text(write.record));
  return fmt::format("{} {}\n", text_digest(text), text);
}

std::optional<Write> parse_spool_line(std::string_view line) {
  if (line.size() < 2 * kHashSize + 1) return std::nullopt;
  const std::string_view text = line.substr(2 * kHashSize + 1);
  const auto tab = text.find('\t');
  if (tab == std::string_view::npos || line.substr(0, 2 * kHashSize) != text_digest(text)) {
    return std::nullopt;
  }
  try {
    const Record document = parse_record_json(text.substr(0, tab));
    const auto kind = std::ranges::find(kKinds, document.at("kind").get<std::string>());
    const auto time = parse_rfc3339(document.at("time").get<std::string>());
    if (kind == kKinds.end() || !time) return std::nullopt;
    return Write{.id = document.at("id").get<std::string>(),
                 .kind = static_cast<WriteKind>(kind - kKinds.begin()),
                 .collection = document.at("collection").get<std::string>(),
                 .record = parse_record_json(text.substr(tab + 1)),
                 .record_id = document.at("record_id").get<std::string>(),
                 .undelete = document.at("undelete").get<bool>(),
                 .acknowledged = true,
                 .time = *time,
                 .condition = {},
                 .digest = document.value("digest", "")};
  } catch (const Record::exception&) {
    return std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace holdfast::engine
