#include "engine/exports/export_memory.h"

#include <utility>

#include "base/error.h"

namespace holdfast::engine {
namespace {

// Empty unless the index is that of the file in place, and that is as the last export left it.
std::optional<ExportIndex> index_of_target(env::FileSystem& files, const env::Path& path,
                                           const ExportTarget& target, const std::string& rules) {
  const auto status = files.status(target.file);
  if (!status || status->directory) return std::nullopt;
  auto index = read_index(files, path);
  if (!index || index->rules != rules || !index->file.is(*status)) return std::nullopt;
  const auto manifest = read_manifest(files, target.file);
  const bool same = manifest && manifest->identity == status->identity &&
                    manifest->modified == status->modified &&
                    manifest->content == FileContent{.size = status->size, .hash = index->hash};
  if (!same) return std::nullopt;
  return index;
}

}  // namespace

ExportMemory::ExportMemory(env::FileSystem& files, const Place& place, const ExportTarget& target,
                           std::string rules)
    : files_(files),
      place_(place),
      target_(target),
      rules_(place.folder.empty() ? std::string() : std::move(rules)),
      path_(place.folder.empty() ? env::Path() : index_path(place.folder, target.file)) {
  if (rules_.empty()) return;
  index_ = index_of_target(files, path_, target, rules_);
  if (!index_) return;
  in_place_ = index_->file;
  key_ = index_->key;
  next_spare_ = work_path(target.file);
}

std::optional<Refreshed> ExportMemory::refresh(Comparisons& comparisons) {
  if (!index_) return std::nullopt;
  return engine::refresh(files_, comparisons, target_, path_, *std::exchange(index_, std::nullopt));
}

// What was in place is the spare file of the index, as long as it is what it was known to be.
void ExportMemory::keep(ExportIndex& index) {
  files_.set_mode(next_spare_, 0600);
  const auto status = files_.status(next_spare_);
  const bool same = status && key_ == index.key && status->size == in_place_.size &&
                    status->identity == in_place_.identity &&
                    status->modified == in_place_.modified;
  if (!same) return;
  index.spare = std::move(in_place_);
  index.spare->set(*status);
  index.spare_name = next_spare_.filename().string();
}

void ExportMemory::remember(ExportIndex index, const Publication& publication) {
  try {
    const auto status = files_.status(target_.file);
    const bool known = status && status->size == index.file.size && status->size >= place_.least &&
                       !index.blocks.empty();
    if (!known) {
      if (publication.spared) files_.remove(next_spare_);
      remove_index(files_, path_);
      return;
    }
    index.rules = rules_;
    index.file.set(*status);
    if (publication.spared) keep(index);
    write_index(files_, path_, index);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    // The next export begins anew, and removes what it does not know.
  }
}

}  // namespace holdfast::engine
