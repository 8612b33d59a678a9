// All exports of one collection.
#ifndef HOLDFAST_ENGINE_EXPORTS_COLLECTION_EXPORT_H_
#define HOLDFAST_ENGINE_EXPORTS_COLLECTION_EXPORT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/row_reader.h"
#include "engine/exports/export.h"
#include "engine/exports/export_memory.h"
#include "engine/exports/output_file.h"
#include "engine/exports/output_pipe.h"
#include "engine/exports/record_blocks.h"
#include "engine/exports/record_folder.h"
#include "engine/exports/refresh.h"

namespace holdfast::engine {

// Throws kCollectionUnknown.
const Collection& collection_of(const ExportRequest& request, const std::string& name);

// Once, by one thread; the arguments must outlive it.
class CollectionExport {
 public:
  CollectionExport(env::FileSystem& files, env::Clock& clock, const ExportRequest& request,
                   RowReader& reader, std::span<const Write> pending, Progress& progress)
      : files_(files),
        clock_(clock),
        request_(request),
        reader_(reader),
        pending_(pending),
        progress_(progress) {}

  // What goes wrong is in the outcomes; throws kInterrupted.
  void run(const std::string& collection, std::span<ExportOutcome*> outcomes);

 private:
  // One target while it is written whole.
  struct Running {
    ExportOutcome* outcome = nullptr;
    ExportMemory memory;
    std::unique_ptr<OutputFile> file;      // or …
    std::unique_ptr<RecordFolder> folder;  // … of kFiles
    std::unique_ptr<OutputPipe> pipe;      // after them, which it writes to
  };
  // What the indexes of all targets of one format have in common.
  struct Blocks {
    codec::SecretKey key;
    std::uint64_t length = 0;
    BlockBuilder builder;
    std::optional<std::vector<RecordBlock>> found;  // when all is printed
  };
  struct SameFormat {
    std::vector<Running> targets;
    std::unique_ptr<Blocks> blocks;  // null where there are no indexes
  };

  void export_all(const RecordLayout& layout, std::span<ExportOutcome*> outcomes);
  ExportMemory memory_of(const RecordLayout& layout, const ExportTarget& target);
  bool refreshed(ExportOutcome& outcome, ExportMemory& memory, Comparisons& comparisons);
  void begin(ExportFormat format, SameFormat& same, const RecordLayout& layout);
  std::unique_ptr<Blocks> blocks_for(ExportFormat format, const SameFormat& same,
                                     const RecordLayout& layout);
  void begin_one(Running& one, const Blocks* blocks);
  void finish(SameFormat& same, std::uint64_t records);
  void finish_file(Running& one, const Blocks* blocks);
  void finish_folder(Running& one);
  void put_in_place(ExportOutcome& outcome, ExportMemory& memory, const env::Path& written,
                    ExportIndex index);
  ExportManifest manifest_of(const ExportOutcome& outcome) const;

  env::FileSystem& files_;
  env::Clock& clock_;
  const ExportRequest& request_;
  RowReader& reader_;
  const std::span<const Write> pending_;
  Progress& progress_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_COLLECTION_EXPORT_H_
