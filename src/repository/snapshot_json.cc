#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "repository/json_fields.h"
#include "repository/snapshot.h"

namespace holdfast::repository {
namespace {

using nlohmann::json;

constexpr std::uint64_t kSnapshotFormat = 1;
// Decrypted content comes from somebody with the key; these only keep a mistake from becoming a
// crash.
constexpr std::size_t kMostSnapshotJson = std::size_t{512} << 20;
constexpr std::size_t kMostSnapshotText = std::size_t{1} << 20;
constexpr std::uint64_t kMostPageSize = 65536, kMostPages = 0xFFFFFFFE, kMostMapHeight = 16;

// A pair, not an object: a schema can have 100,000 tables.
json to_json(const TableCount& table) {
  return json::array({table.name, table.rows ? json(*table.rows) : json(nullptr)});
}

std::string hex_of(const codec::PageDigest& digest) {
  return to_hex(std::as_bytes(std::span(&digest, 1)));
}

codec::PageDigest digest_in(const JsonFields& fields, const char* key) {
  codec::PageDigest digest;
  if (!from_hex(fields.text(key, 2 * sizeof digest),
                std::as_writable_bytes(std::span(&digest, 1)))) {
    throw fields.wrong(key, "32 hexadecimal digits");
  }
  return digest;
}

json to_json(const DatabaseState& state) {
  json tables = json::array();
  for (const TableCount& table : state.tables) tables.push_back(to_json(table));
  json value = {{"name", state.name},
                {"engine", state.engine},
                {"source", state.source},
                {"moment", format_rfc3339(state.moment)},
                {"page_size", state.page_size},
                {"page_count", state.page_count},
                {"journal_mode", state.journal_mode},
                {"map", state.map.hex()},
                {"map_height", state.map_height},
                {"checksum", state.checksum},
                {"damage", state.damage},
                {"tables", std::move(tables)},
                {"tables_counted", state.tables_counted},
                {"indexes", state.indexes},
                {"views", state.views},
                {"triggers", state.triggers},
                {"pages_changed", state.pages_changed},
                {"bytes_read", state.bytes_read},
                {"bytes_stored", state.bytes_stored}};
  if (state.base) {
    value["base"] = {{"snapshot", state.base->snapshot.hex()},
                     {"replaced", hex_of(state.base->replaced)}};
  }
  if (state.machine_sum) value["machine_sum"] = hex_of(*state.machine_sum);
  return value;
}

TableCount table_from(const json& value, JsonOrigin origin) {
  if (!value.is_array() || value.size() != 2 || !value[0].is_string() ||
      !(value[1].is_null() || value[1].is_number_unsigned())) {
    throw origin.error("a table must be a pair of its name and its number of rows or null");
  }
  TableCount table{.name = value[0].get<std::string>(), .rows = std::nullopt};
  if (!value[1].is_null()) table.rows = value[1].get<std::uint64_t>();
  return table;
}

DatabaseState state_from(const json& value, JsonOrigin origin) {
  const JsonFields fields(value, origin);
  DatabaseState state;
  state.name = fields.text("name", kMostSnapshotText);
  state.engine = fields.text("engine", kMostSnapshotText);
  state.source = fields.text("source", kMostSnapshotText);
  state.moment = fields.time("moment");
  state.page_size = static_cast<std::uint32_t>(fields.number("page_size", kMostPageSize));
  state.page_count = fields.number("page_count", kMostPages);
  state.journal_mode = fields.text("journal_mode", kMostSnapshotText);
  state.map = fields.id<BlobId>("map");
  state.map_height = static_cast<int>(fields.number("map_height", kMostMapHeight));
  state.checksum = fields.text("checksum", kMostSnapshotText);
  state.damage = fields.text("damage", kMostSnapshotText);
  const json& tables = fields.array("tables");
  state.tables.reserve(tables.size());
  for (const json& table : tables) state.tables.push_back(table_from(table, origin));
  state.tables_counted = fields.flag("tables_counted");
  state.indexes = fields.number("indexes", kMostCount);
  state.views = fields.number("views", kMostCount);
  state.triggers = fields.number("triggers", kMostCount);
  state.pages_changed = fields.number("pages_changed", kMostCount);
  state.bytes_read = fields.number("bytes_read", kMostCount);
  state.bytes_stored = fields.number("bytes_stored", kMostCount);
  if (fields.has("base")) {
    const JsonFields base = fields.object("base");
    state.base = SealedBase{.snapshot = base.id<SnapshotId>("snapshot"),
                            .replaced = digest_in(base, "replaced")};
  }
  if (fields.has("machine_sum")) state.machine_sum = digest_in(fields, "machine_sum");
  return state;
}

std::vector<std::string> sorted_unique(std::vector<std::string> texts) {
  std::ranges::sort(texts);
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

std::vector<std::string> tags_from(const json& values, JsonOrigin origin) {
  std::vector<std::string> tags;
  for (const json& value : values) {
    if (!value.is_string()) throw origin.error("a tag must be a string");
    tags.push_back(value.get<std::string>());
  }
  return sorted_unique(std::move(tags));
}

}  // namespace

Bytes serialize(const Snapshot& snapshot) {
  json databases = json::array();
  for (const DatabaseState& state : snapshot.databases) databases.push_back(to_json(state));
  json value({{"format", kSnapshotFormat},
              {"name", snapshot.name},
              {"time", format_rfc3339(snapshot.time)},
              {"tags", sorted_unique(snapshot.tags)},
              {"host", snapshot.host},
              {"user", snapshot.user},
              {"version", snapshot.version},
              {"command", snapshot.command},
              {"seconds", snapshot.seconds},
              {"databases", std::move(databases)}});
  if (snapshot.writer != ObjectId()) value["writer"] = snapshot.writer.hex();
  if (snapshot.machine != ObjectId()) value["machine"] = snapshot.machine.hex();
  const std::string text = dump_json(value);
  const ByteView bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

Snapshot parse_snapshot(const SnapshotId& id, ByteView text) {
  const std::string name = fmt::format("snapshot {}", id.hex());
  const JsonOrigin origin{ErrorCode::kDamagedObject, name};
  const json value = parse_json(text, kMostSnapshotJson, origin);
  const JsonFields fields(value, origin);
  const std::uint64_t format = fields.number("format", kMostCount);
  if (format > kSnapshotFormat) {
    throw Error(ErrorCode::kRepositoryVersion,
                fmt::format("{} was written by a newer version of Holdfast", name));
  }
  if (format < kSnapshotFormat) throw fields.wrong("format", "at least 1");
  Snapshot snapshot;
  snapshot.id = id;
  snapshot.name = fields.text("name", kMostSnapshotText);
  snapshot.time = fields.time("time");
  snapshot.tags = tags_from(fields.array("tags"), origin);
  snapshot.host = fields.text("host", kMostSnapshotText);
  snapshot.user = fields.text("user", kMostSnapshotText);
  snapshot.version = fields.text("version", kMostSnapshotText);
  snapshot.command = fields.text("command", kMostSnapshotText);
  if (fields.has("writer")) snapshot.writer = fields.id<ObjectId>("writer");
  if (fields.has("machine")) snapshot.machine = fields.id<ObjectId>("machine");
  snapshot.seconds = fields.real("seconds");
  for (const json& database : fields.array("databases")) {
    snapshot.databases.push_back(state_from(database, origin));
  }
  if (snapshot.databases.empty()) throw fields.wrong("databases", "an array of at least one");
  return snapshot;
}

}  // namespace holdfast::repository
