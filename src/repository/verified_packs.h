// When each pack was last read from end to end, so that looking at a part of them each time looks
// at all of them in turn. The objects `verified/<id>`: docs/format.md, "Verified packs".
#ifndef HOLDFAST_REPOSITORY_VERIFIED_PACKS_H_
#define HOLDFAST_REPOSITORY_VERIFIED_PACKS_H_

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/time.h"
#include "repository/repository.h"

namespace holdfast::repository {

using VerifiedTimes = std::unordered_map<PackId, Time>;

Bytes serialize(const VerifiedTimes& times);
VerifiedTimes parse_verified(ByteView bytes);  // throws kDamagedObject

struct VerifiedPacks {
  VerifiedTimes times;               // the latest of each
  std::vector<std::string> objects;  // that say so, also those that cannot be read
};
// What several machines noted stands in several objects.
VerifiedPacks load_verified(const Repository& repository);

// Those that were verified longest ago, or never, first; in no order where that is the same.
void order_by_need(std::vector<PackId>& packs, const VerifiedTimes& times);

// Puts one object with `known` and, as of `now`, `verified`, as far as they are in `present`, and
// removes those that `known` was read from. What another machine notes meanwhile stays.
void note_verified(const Repository& repository, VerifiedPacks known,
                   std::span<const PackId> verified, std::span<const PackId> present, Time now);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_VERIFIED_PACKS_H_
