// What is remembered of one exported file between two exports: its index, and a spare file.
#ifndef HOLDFAST_ENGINE_EXPORTS_EXPORT_MEMORY_H_
#define HOLDFAST_ENGINE_EXPORTS_EXPORT_MEMORY_H_

#include <optional>
#include <string>

#include "engine/exports/export_index.h"
#include "engine/exports/published_file.h"
#include "engine/exports/refresh.h"

namespace holdfast::engine {

// By one thread, and one process: see export_lock.h. Nothing here fails an export.
class ExportMemory {
 public:
  struct Place {
    env::Path folder;         // of indexes; empty: nothing is remembered
    std::uint64_t least = 0;  // smaller files are not
  };
  // `rules`: see text_rules(); empty: nothing is remembered.
  ExportMemory(env::FileSystem& files, const Place& place, const ExportTarget& target,
               std::string rules);

  bool is_used() const { return !rules_.empty(); }
  // That of the file in place, if there is an index of it: only digests under one key compare.
  const std::optional<codec::SecretKey>& key() const { return key_; }
  // Once. As refresh().
  std::optional<Refreshed> refresh(Comparisons& comparisons);
  // What the file in place is to be called when another takes its place; empty: it is not kept.
  const env::Path& next_spare() const { return next_spare_; }
  // After the target was put in place. `index` has its key, its blocks and what its file holds.
  void remember(ExportIndex index, const Publication& publication);

 private:
  void keep(ExportIndex& index);

  env::FileSystem& files_;
  const Place place_;
  const ExportTarget target_;
  const std::string rules_;
  const env::Path path_;              // of the index
  std::optional<ExportIndex> index_;  // of the file in place
  KnownFile in_place_;
  std::optional<codec::SecretKey> key_;
  env::Path next_spare_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_EXPORT_MEMORY_H_
