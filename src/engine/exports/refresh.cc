#include "engine/exports/refresh.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/version.h"
#include "engine/exports/file_digest.h"
#include "engine/exports/file_patch.h"

namespace holdfast::engine {
namespace {

// Whether so much of the spare file is what the file in place has that the rest of it is soon
// written: after records have moved it is not.
bool spare_is_near(const ExportIndex& index) {
  const std::vector<PieceDigest>&now = index.file.pieces, &before = index.spare->pieces;
  std::size_t same = 0;
  for (std::size_t i = 0; i < std::min(now.size(), before.size()); ++i) {
    same += now[i].proof == before[i].proof ? 1 : 0;
  }
  return same >= now.size() / 2;
}

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
  if (!reader.has_twins() || !layout.child_names.empty() || !table || layout.key.size() != 1 ||
      table->primary_key != collection.key) {
    return {};
  }
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

const BlockComparison* Comparisons::with(ExportFormat format, const ExportIndex& index) {
  const bool same =
      last_ && last_->format == format && last_->key == index.key && last_->blocks == index.blocks;
  if (!same) {
    last_.emplace(Done{.format = format, .key = index.key, .blocks = index.blocks, .found = {}});
    last_->found = compare_blocks(
        reader_, layout_, format,
        {.key = index.key, .block_length = index.block_length, .blocks = index.blocks}, progress_);
  }
  return last_->found ? &*last_->found : nullptr;
}

std::optional<Refreshed> refresh(env::FileSystem& files, Comparisons& comparisons,
                                 const ExportTarget& target, const env::Path& index_file,
                                 ExportIndex index) {
  try {
    if (!spare_is_free(files, target, index) || !spare_is_near(index)) return std::nullopt;
    const BlockComparison* found = comparisons.with(target.format, index);
    if (found == nullptr) return std::nullopt;
    Refreshed refreshed{.records = found->records,
                        .unchanged = found->is_unchanged(),
                        .written = {},
                        .content = {.size = index.file.size, .hash = index.hash},
                        .index = {}};
    if (refreshed.unchanged) return refreshed;
    FilePatch patch(files, target, index, found->plan, found->old_size);
    // From here on the index would be wrong about the spare file, also after a power loss.
    if (!patch.is_consistent() || !patch.is_small() || !remove_index(files, index_file)) {
      return std::nullopt;
    }
    patch.write();
    patch.prove();
    refreshed.written = patch.path();
    refreshed.index.key = index.key;
    refreshed.index.rules = index.rules;
    refreshed.index.block_length = index.block_length;
    refreshed.index.blocks = found->blocks;
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
