// An export that is like the last one but for a few records, made without printing and writing what
// is the same.
//
// All rows are read, and each is compared with the index by its digest: so whatever was changed, by
// whomever, is seen. What has to be printed, and where everything else stands, is a TextPlan. It is
// carried out in the spare file, the one that was replaced last: only pieces that differ are
// written there, synced and read back; all others were read back when they were written. Then the
// spare file takes the place of the present one, which becomes the next spare.
#ifndef HOLDFAST_ENGINE_EXPORTS_REFRESH_H_
#define HOLDFAST_ENGINE_EXPORTS_REFRESH_H_

#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/row_reader.h"
#include "engine/exports/export_index.h"
#include "engine/exports/export_target.h"
#include "engine/exports/row_digest.h"
#include "engine/records/record_mapping.h"
#include "env/file_system.h"

namespace holdfast::engine {

// What the text of the target depends on besides the rows; empty if the rows are not all: there
// are children, or the order of rows with one key is nobody's.
std::string text_rules(RowReader& reader, const RecordLayout& layout, const ExportTarget& target);

// The records of an index while a collection is printed.
class IndexedRecords {
 public:
  explicit IndexedRecords(const codec::SecretKey& key) : digester_(key) {}
  IndexedRecord of(std::span<const Cell> row, const RecordLayout& layout);
  void add(const IndexedRecord& record);
  // None if there were too many.
  const std::shared_ptr<IndexedList>& found() const { return records_; }
  bool too_many() const { return too_many_; }

 private:
  RowDigester digester_;
  std::shared_ptr<IndexedList> records_ = std::make_shared<IndexedList>();
  bool too_many_ = false;
};

struct Refreshed {
  std::uint64_t records = 0;
  bool unchanged = false;  // the file in place is right; nothing was written
  env::Path written;       // else: the new one, synced and proved, in the folder of the target
  FileContent content;
  ExportIndex
      index;  // of it; without identity, times and spare, which are known when it is in place
};

// Empty where the collection has to be exported whole, be it because that is faster: then the
// target is as it was, but the index may be gone, and the spare file with it. `index` is of the
// file in place, which is as the last export left it. Throws kInterrupted only.
std::optional<Refreshed> refresh(env::FileSystem& files, RowReader& reader,
                                 const RecordLayout& layout, const ExportTarget& target,
                                 const env::Path& index_file, ExportIndex index,
                                 Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_REFRESH_H_
