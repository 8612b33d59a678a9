// Which record of a collection a copy is of, and which version.
#ifndef HOLDFAST_ENGINE_LEGACY_RECORD_IDENTITY_H_
#define HOLDFAST_ENGINE_LEGACY_RECORD_IDENTITY_H_

#include <array>
#include <cstddef>
#include <string>

#include "engine/records/record_mapping.h"

namespace holdfast::engine {

using VersionDigest = std::array<std::byte, 16>;

struct IdentifiedRecord {
  std::string id;  // see record_id()
  // Equal for copies that make the same rows, however they are written: a field that is NULL and
  // one that is left out, 5 and 5.0 in a column of real numbers.
  VersionDigest version{};
};

// `said` is what the copy calls it, or empty. An emergency copy calls a record by the id of its
// write where only the database would have told the key: then the record's own counts. Throws
// kRecordInvalid for what is no record of the collection as its table is now, or has no key.
IdentifiedRecord identify(const std::string& said, const Record& record,
                          const RecordLayout& layout);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_RECORD_IDENTITY_H_
