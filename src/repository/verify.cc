#include "repository/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "base/parallel.h"
#include "codec/page_digest.h"
#include "repository/blob_reader.h"
#include "repository/page_map.h"

namespace holdfast::repository {
namespace {

bool is_damage(const Error& error) {
  return error.code() == ErrorCode::kDamagedObject || error.code() == ErrorCode::kMissingObject ||
         error.code() == ErrorCode::kNotFound;
}

class Verification {
 public:
  Verification(const Repository& repository, const VerifyRequest& request, Progress& progress)
      : repository_(repository),
        request_(request),
        progress_(progress),
        loaded_(load_index(repository)),
        hasher_(repository.keys().pages),
        checksum_key_(repository.keys().checksum) {}

  VerifyReport run();

 private:
  // What a leaf of a map gives: its part of the checksum, or how many of its pages are lost.
  struct LeafVerdict {
    std::uint64_t lost_pages = 0;
    std::optional<codec::DatabaseChecksum> sum;
  };

  bool whole() const { return request_.snapshots.empty(); }
  bool everything_is_read() const { return request_.read_data_percent >= 100; }
  void note(std::string object, std::string problem);
  void choose_snapshots();
  void check_listing();
  std::vector<PackId> packs_to_read();
  void read_packs(const std::vector<PackId>& packs);
  void read_pack(const PackDescription& pack, BlobDecoder& decoder, Bytes& buffer);
  void read_blob(const PackDescription& pack, const BlobEntry& entry, std::uint64_t offset,
                 std::span<const codec::PageDigest> listed, BlobDecoder& decoder, Bytes& buffer);
  void judge(const Snapshot& snapshot);
  LeafVerdict judge_leaf(const BlobReader& reader, BlobDecoder& decoder, const DatabaseState& state,
                         std::uint64_t number, const BlobId& id);

