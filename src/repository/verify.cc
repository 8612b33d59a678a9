#include "repository/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>

#include "base/error.h"
#include "codec/page_digest.h"
#include "repository/blob_reader.h"
#include "repository/pack_reading.h"
#include "repository/page_map.h"
#include "repository/verified_packs.h"

namespace holdfast::repository {
namespace {

bool is_object_damage(const Error& error) {
  return error.code() == ErrorCode::kDamagedObject || error.code() == ErrorCode::kMissingObject ||
         error.code() == ErrorCode::kNotFound || error.code() == ErrorCode::kIo;
}

// A part of a map. What a walk through maps goes on from is damage, so that is what a bad sector
// counts as.
Bytes tree_of(const BlobReader& reader, const BlobId& id, BlobKind kind, BlobDecoder& decoder) {
  try {
    return reader.read_tree(id, kind, decoder);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kIo) throw;
    throw Error(ErrorCode::kDamagedObject, error.happened());
  }
}

class Verification {
 public:
  Verification(const Repository& repository, const VerifyRequest& request, Progress& progress)
      : repository_(repository),
        request_(request),
        progress_(progress),
        checksum_key_(repository.keys().checksum) {}

  VerifyReport run();
  // Whether one of those it looked at is gone by now.
  bool is_overtaken() const;

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
  void check_lost_packs();
  Bytes read_tree(const BlobReader& reader, const BlobId& id, BlobKind kind, BlobDecoder& decoder);
  std::vector<PackId> packs_to_read();
  void read_data();
  void remember(const std::vector<PackId>& packs);
  void judge(const Snapshot& snapshot);
  std::vector<codec::PageDigest> digests_of(const BlobReader& reader, const BlobId& blob) const;
  LeafVerdict judge_leaf(const BlobReader& reader, BlobDecoder& decoder, const DatabaseState& state,
                         std::uint64_t number, const BlobId& id);

  const Repository& repository_;
  const VerifyRequest& request_;
  Progress& progress_;
  LoadedIndex loaded_;
  codec::ChecksumKey checksum_key_;
  std::vector<Snapshot> snapshots_;
  VerifyReport report_;
  VerifiedPacks verified_;
  PackFindings read_;
  std::unordered_set<BlobId> lacking_;  // pages that maps refer to and no pack holds
  std::unordered_set<BlobId> lost_trees_;
  bool maps_whole_ = true;
  std::map<std::pair<BlobId, std::uint64_t>, LeafVerdict> leaves_;
};

void Verification::note(std::string object, std::string problem) {
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
  for (const std::string& name : loaded_.unreadable_packs) {
    note(name, "is in no index, and its directory cannot be read");
  }
}

// A pack that is gone is no loss where nobody needs it (a backup was interrupted, or taken for
// dead) or where a later backup stored its blobs again. What a map needs that is lost itself,
// nobody knows.
void Verification::check_lost_packs() {
  for (const PackDescription& pack : loaded_.lost_packs) {
    const bool needed = std::ranges::any_of(
        pack.entries, [&](const BlobEntry& entry) { return lacking_.contains(entry.id); });
    if (!needed && (maps_whole_ || loaded_.index.holds_all(pack))) continue;
    const auto status = repository_.store().stat(pack_name(pack.id));
    note(pack_name(pack.id),
         status ? fmt::format("has another size than its index says ({} bytes)", status->size)
                : std::string("is missing"));
  }
}

// Where a part of a map is in a pack, but cannot be had from there, that pack is named.
Bytes Verification::read_tree(const BlobReader& reader, const BlobId& id, BlobKind kind,
                              BlobDecoder& decoder) {
  try {
    return tree_of(reader, id, kind, decoder);
  } catch (const Error& error) {
    if (is_object_damage(error) && lost_trees_.insert(id).second) {
      for (const BlobLocation& place : loaded_.index.find(id)) {
        note(pack_name(place.pack), error.happened());
      }
    }
    throw;
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
            for (const BlobId& blob : parse_leaf(tree_of(reader, id, BlobKind::kMapLeaf, decoder),
                                                 leaf_pages(state.page_count, number))
                                          .blobs) {
              need(blob);
            }
          } catch (const Error& error) {
            if (!is_object_damage(error)) throw;
          }
        };
        const auto node = [&](const BlobId& id) {
          need(id);
          return tree_of(reader, id, BlobKind::kMapNode, decoder);
        };
        visit_leaves(state.map, state.page_count, node, visit, [](std::uint64_t, std::uint64_t) {});
      }
    }
    packs.assign(needed.begin(), needed.end());
  }
  if (everything_is_read()) return packs;
  order_by_need(packs, verified_.times);
  const double wanted =
      std::ceil(static_cast<double>(packs.size()) * request_.read_data_percent / 100);
  packs.resize(static_cast<std::size_t>(wanted));
  return packs;
}

