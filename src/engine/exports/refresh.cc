#include "engine/exports/refresh.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/buffer.h"
#include "base/error.h"
#include "base/version.h"
#include "engine/exports/file_digest.h"
#include "engine/exports/json_text.h"
#include "engine/exports/record_text.h"
#include "engine/exports/text_plan.h"

namespace holdfast::engine {
namespace {

constexpr std::size_t kLookAhead = 256;  // records that may be gone between two
constexpr std::size_t kHeaviestPlan = std::size_t{8} << 20;
constexpr std::size_t kUnsaid = std::size_t{256} << 10;

// Pieces of the file, and the text in each: three bytes of it are four in base64.
struct Pieces {
  bool base64 = false;
  std::uint64_t text_size = 0;

  std::uint64_t text_of_one() const { return base64 ? kDigestPiece / 4 * 3 : kDigestPiece; }
  std::uint64_t count() const { return (text_size + text_of_one() - 1) / text_of_one(); }
  std::uint64_t text_at(std::uint64_t piece) const { return piece * text_of_one(); }
  std::uint64_t text_length(std::uint64_t piece) const {
    return std::min(text_of_one(), text_size - text_at(piece));
  }
  std::uint64_t length(std::uint64_t piece) const {
    return base64 ? (text_length(piece) + 2) / 3 * 4 : text_length(piece);
  }
  std::uint64_t file_size() const { return base64 ? (text_size + 2) / 3 * 4 : text_size; }
};

// Pairs the rows as they are with the records of the index.
class Comparison {
 public:
  Comparison(RowReader& reader, const RecordLayout& layout, const ExportTarget& target,
             const ExportIndex& index)
      : layout_(layout),
        format_(target.format),
        printer_(layout, reader),
        old_(*index.records),
        records_(index.key),
        between_(text_between_records(format_)) {
    before_ = text_before_records(format_, printer_).size();
    old_size_ = before_ + text_after_records(format_).size();
    for (const IndexedRecord& record : old_) old_size_ += record.length;
    if (!old_.empty()) old_size_ += between_.size() * (old_.size() - 1);
  }

  // False where a whole export is better.
  bool run(RowReader& reader, Progress& progress) {
    plan_.copy(0, before_);
    old_at_ = before_;
    std::uint64_t unsaid = 0;
    const auto scan = reader.scan(printer_.query());
    while (scan->next()) {
      const std::uint64_t size = plan_.size();
      if (!add(scan->row())) return false;
      unsaid += plan_.size() - size;
      if (unsaid >= kUnsaid) progress.advance(std::exchange(unsaid, 0));
    }
    progress.advance(unsaid);
    const std::uint64_t after = text_after_records(format_).size();
    plan_.copy(old_size_ - after, after);
    return true;
  }

  const TextPlan& plan() const { return plan_; }
  std::uint64_t old_size() const { return old_size_; }
  bool is_unchanged() const { return plan_.size() == old_size_ && plan_.is_unmoved(0, old_size_); }
  const IndexedRecords& records() const { return records_; }

 private:
  bool add(std::span<const Cell> row) {
    IndexedRecord record = records_.of(row, layout_);
    // Only a database without a proper key has two; a whole export says what it thinks of them.
    if (any_ && record.key == last_key_) return false;
    last_key_ = record.key;
    find(record.key);
    const bool known = at_ < old_.size() && old_[at_].key == record.key;
    if (known && old_[at_].row == record.row) {
      record.length = old_[at_].length;
      const std::uint64_t between = any_ && at_ > 0 ? between_.size() : 0;
      if (any_ && at_ == 0) plan_.add(between_);
      plan_.copy(old_at_ - between, between + record.length);
      skip();
    } else {
      text_.clear();
      append_record_text(format_, printer_, row, text_);
      record.length = static_cast<std::uint32_t>(text_.size());
      if (text_.size() > UINT32_MAX) return false;
      if (any_) plan_.add(between_);
      plan_.add(text_);
      if (known) skip();
    }
    records_.add(record);
    any_ = true;
    // What has moved must be written anew, up to the end.
    const bool moved = at_ < old_.size() && plan_.size() + between_.size() != old_at_;
    return plan_.weight() <= kHeaviestPlan && (!moved || plan_.size() >= old_size_ / 2);
  }

  // Goes on to the record with this key, if it is near: those before it are gone.
  void find(std::uint32_t key) {
    const std::size_t end = std::min(old_.size(), at_ + kLookAhead);
    for (std::size_t i = at_; i < end; ++i) {
      if (old_[i].key != key) continue;
      while (at_ < i) skip();
      return;
    }
  }
  void skip() { old_at_ += old_[at_++].length + between_.size(); }

  const RecordLayout& layout_;
  const ExportFormat format_;
  RecordPrinter printer_;
  const IndexedList& old_;
  IndexedRecords records_;
  const std::string_view between_;
  std::uint64_t before_ = 0, old_size_ = 0;

