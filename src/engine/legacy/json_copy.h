// Copies of records as JSON: an object keyed by id, one record, an array, JSON Lines; each of them
// also in base64.
#ifndef HOLDFAST_ENGINE_LEGACY_JSON_COPY_H_
#define HOLDFAST_ENGINE_LEGACY_JSON_COPY_H_

#include <functional>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "engine/legacy/record_visitor.h"
#include "engine/records/collection.h"

namespace holdfast::engine {

// Calls `piece` with the whole text in pieces until it answers false; it is called twice.
using TextSource = std::function<void(const std::function<bool(std::string_view)>& piece)>;

// `key` are the fields that a record's key is in: an object that has them is one record, any other
// is keyed by id. Damages are reported and never thrown: a record that is no valid JSON, or is
// there twice, is left out alone, and where the whole is cut or its base64 is damaged, what is
// before that is read. Memory is bounded by the largest record, and by the ids of an object.
CopyReport read_json_copy(const TextSource& text, bool base64, const std::vector<FieldPath>& key,
                          const RecordVisitor& visit);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_JSON_COPY_H_
