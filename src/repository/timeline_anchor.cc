#include "repository/timeline_anchor.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "repository/document.h"
#include "repository/json_fields.h"
#include "repository/timeline_names.h"

namespace holdfast::repository {
namespace {

using nlohmann::json;

constexpr std::uint64_t kAnchorFormat = 1;
constexpr std::size_t kMostAnchorJson = std::size_t{1} << 20,
                      kMostAnchorText = std::size_t{1} << 16;
constexpr std::uint64_t kMostBranch = std::numeric_limits<Branch>::max();

Position position_from(const JsonFields& fields, const char* branch, const char* number) {
  return {.branch = static_cast<Branch>(fields.number(branch, kMostBranch)),
          .number = fields.number(number, kMostCount)};
}

}  // namespace

std::string_view relation_name(Relation relation) {
  switch (relation) {
    case Relation::kFirst:
      return "first";
    case Relation::kContinued:
      return "continued";
    case Relation::kRepaired:
      return "repaired";
    case Relation::kForked:
      return "forked";
    case Relation::kReplaced:
      return "replaced";
  }
  return "unknown";
}

Bytes serialize(const Anchor& anchor) {
  const AnchorName& name = anchor.name;
  const std::string text = dump_json({{"format", kAnchorFormat},
                                      {"branch", name.position.branch},
                                      {"number", name.position.number},
                                      {"time", format_rfc3339(name.time)},
                                      {"origin_branch", name.origin.branch},
                                      {"origin_number", name.origin.number},
                                      {"relation", relation_name(name.relation)},
                                      {"snapshot", name.snapshot.hex()},
                                      {"checksum", anchor.checksum},
                                      {"page_size", anchor.page_size},
                                      {"page_count", anchor.page_count},
                                      {"reason", anchor.reason},
                                      {"host", anchor.host}});
  const ByteView bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

Anchor parse_anchor(const AnchorName& name, ByteView text) {
  const JsonOrigin origin{ErrorCode::kDamagedObject, name.object};
  const json value = parse_json(text, kMostAnchorJson, origin);
  const JsonFields fields(value, origin);
  const std::uint64_t format = fields.number("format", kMostCount);
  if (format > kAnchorFormat) {
    throw Error(ErrorCode::kRepositoryVersion,
                fmt::format("{} was written by a newer version of Holdfast", name.object));
  }
  if (format < kAnchorFormat) throw fields.wrong("format", "at least 1");
  Anchor anchor;
  anchor.name = name;
  anchor.checksum = fields.text("checksum", kMostAnchorText);
  anchor.page_size = static_cast<std::uint32_t>(fields.number("page_size", 65536));
  anchor.page_count = fields.number("page_count", 0xFFFFFFFE);
  anchor.reason = fields.text("reason", kMostAnchorText);
  anchor.host = fields.text("host", kMostAnchorText);
  if (position_from(fields, "branch", "number") != name.position ||
      position_from(fields, "origin_branch", "origin_number") != name.origin ||
      fields.time("time") != name.time || fields.id<SnapshotId>("snapshot") != name.snapshot ||
      fields.text("relation", kMostAnchorText) != relation_name(name.relation) ||
      anchor.checksum.size() != 64 || !anchor.checksum.starts_with(name.check)) {
    throw origin.error("is another anchor than its name says");
  }
  return anchor;
}

AnchorName put_anchor(const Repository& repository, std::string_view series, Anchor anchor) {
  anchor.name.time = nameable(anchor.name.time);
  anchor.name.check = check_of(anchor.checksum);
  anchor.name.object = object_name(series, anchor.name);
  const std::string& object = anchor.name.object;
  const Bytes content = serialize(anchor);
  try {
    repository.store().put(
        object, seal_document(repository.keys().documents, DocumentKind::kAnchor, object, content));
  } catch (const Error& error) {
    // An earlier attempt may have put it, and only its answer got lost.
    if (error.code() != ErrorCode::kAlreadyExists) throw;
    if (serialize(read_anchor(repository, anchor.name)) != content) throw;
  }
  return anchor.name;
}

Anchor read_anchor(const Repository& repository, const AnchorName& name) {
  return parse_anchor(name, open_document(repository.keys().documents, DocumentKind::kAnchor,
                                          name.object, repository.store().get(name.object)));
}

}  // namespace holdfast::repository
