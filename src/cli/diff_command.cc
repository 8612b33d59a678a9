#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/row_text.h"
#include "cli/wording.h"
#include "service/diff_job.h"

namespace holdfast::cli {
namespace {

using sqlite::ComparedTable;
using sqlite::RowChange;
using sqlite::RowCounts;
using sqlite::RowDifference;
using sqlite::SchemaDifference;

// Nobody reads the answer any more (`| head`).
struct ReaderGone {};

void stop_if_unread() {
  if (std::ferror(stdout) == 0 || errno != EPIPE) return;
  std::clearerr(stdout);
  throw ReaderGone{};
}

const char* word_of(RowChange change) {
  switch (change) {
    case RowChange::kInserted:
      return "inserted";
    case RowChange::kDeleted:
      return "deleted";
    case RowChange::kChanged:
      break;
  }
  return "changed";
}
RowChange change_of(const SchemaDifference& difference) {
  if (!difference.before) return RowChange::kInserted;
  return difference.after ? RowChange::kChanged : RowChange::kDeleted;
}

// docs/cli.md, "JSON", has the rules: nothing is lost.
Json value_json(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* real = std::get_if<double>(&value)) {
    if (std::isfinite(*real)) return *real;
    return {{"$number", std::isnan(*real) ? "NaN" : *real > 0 ? "Infinity" : "-Infinity"}};
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (is_utf8(*text)) return *text;
    return {{"$text", to_base64(as_bytes(*text))}};
  }
  if (const auto* blob = std::get_if<Bytes>(&value)) return {{"$blob", to_base64(*blob)}};
  return nullptr;
}

Json row_json(const std::vector<std::string>& names, const std::vector<Value>& values,
              const std::vector<std::size_t>& only) {
  if (values.empty()) return nullptr;
  Json object = Json::object();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (only.empty() || std::ranges::find(only, i) != only.end()) {
      object[names[i]] = value_json(values[i]);
    }
  }
  return object;
}

Json counts_json(const RowCounts& counts) {
  return {{"inserted", counts.inserted}, {"changed", counts.changed}, {"deleted", counts.deleted}};
}

// As JSON Lines: what came before a failure stands.
class JsonSink final : public sqlite::DifferenceSink {
 public:
  JsonSink(Console& console, bool summary) : console_(console), summary_(summary) {}

  void schema(const SchemaDifference& difference) override {
    write({{"kind", "schema"},
           {"change", word_of(change_of(difference))},
           {"type", difference.type},
           {"name", difference.name},
           {"table", difference.table.empty() ? Json() : Json(difference.table)},
           {"before", difference.before ? Json(*difference.before) : Json()},
           {"after", difference.after ? Json(*difference.after) : Json()}});
  }
  void row(const ComparedTable& table, const RowDifference& row) override {
    if (summary_) return;
    write({{"kind", "row"},
           {"change", word_of(row.change)},
           {"table", table.name},
           {"key", row_json(table.key, row.key, {})},
           {"before", row_json(table.columns, row.before, row.changed)},
           {"after", row_json(table.columns, row.after, row.changed)}});
  }
  void finished(const ComparedTable& table, const RowCounts& counts) override {
    Json line = {{"kind", "table"}, {"table", table.name}, {"key", table.key}};
    line.update(counts_json(counts));
    line["only_before"] = table.only_before;
    line["only_after"] = table.only_after;
    line["skipped"] = table.skipped.empty() ? Json() : Json(table.skipped);
    write(line);
  }

 private:
  void write(const Json& line) {
    console_.event(line);
    stop_if_unread();
  }

  Console& console_;
  bool summary_;
};

std::string counts_text(const RowCounts& counts) {
  return fmt::format("{} inserted, {} changed, {} deleted", with_separators(counts.inserted),
                     with_separators(counts.changed), with_separators(counts.deleted));
}

class TextSink final : public sqlite::DifferenceSink {
 public:
  TextSink(Console& console, bool summary, bool whole)
      : console_(console), summary_(summary), whole_(whole) {}

