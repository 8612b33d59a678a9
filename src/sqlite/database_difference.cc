#include "sqlite/database_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"

namespace holdfast::sqlite {
namespace {

class Comparison {
 public:
  Comparison(PageSource& before, PageSource& after, const DifferenceOptions& options,
             DifferenceSink& sink, Progress& progress)
      : before_(before), after_(after), options_(options), sink_(sink), progress_(progress) {}

  DifferenceSummary run() {
    expect_tables();
    compare_schemas();
    const auto names = table_names();
    const auto told = [&](const auto& name) { return is_told(name); };
    if (options_.pages == nullptr && std::ranges::any_of(names, told)) {
      progress_.stage("Comparing pages", before_.bytes() + after_.bytes());
      found_ = PageDifference::between(before_.source, after_.source, options_.threads, progress_);
      if (found_) pages_ = &*found_;
    }
    progress_.stage("Comparing rows", 0);
    for (const std::string& name : names) compare_table(name);
    return summary_;
  }
  bool is_told_by_pages() const {
    return std::ranges::all_of(table_names(), [&](const auto& name) { return is_told(name); });
  }

 private:
  struct Side {
    explicit Side(PageSource& from)
        : source(from),
          shapes(table_shapes(from.connection(), "main")),
          objects(schema_objects(from.connection())) {}

    std::uint64_t bytes() const {
      return std::uint64_t{source.geometry().page_size} * source.geometry().page_count;
    }
    const TableShape* table(const std::string& name) const {
      const auto found = shapes.find(name);
      if (found == shapes.end()) return nullptr;
      const auto kind = found->second.kind;
      const bool has_rows = kind == TableShape::Kind::kTable || kind == TableShape::Kind::kShadow;
      return has_rows ? &found->second : nullptr;
    }
    const SchemaObject* object(const std::string& name) const {
      const auto found = objects.find(name);
      return found == objects.end() ? nullptr : &found->second;
    }
    Tree tree(const std::string& name) const { return {source, object(name)->root}; }

    PageSource& source;
    TableShapes shapes;
    SchemaObjects objects;
  };

  bool is_wanted(const std::string& table) const {
    return options_.tables.empty() ||
           std::ranges::any_of(options_.tables,
                               [&](const std::string& name) { return same_name(name, table); });
  }
  void expect_tables() const {
    for (const std::string& name : options_.tables) {
      if (before_.shapes.contains(name) || after_.shapes.contains(name)) continue;
      std::set<std::string, NameOrder> known;
      for (const auto& [table, shape] : before_.shapes) known.insert(table);
      for (const auto& [table, shape] : after_.shapes) known.insert(table);
      throw Error(
          ErrorCode::kNotFound,
          fmt::format("neither database has a table \"{}\"; there {}", name,
                      known.empty() ? "are none" : fmt::format("are {}", fmt::join(known, ", "))));
    }
  }
  void compare_schemas() {
    auto differences = schema_differences(before_.objects, after_.objects);
    if (options_.tables.empty()) {
      auto settings = setting_differences(before_.source.connection(), after_.source.connection());
      differences.insert(differences.begin(), settings.begin(), settings.end());
    }
    for (const SchemaDifference& difference : differences) {
      if (!is_wanted(difference.table)) continue;
      ++summary_.schema;
      sink_.schema(difference);
    }
  }
  std::set<std::string, NameOrder> table_names() const {
    std::set<std::string, NameOrder> names;
    for (const Side* side : {&before_, &after_}) {
      for (const auto& [name, shape] : side->shapes) {
        if (side->table(name) != nullptr && is_wanted(name)) names.insert(name);
      }
    }
    return names;
  }

  // The same definition puts the same columns into the same places.
  bool is_told(const std::string& name) const {
    const SchemaObject *before = before_.object(name), *after = after_.object(name);
    return before_.table(name) != nullptr && after_.table(name) != nullptr && before != nullptr &&
           after != nullptr && before->sql == after->sql;
  }
  void compare_table(const std::string& name) {
    const ComparedTable* table = nullptr;
    RowComparison comparison(
        {before_.source.connection(), before_.table(name)},
        {after_.source.connection(), after_.table(name)},
        [&](const RowDifference& difference) { sink_.row(*table, difference); },
        [&] { progress_.advance(0); });
    table = &comparison.table();
    progress_.advance(0);
    compare_rows(name, comparison);
    sink_.finished(comparison.table(), comparison.counts());
    summary_.rows.inserted += comparison.counts().inserted;
    summary_.rows.changed += comparison.counts().changed;
    summary_.rows.deleted += comparison.counts().deleted;
    ++(comparison.table().skipped.empty() ? summary_.tables : summary_.skipped);
  }
  void compare_rows(const std::string& name, RowComparison& comparison) const {
    if (pages_ == nullptr || !is_told(name)) {
      comparison.compare();
    } else if (comparison.has_ranges()) {
      visit_different_ranges(before_.tree(name), after_.tree(name), *pages_,
                             [&](const RowidRange& range) { comparison.compare(range); });
    } else if (!is_same_tree(before_.tree(name), after_.tree(name), *pages_)) {
      comparison.compare();
    }
  }

  Side before_, after_;
  const DifferenceOptions& options_;
  DifferenceSink& sink_;
  Progress& progress_;
  std::optional<PageDifference> found_;
  const PageDifference* pages_ = options_.pages;
  DifferenceSummary summary_;
};

}  // namespace

DifferenceSummary compare_databases(PageSource& before, PageSource& after,
                                    const DifferenceOptions& options, DifferenceSink& sink,
                                    Progress& progress) {
  return Comparison(before, after, options, sink, progress).run();
}

bool is_told_by_pages(PageSource& before, PageSource& after,
                      const std::vector<std::string>& tables) {
  class Silence final : public DifferenceSink {
    void schema(const SchemaDifference&) override {}
    void row(const ComparedTable&, const RowDifference&) override {}
    void finished(const ComparedTable&, const RowCounts&) override {}
  };
  Silence silence;
  DifferenceOptions options;
  options.tables = tables;
  return Comparison(before, after, options, silence, no_progress()).is_told_by_pages();
}

}  // namespace holdfast::sqlite
