// `holdfast import`: records of files into a collection.
#ifndef HOLDFAST_SERVICE_IMPORT_JOB_H_
#define HOLDFAST_SERVICE_IMPORT_JOB_H_

#include <string>
#include <string_view>
#include <vector>

#include "engine/legacy/record_visitor.h"
#include "service/record_merge.h"

namespace holdfast::service {

struct ImportJob {
  std::vector<env::Path> files;  // absolute
  std::string collection;        // empty: the only one
  bool force = false, dry_run = false;
};

struct ImportedFile {
  env::Path file;
  engine::CopyReport report;
  std::uint64_t unfit = 0;  // records that are none of this collection
};

struct ImportOutcome {
  std::string collection;
  std::vector<ImportedFile> files;
  MergeCounts counts;
  bool is_whole() const;  // nothing was damaged, unfit, refused or without records of it
};

// The collection that is meant: the named one, or the only one.
const engine::Collection& chosen_collection(Session& session, Records& records,
                                            const std::string& name);

// Throws kImportRefused in production, unless the configured switch allows it. `data` is what holds
// data.
void refuse_in_production(Session& session, std::string_view data);

// Of several versions of one record the first file's wins, and what the database has wins over all.
// Throws kImportRefused in production over data, kCollectionUnknown, what keeps the database or a
// file from being read.
ImportOutcome import_files(Session& session, const ImportJob& job);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_IMPORT_JOB_H_