  TextPlan plan_;
  std::size_t at_ = 0;        // in old_
  std::uint64_t old_at_ = 0;  // where the text of that record begins
  std::uint32_t last_key_ = 0;
  bool any_ = false;
  std::string text_;
};

// The file in place, piece by piece, each proved to be what it was.
class OldText {
 public:
  OldText(env::FileSystem& files, const env::Path& path, const Pieces& pieces,
          const ExportIndex& index)
      : file_(files.open_read(path)), pieces_(pieces), index_(index) {}

  ByteView bytes(std::uint64_t piece) {
    const std::size_t length = pieces_.length(piece);
    const MutableByteView bytes = buffer_.first(kDigestPiece).first(length);
    read_ = {};
    if (file_->read_at(piece * kDigestPiece, bytes) != length ||
        digest_.digest_piece(bytes) != index_.file.pieces.at(piece)) {
      throw Error(ErrorCode::kDatabaseChanged, "the exported file is not what it was");
    }
    return bytes;
  }

  void append(std::uint64_t from, std::uint64_t length, std::string& out) {
    while (length > 0) {
      const std::uint64_t piece = from / pieces_.text_of_one();
      if (read_ != piece) {
        const ByteView whole = bytes(piece);
        decoded_ = pieces_.base64 ? from_base64(as_text(whole)) : Bytes(whole.begin(), whole.end());
        read_ = piece;
      }
      const std::uint64_t skipped = from - pieces_.text_at(piece);
      const std::uint64_t taken = std::min(length, decoded_.size() - skipped);
      out += as_text(ByteView(decoded_).subspan(skipped, taken));
      from += taken;
      length -= taken;
    }
  }

 private:
  const std::unique_ptr<env::File> file_;
  const Pieces pieces_;
  const ExportIndex& index_;
  FileDigest digest_;
  Buffer buffer_;
  Bytes decoded_;
  std::optional<std::uint64_t> read_;  // the piece in decoded_
};

// Makes the spare file what the plan says.
class Patch {
 public:
  Patch(env::FileSystem& files, const ExportTarget& target, const ExportIndex& index,
        const TextPlan& plan, std::uint64_t old_size)
      : files_(files),
        spare_path_(target.file.parent_path() / index.spare_name),
        target_(target),
        index_(index),
        plan_(plan),
        old_{.base64 = target.base64, .text_size = old_size},
        new_{.base64 = target.base64, .text_size = plan.size()} {}

  // Whether it is worth it: a whole export reads nothing of the old file.
  bool is_small() const {
    std::uint64_t written = 0;
    for (std::uint64_t piece = 0; piece < new_.count(); ++piece) {
      const bool there = stays(piece) && is_in_spare(piece, index_.file.pieces[piece]);
      written += there ? 0 : 1;
    }
    return written <= new_.count() / 2 + 1;
  }
  bool is_consistent() const {
    return old_.file_size() == index_.file.size && old_.count() == index_.file.pieces.size();
  }

  void write() {
    const auto spare = files_.open_write(spare_path_);
    if (!spare->is_ours_alone()) {
      throw Error(ErrorCode::kDatabaseBusy, "the spare file is being read");
    }
    spare->bypass_cache();
    if (index_.spare->size != new_.file_size()) spare->truncate(new_.file_size());
    OldText old(files_, target_.file, old_, index_);
    const TextPlan::ReadOld read_old = [&](std::uint64_t from, std::uint64_t length,
                                           std::string& out) { old.append(from, length, out); };
    std::string text, encoded;
    for (std::uint64_t piece = 0; piece < new_.count(); ++piece) {
      if (stays(piece)) {
        digests_.push_back(index_.file.pieces[piece]);
        if (!is_in_spare(piece, digests_.back())) put(*spare, piece, old.bytes(piece));
        continue;
      }
      text.clear();
      plan_.append(new_.text_at(piece), new_.text_length(piece), read_old, text);
      if (target_.base64) {
        encoded.clear();
        append_base64(text, encoded);
        text.swap(encoded);
      }
      digests_.push_back(digest_.digest_piece(as_bytes(text)));
      if (!is_in_spare(piece, digests_.back())) put(*spare, piece, as_bytes(text));
    }
    spare->sync();
  }

  // As the device has it.
  void prove() {
    const auto file = files_.open_read(spare_path_);
    file->bypass_cache();
    Buffer buffer;
    for (const std::uint64_t piece : written_) {
      const MutableByteView bytes = buffer.first(kDigestPiece).first(new_.length(piece));
      if (file->read_at(piece * kDigestPiece, bytes) != bytes.size() ||
          digest_.digest_piece(bytes) != digests_[piece]) {
        throw Error(ErrorCode::kWriteNotProved,
                    fmt::format("{} did not read back as it was written", spare_path_.string()));
      }
    }
    if (file->size() != new_.file_size()) {
      throw Error(ErrorCode::kWriteNotProved, "the spare file has another size");
    }
  }

