#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/size.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/table.h"
#include "cli/wording.h"
#include "repository/statistics.h"
#include "service/capacity.h"
#include "service/cost.h"

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

// --prices is a path from where the command was given, as every file on a command line.
std::vector<service::Prices> chosen_prices(const Context& context) {
  const service::World& world = context.session.world();
  const std::string& said = context.arguments.prices;
  if (said.empty()) {
    return service::parse_prices(service::built_in_prices(), "built-in prices", world.variables);
  }
  const env::Path file = world.directory / said;
  const Bytes content = env::read_file(world.files, file);
  return service::parse_prices(as_text(content), file, world.variables);
}

service::Workload workload_of(Context& context, const repository::SnapshotList& list) {
  const Arguments& arguments = context.arguments;
  service::Workload workload;
  workload.backups_a_day =
      arguments.backups ? *arguments.backups : service::backups_a_day(list.snapshots);
  workload.replicated_hours_a_day = arguments.hours.value_or(0);
  workload.restores_a_month = arguments.restores.value_or(workload.restores_a_month);
  workload.read_data_a_month = arguments.percent.value_or(workload.read_data_a_month);
  const auto& interval = context.session.configuration().replication.ship_interval;
  if (interval && interval->count() > 0) workload.ship_interval = *interval;
  return workload;
}

void answer_cost(Context& context, const repository::SnapshotList& list,
                 const RepositoryStatistics& statistics, Json& answer) {
  const std::vector<service::Prices> services = chosen_prices(context);
  const service::Workload workload = workload_of(context, list);
  const service::MonthlyUse use = service::monthly_use(statistics, workload);
  const auto rounded = [](double number) {
    return with_separators(static_cast<std::uint64_t>(std::llround(number)));
  };
  const auto size = [](double bytes) { return format_size(static_cast<std::uint64_t>(bytes)); };
  const std::string text = fmt::format(
      "\nA month of {:.3g} backups and {:.3g} replicated hours a day, {:.3g} restore{}, {:.3g} % "
      "of "
      "the packs verified:\n{} stored, {} writing, {} listing and {} reading requests, {} "
      "downloaded.\n\n",
      workload.backups_a_day, workload.replicated_hours_a_day, workload.restores_a_month,
      workload.restores_a_month == 1 ? "" : "s", workload.read_data_a_month, size(use.stored_bytes),
      rounded(use.writes), rounded(use.lists), rounded(use.reads), size(use.downloaded_bytes));
  Table table({{"Service"},
               {"Prices of"},
               {"Storage", Align::kRight},
               {"Requests", Align::kRight},
               {"Download", Align::kRight},
               {"A month", Align::kRight}});
  Json costs = Json::array();
  for (const service::Prices& prices : services) {
    const service::MonthlyCost cost = service::cost_of(use, prices);
    table.add({prices.name, prices.as_of, fmt::format("{:.2f}", cost.storage),
               fmt::format("{:.2f}", cost.requests), fmt::format("{:.2f}", cost.download),
               fmt::format("{:.2f} {}", cost.total(), prices.currency)});
    costs.push_back({{"service", prices.name},
                     {"prices_of", prices.as_of},
                     {"currency", prices.currency},
                     {"storage", cost.storage},
                     {"requests", cost.requests},
                     {"download", cost.download},
                     {"total", cost.total()}});
  }
  context.console.answer(text + table.text(context.console.bold()));
  answer["cost"] = {
      {"workload",
       {{"backups_a_day", workload.backups_a_day},
        {"replicated_hours_a_day", workload.replicated_hours_a_day},
        {"ship_interval_seconds", std::chrono::duration<double>(workload.ship_interval).count()},
        {"restores_a_month", workload.restores_a_month},
        {"read_data_a_month", workload.read_data_a_month}}},
      {"a_month",
       {{"stored_bytes", use.stored_bytes},
        {"writes", use.writes},
        {"lists", use.lists},
        {"reads", use.reads},
        {"downloaded_bytes", use.downloaded_bytes}}},
      {"services", std::move(costs)}};
}

void expect_cost(const Arguments& arguments) {
  const bool workload = !arguments.prices.empty() || arguments.backups || arguments.hours ||
                        arguments.restores || arguments.percent;
  if (workload && !arguments.cost) {
    throw Error(ErrorCode::kUsage,
                "--prices, --backups, --hours, --restores and --percent go with --cost");
  }
}

}  // namespace

int run_stats(Context& context) {
  expect_no_words(context);
  expect_cost(context.arguments);
  if (context.arguments.print_prices) {
    context.console.answer(std::string(service::built_in_prices()));
    context.console.json_answer(Json{{"prices", service::built_in_prices()}});
    return kOk;
  }
  std::optional<std::uint64_t> capacity;
  if (const std::string& said = context.arguments.capacity; !said.empty()) {
    capacity = parse_size(said);
    if (!capacity || *capacity == 0) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--capacity takes a size such as 1GB, not \"{}\"", said));
    }
  }
  Json sealed = look_for_waiting(context);
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
  if (context.arguments.cost) answer_cost(context, list, statistics, answer);
  answer["sealed"] = std::move(sealed);
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
