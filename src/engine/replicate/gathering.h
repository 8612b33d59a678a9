// Keeps the number of packs bounded that a restore must read. Each closing adds a small pack, and
// what changes here and there soon lies in hundreds of them; so a closing stores again, together,
// what lies in the smallest.
#ifndef HOLDFAST_ENGINE_REPLICATE_GATHERING_H_
#define HOLDFAST_ENGINE_REPLICATE_GATHERING_H_

#include <cstdint>
#include <functional>
#include <unordered_set>

#include "base/bytes.h"
#include "base/id.h"
#include "engine/backup/base_state.h"
#include "repository/blob_reader.h"

namespace holdfast::engine {

// A pack is small while so much of the newest snapshot's pages lies in it. Beyond that a restore
// reads enough of it for one request.
inline constexpr std::uint64_t kSmallPackBytes = 4u << 20;
inline constexpr std::size_t kMostSmallPacks = 20;
// So many of the largest small ones are left alone, unless they are no larger than the rest
// together: what has been gathered is seldom gathered again.
inline constexpr std::size_t kLargestLeft = 8;
inline constexpr std::uint64_t kMostGathered = 64u << 20;  // by one closing

// Those whose pages are to be stored again; empty while there are few.
std::unordered_set<PackId> packs_to_gather(const BaseState& base);

// Pages of `base` that lie in `packs`. What cannot be read is passed over: it stays where it is,
// for a verify to find. At most one leaf's pages (16 MB of 4 KiB pages) are in memory.
using VisitPage = std::function<void(std::uint32_t number, ByteView content)>;
void visit_pages_in(const std::unordered_set<PackId>& packs, const BaseState& base,
                    const repository::BlobReader& reader, const VisitPage& visit);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_REPLICATE_GATHERING_H_