  const env::Path& path() const { return spare_path_; }
  std::uint64_t file_size() const { return new_.file_size(); }
  std::vector<codec::PageDigest> take_digests() { return std::move(digests_); }

 private:
  // Whether the piece is in the file in place, at the same place.
  bool stays(std::uint64_t piece) const {
    return piece < old_.count() && old_.text_length(piece) == new_.text_length(piece) &&
           plan_.is_unmoved(new_.text_at(piece), new_.text_length(piece));
  }
  bool is_in_spare(std::uint64_t piece, const codec::PageDigest& digest) const {
    const KnownFile& spare = *index_.spare;
    if (piece >= spare.pieces.size() || spare.pieces[piece] != digest) return false;
    const std::uint64_t begin = piece * kDigestPiece;
    return std::min<std::uint64_t>(kDigestPiece, spare.size - begin) == new_.length(piece);
  }
  void put(env::File& spare, std::uint64_t piece, ByteView bytes) {
    spare.write_at(piece * kDigestPiece, bytes);
    written_.push_back(piece);
  }

  env::FileSystem& files_;
  const env::Path spare_path_;
  const ExportTarget& target_;
  const ExportIndex& index_;
  const TextPlan& plan_;
  const Pieces old_, new_;
  FileDigest digest_;
  std::vector<codec::PageDigest> digests_;
  std::vector<std::uint64_t> written_;  // pieces
};

// Looked at before all rows are read.
bool spare_is_free(env::FileSystem& files, const ExportTarget& target, const ExportIndex& index) {
  if (!index.spare) return false;
  const env::Path path = target.file.parent_path() / index.spare_name;
  const auto status = files.status(path);
  return status && index.spare->is(*status) && files.open_write(path)->is_ours_alone();
}

}  // namespace

std::string text_rules(RowReader& reader, const RecordLayout& layout, const ExportTarget& target) {
  const Collection& collection = layout.collection;
  const auto table = reader.table(collection.table);
  if (!layout.child_names.empty() || !table || table->primary_key != collection.key) return {};
  std::string rules =
      fmt::format("{} {} {} {} {} {}", kVersion, format_name(target.format), target.base64,
                  collection.table, collection.alias_prefix, collection.alias_stored);
  for (std::size_t i = 0; i < layout.mapping.columns().size(); ++i) {
    const ColumnFacts& column = layout.mapping.columns()[i];
    rules += fmt::format("\n{} {} {}", column.name, static_cast<int>(column.kind),
                         layout.mapping.field_of(i));
  }
  for (const std::string& column : collection.key) rules += fmt::format("\nkey {}", column);
  return rules;
}

IndexedRecord IndexedRecords::of(std::span<const Cell> row, const RecordLayout& layout) {
  return {.row = digester_.digest(row),
          .key = static_cast<std::uint32_t>(digester_.digest(row, layout.key).low),
          .length = 0};
}

void IndexedRecords::add(const IndexedRecord& record) {
  if (records_->size() >= kMostIndexed) {
    too_many_ = true;
    records_->clear();
  }
  if (!too_many_) records_->push_back(record);
}

std::optional<Refreshed> refresh(env::FileSystem& files, RowReader& reader,
                                 const RecordLayout& layout, const ExportTarget& target,
                                 const env::Path& index_file, ExportIndex index,
                                 Progress& progress) {
  try {
    if (!spare_is_free(files, target, index)) return std::nullopt;
    Comparison comparison(reader, layout, target, index);
    if (!comparison.run(reader, progress)) return std::nullopt;
    if (comparison.records().too_many()) return std::nullopt;
    Refreshed refreshed{.records = comparison.records().found()->size(),
                        .unchanged = comparison.is_unchanged(),
                        .written = {},
                        .content = {.size = index.file.size, .hash = index.hash},
                        .index = {}};
    if (refreshed.unchanged) return refreshed;
    Patch patch(files, target, index, comparison.plan(), comparison.old_size());
    // From here on the index would be wrong about the spare file, also after a power loss.
    if (!patch.is_consistent() || !patch.is_small() || !remove_index(files, index_file)) {
      return std::nullopt;
    }
    patch.write();
    patch.prove();
    refreshed.written = patch.path();
    refreshed.index.key = index.key;
    refreshed.index.rules = index.rules;
    refreshed.index.records = comparison.records().found();
    refreshed.index.file.size = patch.file_size();
    refreshed.index.file.pieces = patch.take_digests();
    refreshed.content = {
        .size = patch.file_size(),
        .hash = FileDigest::hash_of_pieces(refreshed.index.file.pieces, patch.file_size())};
    refreshed.index.hash = refreshed.content.hash;
    return refreshed;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    return std::nullopt;  // a whole export meets the same trouble, and says what it is
  }
}

}  // namespace holdfast::engine
