// One exported file made of another one and a TextPlan.
#ifndef HOLDFAST_ENGINE_EXPORTS_FILE_PATCH_H_
#define HOLDFAST_ENGINE_EXPORTS_FILE_PATCH_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/exports/export_index.h"
#include "engine/exports/export_target.h"
#include "engine/exports/file_digest.h"
#include "engine/exports/text_plan.h"
#include "env/file_system.h"

namespace holdfast::engine {

// Pieces of the file, and the text in each: three bytes of it are four in base64.
struct FilePieces {
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

// Makes the spare file what the plan says. The index is that of the file in place, whose text the
// plan has copied parts of. By one thread.
class FilePatch {
 public:
  FilePatch(env::FileSystem& files, const ExportTarget& target, const ExportIndex& index,
            const TextPlan& plan, std::uint64_t old_size);

  // Whether the index agrees with itself.
  bool is_consistent() const;
  // Whether it is worth it: of what is moved the old file is read as well, which a whole export
  // does not do.
  bool is_small() const;
  // Durably. Throws kDatabaseBusy where somebody reads the spare file, kDatabaseChanged where the
  // file in place is not what the index says.
  void write();
  // Reads what was written back, as the device has it. Throws kWriteNotProved.
  void prove();

  const env::Path& path() const { return spare_path_; }
  std::uint64_t file_size() const { return new_.file_size(); }
  std::vector<PieceDigest> take_digests() { return std::move(digests_); }

 private:
  bool stays(std::uint64_t piece) const;
  bool is_in_spare(std::uint64_t piece, const PieceDigest& digest) const;
  void put(env::File& spare, std::uint64_t piece, ByteView bytes);

  env::FileSystem& files_;
  const env::Path spare_path_;
  const ExportTarget& target_;
  const ExportIndex& index_;
  const TextPlan& plan_;
  const FilePieces old_, new_;
  FileDigest digest_;
  std::vector<PieceDigest> digests_;
  std::vector<std::uint64_t> written_;  // pieces
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_FILE_PATCH_H_
