#include "repository/prune.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <stop_token>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "codec/page_digest.h"
#include "repository/blob_reader.h"
#include "repository/intent.h"
#include "repository/reachable.h"
#include "repository/writer.h"

namespace holdfast::repository {
namespace {

constexpr std::chrono::seconds kBetweenLooks{1};
constexpr std::chrono::hours kMarkerAge{24 * 30};

// What a condemned pack holds that is needed, and that no other pack is to keep.
struct Repacked {
  PackId pack;
  std::unordered_set<BlobId> blobs;
};

// What the first mark decides.
struct Plan {
  std::vector<PackId> condemned;   // nothing in them is needed, or what is was written again
  std::vector<Repacked> repacked;  // of `condemned`: those that hold needed blobs
  std::uint64_t rewritten = 0;     // bytes of needed blobs in them
};

// What is condemned already comes last: where a kept pack has a blob too, nothing is to be written.
std::vector<const PackDescription*> kept_first(const Index& index,
                                               const std::unordered_set<PackId>& already) {
  std::vector<const PackDescription*> packs;
  for (const bool condemned : {false, true}) {
    for (const PackDescription& pack : index.packs()) {
      if (already.contains(pack.id) == condemned) packs.push_back(&pack);
    }
  }
  return packs;
}

class Prune {
 public:
  Prune(const Repository& repository, const PruneRequest& request, Progress& progress)
      : repository_(repository), request_(request), progress_(progress) {}

  PruneResult run();

 private:
  void refuse_company(Intent& own);
  std::vector<Snapshot> all_snapshots() const;
  Reachable all_reachable(const BlobReader& reader);
  Plan plan(const LoadedIndex& loaded, const Reachable& reachable,
            const std::unordered_set<PackId>& already) const;
  std::map<PackId, std::uint64_t> wreckage(const LoadedIndex& loaded) const;
  void repack(const Plan& plan, const BlobReader& reader);
  void count(const LoadedIndex& loaded, const Plan& planned);
  bool wait_for_writers(Intent& own);
  std::unordered_set<PackId> confirm(const LoadedIndex& loaded,
                                     const std::unordered_set<PackId>& condemned);
  void replace_index(const LoadedIndex& loaded, const std::unordered_set<PackId>& doomed);
  void remove(const std::string& name) const;

