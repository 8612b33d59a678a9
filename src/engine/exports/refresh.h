// An export that is like the last one but for a few records, made without printing and writing what
// is the same.
//
// All rows are read, and compared with the index by their digests: so whatever was changed, by
// whomever, is seen. What has to be printed, and where everything else stands, is a TextPlan. It is
// carried out in the spare file, the one that was replaced last: only pieces that differ are
// written there, synced and read back; all others were read back when they were written. Then the
// spare file takes the place of the present one, which becomes the next spare.
#ifndef HOLDFAST_ENGINE_EXPORTS_REFRESH_H_
#define HOLDFAST_ENGINE_EXPORTS_REFRESH_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/row_reader.h"
#include "engine/exports/block_comparison.h"
#include "engine/exports/export_index.h"
#include "engine/exports/export_target.h"
#include "engine/records/record_mapping.h"
#include "env/file_system.h"

namespace holdfast::engine {

// What the text of the target depends on besides the rows; empty if the rows cannot be compared:
// there are children, the key is not that of the table or of several columns, the reader has no
// twins.
std::string text_rules(RowReader& reader, const RecordLayout& layout, const ExportTarget& target);

// The comparisons of one collection: several files of the same records need only one.
class Comparisons {
 public:
  Comparisons(RowReader& reader, const RecordLayout& layout, Progress& progress)
      : reader_(reader), layout_(layout), progress_(progress) {}
  // Null where a whole export is better. Valid until the next call.
  const BlockComparison* with(ExportFormat format, const ExportIndex& index);
  void forget() { last_.reset(); }

 private:
  RowReader& reader_;
  const RecordLayout& layout_;
  Progress& progress_;
  struct Done {
    ExportFormat format;
    codec::SecretKey key;
    std::vector<RecordBlock> blocks;
    std::optional<BlockComparison> found;
  };
  std::optional<Done> last_;
};

struct Refreshed {
  std::uint64_t records = 0;
  bool unchanged = false;  // the file in place is right; nothing was written
  env::Path written;       // else: the new one, synced and proved, in the folder of the target
  FileContent content;
  // Of it; without identity, times and spare, which are known when it is in place.
  ExportIndex index;
};

// Empty where the collection has to be exported whole, be it because that is faster: then the
// target is as it was, but the index may be gone, and the spare file with it. `index` is of the
// file in place, which is as the last export left it. Throws kInterrupted only.
std::optional<Refreshed> refresh(env::FileSystem& files, Comparisons& comparisons,
                                 const ExportTarget& target, const env::Path& index_file,
                                 ExportIndex index);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_REFRESH_H_
