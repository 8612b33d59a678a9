#include "sqlite/salvage/surviving_schema.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "sqlite/record.h"
#include "sqlite/table_shape.h"

namespace holdfast::sqlite {
namespace {

constexpr std::size_t kColumns = 5;

bool starts_with_word(std::string_view text, std::string_view word) {
  return text.size() >= word.size() && same_name(text.substr(0, word.size()), word);
}

bool is_number_or_null(const StoredValue& value) {
  return value.kind == StoredValue::Kind::kNull || value.kind == StoredValue::Kind::kInteger;
}

bool is_type(std::string_view word) {
  constexpr std::array<std::string_view, 4> kTypes{"table", "index", "view", "trigger"};
  return std::ranges::find(kTypes, word) != kTypes.end();
}

bool begins_like_item(const StoredRow& row, TextEncoding encoding) {
  try {
    return is_type(Record(row.payload, 1, encoding).text(0));
  } catch (const Error&) {
    return false;
  }
}

std::optional<SchemaItem> item_of(const StoredRow& row, TextEncoding encoding) {
  if (!row.is_whole() || !row.adds_up || row.values.size() != kColumns ||
      !is_number_or_null(row.values[3])) {
    return std::nullopt;
  }
  SchemaItem item;
  try {
    const Record record(row.payload, kColumns, encoding);
    item = {.type = record.text(0),
            .name = record.text(1),
            .table = record.text(2),
            .sql = record.text(4),
            .root = record.integer(3)};
  } catch (const Error&) {
    return std::nullopt;
  }
  if (!is_type(item.type) || item.name.empty()) return std::nullopt;
  const bool has_sql = starts_with_word(item.sql, "CREATE");
  if (!has_sql && !(item.sql.empty() && item.type == "index")) return std::nullopt;
  return item;
}

class Gatherer {
 public:
  Gatherer(const DamagedImage& image, RowReader& reader, SurvivingSchema& schema)
      : encoding_(image.layout().encoding), reader_(reader), schema_(schema) {}

  // Of a page that belongs to the schema.
  void add_page(PageNumber page) {
    std::vector<SchemaItem> items;
    schema_.rows_damaged += read(page, items);
    keep(items);
  }
  // Of a page that may belong to it: false if anything in it does not.
  bool add_if_schema(PageNumber page) {
    // First without the overflow pages: once read, they are the rows' that were read.
    bool all = true;
    reader_.look(page,
                 [&](const StoredRow& row) { all = all && begins_like_item(row, encoding_); });
    if (!all) return false;
    std::vector<SchemaItem> items;
    if (read(page, items) != 0 || items.empty()) return false;
    keep(items);
    return true;
  }

 private:
  // Answers how many rows of the page are no items.
  std::uint64_t read(PageNumber page, std::vector<SchemaItem>& items) {
    std::uint64_t others = 0;
    const PageRows rows = reader_.read(page, [&](const StoredRow& row) {
      auto item = item_of(row, encoding_);
      if (item) {
        items.push_back(std::move(*item));
      } else {
        ++others;
      }
    });
    return others + rows.damaged;
  }
  void keep(std::vector<SchemaItem>& items) {
    for (SchemaItem& item : items) {
      if (names_
              .emplace(item.type == "table" || item.type == "view" ? "table" : item.type, item.name)
              .second) {
        schema_.items.push_back(std::move(item));
      }
    }
  }

  TextEncoding encoding_;
  RowReader& reader_;
  SurvivingSchema& schema_;
  std::set<std::pair<std::string, std::string>> names_;
};

}  // namespace

bool SchemaItem::is_virtual() const {
  return is_table() && starts_with_word(sql, "CREATE VIRTUAL");
}

SurvivingSchema read_surviving_schema(const DamagedImage& image, PageCensus& census,
                                      RowReader& reader) {
  SurvivingSchema schema;
  Gatherer gatherer(image, reader, schema);
  const SurvivingTree tree = census.walk(1, true);
  for (const PageNumber page : tree.pages) gatherer.add_page(page);
  schema.pages_lost = tree.lost.size();
  schema.complete = tree.lost.empty() && schema.rows_damaged == 0;
  if (tree.lost.empty()) return schema;
  for (PageNumber page = 2; page <= image.page_count(); ++page) {
    if (census.type(page) != BtreePageType::kTableLeaf || census.is_claimed(page)) continue;
    if (gatherer.add_if_schema(page)) census.claim(page);
  }
  return schema;
}

}  // namespace holdfast::sqlite