  const Repository& repository_;
  const PruneRequest& request_;
  Progress& progress_;
  PruneResult result_;
};

void Prune::remove(const std::string& name) const {
  try {
    repository_.store().remove(name);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
}

// Two prunes could each keep the other's copy of a blob and remove its own, so there is only one.
// Both may see each other and give up: that is no loss.
void Prune::refuse_company(Intent& own) {
  const Time now = own.beat();
  for (const IntentInfo& intent : list_intents(repository_, own.object())) {
    if (intent.kind != IntentKind::kPrune) continue;
    if (is_stale(intent, now, request_.intent_timeout)) {
      break_intent(repository_, intent);
    } else {
      throw Error(ErrorCode::kPruneRunning, fmt::format("a prune is running on {} (process {})",
                                                        intent.process.host, intent.process.pid));
    }
  }
}

// A snapshot that cannot be read may need anything.
std::vector<Snapshot> Prune::all_snapshots() const {
  SnapshotList list = list_snapshots(repository_);
  if (!list.unreadable.empty()) {
    throw Error(
        ErrorCode::kDamagedObject,
        fmt::format("{} cannot be read, so what it needs is not known", list.unreadable.front()),
        "Nothing was removed.",
        "Restore that object from another copy of the repository, or remove it by hand, "
        "then prune again.");
  }
  return std::move(list.snapshots);
}

// What it needs is not known while a part of a map cannot be read.
Reachable Prune::all_reachable(const BlobReader& reader) {
  const std::vector<Snapshot> snapshots = all_snapshots();
  Reachable reachable = find_reachable(reader, snapshots, progress_);
  if (reachable.unreadable_maps.empty()) return reachable;
  throw Error(ErrorCode::kDamagedObject,
              fmt::format("a part of the page map of snapshot {} cannot be read, so what it needs "
                          "is not known",
                          reachable.unreadable_maps.front().short_hex()),
              "Nothing was removed.",
              "Run `holdfast backup`, which stores it again where the database is still the same, "
              "or forget that snapshot; then prune again.");
}

Plan Prune::plan(const LoadedIndex& loaded, const Reachable& reachable,
                 const std::unordered_set<PackId>& already) const {
  Plan plan;
  std::unordered_set<BlobId> placed;  // a blob that is needed once is not needed twice
  for (const PackDescription* pack : kept_first(loaded.index, already)) {
    std::uint64_t needed = 0, total = 0;
    bool damaged = loaded.index.withdrawn().contains({pack->id, kPackItself});
    std::unordered_set<BlobId> own;
    for (const BlobEntry& entry : pack->entries) {
      total += entry.stored_size;
      if (loaded.index.withdrawn().contains({pack->id, entry.id})) {
        damaged = true;
        continue;
      }
      if (!reachable.blobs.contains(entry.id) || placed.contains(entry.id)) continue;
      needed += entry.stored_size;
      own.insert(entry.id);
    }
    const bool wasteful =
        static_cast<double>(total - needed) > request_.max_waste * static_cast<double>(total);
    const bool goes = needed == 0 || wasteful || damaged || already.contains(pack->id);
    if (goes) plan.condemned.push_back(pack->id);
    if (needed == 0) continue;
    placed.insert(own.begin(), own.end());
    if (!goes) continue;
    plan.repacked.push_back({pack->id, std::move(own)});
    plan.rewritten += needed;
  }
  return plan;
}

// Packs that are cut short or cannot be read, with their sizes: evidence, as long as something may
// be missing that they held.
std::map<PackId, std::uint64_t> Prune::wreckage(const LoadedIndex& loaded) const {
  std::map<PackId, std::uint64_t> packs;
  const auto add = [&](const std::string& name, const std::optional<PackId>& id) {
    if (const auto status = repository_.store().stat(name); status && id) {
      packs.emplace(*id, status->size);
    }
  };
  for (const PackDescription& pack : loaded.lost_packs) add(pack_name(pack.id), pack.id);
  for (const std::string& name : loaded.unreadable_packs) add(name, pack_of(name));
  return packs;
}

// Writes the needed blobs of wasteful packs into new ones. Boxes do not depend on their pack, but
// each is decoded on the way: what cannot be read is better noticed while the old pack is still
// there.
void Prune::repack(const Plan& plan, const BlobReader& reader) {
  PackBuilder target(random_pack_id());
  std::vector<PackDescription> written;
  const auto close = [&] {
    if (target.empty()) return;
    PackBuilder::Finished pack =
        std::exchange(target, PackBuilder(random_pack_id())).finish(repository_.keys());
    repository_.store().put(pack_name(pack.description.id), pack.content);
    result_.bytes_rewritten += pack.content.size();
    written.push_back(std::move(pack.description));
  };
  progress_.stage("Writing what is needed into new packs", plan.rewritten);
  BlobDecoder decoder(repository_.keys());
  const codec::PageHasher hasher(repository_.keys().pages);
  Bytes plain;
  std::vector<codec::PageDigest> digests;
  for (const Repacked& repacked : plan.repacked) {
    std::uint64_t offset = kPackHeaderSize;
    for (const BlobEntry& entry : reader.index().pack(repacked.pack)->entries) {
      if (repacked.blobs.contains(entry.id)) {
        EncodedBlob blob{.entry = entry, .box = Bytes(entry.stored_size)};
        repository_.store().get_range(pack_name(repacked.pack), offset, blob.box);
        plain.resize(entry.raw_size);
        decoder.decode(entry, blob.box, plain);
        // Not from the pack's own list, which may be damaged where the blobs are not.
        digests.resize(entry.pages);
        if (entry.pages > 0) hasher.digest_pages(plain, entry.raw_size / entry.pages, digests);
        target.add(blob, digests);
        if (target.size() >= kPackTarget) close();
        progress_.advance(entry.stored_size);
      }
      offset += entry.stored_size;
    }
  }
  close();
  if (!written.empty()) put_index(repository_, {.packs = std::move(written), .withdrawn = {}});
}

// Writers that were at work when the condemned packs were published may rely on them. False when
// one of them still lives after the time allowed: the next prune goes on from here.
bool Prune::wait_for_writers(Intent& own) {
  const Duration begun = repository_.clock().elapsed();
  bool told = false;
  for (;;) {
    const Time now = own.beat();
    bool living = false;
    for (const IntentInfo& intent : list_intents(repository_, own.object())) {
      if (intent.kind == IntentKind::kPrune) continue;
      if (is_stale(intent, now, request_.intent_timeout)) {
        break_intent(repository_, intent);
        continue;
      }
      living = true;
      if (told) continue;
      told = true;
      progress_.notice(fmt::format("waiting for a backup on {} (process {})", intent.process.host,
                                   intent.process.pid));
    }
    if (!living) break;
    if (repository_.clock().elapsed() - begun > request_.longest_wait) return false;
    repository_.clock().wait(kBetweenLooks, {});
  }
  if (request_.grace.count() > 0) repository_.clock().wait(request_.grace, {});
  return true;
}

// The second mark: whatever of the condemned is the only place of something needed after all is
// kept.
std::unordered_set<PackId> Prune::confirm(const LoadedIndex& loaded,
                                          const std::unordered_set<PackId>& condemned) {
  const BlobReader reader(repository_, loaded.index);
  const Reachable reachable = all_reachable(reader);
  std::unordered_set<PackId> doomed = condemned;
  for (const BlobId& id : reachable.blobs) {
    const std::vector<BlobLocation> places = loaded.index.find(id);
    const bool elsewhere = std::ranges::any_of(
        places, [&](const BlobLocation& place) { return !doomed.contains(place.pack); });
    if (!elsewhere && !places.empty()) doomed.erase(places.front().pack);
  }
  return doomed;
}

void Prune::replace_index(const LoadedIndex& loaded, const std::unordered_set<PackId>& doomed) {
  IndexContent content;
  for (const PackDescription& pack : loaded.index.packs()) {
    if (!doomed.contains(pack.id)) content.packs.push_back(pack);
  }
  for (const WithdrawnBlob& blob : loaded.index.withdrawn()) {
    if (loaded.index.pack(blob.pack) != nullptr && !doomed.contains(blob.pack)) {
      content.withdrawn.push_back(blob);
    }
  }
  result_.index_objects_before = loaded.objects.size() + loaded.unreadable.size();
  result_.index_objects_after = content.packs.empty() ? 0 : 1;
  if (!content.packs.empty()) put_index(repository_, content);
  // Unreadable ones too: what they listed was found again in the packs, and stands in the new one.
  for (const std::string& name : loaded.objects) remove(name);
  for (const std::string& name : loaded.unreadable) remove(name);
}

void Prune::count(const LoadedIndex& loaded, const Plan& planned) {
  for (const PackDescription& pack : loaded.index.packs()) result_.bytes_kept += pack.size();
  for (const PackId& id : planned.condemned) result_.bytes_freed += loaded.index.pack(id)->size();
  result_.bytes_kept -= result_.bytes_freed;
  result_.packs_kept = loaded.index.packs().size() - planned.condemned.size();
  result_.packs_removed = planned.condemned.size();
  result_.packs_repacked = planned.repacked.size();
  result_.index_objects_before = result_.index_objects_after =
      loaded.objects.size() + loaded.unreadable.size();
}

PruneResult Prune::run() {
  Intent own(repository_, IntentKind::kPrune);
  refuse_company(own);
  const Condemned earlier = load_condemned(repository_);
  progress_.stage("Finding what is needed", 0);
  Plan planned;
  bool index_is_tidy = false;
  {
    const LoadedIndex loaded = load_index(repository_);
    const BlobReader reader(repository_, loaded.index);
    const Reachable reachable = all_reachable(reader);
    planned = plan(loaded, reachable, earlier.packs);
    count(loaded, planned);
    if (reachable.missing == 0) {
      for (const auto& [id, size] : wreckage(loaded)) {
        planned.condemned.push_back(id);
        ++result_.packs_removed;
        result_.bytes_freed += size;
      }
    }
    index_is_tidy = loaded.objects.size() <= 1 && loaded.unreadable.empty() &&
                    loaded.unindexed.empty() && loaded.lost_packs.empty();
    if (request_.dry_run) {
      result_.bytes_rewritten = planned.rewritten;
      return result_;
    }
    if (!planned.repacked.empty()) repack(planned, reader);
  }
  if (planned.condemned.empty() && earlier.objects.empty() && index_is_tidy) return result_;

  std::vector<std::string> marks = earlier.objects;
  if (!planned.condemned.empty()) marks.push_back(put_condemned(repository_, planned.condemned));
  if (!wait_for_writers(own)) {
    progress_.notice(fmt::format("a backup is still under way; the next prune removes {} packs",
                                 planned.condemned.size()));
    result_.packs_removed = result_.bytes_freed = 0;
    return result_;
  }
  if (!own.still_there()) throw Error(ErrorCode::kIntentLost, "this prune was taken for dead");
  const LoadedIndex loaded = load_index(repository_);
  std::unordered_set<PackId> condemned = earlier.packs;
  condemned.insert(planned.condemned.begin(), planned.condemned.end());
  const std::unordered_set<PackId> doomed = confirm(loaded, condemned);
  progress_.stage("Removing packs", doomed.size());
  replace_index(loaded, doomed);
  for (const PackId& id : doomed) {
    remove(pack_name(id));
    progress_.advance(1);
  }
  for (const std::string& mark : marks) remove(mark);
  remove_old_markers(repository_, own.beat(), kMarkerAge);
  return result_;
}

}  // namespace

PruneResult prune(const Repository& repository, const PruneRequest& request, Progress& progress) {
  return Prune(repository, request, progress).run();
}

}  // namespace holdfast::repository
