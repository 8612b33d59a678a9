#include "repository/prune.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
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
constexpr std::uint64_t kMostReadAtOnce = 4u << 20;
// Between two that are needed: less than what another request costs.
constexpr std::uint64_t kMostReadForNothing = 16u << 10;
constexpr std::size_t kRemovedAtOnce = 1000;

// What is read of a pack at once: from one needed blob to another, with little between them.
struct BoxRange {
  std::uint32_t first = 0, end = 0;  // numbers of entries
  std::uint64_t offset = 0, size = 0;
};

std::vector<BoxRange> ranges_of(const PackDescription& pack,
                                const std::vector<std::uint32_t>& needed) {
  std::vector<BoxRange> ranges;
  std::uint64_t offset = kPackHeaderSize;
  auto next = needed.begin();
  for (std::uint32_t i = 0; i < pack.entries.size() && next != needed.end(); ++i) {
    const std::uint64_t end = offset + pack.entries[i].stored_size;
    if (*next == i) {
      ++next;
      if (ranges.empty() ||
          offset - (ranges.back().offset + ranges.back().size) > kMostReadForNothing ||
          end - ranges.back().offset > kMostReadAtOnce) {
        ranges.push_back({.first = i, .end = i, .offset = offset, .size = 0});
      }
      ranges.back().end = i + 1;
      ranges.back().size = end - ranges.back().offset;
    }
    offset = end;
  }
  return ranges;
}

