#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/error.h"
#include "codec/secret_key.h"
#include "repository/document.h"
#include "repository/json_fields.h"
#include "repository/snapshot.h"
#include "repository/timeline.h"
#include "repository/timeline_names.h"

namespace holdfast::repository {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMarkFormat = 1;
constexpr std::size_t kMostMarkJson = std::size_t{1} << 20, kMostMarkText = 200;

std::string object_of(std::string_view series, const ObjectId& id) {
  return mark_folder(series) + id.hex();
}

Mark parse_mark(const ObjectId& id, const std::string& object, ByteView text) {
  const JsonOrigin origin{ErrorCode::kDamagedObject, object};
  const json value = parse_json(text, kMostMarkJson, origin);
  const JsonFields fields(value, origin);
  if (fields.number("format", kMostCount) != kMarkFormat) throw fields.wrong("format", "1");
  const auto branch = fields.number("branch", std::numeric_limits<Branch>::max());
  return {.id = id,
          .name = fields.text("name", kMostMarkText),
          .time = fields.time("time"),
          .position = {.branch = static_cast<Branch>(branch),
                       .number = fields.number("number", kMostCount)}};
}

}  // namespace

Mark put_mark(const Repository& repository, std::string_view series, std::string_view name,
              const Position& position, Time time) {
  check_snapshot_name(name);
  Mark mark{.id = {}, .name = std::string(name), .time = nameable(time), .position = position};
  codec::random_bytes(mark.id.bytes);
  put_mark(repository, series, mark);
  return mark;
}

void put_mark(const Repository& repository, std::string_view series, const Mark& mark) {
  const std::string object = object_of(series, mark.id);
  const std::string text = dump_json({{"format", kMarkFormat},
                                      {"name", mark.name},
                                      {"time", format_rfc3339(mark.time)},
                                      {"branch", mark.position.branch},
                                      {"number", mark.position.number}});
  repository.store().put(object, seal_document(repository.keys().documents, DocumentKind::kMark,
                                               object, as_bytes(text)));
}

MarkList list_marks(const Repository& repository, std::string_view series) {
  const std::string folder = mark_folder(series);
  std::vector<std::string> objects;
  repository.store().list_names(folder,
                                [&](std::string_view object) { objects.emplace_back(object); });
  MarkList list;
  for (const std::string& object : objects) {
    const auto id = ObjectId::from_hex(std::string_view(object).substr(folder.size()));
    if (!id || object != object_of(series, *id)) continue;
    try {
      const Bytes content = open_document(repository.keys().documents, DocumentKind::kMark, object,
                                          repository.store().get(object));
      list.marks.push_back(parse_mark(*id, object, content));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kNotFound) continue;
      if (error.code() != ErrorCode::kDamagedObject) throw;
      list.unreadable.push_back(object);
    }
  }
  std::ranges::sort(list.marks, std::ranges::greater(),
                    [](const Mark& mark) { return std::tie(mark.time, mark.id); });
  return list;
}

void remove_mark(const Repository& repository, std::string_view series, const Mark& mark) {
  try {
    repository.store().remove(object_of(series, mark.id));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
}

}  // namespace holdfast::repository