  const Repository& repository_;
  const VerifyRequest& request_;
  Progress& progress_;
  LoadedIndex loaded_;
  codec::PageHasher hasher_;
  codec::ChecksumKey checksum_key_;
  std::vector<Snapshot> snapshots_;
  std::mutex mutex_;  // guards the report and withdrawn_ while packs are read
  VerifyReport report_;
  std::vector<WithdrawnBlob> withdrawn_;
  std::map<std::pair<BlobId, std::uint64_t>, LeafVerdict> leaves_;
};

void Verification::note(std::string object, std::string problem) {
  const std::lock_guard lock(mutex_);
  report_.damage.push_back({std::move(object), std::move(problem)});
}

void Verification::choose_snapshots() {
  SnapshotList list = list_snapshots(repository_);
  for (const std::string& name : list.unreadable) note(name, "the snapshot cannot be read");
  if (whole()) {
    snapshots_ = std::move(list.snapshots);
    return;
  }
  for (const SnapshotId& id : request_.snapshots) {
    const auto found = std::ranges::find(list.snapshots, id, &Snapshot::id);
    if (found == list.snapshots.end()) {
      throw Error(ErrorCode::kSnapshotMissing, fmt::format("there is no snapshot {}", id.hex()));
    }
    snapshots_.push_back(*found);
  }
}

void Verification::check_listing() {
  for (const std::string& name : loaded_.unreadable) {
    note(name, "the index object cannot be read; its packs were found again by their directories");
  }
  for (const PackId& id : loaded_.lost_packs) {
    const auto status = repository_.store().stat(pack_name(id));
    note(pack_name(id),
         status ? fmt::format("has another size than its index says ({} bytes)", status->size)
                : std::string("is missing"));
  }
  for (const std::string& name : loaded_.unreadable_packs) {
    note(name, "is in no index, and its directory cannot be read");
  }
}

std::vector<PackId> Verification::packs_to_read() {
  std::vector<PackId> packs;
  if (whole()) {
    for (const PackDescription& pack : loaded_.index.packs()) packs.push_back(pack.id);
  } else {
    const BlobReader reader(repository_, loaded_.index);
    std::set<PackId> needed;
    BlobDecoder decoder(repository_.keys());
    const auto need = [&](const BlobId& id) {
      for (const BlobLocation& location : loaded_.index.find(id)) needed.insert(location.pack);
    };
    for (const Snapshot& snapshot : snapshots_) {
      for (const DatabaseState& state : snapshot.databases) {
        const auto visit = [&](std::uint64_t number, const BlobId& id) {
          need(id);
          try {
            for (const BlobId& blob : parse_leaf(reader.read_tree(id, BlobKind::kMapLeaf, decoder),
                                                 leaf_pages(state.page_count, number))
                                          .blobs) {
              need(blob);
            }
          } catch (const Error& error) {
            if (!is_damage(error)) throw;
          }
        };
        const auto node = [&](const BlobId& id) {
          need(id);
          return reader.read_tree(id, BlobKind::kMapNode, decoder);
        };
        visit_leaves(state.map, state.page_count, node, visit, [](std::uint64_t, std::uint64_t) {});
      }
    }
    packs.assign(needed.begin(), needed.end());
  }
  if (everything_is_read()) return packs;
  std::mt19937_64 random(std::random_device{}());
  std::ranges::shuffle(packs, random);
  const double wanted =
      std::ceil(static_cast<double>(packs.size()) * request_.read_data_percent / 100);
  packs.resize(static_cast<std::size_t>(wanted));
  return packs;
}

void Verification::read_packs(const std::vector<PackId>& packs) {
  std::uint64_t total = 0;
  for (const PackId& id : packs) total += loaded_.index.pack(id)->size();
  progress_.stage("Reading every byte", total);
  std::atomic<std::size_t> next{0};
  run_parallel(thread_count(request_.threads), [&](const std::atomic<bool>& stop) {
    BlobDecoder decoder(repository_.keys());
    Bytes buffer;
    for (std::size_t i = next++; i < packs.size() && !stop; i = next++) {
      read_pack(*loaded_.index.pack(packs[i]), decoder, buffer);
    }
  });
}

void Verification::read_pack(const PackDescription& pack, BlobDecoder& decoder, Bytes& buffer) {
  const std::string name = pack_name(pack.id);
  std::vector<codec::PageDigest> listed;
  try {
    check_pack_frame(repository_.store(), repository_.keys(), pack);
    listed = read_digests(repository_.store(), repository_.keys(), pack);
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    note(name, error.what());
  }
  std::uint64_t offset = kPackHeaderSize;
  std::size_t digest = 0;
  for (const BlobEntry& entry : pack.entries) {
    const auto own = listed.empty()
                         ? std::span<const codec::PageDigest>()
                         : std::span<const codec::PageDigest>(listed).subspan(digest, entry.pages);
    try {
      read_blob(pack, entry, offset, own, decoder, buffer);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      note(name, error.what());
      const std::lock_guard lock(mutex_);
      withdrawn_.push_back({pack.id, entry.id});
    }
    offset += entry.stored_size;
    digest += entry.pages;
    progress_.advance(entry.stored_size);
  }
  const std::lock_guard lock(mutex_);
  report_.packs += 1;
  report_.blobs += pack.entries.size();
  report_.bytes_read += pack.size();
}

void Verification::read_blob(const PackDescription& pack, const BlobEntry& entry,
                             std::uint64_t offset, std::span<const codec::PageDigest> listed,
                             BlobDecoder& decoder, Bytes& buffer) {
  thread_local Bytes box;
  box.resize(entry.stored_size);
  repository_.store().get_range(pack_name(pack.id), offset, box);
  if (buffer.size() < entry.raw_size) buffer.resize(entry.raw_size);
  const auto plain = MutableByteView(buffer).first(entry.raw_size);
  decoder.decode(entry, box, plain);
  BlobId id;
  if (entry.kind == BlobKind::kPages) {
    std::vector<codec::PageDigest> digests(entry.pages);
    const std::uint32_t page_size = entry.raw_size / entry.pages;
    hasher_.digest_pages(plain, page_size, digests);
    id = pages_id(repository_.keys(), page_size, digests);
    if (!listed.empty() && !std::ranges::equal(digests, listed)) {
      throw Error(ErrorCode::kDamagedObject,
                  fmt::format("blob {} does not have the digests listed for it", entry.id.hex()));
    }
  } else {
    id = content_id(repository_.keys(), entry.kind, plain);
  }
  if (id != entry.id) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("blob {} holds something else than its id says", entry.id.hex()));
  }
}

