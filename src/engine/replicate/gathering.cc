#include "engine/replicate/gathering.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/error.h"

namespace holdfast::engine {
namespace {

using repository::MapLeaf;

bool is_loss(const Error& error) {
  return error.code() == ErrorCode::kDamagedObject || error.code() == ErrorCode::kMissingObject ||
         error.code() == ErrorCode::kIo;
}

// Where one page is within one blob.
struct PageSlot {
  std::uint32_t page = 0, slot = 0;
};

// By blob, those of a leaf that lie in `packs`.
std::map<std::uint32_t, std::vector<PageSlot>> slots_in(const std::unordered_set<PackId>& packs,
                                                        const MapLeaf& leaf,
                                                        std::uint64_t first_page,
                                                        const repository::Index& index) {
  std::vector<bool> chosen(leaf.blobs.size());
  for (std::size_t i = 0; i < leaf.blobs.size(); ++i) {
    const auto places = index.find(leaf.blobs[i]);
    chosen[i] = !places.empty() && packs.contains(places.front().pack);
  }
  std::map<std::uint32_t, std::vector<PageSlot>> slots;
  auto page = static_cast<std::uint32_t>(first_page);
  for (const repository::LeafRun& run : leaf.runs) {
    for (std::uint32_t i = 0; i < run.count && chosen[run.blob]; ++i) {
      slots[run.blob].push_back({page + i, run.slot + i});
    }
    page += run.count;
  }
  return slots;
}

}  // namespace

std::unordered_set<PackId> packs_to_gather(const BaseState& base) {
  std::vector<std::pair<std::uint64_t, PackId>> small;
  for (const auto& [pack, pages] : base.pages_in) {
    const std::uint64_t bytes = pages * base.state.page_size;
    if (bytes < kSmallPackBytes) small.emplace_back(bytes, pack);
  }
  if (small.size() <= kMostSmallPacks) return {};
  std::ranges::sort(small);
  std::unordered_set<PackId> chosen;
  std::uint64_t together = 0;
  for (const auto& [bytes, pack] : small) {
    const bool left = chosen.size() + kLargestLeft >= small.size() && bytes > together;
    if (left || together + bytes > kMostGathered) break;
    together += bytes;
    chosen.insert(pack);
  }
  return chosen;
}

void visit_pages_in(const std::unordered_set<PackId>& packs, const BaseState& base,
                    const repository::BlobReader& reader, const VisitPage& visit) {
  const std::size_t page_size = base.state.page_size;
  repository::BlobDecoder decoder(reader.repository().keys());
  Bytes buffer;
  for (std::uint64_t number = 0; number < base.leaves.size(); ++number) {
    if (!base.leaves[number]) continue;
    const MapLeaf leaf = repository::parse_leaf(
        reader.read_tree(*base.leaves[number], repository::BlobKind::kMapLeaf, decoder),
        repository::leaf_pages(base.state.page_count, number));
    std::map<std::uint32_t, Bytes> pages;
    for (const auto& [blob, slots] :
         slots_in(packs, leaf, number * repository::kLeafPages + 1, reader.index())) {
      try {
        const ByteView content = reader.read(leaf.blobs[blob], decoder, buffer);
        for (const PageSlot& slot : slots) {
          if ((slot.slot + 1) * page_size > content.size()) continue;
          const ByteView page = content.subspan(slot.slot * page_size, page_size);
          pages.emplace(slot.page, Bytes(page.begin(), page.end()));
        }
      } catch (const Error& error) {
        if (!is_loss(error)) throw;
      }
    }
    for (const auto& [page, content] : pages) visit(page, content);
  }
}

}  // namespace holdfast::engine
