#include "repository/session_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <optional>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "repository/page_map.h"
#include "repository/sealed_session.h"

namespace holdfast::repository {
namespace {

using codec::PageDigest;

constexpr std::size_t kMostBlobPages = 0xFFFF;    // of a blob
constexpr std::uint64_t kRecentPages = 1u << 21;  // 64 MB of digests
// Beyond these, for each blob that there is, a session is one that was made to keep us busy.
constexpr std::uint64_t kMostReadings = 4, kFreeReadings = 1000;

Error damaged_session(std::string problem) {
  return Error(ErrorCode::kDamagedObject, std::move(problem));
}

void check_geometry(const DatabaseState& state) {
  const bool sane = state.page_count > 0 && state.page_size >= 512 && state.page_size <= 65536 &&
                    std::has_single_bit(state.page_size) &&
                    state.map_height == map_height(state.page_count);
  if (!sane) throw damaged_session(fmt::format("{} is no possible database", state.name));
}

}  // namespace

struct SessionCopy::Part {
  // The leaf of the base with this number, if there is one: of each of its pages, where it is.
  struct Base {
    MapLeaf leaf;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> places;         // blob, slot
    std::vector<std::optional<std::vector<codec::PageDigest>>> digests;  // of each blob
  };
  std::optional<Base> base;
  LeafBuilder leaf;
  codec::DatabaseChecksum own, sent;
};

SessionCopy::SessionCopy(const Repository& session, const Repository& to, Writer& writer,
                         unsigned threads, Progress& progress)
    : session_(session),
      to_(to),
      writer_(writer),
      threads_(thread_count(threads)),
      progress_(progress),
      session_index_(load_index(session)),
      source_(session, session_index_.index),
      target_(to, writer.index()),
      sealed_key_(session.keys().checksum),
      own_key_(to.keys().checksum) {}

DatabaseState SessionCopy::copy(const DatabaseState& sealed, const DatabaseState* base) {
  check_geometry(sealed);
  if (base != nullptr && (base->page_size != sealed.page_size || !base->machine_sum)) {
    throw damaged_session(fmt::format("{} does not go on from what it says", sealed.name));
  }
  const std::vector<BlobId> leaves = source_.leaves(sealed.map, sealed.page_count);
  const std::vector<BlobId> base_leaves =
      base == nullptr ? std::vector<BlobId>() : target_.leaves(base->map, base->page_count);
  progress_.stage(fmt::format("Taking in {}", sealed.name), sealed.bytes());

  std::vector<Leaf> copied(leaves.size());
  std::atomic<std::size_t> next = 0;
  run_parallel(static_cast<unsigned>(std::min<std::size_t>(threads_, leaves.size())),
               [&](const std::atomic<bool>& stop) {
                 BlobTransfer hands(session_, to_);
                 for (std::size_t i = next++; i < leaves.size() && !stop; i = next++) {
                   const bool based = i < base_leaves.size();
                   copied[i] = leaf(hands, leaves[i], leaf_pages(sealed.page_count, i),
                                    sealed.page_size, based ? &base_leaves[i] : nullptr,
                                    based ? leaf_pages(base->page_count, i) : 0);
                   progress_.advance(leaf_pages(sealed.page_count, i) * sealed.page_size);
                 }
               });

  BlobEncoder encoder(to_.keys(), codec::kDefaultCompressionLevel);
  MapBuilder map([&](ByteView node) {
    const BlobId id = content_id(to_.keys(), BlobKind::kMapNode, node);
    writer_.add_tree(encoder, id, BlobKind::kMapNode, node);
    return id;
  });
  codec::DatabaseChecksum own(own_key_), sealed_sum(sealed_key_);
  if (base != nullptr) sealed_sum.add_range(0, *base->machine_sum + sealed.base->replaced);
  for (std::size_t i = 0; i < copied.size(); ++i) {
    map.add_leaf(copied[i].id);
    own.add_range(i * kLeafPages, copied[i].own);
    sealed_sum.add_range(i * kLeafPages, copied[i].sent);
  }
  if (sealed_sum.finish(sealed.page_size, sealed.page_count) != sealed.checksum) {
    throw damaged_session(
        fmt::format("the pages of {} are not those that the machine had", sealed.name));
  }
  DatabaseState state = sealed;
  state.map = map.finish();
  state.checksum = own.finish(state.page_size, state.page_count);
  state.machine_sum = sealed_sum.sum();
  state.base.reset();
  return state;
}

auto SessionCopy::leaf(BlobTransfer& hands, const BlobId& id, std::uint64_t pages,
                       std::uint32_t page_size, const BlobId* base, std::uint64_t base_pages)
    -> Leaf {
  const MapLeaf sealed =
      parse_leaf(source_.read_tree(id, BlobKind::kMapLeaf, hands.decoder), pages);
  Part part{.base = {},
            .leaf = {},
            .own = codec::DatabaseChecksum(own_key_),
            .sent = codec::DatabaseChecksum(sealed_key_)};
  const bool uses_base = std::ranges::find(sealed.blobs, kPagesOfBase) != sealed.blobs.end();
  if (uses_base) {
    if (base == nullptr) throw damaged_session("a part of a page map goes on from nothing");
    Part::Base& known = part.base.emplace();
    known.leaf =
        parse_leaf(target_.read_tree(*base, BlobKind::kMapLeaf, hands.target_decoder), base_pages);
    known.digests.resize(known.leaf.blobs.size());
    for (const LeafRun& run : known.leaf.runs) {
      for (std::uint32_t i = 0; i < run.count; ++i) {
        known.places.emplace_back(run.blob, run.slot + i);
      }
    }
  }
  for (const LeafRun& run : sealed.runs) {
    const BlobId& blob = sealed.blobs[run.blob];
    if (blob == kPagesOfBase) {
      add_base(part, run);
      continue;
    }
    const std::shared_ptr<const Pages> sent = this->pages(hands, blob, page_size);
    if (run.slot > sent->own.size() || run.count > sent->own.size() - run.slot) {
      throw damaged_session("a page map names pages that were not sent");
    }
    const std::uint64_t first = part.leaf.pages() + 1;
    part.own.add(first, std::span(sent->own).subspan(run.slot, run.count));
    part.sent.add(first, std::span(sent->sealed).subspan(run.slot, run.count));
    part.leaf.add(sent->id, run.slot, run.count);
  }
  const Bytes content = serialize(part.leaf.take());
  const BlobId own = content_id(to_.keys(), BlobKind::kMapLeaf, content);
  writer_.add_tree(hands.encoder, own, BlobKind::kMapLeaf, content);
  return {.id = own, .own = part.own.sum(), .sent = part.sent.sum()};
}

void SessionCopy::add_base(Part& part, const LeafRun& run) const {
  Part::Base& base = *part.base;
  if (run.slot != part.leaf.pages() || run.count > base.places.size() ||
      run.slot > base.places.size() - run.count) {
    throw damaged_session("a page map takes pages from its base that are not there");
  }
  for (std::uint32_t i = run.slot; i < run.slot + run.count;) {
    const auto [blob, slot] = base.places[i];
    std::uint32_t count = 1;
    while (i + count < run.slot + run.count &&
           base.places[i + count] == std::pair(blob, slot + count)) {
      ++count;
    }
    auto& digests = base.digests[blob];
    if (!digests) digests = target_.digests(base.leaf.blobs[blob]);
    if (slot > digests->size() || count > digests->size() - slot) {
      throw damaged_session("the base lacks pages that its page map names");
    }
    part.own.add(part.leaf.pages() + 1, std::span(*digests).subspan(slot, count));
    part.leaf.add(base.leaf.blobs[blob], slot, count);
    i += count;
  }
}

auto SessionCopy::find(const BlobId& id) -> std::shared_ptr<const Pages> {
  const std::lock_guard lock(mutex_);
  const auto found = recent_by_id_.find(id);
  if (found == recent_by_id_.end()) {
    if (++blobs_read_ > kFreeReadings + kMostReadings * session_index_.index.blob_count()) {
      throw damaged_session("its page maps jump to and fro without end");
    }
    return nullptr;
  }
  recent_.splice(recent_.begin(), recent_, found->second);
  return recent_.front().second;
}

void SessionCopy::remember(const BlobId& id, std::shared_ptr<const Pages> pages) {
  const std::lock_guard lock(mutex_);
  if (recent_by_id_.contains(id)) return;
  recent_pages_ += pages->own.size();
  recent_.emplace_front(id, std::move(pages));
  recent_by_id_[id] = recent_.begin();
  while (recent_pages_ > kRecentPages && recent_.size() > 1) {
    recent_pages_ -= recent_.back().second->own.size();
    recent_by_id_.erase(recent_.back().first);
    recent_.pop_back();
  }
}

auto SessionCopy::pages(BlobTransfer& hands, const BlobId& id, std::uint32_t page_size)
    -> std::shared_ptr<const Pages> {
  if (auto known = find(id)) return known;
  const ByteView plain = source_.read(id, hands.decoder, hands.buffer);
  if (plain.empty() || plain.size() % page_size != 0 || plain.size() / page_size > kMostBlobPages) {
    throw damaged_session(
        fmt::format("blob {} is not made of pages of {} bytes", id.hex(), page_size));
  }
  auto read = std::make_shared<Pages>();
  read->sealed.resize(plain.size() / page_size);
  read->own.resize(read->sealed.size());
  hands.hasher.digest_pages(plain, page_size, read->sealed);
  if (pages_id(session_.keys(), page_size, read->sealed) != id) {
    throw damaged_session(fmt::format("blob {} holds something else than its id says", id.hex()));
  }
  hands.target_hasher.digest_pages(plain, page_size, read->own);
  read->id = pages_id(to_.keys(), page_size, read->own);
  writer_.add_pages(hands.encoder, read->id, plain, read->own);
  {
    const std::lock_guard lock(mutex_);
    bytes_read_ += plain.size();
  }
  remember(id, read);
  return read;
}

}  // namespace holdfast::repository