  void schema(const SchemaDifference& difference) override {
    const RowChange change = change_of(difference);
    const char sign = change == RowChange::kInserted  ? '+'
                      : change == RowChange::kDeleted ? '-'
                                                      : '~';
    std::string text = has_schema_ ? "" : "\nSchema\n";
    has_schema_ = true;
    text += fmt::format("  {} {} {}", sign, difference.type, printable(difference.name));
    if (difference.type == "setting") {
      text += fmt::format(": {} → {}\n", *difference.before, *difference.after);
    } else {
      text += "\n";
      if (!summary_) {
        if (difference.before) text += indented(*difference.before, '-');
        if (difference.after) text += indented(*difference.after, '+');
      }
    }
    write(text);
  }
  void row(const ComparedTable& table, const RowDifference& row) override {
    if (summary_) return;
    begin(table);
    write(row_text(table, row, whole_, console_.bold()));
  }
  void finished(const ComparedTable& table, const RowCounts& counts) override {
    std::string text;
    if (counts.sum() > 0) text += fmt::format("  {}\n", counts_text(counts));
    if (!table.skipped.empty())
      text += fmt::format("  not compared: {}\n", printable(table.skipped));
    if (counts.sum() > 0 && table.only_before.size() + table.only_after.size() > 0) {
      text += fmt::format(
          "  rows are compared by the columns that both have, without {}\n",
          printable(fmt::format("{}{}{}", fmt::join(table.only_before, ", "),
                                table.only_before.empty() || table.only_after.empty() ? "" : ", ",
                                fmt::join(table.only_after, ", "))));
    }
    if (!text.empty()) {
      begin(table);
      write(text);
    }
    table_.clear();
  }

 private:
  static std::string indented(std::string_view sql, char sign) {
    std::string text;
    while (!sql.empty()) {
      const auto end = std::min(sql.find('\n'), sql.size());
      text += fmt::format("      {} {}\n", sign, printable(sql.substr(0, end)));
      sql.remove_prefix(std::min(end + 1, sql.size()));
    }
    return text;
  }
  void begin(const ComparedTable& table) {
    if (table_ == table.name) return;
    table_ = table.name;
    write(fmt::format("\nTable {}\n", printable(table.name)));
  }
  void write(const std::string& text) {
    console_.answer(text);
    stop_if_unread();
  }

  Console& console_;
  bool summary_, whole_;
  bool has_schema_ = false;
  std::string table_;
};

std::string summary_text(const sqlite::DifferenceSummary& summary) {
  if (!summary.differs()) {
    return summary.skipped == 0 ? "No differences.\n" : "No differences in what was compared.\n";
  }
  std::string text = fmt::format("\nIn all: {}", counts_text(summary.rows));
  if (summary.schema > 0) {
    text += fmt::format("; {} in the schema", counted(summary.schema, "difference"));
  }
  return text + ".\n";
}

}  // namespace

int run_diff(Context& context) {
  const Arguments& arguments = context.arguments;
  service::Session& session = context.session;
  const service::World& world = session.world();
  Console& console = context.console;
  if (arguments.databases.size() > 1) {
    throw Error(ErrorCode::kUsage, "one database of a snapshot is compared at a time");
  }
  const auto sides = service::choose_sides(
      session, arguments.words, arguments.databases.empty() ? "" : arguments.databases.front());
  const env::Path scratch =
      arguments.scratch.empty()
          ? service::scratch_directory(world)
          : service::absolute_path(world.directory,
                                   service::expand_home(arguments.scratch, world.variables));
  console.answer(
      fmt::format("--- {}\n+++ {}\n", printable(sides.before.label), printable(sides.after.label)));
  if (console.json()) {
    console.event(
        Json{{"kind", "databases"}, {"before", sides.before.label}, {"after", sides.after.label}});
  }
  JsonSink json(console, arguments.summary);
  TextSink text(console, arguments.summary, console.verbose());
  sqlite::DifferenceSink& sink = console.json() ? static_cast<sqlite::DifferenceSink&>(json) : text;
  const int different = catalogue_entry(ErrorCode::kDifferent).exit_status;
  const Duration began = world.clock.elapsed();
  sqlite::DifferenceSummary summary;
  try {
    summary = service::diff(session, sides, arguments.tables, scratch, sink);
  } catch (const ReaderGone&) {
    return different;
  }
  if (console.json()) {
    Json line = {{"kind", "summary"}, {"different", summary.differs()}};
    line.update(counts_json(summary.rows));
    line["schema"] = summary.schema;
    line["tables"] = summary.tables;
    line["skipped"] = summary.skipped;
    line["seconds"] = std::chrono::duration<double>(world.clock.elapsed() - began).count();
    console.event(line);
  }
  console.answer(summary_text(summary));
  if (summary.differs()) return different;
  return summary.skipped > 0 ? status_with_warnings() : kOk;
}

}  // namespace holdfast::cli
