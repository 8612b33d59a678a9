#include "engine/exports/collection_text.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "engine/exports/pending_records.h"
#include "engine/exports/record_printer.h"
#include "engine/exports/record_text.h"

namespace holdfast::engine {
namespace {

constexpr std::size_t kPiece = std::size_t{256} << 10;

// The text of one format, cut into pieces between records.
class FormatText {
 public:
  FormatText(const TextStream& stream, RecordPrinter& printer)
      : stream_(stream), printer_(printer) {
    begin_piece();
    text_ += text_before_records(stream.format, printer);
  }

  // How many bytes it has become.
  std::size_t add(std::span<const Cell> row) {
    const std::size_t before = text_.size();
    if (any_) text_ += text_between_records(stream_.format);
    const std::size_t begin = text_.size();
    const std::size_t id = append_record_text(stream_.format, printer_, row, text_);
    if (id > 0) check_id(std::string_view(text_).substr(begin, id));
    if (stream_.printed) stream_.printed(row, text_.size() - begin);
    any_ = true;
    const std::size_t added = text_.size() - before;
    if (text_.size() >= kPiece) send();
    return added;
  }

  void finish() {
    text_ += text_after_records(stream_.format);
    send();
  }

 private:
  void begin_piece() {
    text_.clear();
    text_.reserve(kPiece + kPiece / 4);
  }
  void send() {
    stream_.sink(std::make_shared<const std::string>(std::exchange(text_, {})));
    begin_piece();
  }
  void check_id(std::string_view id) {
    if (any_ && id == last_id_) {
      throw Error(ErrorCode::kConfiguration,
                  fmt::format("two records have the id {}: the key of the collection is none", id));
    }
    last_id_ = id;
  }

  const TextStream& stream_;
  RecordPrinter& printer_;
  std::string text_, last_id_;
  bool any_ = false;
};

std::vector<Cell> cells_of(const Row& row) {
  std::vector<Cell> cells;
  for (const Value& value : row) cells.push_back(cell_of(value));
  return cells;
}

std::string id_of(std::span<const Cell> row, const RecordLayout& layout) {
  std::vector<Value> key;
  for (const std::size_t column : layout.key) key.push_back(value_of(row[column]));
  return record_id(key, layout);
}

}  // namespace

std::uint64_t print_collection(RowReader& reader, const Collection& collection,
                               std::span<const TextStream> streams, std::span<const Write> pending,
                               Progress& progress) {
  const RecordLayout layout = read_layout(reader, collection);
  RecordPrinter printer(layout, reader);
  PendingRecords changes(layout, pending);
  std::vector<FormatText> texts;
  texts.reserve(streams.size());
  for (const TextStream& stream : streams) texts.emplace_back(stream, printer);

  std::uint64_t records = 0, unsaid = 0;
  const auto add = [&](std::span<const Cell> row) {
    ++records;
    std::size_t size = 0;
    for (FormatText& text : texts) size = std::max(size, text.add(row));
    unsaid += size;
    if (unsaid >= kPiece) progress.advance(std::exchange(unsaid, 0));
  };
  const auto scan = reader.scan(printer.query());
  while (scan->next()) {
    if (changes.empty()) {
      add(scan->row());
      continue;
    }
    Row row;
    for (const Cell& cell : scan->row()) row.push_back(value_of(cell));
    if (changes.lay_over(id_of(scan->row(), layout), row)) add(cells_of(row));
  }
  for (const Row& row : changes.rest()) add(cells_of(row));
  progress.advance(unsaid);
  for (FormatText& text : texts) text.finish();
  return records;
}

}  // namespace holdfast::engine
