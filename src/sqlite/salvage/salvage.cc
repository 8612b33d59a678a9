#include "sqlite/salvage/salvage.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "sqlite/salvage/lost_and_found.h"
#include "sqlite/salvage/new_database.h"
#include "sqlite/salvage/orphan_match.h"
#include "sqlite/salvage/page_census.h"
#include "sqlite/salvage/row_reader.h"
#include "sqlite/salvage/row_writer.h"
#include "sqlite/salvage/stored_shape.h"
#include "sqlite/salvage/surviving_schema.h"
#include "sqlite/table_shape.h"

namespace holdfast::sqlite {
namespace {

constexpr std::string_view kNoTable = "no table is known that it belongs to";
constexpr std::string_view kFreePage = "it is in a free page, as deleted rows are";

// SQLite computes these anew, or does not know them any more.
bool is_without_content(const SchemaItem& item) {
  return item.name.starts_with("sqlite_stat") && !same_name(item.name, "sqlite_stat1");
}

struct TableWork {
  SalvagedTable report;
  std::unique_ptr<RowWriter> writer;  // null where the table could not be made
  SurvivingTree tree;
};

class Salvage {
 public:
  Salvage(const DamagedImage& image, const std::filesystem::path& target, Progress& progress)
      : image_(image),
        progress_(progress),
        census_(image, progress),
        reader_(image, census_),
        database_(target, image.layout(), progress) {
    census_.claim_pointer_maps();
    schema_ = read_surviving_schema(image, census_, reader_);
  }

  SalvageReport run(const SalvageOptions& options) {
    make_tables();
    lost_.emplace(database_.get(), free_name(), image_.layout().encoding);
    find_trees();
    free_list_intact_ = census_.claim_free_pages();
    progress_.stage("Salvaging rows", std::uint64_t{image_.page_count()} * page_size());
    for (TableWork& work : tables_) {
      if (&work != sequence_) write_rows(work, work.tree, 0);
    }
    write_orphans(options);
    if (sequence_ != nullptr) write_sequence();
    make_the_rest();
    database_.commit();
    return report();
  }

 private:
  std::uint32_t page_size() const { return image_.layout().page_size; }

  void problem(std::string text) {
    constexpr std::size_t kMost = 1000;
    if (problems_.size() < kMost) problems_.push_back(std::move(text));
  }

  void make_tables() {
    for (const SchemaItem& item : schema_.items) {
      if (!item.is_table() || item.is_virtual() || is_without_content(item)) continue;
      TableWork& work = tables_.emplace_back();
      work.report.name = item.name;
      work.report.problem = database_.make(item);
      try {
        if (!work.report.problem.empty()) continue;
        work.writer = std::make_unique<RowWriter>(database_.get(),
                                                  stored_shape(database_.get(), database_.made()),
                                                  image_.layout().encoding);
        work.report.name = database_.made();
      } catch (const Error& error) {
        work.report.problem = error.happened();
      }
      if (same_name(item.name, "sqlite_sequence")) sequence_ = &work;
    }
    // While they are still empty, so that each row that is not unique is found when it comes.
    for (const SchemaItem& item : schema_.items) {
      if (is_unique_index(item)) make(item);
    }
  }

  // For the table of lost rows.
  std::string free_name() const {
    std::set<std::string, NameOrder> taken;
    for (const SchemaItem& item : schema_.items) taken.insert(item.name);
    std::string name = "lost_and_found";
    for (int i = 0; taken.contains(name) || database_.has(name); ++i) {
      name = fmt::format("lost_and_found_{}", i);
    }
    return name;
  }

  static bool is_unique_index(const SchemaItem& item) {
    constexpr std::string_view kUnique = "CREATE UNIQUE";
    return item.type == "index" && same_name(item.sql.substr(0, kUnique.size()), kUnique);
  }

  void make(const SchemaItem& item) {
    const std::string refused = database_.make(item);
    if (!refused.empty()) problem(fmt::format("{} {}: {}", item.type, item.name, refused));
  }

  void find_trees() {
    std::size_t table = 0;
    for (const SchemaItem& item : schema_.items) {
      const bool is_made = item.is_table() && !item.is_virtual() && !is_without_content(item);
      if (!is_made) {
        if (item.root != 0) indexes_.push_back(walk(item.root, nullptr));
        continue;
      }
      TableWork& work = tables_[table++];
      work.tree = walk(item.root, work.writer.get());
      work.report.pages = work.tree.pages.size();
      work.report.pages_lost = work.tree.lost.size();
    }
  }

  SurvivingTree walk(std::int64_t root, const RowWriter* writer) {
    bool is_table = writer != nullptr && !writer->shape().without_rowid;
    if (writer == nullptr && root > 0 && root <= image_.page_count()) {
      is_table = is_of_table(census_.type(static_cast<PageNumber>(root)));
    }
    return census_.walk(root, is_table);
  }

  void lose(const StoredRow& row, PageNumber root, std::string_view table,
            std::string_view reason) {
    lost_->add(row, root, table, reason);
    if (!row.is_whole()) ++fragments_;
  }

