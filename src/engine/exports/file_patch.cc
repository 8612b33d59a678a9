#include "engine/exports/file_patch.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/buffer.h"
#include "base/error.h"
#include "engine/exports/json_text.h"

namespace holdfast::engine {
namespace {

// The file in place, piece by piece, each proved to be what it was.
class OldText {
 public:
  OldText(env::FileSystem& files, const env::Path& path, const FilePieces& pieces,
          const ExportIndex& index)
      : file_(files.open_read(path)), pieces_(pieces), index_(index), digest_(index.key) {}

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
  const FilePieces pieces_;
  const ExportIndex& index_;
  FileDigest digest_;
  Buffer buffer_;
  Bytes decoded_;
  std::optional<std::uint64_t> read_;  // the piece in decoded_
};

}  // namespace

FilePatch::FilePatch(env::FileSystem& files, const ExportTarget& target, const ExportIndex& index,
                     const TextPlan& plan, std::uint64_t old_size)
    : files_(files),
      spare_path_(target.file.parent_path() / index.spare_name),
      target_(target),
      index_(index),
      plan_(plan),
      old_{.base64 = target.base64, .text_size = old_size},
      new_{.base64 = target.base64, .text_size = plan.size()},
      digest_(index.key) {}

bool FilePatch::is_consistent() const {
  return old_.file_size() == index_.file.size && old_.count() == index_.file.pieces.size();
}

bool FilePatch::is_small() const {
  std::uint64_t written = 0;
  for (std::uint64_t piece = 0; piece < new_.count(); ++piece) {
    const bool there = stays(piece) && is_in_spare(piece, index_.file.pieces[piece]);
    written += there ? 0 : 1;
  }
  return written <= new_.count() / 2 + 1;
}

void FilePatch::write() {
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

void FilePatch::prove() {
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

// Whether the piece is in the file in place, at the same place.
bool FilePatch::stays(std::uint64_t piece) const {
  return piece < old_.count() && old_.text_length(piece) == new_.text_length(piece) &&
         plan_.is_unmoved(new_.text_at(piece), new_.text_length(piece));
}

bool FilePatch::is_in_spare(std::uint64_t piece, const PieceDigest& digest) const {
  const KnownFile& spare = *index_.spare;
  if (piece >= spare.pieces.size() || spare.pieces[piece].proof != digest.proof) return false;
  const std::uint64_t begin = piece * kDigestPiece;
  return std::min<std::uint64_t>(kDigestPiece, spare.size - begin) == new_.length(piece);
}

void FilePatch::put(env::File& spare, std::uint64_t piece, ByteView bytes) {
  spare.write_at(piece * kDigestPiece, bytes);
  written_.push_back(piece);
}

}  // namespace holdfast::engine