Verification::LeafVerdict Verification::judge_leaf(const BlobReader& reader, BlobDecoder& decoder,
                                                   const DatabaseState& state, std::uint64_t number,
                                                   const BlobId& id) {
  const std::uint64_t pages = leaf_pages(state.page_count, number);
  LeafVerdict verdict;
  MapLeaf leaf;
  try {
    leaf = parse_leaf(reader.read_tree(id, BlobKind::kMapLeaf, decoder), pages);
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    verdict.lost_pages = pages;
    return verdict;
  }
  std::vector<bool> present;
  for (const BlobId& blob : leaf.blobs) present.push_back(reader.index().contains(blob));
  for (const LeafRun& run : leaf.runs) {
    if (!present[run.blob]) verdict.lost_pages += run.count;
  }
  if (verdict.lost_pages > 0 || !everything_is_read()) return verdict;
  std::vector<std::vector<codec::PageDigest>> digests;
  for (const BlobId& blob : leaf.blobs) digests.push_back(reader.digests(blob));
  verdict.sum.emplace(checksum_key_);
  std::uint64_t page = number * kLeafPages + 1;
  for (const LeafRun& run : leaf.runs) {
    const auto& all = digests[run.blob];
    if (run.slot + run.count > all.size()) {
      verdict.lost_pages += run.count;
      verdict.sum.reset();
      return verdict;
    }
    verdict.sum->add(page, std::span(all).subspan(run.slot, run.count));
    page += run.count;
  }
  return verdict;
}

void Verification::judge(const Snapshot& snapshot) {
  const BlobReader reader(repository_, loaded_.index);
  BlobDecoder decoder(repository_.keys());
  SnapshotVerdict verdict{.id = snapshot.id, .name = snapshot.name, .restorable = true, .lost = {}};
  for (const DatabaseState& state : snapshot.databases) {
    std::uint64_t lost = 0;
    codec::DatabaseChecksum sum(checksum_key_);
    bool summed = everything_is_read();
    const auto visit = [&](std::uint64_t number, const BlobId& id) {
      const auto key = std::pair(id, number);
      auto known = leaves_.find(key);
      if (known == leaves_.end()) {
        known = leaves_.emplace(key, judge_leaf(reader, decoder, state, number, id)).first;
      }
      lost += known->second.lost_pages;
      if (known->second.sum) {
        sum.add(*known->second.sum);
      } else {
        summed = false;
      }
    };
    visit_leaves(state.map, state.page_count, reader.node_getter(decoder), visit,
                 [&](std::uint64_t first, std::uint64_t count) {
                   summed = false;
                   for (std::uint64_t leaf = first; leaf < first + count; ++leaf) {
                     lost += leaf_pages(state.page_count, leaf);
                   }
                 });
    if (lost > 0) {
      verdict.lost.push_back(
          fmt::format("database {}: {} of {} pages", state.name, lost, state.page_count));
    } else if (summed && sum.finish(state.page_size, state.page_count) != state.checksum) {
      verdict.lost.push_back(fmt::format("database {}: its checksum is another one", state.name));
      note(object_name(repository_, snapshot),
           fmt::format("the pages of database {} do not have the checksum recorded", state.name));
    } else if (summed) {
      ++report_.databases_proved;
    }
  }
  verdict.restorable = verdict.lost.empty();
  if (!verdict.restorable) {
    note(object_name(repository_, snapshot),
         fmt::format("snapshot {} ({}) does not restore completely", snapshot.id.short_hex(),
                     snapshot.name));
  }
  report_.snapshots.push_back(std::move(verdict));
}

VerifyReport Verification::run() {
  choose_snapshots();
  check_listing();
  if (request_.read_data_percent > 0) read_packs(packs_to_read());
  for (const WithdrawnBlob& blob : withdrawn_) loaded_.index.withdraw(blob);
  progress_.stage("Checking snapshots", 0);
  for (const Snapshot& snapshot : snapshots_) judge(snapshot);
  if (!withdrawn_.empty() && request_.remember_damage) {
    try {
      put_index(repository_, {.packs = {}, .withdrawn = withdrawn_});
    } catch (const Error& error) {
      progress_.warning(
          fmt::format("the damage could not be noted in the repository ({})", error.what()));
    }
  }
  return std::move(report_);
}

}  // namespace

VerifyReport verify(const Repository& repository, const VerifyRequest& request,
                    Progress& progress) {
  return Verification(repository, request, progress).run();
}

}  // namespace holdfast::repository
