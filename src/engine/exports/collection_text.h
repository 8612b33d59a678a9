// A whole collection as text, in several formats in one pass over its table.
#ifndef HOLDFAST_ENGINE_EXPORTS_COLLECTION_TEXT_H_
#define HOLDFAST_ENGINE_EXPORTS_COLLECTION_TEXT_H_

#include <functional>
#include <map>
#include <span>
#include <string>

#include "base/progress.h"
#include "base/row_reader.h"
#include "engine/exports/export_target.h"
#include "engine/exports/output_pipe.h"
#include "engine/records/record_mapping.h"
#include "engine/records/write.h"

namespace holdfast::engine {

struct TextStream {
  ExportFormat format = ExportFormat::kObject;
  // Gets all of it, in pieces of some hundred kilobytes that end with a record. Of kFiles a line a
  // record: its id as a JSON string, a tab, and the record.
  std::function<void(TextPiece)> sink;
  // If it is not empty: gets each row, and how long the text is that append_record_text() made of
  // it.
  std::function<void(std::span<const Cell>, std::size_t)> printed = {};
};

// How many records there are. `pending` are acknowledged writes that wait for their database, in
// order: they are shown as done, and new records among them come last. Memory does not grow with
// the collection, only with what is pending. Throws kConfiguration if two records of an object have
// one id.
std::uint64_t print_collection(RowReader& reader, const Collection& collection,
                               std::span<const TextStream> streams, std::span<const Write> pending,
                               Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_COLLECTION_TEXT_H_
