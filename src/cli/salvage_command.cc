#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/table.h"
#include "cli/wording.h"
#include "service/salvage_job.h"

namespace holdfast::cli {
namespace {

using sqlite::SalvagedTable;
using sqlite::SalvageReport;

Json to_json(const SalvagedTable& table) {
  return {{"name", table.name},
          {"rows", table.rows},
          {"rows_rejoined", table.rows_rejoined},
          {"rows_refused", table.rows_refused},
          {"rows_damaged", table.rows_damaged},
          {"pages", table.pages},
          {"pages_lost", table.pages_lost},
          {"problem", table.problem.empty() ? Json() : Json(table.problem)}};
}

Json to_json(const SalvageReport& report, const std::string& target) {
  Json tables = Json::array();
  for (const SalvagedTable& table : report.tables) tables.push_back(to_json(table));
  Json lost = {{"rows", report.lost_rows}, {"fragments", report.lost_fragments}};
  lost["table"] = report.lost_and_found.empty() ? Json() : Json(report.lost_and_found);
  return {{"target", target},
          {"whole", report.is_whole()},
          {"rows", report.rows()},
          {"page_size", report.page_size},
          {"pages", report.page_count},
          {"encoding", report.encoding},
          {"header_intact", report.header_intact},
          {"schema_complete", report.schema_complete},
          {"free_list_intact", report.free_list_intact},
          {"log_frames", report.log_frames},
          {"tables", std::move(tables)},
          {"lost_and_found", std::move(lost)},
          {"problems", report.problems}};
}

// Tables that are whole are not worth a line each, unless all are asked for.
std::string tables_text(const SalvageReport& report, bool every_table, bool bold) {
  Table table({{"TABLE"},
               {"ROWS", Align::kRight},
               {"REJOINED", Align::kRight},
               {"REFUSED", Align::kRight},
               {"DAMAGED", Align::kRight},
               {"PAGES LOST", Align::kRight}});
  const auto shown = [](std::uint64_t number) {
    return number == 0 ? std::string() : with_separators(number);
  };
  std::size_t whole = 0;
  for (const SalvagedTable& one : report.tables) {
    if (one.is_whole() && !every_table) {
      ++whole;
      continue;
    }
    table.add({printable(one.name), with_separators(one.rows), shown(one.rows_rejoined),
               shown(one.rows_refused), shown(one.rows_damaged), shown(one.pages_lost)});
  }
  std::string text = table.empty() ? "" : table.text(bold);
  if (whole != 0 && !table.empty()) {
    text += fmt::format("and {} whole; --verbose shows all\n", counted(whole, "table"));
  }
  return text;
}

std::string report_text(const SalvageReport& report, const std::string& target, bool verbose,
                        bool bold) {
  std::string text = tables_text(report, verbose, bold);
  const auto line = [&](std::string_view sentence) { text += fmt::format("{}\n", sentence); };
  if (!report.header_intact) {
    line(fmt::format("The header is lost; the pages say: {} bytes each, {}.", report.page_size,
                     report.encoding));
  }
  if (!report.schema_complete) line("A part of the schema is lost: tables may be missing.");
  if (!report.free_list_intact) {
    line(
        "The list of free pages is damaged: deleted rows may be among those that belong to no "
        "table.");
  }
  if (report.lost_rows != 0) {
    line(fmt::format("{} in the table {} ({}): see its columns table_name and reason.",
                     counted(report.lost_rows, "row"), report.lost_and_found,
                     counted(report.lost_fragments, "fragment")));
  }
  for (const SalvagedTable& table : report.tables) {
    if (!table.problem.empty()) {
      line(printable(fmt::format("The table {} could not be made: {}", table.name, table.problem)));
    }
  }
  for (const std::string& problem : report.problems) line(printable(problem));
  if (report.is_whole()) line("Nothing is damaged.");
  line(fmt::format("{} of {} in {}", counted(report.rows(), "row"),
                   counted(report.tables.size(), "table"), printable(target)));
  return text;
}

}  // namespace

int run_salvage(Context& context) {
  const Arguments& arguments = context.arguments;
  if (arguments.words.size() != 1) {
    throw Error(ErrorCode::kUsage, "say which file is to be salvaged, and only one");
  }
  if (arguments.to.empty()) throw Error(ErrorCode::kUsage, "say with --to where to write it");
  const service::World& world = context.session.world();
  const auto path = [&](const std::string& word) {
    return service::absolute_path(world.directory, service::expand_home(word, world.variables));
  };
  const service::SalvageRequest request{.source = path(arguments.words.front()),
                                        .target = path(arguments.to),
                                        .replace = arguments.replace,
                                        .options = {.free_pages = arguments.free_pages}};
  const SalvageReport report = service::salvage(world, request, context.console);
  const std::string target = request.target.string();
  context.console.json_answer(to_json(report, target));
  context.console.answer(
      report_text(report, target, context.console.verbose(), context.console.bold()));
  return report.is_whole() ? kOk : status_with_warnings();
}

}  // namespace holdfast::cli