bool stays(const IndexObject& object, const std::unordered_set<PackId>& doomed) {
  if (!object.full() || !object.whole || !object.content->withdrawn().empty()) return false;
  for (std::uint32_t i = 0; i < object.content->pack_count(); ++i) {
    if (doomed.contains(object.content->pack_id(i))) return false;
  }
  return true;
}

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
    std::vector<Snapshot> snapshots;
    std::unique_ptr<const LoadedIndex> loaded;  // which `reachable` points to
    std::optional<Reachable> reachable;
  };
  Mark mark(const Mark* earlier = nullptr);
  PrunePlan plan(const Mark& first, const Condemned& earlier);
  void repack(const PrunePlan& plan, const Index& index);
  void count(const LoadedIndex& loaded, const PrunePlan& planned);
  bool wait_for_writers(Intent& own);
  static std::unordered_set<PackId> confirm(const Mark& second,
                                            const std::unordered_set<PackId>& condemned,
                                            const std::unordered_set<PackId>& earlier);
  void replace_index(const LoadedIndex& loaded, const std::unordered_set<PackId>& doomed);
  void remove_packs(const std::unordered_set<PackId>& doomed);
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
// backup ends meanwhile. What they need is not known while a part of a map cannot be read. Maps
// never change, so those that an `earlier` mark has walked are not walked again.
Prune::Mark Prune::mark(const Mark* earlier) {
  Mark mark{.snapshots = all_snapshots(),
            .loaded = std::make_unique<const LoadedIndex>(load_index(repository_)),
            .reachable = {}};
  Reachable& reachable = mark.reachable.emplace(
      Reachable{.blobs = BlobSet(mark.loaded->index), .missing = 0, .unreadable_maps = {}});
  const BlobReader reader(repository_, mark.loaded->index);
  withdraw_unproved(reader, mark.snapshots, progress_);
  std::vector<Snapshot> unwalked;
  std::unordered_set<SnapshotId> walked;
  if (earlier != nullptr) {
    for (const Snapshot& snapshot : earlier->snapshots) walked.insert(snapshot.id);
    earlier->reachable->blobs.visit([&](const BlobId& id) { reachable.blobs.insert(id); });
  }
  for (const Snapshot& snapshot : mark.snapshots) {
    if (!walked.contains(snapshot.id)) unwalked.push_back(snapshot);
  }
  add_reachable(reader, unwalked, reachable, progress_);
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
// there. Little is read but these blobs, and what lies together at once.
void Prune::repack(const PrunePlan& plan, const Index& index) {
  PackBuilder target(random_pack_id());
  IndexOutput output(repository_);
  const auto close = [&] {
    if (target.empty()) return;
    PackBuilder::Finished pack =
        std::exchange(target, PackBuilder(random_pack_id())).finish(repository_.keys());
    repository_.store().put(pack_name(pack.description.id), pack.content);
    result_.bytes_rewritten += pack.content.size();
    output.add(std::move(pack.description));
  };
  progress_.stage("Writing what is needed into new packs", plan.rewritten);
  BlobDecoder decoder(repository_.keys());
  const codec::PageHasher hasher(repository_.keys().pages);
  Bytes boxes, plain;
  std::vector<codec::PageDigest> digests;
  const auto take = [&](const BlobEntry& entry, ByteView box) {
    plain.resize(entry.raw_size);
    decoder.decode(entry, box, plain);
    // Not from the pack's own list, which may be damaged where the blobs are not.
    digests.resize(entry.pages);
    if (entry.pages > 0) hasher.digest_pages(plain, entry.raw_size / entry.pages, digests);
    target.add({.entry = entry, .box = box}, digests);
    if (target.size() >= kPackTarget) close();
    progress_.advance(entry.stored_size);
  };
  for (const Repacked& repacked : plan.repacked) {
    const PackDescription pack = index.pack(repacked.pack).value();
    for (const BoxRange& range : ranges_of(pack, repacked.entries)) {
      boxes.resize(range.size);
      repository_.store().get_range(pack_name(repacked.pack), range.offset, boxes);
      ByteView rest = boxes;
      for (std::uint32_t i = range.first; i < range.end; ++i) {
        if (std::ranges::binary_search(repacked.entries, i)) {
          take(pack.entries[i], rest.first(pack.entries[i].stored_size));
        }
        rest = rest.subspan(pack.entries[i].stored_size);
      }
    }
  }
  close();
  output.finish();
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
  const Index& index = second.loaded->index;
  const auto keep_one_place = [&](const BlobId& id) {
    const std::vector<BlobLocation> places = index.find(id);
    const bool elsewhere = std::ranges::any_of(
        places, [&](const BlobLocation& place) { return !doomed.contains(place.pack); });
    if (elsewhere || places.empty()) return;
    // Better one that no earlier prune condemned: if that one is only paused, it removes its own.
    const auto place = std::ranges::find_if(
        places, [&](const BlobLocation& one) { return !earlier.contains(one.pack); });
    doomed.erase(place == places.end() ? places.front().pack : place->pack);
  };
  for (const PackId& id : condemned) {
    const std::optional<PackDescription> pack = index.pack(id);
    if (!pack) continue;
    for (const BlobEntry& entry : pack->entries) {
      if (second.reachable->blobs.contains(entry.id)) keep_one_place(entry.id);
    }
  }
  return doomed;
}

// Objects that are full and list nothing that goes stay as they are.
void Prune::replace_index(const LoadedIndex& loaded, const std::unordered_set<PackId>& doomed) {
  std::unordered_set<PackId> listed;
  std::vector<std::string> replaced = loaded.unreadable;
  IndexOutput output(repository_);
  for (const IndexObject& object : loaded.objects) {
    if (!stays(object, doomed)) {
      replaced.push_back(object.name);
      continue;
    }
    for (std::uint32_t i = 0; i < object.content->pack_count(); ++i) {
      listed.insert(object.content->pack_id(i));
    }
  }
  for (const WithdrawnBlob& blob : loaded.index.withdrawn()) {
    if (loaded.index.has_pack(blob.pack) && !doomed.contains(blob.pack)) output.add(blob);
  }
  for (const PackDescription& pack : loaded.index.packs()) {
    if (!doomed.contains(pack.id) && !listed.contains(pack.id)) output.add(pack);
  }
  result_.index_objects_before = loaded.objects.size() + loaded.unreadable.size();
  result_.index_objects_after = result_.index_objects_before - replaced.size() + output.finish();
  // Unreadable ones too: what they listed was found again in the packs, and stands in the new one.
  repository_.store().remove_many(replaced);
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
  const KeptIndex kept(repository_);  // the second mark reads only what is new
  const Condemned earlier = load_condemned(repository_);
  progress_.stage("Finding what is needed", 0);
  const Mark first = mark();
  const LoadedIndex& loaded = *first.loaded;
  const PrunePlan planned = plan(first, earlier);
  if (request_.dry_run) {
    result_.bytes_rewritten = planned.rewritten;
    return result_;
  }
  if (!planned.repacked.empty()) repack(planned, loaded.index);
  const bool index_is_tidy =
      std::ranges::count_if(loaded.objects, [](const auto& one) { return !one.full(); }) <= 1 &&
      loaded.unreadable.empty() && loaded.unindexed.empty() && loaded.lost_packs.empty();
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
  const Mark second = mark(&first);
  std::unordered_set<PackId> condemned = earlier.packs;
  condemned.insert(planned.condemned.begin(), planned.condemned.end());
  const std::unordered_set<PackId> doomed = confirm(second, condemned, earlier.packs);
  replace_index(*second.loaded, doomed);
  remove_packs(doomed);
  for (const std::string& mark : marks) remove(mark);
  remove_old_markers(repository_, own.beat(), kMarkerAge);
  return result_;
}

PrunePlan Prune::plan(const Mark& first, const Condemned& earlier) {
  const LoadedIndex& loaded = *first.loaded;
  PrunePlan planned = plan_prune(loaded.index, *first.reachable, earlier.packs, request_.max_waste);
  count(loaded, planned);
  if (first.reachable->missing > 0) return planned;
  for (const auto& [id, size] : wreckage(repository_, loaded)) {
    planned.condemned.push_back(id);
    ++result_.packs_removed;
    result_.bytes_freed += size;
  }
  return planned;
}

void Prune::remove_packs(const std::unordered_set<PackId>& doomed) {
  progress_.stage("Removing packs", doomed.size());
  std::vector<std::string> names;
  const auto remove_named = [&] {
    repository_.store().remove_many(names);
    progress_.advance(names.size());
    names.clear();
  };
  for (const PackId& id : doomed) {
    names.push_back(pack_name(id));
    if (names.size() == kRemovedAtOnce) remove_named();
  }
  remove_named();
}

}  // namespace

PruneResult prune(const Repository& repository, const PruneRequest& request, Progress& progress) {
  return Prune(repository, request, progress).run();
}

}  // namespace holdfast::repository