  void write_row(TableWork& work, const StoredRow& row, PageNumber orphan) {
    SalvagedTable& report = work.report;
    const PageNumber root = orphan != 0 ? orphan : work.tree.root;
    if (!row.is_whole()) {
      ++report.rows_damaged;
      lose(row, root, report.name,
           fmt::format("only {} of its {} bytes are left", row.payload.size(), row.size));
    } else if (!row.adds_up) {
      ++report.rows_damaged;
      lose(row, root, report.name, "its values take fewer bytes than it says that it has");
    } else if (!work.writer) {
      ++report.rows_refused;
      lose(row, root, report.name, "its table could not be made");
    } else if (const auto refused = work.writer->write(row)) {
      ++report.rows_refused;
      lose(row, root, report.name, *refused);
    } else {
      ++report.rows;
      if (orphan != 0) ++report.rows_rejoined;
    }
  }

  void write_rows(TableWork& work, const SurvivingTree& tree, PageNumber orphan) {
    for (const PageNumber page : tree.pages) {
      progress_.advance(page_size());
      const PageRows rows =
          reader_.read(page, [&](const StoredRow& row) { write_row(work, row, orphan); });
      if (rows.taken == 0 && rows.damaged != 0) {
        // Overwritten by what happens to begin like a page of this kind.
        ++work.report.pages_lost;
        --work.report.pages;
      } else {
        work.report.rows_damaged += rows.damaged;
      }
    }
  }

  void write_orphans(const SalvageOptions& options) {
    std::vector<DamagedTree> trees;
    for (const TableWork& work : tables_) {
      trees.push_back({&work.tree, work.writer ? &work.writer->shape() : nullptr});
    }
    for (const SurvivingTree& index : indexes_) trees.push_back({&index, nullptr});
    OrphanMatch match(census_, reader_, trees, schema_.complete && free_list_intact_);
    for (const SurvivingTree& orphan : census_.take_orphans(false)) {
      if (match.is_free(orphan)) {
        if (options.free_pages) write_lost(orphan, kFreePage);
      } else if (const auto owner = match.owner_of(orphan)) {
        TableWork& work = tables_[*owner];
        work.report.pages += orphan.pages.size();
        work.report.pages_lost += orphan.lost.size();
        write_rows(work, orphan, orphan.root);
      } else {
        write_lost(orphan, kNoTable);
      }
    }
    if (!options.free_pages) return;
    for (const SurvivingTree& tree : census_.take_orphans(true)) write_lost(tree, kFreePage);
  }

  void write_lost(const SurvivingTree& tree, std::string_view reason) {
    for (const PageNumber page : tree.pages) {
      progress_.advance(page_size());
      reader_.read(page, [&](const StoredRow& row) { lose(row, tree.root, "", reason); });
    }
  }

  void write_sequence() {
    database_.put_sequences_aside();
    write_rows(*sequence_, sequence_->tree, 0);
    database_.merge_sequences();
  }

  void make_the_rest() {
    progress_.stage("Making indexes", 0);
    for (const std::string_view type : {"index", "view", "trigger"}) {
      for (const SchemaItem& item : schema_.items) {
        if (item.type == type && !item.sql.empty() && !is_unique_index(item)) make(item);
      }
    }
    for (const SchemaItem& item : schema_.items) {
      if (!item.is_virtual()) continue;
      const std::string refused = database_.enter_virtual_table(item);
      if (!refused.empty()) problem(fmt::format("virtual table {}: {}", item.name, refused));
    }
  }

  SalvageReport report() {
    const ImageLayout& layout = image_.layout();
    SalvageReport report;
    report.page_size = layout.page_size;
    report.page_count = image_.page_count();
    report.encoding = encoding_name(layout.encoding);
    report.header_intact = layout.from_header;
    report.schema_complete = schema_.complete;
    report.free_list_intact = free_list_intact_;
    report.log_frames = image_.log().frames();
    for (TableWork& work : tables_) report.tables.push_back(std::move(work.report));
    if (lost_->rows() != 0) report.lost_and_found = lost_->name();
    report.lost_rows = lost_->rows();
    report.lost_fragments = fragments_;
    report.problems = std::move(problems_);
    return report;
  }

  const DamagedImage& image_;
  Progress& progress_;
  PageCensus census_;
  RowReader reader_;
  NewDatabase database_;
  SurvivingSchema schema_;
  std::deque<TableWork> tables_;  // as in the schema; they stay where they are
  TableWork* sequence_ = nullptr;
  std::vector<SurvivingTree> indexes_;
  std::optional<LostAndFound> lost_;
  std::uint64_t fragments_ = 0;
  bool free_list_intact_ = true;
  std::vector<std::string> problems_;
};

}  // namespace

std::uint64_t SalvageReport::rows() const {
  return std::accumulate(tables.begin(), tables.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const SalvagedTable& t) { return sum + t.rows; });
}

bool SalvageReport::is_whole() const {
  return header_intact && schema_complete && free_list_intact && lost_rows == 0 &&
         problems.empty() && std::ranges::all_of(tables, &SalvagedTable::is_whole);
}

SalvageReport salvage(const DamagedImage& image, const std::filesystem::path& target,
                      const SalvageOptions& options, Progress& progress) {
  Salvage work(image, target, progress);
  return work.run(options);
}

}  // namespace holdfast::sqlite