std::vector<codec::PageDigest> Verification::digests_of(const BlobReader& reader,
                                                        const BlobId& blob) const {
  try {
    return reader.digests(blob);
  } catch (const Error& error) {
    if (!is_object_damage(error)) throw;
  }
  const auto found = read_.digests.find(blob);
  return found == read_.digests.end() ? std::vector<codec::PageDigest>() : found->second;
}

Verification::LeafVerdict Verification::judge_leaf(const BlobReader& reader, BlobDecoder& decoder,
                                                   const DatabaseState& state, std::uint64_t number,
                                                   const BlobId& id) {
  const std::uint64_t pages = leaf_pages(state.page_count, number);
  LeafVerdict verdict;
  MapLeaf leaf;
  try {
    leaf = parse_leaf(read_tree(reader, id, BlobKind::kMapLeaf, decoder), pages);
  } catch (const Error& error) {
    if (!is_object_damage(error)) throw;
    maps_whole_ = false;
    verdict.lost_pages = pages;
    return verdict;
  }
  std::vector<bool> present;
  for (const BlobId& blob : leaf.blobs) {
    present.push_back(reader.index().contains(blob));
    if (!present.back()) lacking_.insert(blob);
  }
  for (const LeafRun& run : leaf.runs) {
    if (!present[run.blob]) verdict.lost_pages += run.count;
  }
  if (verdict.lost_pages > 0 || !everything_is_read()) return verdict;
  std::vector<std::vector<codec::PageDigest>> digests;
  for (const BlobId& blob : leaf.blobs) digests.push_back(digests_of(reader, blob));
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
  const GetNode node = [&](const BlobId& id) {
    return read_tree(reader, id, BlobKind::kMapNode, decoder);
  };
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
    visit_leaves(state.map, state.page_count, node, visit,
                 [&](std::uint64_t first, std::uint64_t count) {
                   summed = maps_whole_ = false;
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

void Verification::read_data() {
  verified_ = load_verified(repository_);
  const std::vector<PackId> packs = packs_to_read();
  read_ = read_packs(repository_, loaded_.index, packs, request_.threads, progress_);
  report_.packs = read_.packs;
  report_.blobs = read_.blobs;
  report_.bytes_read = read_.bytes_read;
  if (!read_.gone.empty())
    loaded_ = load_index(repository_, {.despite_io_errors = true, .anew = true});
  for (Damage& damage : read_.damage) report_.damage.push_back(std::move(damage));
  std::erase_if(read_.withdrawn, [&](const WithdrawnBlob& blob) {
    return loaded_.index.withdrawn().contains(blob);
  });
  for (const WithdrawnBlob& blob : read_.withdrawn) loaded_.index.withdraw(blob);
  for (const WithdrawnBlob& blob : read_.unreadable) loaded_.index.withdraw(blob);
  if (!request_.remember_damage) return;
  remember(packs);
}

void Verification::remember(const std::vector<PackId>& packs) {
  // Also those in which something was found: it is told now, and the others have their turn.
  std::vector<PackId> present;
  for (const PackDescription& pack : loaded_.index.packs()) present.push_back(pack.id);
  try {
    note_verified(repository_, std::move(verified_), packs, present, repository_.clock().now());
  } catch (const Error& error) {
    // Who reads all of them loses nothing by it.
    if (!everything_is_read()) {
      progress_.warning(fmt::format(
          "which packs were verified could not be noted, so they may be again next time ({})",
          error.what()));
    }
  }
  if (read_.withdrawn.empty()) return;
  try {
    put_index(repository_, {.packs = {}, .withdrawn = read_.withdrawn});
  } catch (const Error& error) {
    progress_.warning(
        fmt::format("the damage could not be noted in the repository ({})", error.what()));
  }
}

VerifyReport Verification::run() {
  choose_snapshots();
  // After the snapshots: it has whatever they need, also where a backup ends meanwhile.
  loaded_ = load_index(repository_, {.despite_io_errors = true, .anew = true});
  check_listing();
  if (request_.read_data_percent > 0) read_data();
  progress_.stage("Checking snapshots", 0);
  for (const Snapshot& snapshot : snapshots_) judge(snapshot);
  check_lost_packs();
  return std::move(report_);
}

bool Verification::is_overtaken() const {
  return std::ranges::any_of(snapshots_, [&](const Snapshot& snapshot) {
    return !repository_.store().stat(object_name(repository_, snapshot));
  });
}

}  // namespace

VerifyReport verify(const Repository& repository, const VerifyRequest& request,
                    Progress& progress) {
  for (;;) {
    Verification verification(repository, request, progress);
    VerifyReport report = verification.run();
    // What a snapshot needs may go with it when somebody forgets it meanwhile: that is no damage.
    if (report.ok() || !verification.is_overtaken()) return report;
  }
}

}  // namespace holdfast::repository
