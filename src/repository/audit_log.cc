#include "repository/audit_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/error.h"
#include "codec/secret_key.h"
#include "repository/document.h"
#include "repository/json_fields.h"

namespace holdfast::repository {
namespace {

using nlohmann::json;

constexpr std::string_view kPrefix = "log/";
constexpr int kLogFormat = 1;
constexpr std::size_t kMostAuditJson = std::size_t{256} << 20,
                      kMostAuditText = std::size_t{1} << 20;

json to_json(const LogEntry& entry) {
  return {{"time", format_rfc3339(entry.time)},
          {"host", entry.host},
          {"user", entry.user},
          {"command", entry.command},
          {"operation", entry.operation},
          {"result", entry.result},
          {"detail", entry.detail}};
}

LogEntry entry_from(const JsonFields& fields) {
  return {.time = fields.time("time"),
          .host = fields.text("host", kMostAuditText),
          .user = fields.text("user", kMostAuditText),
          .command = fields.text("command", kMostAuditText),
          .operation = fields.text("operation", kMostAuditText),
          .result = fields.text("result", kMostAuditText),
          .detail = fields.text("detail", kMostAuditText)};
}

std::vector<LogEntry> parse_entries(const std::string& name, ByteView text) {
  const JsonOrigin origin{ErrorCode::kDamagedObject, name};
  const json value = parse_json(text, kMostAuditJson, origin);
  const JsonFields fields(value, origin);
  if (fields.number("format", kLogFormat) != kLogFormat) throw fields.wrong("format", "1");
  std::vector<LogEntry> entries{entry_from(fields)};
  for (const json& forgotten : fields.array("forgotten")) {
    entries.push_back(entry_from(JsonFields(forgotten, origin)));
  }
  return entries;
}

LogEntry unreadable_entry(Time time, std::string detail) {
  LogEntry entry;
  entry.time = time;
  entry.operation = "unknown";
  entry.result = std::string(catalogue_entry(ErrorCode::kDamagedObject).name);
  entry.detail = std::move(detail);
  return entry;
}

struct StoredEntry {
  std::string name;
  Time modified;
};

// The entries of one object; what cannot be read is said where it would have stood. Nothing if it
// has vanished.
std::vector<LogEntry> read_entries(const Repository& repository, const StoredEntry& stored) {
  try {
    const Bytes object = repository.store().get(stored.name);
    return parse_entries(stored.name, open_document(repository.keys().documents, DocumentKind::kLog,
                                                    stored.name, object));
  } catch (const Error& error) {
    switch (error.code()) {
      case ErrorCode::kNotFound:
        return {};
      case ErrorCode::kDamagedObject:
      case ErrorCode::kIo:
      case ErrorCode::kPermissionDenied:
        return {unreadable_entry(stored.modified, error.happened())};
      default:
        throw;
    }
  }
}

auto order_of(const LogEntry& entry) {
  return std::tie(entry.time, entry.operation, entry.host, entry.user, entry.command, entry.result,
                  entry.detail);
}

void append(std::vector<LogEntry>& to, std::vector<LogEntry> entries) {
  to.insert(to.end(), std::make_move_iterator(entries.begin()),
            std::make_move_iterator(entries.end()));
}

}  // namespace

void record(const Repository& repository, const LogEntry& entry,
            const std::vector<LogEntry>& forgotten) {
  json value = to_json(entry);
  value["format"] = kLogFormat;
  json& list = value["forgotten"] = json::array();
  for (const LogEntry& other : forgotten) list.push_back(to_json(other));
  ObjectId id;
  codec::random_bytes(id.bytes);
  const std::string name = fmt::format("{}{}-{}", kPrefix, format_compact(entry.time), id.hex());
  const std::string text = dump_json(value);
  repository.store().put(
      name, seal_document(repository.keys().documents, DocumentKind::kLog, name, as_bytes(text)));
}

LogEntry entry_of(const Snapshot& snapshot) {
  std::vector<std::string_view> names;
  bool damaged = false;
  for (const DatabaseState& state : snapshot.databases) {
    names.push_back(state.name);
    damaged |= !state.damage.empty();
  }
  const ErrorCode warning = ErrorCode::kCompletedWithWarnings;
  return {.time = snapshot.time,
          .host = snapshot.host,
          .user = snapshot.user,
          .command = snapshot.command,
          .operation = "backup",
          .result = damaged ? std::string(catalogue_entry(warning).name) : "ok",
          .detail = fmt::format("snapshot {} \"{}\" of {}", snapshot.id.short_hex(), snapshot.name,
                                fmt::join(names, ", "))};
}

std::vector<LogEntry> read_log(const Repository& repository) {
  std::vector<StoredEntry> stored;
  repository.store().list(kPrefix, [&](std::string_view name, const storage::ObjectStatus& status) {
    stored.push_back({std::string(name), status.modified});
  });
  std::vector<LogEntry> entries;
  for (const StoredEntry& object : stored) append(entries, read_entries(repository, object));

  const SnapshotList list = list_snapshots(repository);
  for (const Snapshot& snapshot : list.snapshots) entries.push_back(entry_of(snapshot));
  for (const std::string& name : list.unreadable) {
    const auto status = repository.store().stat(name);
    entries.push_back(unreadable_entry(status ? status->modified : Time{},
                                       fmt::format("{} cannot be read", name)));
  }
  std::ranges::sort(entries,
                    [](const LogEntry& a, const LogEntry& b) { return order_of(a) < order_of(b); });
  // A forget that stopped half way has recorded snapshots that are still there.
  const auto same = [](const LogEntry& a, const LogEntry& b) { return order_of(a) == order_of(b); };
  entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());
  return entries;
}

}  // namespace holdfast::repository
