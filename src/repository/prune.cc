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
#include "repository/prune_plan.h"
#include "repository/reachable.h"
#include "repository/unproved.h"
#include "repository/writer.h"

namespace holdfast::repository {
namespace {

constexpr std::chrono::seconds kBetweenLooks{1};
constexpr std::chrono::hours kMarkerAge{24 * 30};

class Prune {
 public:
  Prune(const Repository& repository, const PruneRequest& request, Progress& progress)
      : repository_(repository), request_(request), progress_(progress) {}

  PruneResult run();

 private:
  PruneResult run(Intent& own);
  void refuse_company(Intent& own);
  std::vector<Snapshot> all_snapshots() const;
  struct Mark {
    LoadedIndex loaded;
    Reachable reachable;
  };
  Mark mark();
  void repack(const PrunePlan& plan, const Index& index);
  void count(const LoadedIndex& loaded, const PrunePlan& planned);
  bool wait_for_writers(Intent& own);
  static std::unordered_set<PackId> confirm(const Mark& second,
                                            const std::unordered_set<PackId>& condemned,
                                            const std::unordered_set<PackId>& earlier);
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

// The index is loaded after the snapshots were listed: it has whatever they need, also where a
// backup ends meanwhile. What they need is not known while a part of a map cannot be read.
Prune::Mark Prune::mark() {
  std::vector<Snapshot> snapshots = all_snapshots();
  Mark mark{.loaded = load_index(repository_), .reachable = {}};
  const BlobReader reader(repository_, mark.loaded.index);
  withdraw_unproved(reader, snapshots, progress_);
  mark.reachable = find_reachable(reader, snapshots, progress_);
  const Reachable& reachable = mark.reachable;
  if (reachable.unreadable_maps.empty()) return mark;
  throw Error(ErrorCode::kDamagedObject,
              fmt::format("a part of the page map of snapshot {} cannot be read, so what it needs "
                          "is not known",
                          reachable.unreadable_maps.front().short_hex()),
              "Nothing was removed.",
              "Run `holdfast backup`, which stores it again where the database is still the same, "
              "or forget that snapshot; then prune again.");
}

// Writes the needed blobs of wasteful packs into new ones. Boxes do not depend on their pack, but
// each is decoded on the way: what cannot be read is better noticed while the old pack is still
// there.
void Prune::repack(const PrunePlan& plan, const Index& index) {
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
  Bytes box, plain;
  std::vector<codec::PageDigest> digests;
  for (const Repacked& repacked : plan.repacked) {
    std::uint64_t offset = kPackHeaderSize;
    for (const BlobEntry& entry : index.pack(repacked.pack)->entries) {
      if (repacked.blobs.contains(entry.id)) {
        box.resize(entry.stored_size);
        repository_.store().get_range(pack_name(repacked.pack), offset, box);
        plain.resize(entry.raw_size);
        decoder.decode(entry, box, plain);
        // Not from the pack's own list, which may be damaged where the blobs are not.
        digests.resize(entry.pages);
        if (entry.pages > 0) hasher.digest_pages(plain, entry.raw_size / entry.pages, digests);
        target.add({.entry = entry, .box = box}, digests);
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

// Whatever of the condemned is the only place of something needed after all is kept.
std::unordered_set<PackId> Prune::confirm(const Mark& second,
                                          const std::unordered_set<PackId>& condemned,
                                          const std::unordered_set<PackId>& earlier) {
  std::unordered_set<PackId> doomed = condemned;
  for (const BlobId& id : second.reachable.blobs) {
    const std::vector<BlobLocation> places = second.loaded.index.find(id);
    const bool elsewhere = std::ranges::any_of(
        places, [&](const BlobLocation& place) { return !doomed.contains(place.pack); });
    if (elsewhere || places.empty()) continue;
    // Better one that no earlier prune condemned: if that one is only paused, it removes its own.
    const auto place = std::ranges::find_if(
        places, [&](const BlobLocation& one) { return !earlier.contains(one.pack); });
    doomed.erase(place == places.end() ? places.front().pack : place->pack);
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
  for (const IndexObject& object : loaded.objects) remove(object.name);
  for (const std::string& name : loaded.unreadable) remove(name);
}

void Prune::count(const LoadedIndex& loaded, const PrunePlan& planned) {
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
  try {
    return run(own);
  } catch (const Error& error) {
    if (own.still_there()) throw;
    throw Error(ErrorCode::kIntentLost,
                fmt::format("this prune was paused so long that another one took it for dead, and "
                            "then: {}",
                            error.what()),
                "Nothing that is needed was removed.");
  }
}

PruneResult Prune::run(Intent& own) {
  const Condemned earlier = load_condemned(repository_);
  progress_.stage("Finding what is needed", 0);
  PrunePlan planned;
  bool index_is_tidy = false;
  {
    const auto [loaded, reachable] = mark();
    planned = plan_prune(loaded.index, reachable, earlier.packs, request_.max_waste);
    count(loaded, planned);
    if (reachable.missing == 0) {
      for (const auto& [id, size] : wreckage(repository_, loaded)) {
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
    if (!planned.repacked.empty()) repack(planned, loaded.index);
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
  const Mark second = mark();
  std::unordered_set<PackId> condemned = earlier.packs;
  condemned.insert(planned.condemned.begin(), planned.condemned.end());
  const std::unordered_set<PackId> doomed = confirm(second, condemned, earlier.packs);
  progress_.stage("Removing packs", doomed.size());
  replace_index(second.loaded, doomed);
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
