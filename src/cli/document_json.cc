#include "cli/document_json.h"

#include <nlohmann/json.hpp>

#include "service/key_changes.h"

namespace holdfast::cli {

Json to_json(const repository::DatabaseState& state, bool with_tables) {
  Json value = {{"name", state.name},
                {"engine", state.engine},
                {"source", state.source},
                {"moment", format_rfc3339(state.moment)},
                {"journal_mode", state.journal_mode},
                {"page_size", state.page_size},
                {"pages", state.page_count},
                {"bytes", state.bytes()},
                {"pages_changed", state.pages_changed},
                {"bytes_read", state.bytes_read},
                {"bytes_stored", state.bytes_stored},
                {"checksum", state.checksum},
                {"damage", state.damage.empty() ? Json() : Json(state.damage)}};
  Json tables = Json::array();
  std::uint64_t rows = 0;
  for (const repository::TableCount& table : state.tables) {
    rows += table.rows.value_or(0);
    tables.push_back({{"name", table.name}, {"rows", table.rows ? Json(*table.rows) : Json()}});
  }
  value["table_count"] = state.tables.size();
  value["rows"] = state.tables_counted ? Json(rows) : Json();
  if (with_tables) {
    value["tables"] = std::move(tables);
    value["indexes"] = state.indexes;
    value["views"] = state.views;
    value["triggers"] = state.triggers;
  }
  return value;
}

Json to_json(const repository::Snapshot& snapshot, bool with_tables) {
  Json databases = Json::array();
  std::uint64_t bytes = 0, stored = 0;
  for (const repository::DatabaseState& state : snapshot.databases) {
    databases.push_back(to_json(state, with_tables));
    bytes += state.bytes();
    stored += state.bytes_stored;
  }
  return {{"id", snapshot.id.hex()},
          {"name", snapshot.name},
          {"time", format_rfc3339(snapshot.time)},
          {"tags", snapshot.tags},
          {"host", snapshot.host},
          {"user", snapshot.user},
          {"version", snapshot.version},
          {"command", snapshot.command},
          {"seconds", snapshot.seconds},
          {"bytes", bytes},
          {"bytes_stored", stored},
          {"databases", std::move(databases)}};
}

Json to_json(const repository::LogEntry& entry) {
  return {{"time", format_rfc3339(entry.time)},
          {"host", entry.host},
          {"user", entry.user},
          {"operation", entry.operation},
          {"command", entry.command},
          {"result", entry.result},
          {"detail", entry.detail}};
}

Json to_json(const repository::KeyInfo& key) {
  return {{"id", key.id.hex()},
          {"kind", service::kind_name(key.kind)},
          {"label", key.label},
          {"created", format_rfc3339(key.created)}};
}

Json to_json(const std::vector<service::WaitingSessions>& machines) {
  Json answer = Json::array();
  for (const service::WaitingSessions& machine : machines) {
    answer.push_back({{"machine", machine.machine},
                      {"waiting", machine.waiting},
                      {"refused", machine.refused},
                      {"oldest", machine.oldest ? Json(format_rfc3339(*machine.oldest)) : Json()}});
  }
  return answer;
}

Json to_json(const repository::PruneResult& result) {
  return {{"packs_removed", result.packs_removed},
          {"packs_repacked", result.packs_repacked},
          {"packs_kept", result.packs_kept},
          {"bytes_freed", result.bytes_freed},
          {"bytes_rewritten", result.bytes_rewritten},
          {"bytes_kept", result.bytes_kept},
          {"index_objects_before", result.index_objects_before},
          {"index_objects_after", result.index_objects_after}};
}

Json to_json(const repository::VerifyReport& report) {
  Json damage = Json::array(), snapshots = Json::array();
  for (const repository::Damage& one : report.damage) {
    damage.push_back({{"object", one.object}, {"problem", one.problem}});
  }
  for (const repository::SnapshotVerdict& verdict : report.snapshots) {
    snapshots.push_back({{"id", verdict.id.hex()},
                         {"name", verdict.name},
                         {"restorable", verdict.restorable},
                         {"lost", verdict.lost}});
  }
  return {{"ok", report.ok()},
          {"packs", report.packs},
          {"blobs", report.blobs},
          {"bytes_read", report.bytes_read},
          {"databases_proved", report.databases_proved},
          {"damage", std::move(damage)},
          {"snapshots", std::move(snapshots)}};
}

Json to_json(const engine::IntegrityReport& report) {
  Json findings = Json::array();
  for (const engine::IntegrityFinding& finding : report.findings) {
    findings.push_back({{"snapshot", finding.snapshot.hex()},
                        {"name", finding.snapshot_name},
                        {"database", finding.database},
                        {"restored", finding.restored},
                        {"known_when_backed_up", finding.known},
                        {"messages", finding.messages}});
  }
  return {{"databases", report.databases}, {"findings", std::move(findings)}};
}

Json to_json(const service::ForgetPlan& plan) {
  Json keep = Json::array(), remove = Json::array();
  for (const service::ForgetDecision& decision : plan.decisions) {
    Json one = {{"id", decision.snapshot.id.hex()},
                {"name", decision.snapshot.name},
                {"time", format_rfc3339(decision.snapshot.time)},
                {"tags", decision.snapshot.tags}};
    if (decision.keep) one["reasons"] = decision.reasons;
    (decision.keep ? keep : remove).push_back(std::move(one));
  }
  return {{"keep", std::move(keep)}, {"remove", std::move(remove)}};
}

}  // namespace holdfast::cli
