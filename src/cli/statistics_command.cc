#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/size.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/table.h"
#include "cli/wording.h"
#include "repository/statistics.h"
#include "service/capacity.h"

namespace holdfast::cli {
namespace {

using repository::DatabaseGrowth;
using repository::RepositoryStatistics;
using service::CapacityForecast;

Json to_json(const RepositoryStatistics& statistics) {
  Json databases = Json::array();
  for (const DatabaseGrowth& database : statistics.databases) {
    databases.push_back({{"name", database.name},
                         {"snapshots", database.snapshots},
                         {"bytes", database.newest_bytes},
                         {"rows", database.rows},
                         {"bytes_a_day", database.bytes_a_day},
                         {"stored_bytes_a_day", database.stored_bytes_a_day}});
  }
  return {{"snapshots", statistics.snapshots},
          {"packs", statistics.packs},
          {"blobs", statistics.blobs},
          {"stored_bytes", statistics.stored_bytes},
          {"unique_bytes", statistics.unique_bytes},
          {"restorable_bytes", statistics.restorable_bytes},
          {"compression_ratio", statistics.compression_ratio},
          {"deduplication_ratio", statistics.deduplication_ratio},
          {"databases", std::move(databases)}};
}

Json to_json(const CapacityForecast& forecast) {
  return {{"bytes", forecast.capacity},
          {"used_bytes", forecast.used},
          {"free_bytes", forecast.free},
          {"percent_used", forecast.percent_used},
          {"stored_bytes_a_day", forecast.stored_bytes_a_day},
          {"days_left", forecast.days ? Json(*forecast.days) : Json()},
          {"bytes_a_record", forecast.bytes_a_record ? Json(*forecast.bytes_a_record) : Json()},
          {"records_left", forecast.records ? Json(*forecast.records) : Json()}};
}

std::string a_day(double bytes) {
  if (bytes == 0) return "";
  const auto size = format_size(static_cast<std::uint64_t>(bytes < 0 ? -bytes : bytes));
  return fmt::format("{}{} a day", bytes < 0 ? "-" : "+", size);
}

std::string statistics_text(const RepositoryStatistics& statistics, bool bold) {
  std::string text =
      fmt::format("{} of {} kept in {} ({}, {}).\n", counted(statistics.snapshots, "snapshot"),
                  format_size(statistics.restorable_bytes), format_size(statistics.stored_bytes),
                  counted(statistics.packs, "pack"), counted(statistics.blobs, "blob"));
  text += fmt::format("Deduplication 1 : {:.1f}, compression 1 : {:.1f}.\n",
                      statistics.deduplication_ratio, statistics.compression_ratio);
  Table table({{"Database"},
               {"Snapshots", Align::kRight},
               {"Size", Align::kRight},
               {"Rows", Align::kRight},
               {"Growth", Align::kRight},
               {"Stored", Align::kRight}});
  for (const DatabaseGrowth& database : statistics.databases) {
    table.add({database.name, with_separators(database.snapshots),
               format_size(database.newest_bytes), with_separators(database.rows),
               a_day(database.bytes_a_day), a_day(database.stored_bytes_a_day)});
  }
  return table.empty() ? text : text + "\n" + table.text(bold);
}

std::string forecast_text(const CapacityForecast& forecast) {
  std::string text = fmt::format("\nOf {}, {} used, {} left.\n", format_size(forecast.capacity),
                                 format_percent(forecast.percent_used), format_size(forecast.free));
  text += forecast.days ? fmt::format("At {} that is enough for {}.\n",
                                      a_day(forecast.stored_bytes_a_day).substr(1),
                                      format_days(*forecast.days))
                        : std::string("How fast it grows can be told after two days of backups.\n");
  if (forecast.records) {
    text += fmt::format("About {} fit, at {} each in the repository.\n",
                        counted(*forecast.records, "more record"),
                        format_size(static_cast<std::uint64_t>(*forecast.bytes_a_record)));
  }
  return text;
}

}  // namespace

int run_stats(Context& context) {
  expect_no_words(context);
  std::optional<std::uint64_t> capacity;
  if (const std::string& said = context.arguments.capacity; !said.empty()) {
    capacity = parse_size(said);
    if (!capacity || *capacity == 0) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--capacity takes a size such as 1GB, not \"{}\"", said));
    }
  }
  const repository::SnapshotList list = list_with_warnings(context);
  const auto statistics =
      repository::gather_statistics(context.session.repository(), list.snapshots);
  Json answer = to_json(statistics);
  context.console.answer(statistics_text(statistics, context.console.bold()));
  if (capacity) {
    const auto forecast = service::forecast(statistics, *capacity);
    answer["capacity"] = to_json(forecast);
    context.console.answer(forecast_text(forecast));
  }
  context.console.json_answer(answer);
  return list.unreadable.empty() ? kOk : status_with_warnings();
}

int run_log(Context& context) {
  expect_no_words(context);
  std::vector<repository::LogEntry> entries = repository::read_log(context.session.repository());
  if (const auto& last = context.arguments.last;
      last && entries.size() > static_cast<std::size_t>(*last)) {
    entries.erase(entries.begin(), entries.end() - *last);
  }
  Json answer = Json::array();
  Table table({{"Time"}, {"Host"}, {"User"}, {"Operation"}, {"Result"}, {"Detail"}, {"Command"}});
  for (const repository::LogEntry& entry : entries) {
    answer.push_back(cli::to_json(entry));
    table.add({format_local(entry.time), entry.host, entry.user, entry.operation, entry.result,
               entry.detail, context.console.verbose() ? entry.command : ""});
  }
  context.console.json_answer(answer);
  if (!table.empty()) context.console.answer(table.text(context.console.bold()));
  return kOk;
}

}  // namespace holdfast::cli
