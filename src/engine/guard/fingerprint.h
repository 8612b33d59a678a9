// One look at every page of a database: which state is it, and how much of it is known.
#ifndef HOLDFAST_ENGINE_GUARD_FINGERPRINT_H_
#define HOLDFAST_ENGINE_GUARD_FINGERPRINT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/backup/digest_table.h"
#include "repository/repository.h"
#include "sqlite/page_facts.h"
#include "sqlite/page_source.h"

namespace holdfast::engine {

struct Fingerprint {
  sqlite::Geometry geometry;
  std::string checksum;                  // as of a snapshot
  std::uint64_t same = 0;                // pages that are as the table has them
  std::vector<sqlite::PageFacts> facts;  // of each page
};
// Reads the view that `source` has. `table` may be null, or of another page size: nothing is the
// same then.
Fingerprint take_fingerprint(const repository::Repository& repository, sqlite::PageSource& source,
                             const DigestTable* table, unsigned threads);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_GUARD_FINGERPRINT_H_
