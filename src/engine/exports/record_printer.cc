#include "engine/exports/record_printer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "engine/exports/json_text.h"
#include "engine/records/child_rows.h"

namespace holdfast::engine {
namespace {

std::string json_string(std::string_view text) {
  std::string json;
  if (!append_json_string(text, json)) json = record_text(std::string("?"));
  return json;
}

TableFacts facts_of(RowReader& reader, std::string_view table) {
  auto facts = reader.table(table);
  if (!facts) throw Error(ErrorCode::kTableMissing, fmt::format("there is no table {}", table));
  return std::move(*facts);
}

// Numbers and truth values stand as they are, NULL is nothing at all; everything else is quoted.
void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  for (;;) {
    const auto quote = text.find('"');
    out += text.substr(0, quote);
    if (quote == std::string_view::npos) break;
    out += "\"\"";
    text.remove_prefix(quote + 1);
  }
  out += '"';
}

// A text that a reader would take for JSON is written as such.
bool looks_like_json(std::string_view text) {
  return text.starts_with('"') || text.starts_with("{\"$") ||
         text.find('\0') != std::string_view::npos;
}

}  // namespace

RecordLayout read_layout(RowReader& reader, const Collection& collection) {
  const TableFacts table = facts_of(reader, collection.table);
  std::vector<TableFacts> children;
  for (const ChildTable& child : collection.children) {
    children.push_back(facts_of(reader, child.table));
  }
  return lay_out(collection, table, children);
}

RecordPrinter::RecordPrinter(const RecordLayout& layout, RowReader& reader)
    : layout_(layout), reader_(reader) {
  Field root;
  for (std::size_t i = 0; i < layout.mapping.columns().size(); ++i) {
    Field* at = &root;
    for (const std::string& name : parse_field_path(layout.mapping.field_of(i))) {
      at = &at->fields[name];
    }
    at->column = i;
  }
  for (std::size_t i = 0; i < layout.child_names.size(); ++i) {
    root.fields[layout.child_names[i]] = {.fields = {}, .column = {}, .child = i};
  }
  std::string text;
  plan(root, text);
  end_ = std::move(text);
}

// `text` is what stands between the last value and what comes now.
void RecordPrinter::plan(const Field& field, std::string& text) {
  if (field.column || field.child) {
    steps_.push_back({.before = std::move(text),
                      .is_child = field.child.has_value(),
                      .number = field.child ? *field.child : *field.column});
    text.clear();
    return;
  }
  text += '{';
  bool first = true;
  for (const auto& [name, inner] : field.fields) {
    if (!first) text += ',';
    first = false;
    text += json_string(name) + ':';
    plan(inner, text);
  }
  text += '}';
}

RowQuery RecordPrinter::query() const {
  RowQuery query{
      .table = layout_.collection.table, .columns = {}, .conditions = {}, .order = {}, .limit = {}};
  for (const ColumnFacts& column : layout_.mapping.columns()) query.columns.push_back(column.name);
  for (const std::string& column : layout_.collection.key) {
    query.order.push_back({.column = column, .descending = false});
  }
  return query;
}

void RecordPrinter::append_children(std::size_t child, std::span<const Cell> row,
                                    std::string& out) {
  Row values;
  for (const Cell& cell : row) values.push_back(value_of(cell));
  const Select select = [&](const RowQuery& query) { return reader_.select(query); };
  out += record_text(read_children(select, layout_, child, values));
}

void RecordPrinter::append_record(std::span<const Cell> row, std::string& out) {
  const auto& columns = layout_.mapping.columns();
  for (const Step& step : steps_) {
    out += step.before;
    if (step.is_child) {
      append_children(step.number, row, out);
    } else {
      append_json_value(row[step.number], columns[step.number].kind, out);
    }
  }
  out += end_;
}

void RecordPrinter::append_id(std::span<const Cell> row, std::string& out) const {
  if (layout_.key.size() == 1) {
    const Cell& cell = row[layout_.key[0]];
    if (cell.type == Cell::Type::kInteger) {
      out += '"';
      append_json_number(cell.integer, out);
      out += '"';
      return;
    }
    const bool plain = layout_.mapping.columns()[layout_.key[0]].kind == ColumnKind::kText &&
                       cell.type == Cell::Type::kText && cell.bytes != "null" &&
                       !cell.bytes.starts_with('"') && !cell.bytes.starts_with('[') &&
                       !cell.bytes.starts_with('{');
    if (plain && append_json_string(cell.bytes, out)) return;
  }
  std::vector<Value> key;
  for (const std::size_t column : layout_.key) key.push_back(value_of(row[column]));
  out += json_string(record_id(key, layout_));
}

void RecordPrinter::append_csv_header(std::string& out) const {
  for (const Step& step : steps_) {
    if (&step != &steps_.front()) out += ',';
    append_quoted(
        step.is_child ? layout_.child_names[step.number] : layout_.mapping.field_of(step.number),
        out);
  }
  out += "\r\n";
}

void RecordPrinter::append_csv_row(std::span<const Cell> row, std::string& out) {
  for (const Step& step : steps_) {
    if (&step != &steps_.front()) out += ',';
    cell_.clear();
    if (step.is_child) {
      append_children(step.number, row, cell_);
      append_quoted(cell_, out);
      continue;
    }
    const Cell& cell = row[step.number];
    const ColumnKind kind = layout_.mapping.columns()[step.number].kind;
    if (cell.type == Cell::Type::kNull) continue;
    append_json_value(cell, kind, cell_);
    const bool is_text = kind != ColumnKind::kJson && cell_.front() == '"';
    if (is_text && !looks_like_json(cell.bytes)) {
      append_quoted(cell.bytes, out);
    } else if (cell.type == Cell::Type::kText || cell_.front() == '{') {
      append_quoted(cell_, out);
    } else {
      out += cell_;
    }
  }
  out += "\r\n";
}

}  // namespace holdfast::engine
