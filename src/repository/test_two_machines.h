// Two machines work on a repository and its copy; one of them dies at every change that it makes to
// a store, and somewhere before that the other one did a whole piece of work of its own.
//
// A failure names its run: HOLDFAST_SEED repeats all of them.
#ifndef HOLDFAST_REPOSITORY_TEST_TWO_MACHINES_H_
#define HOLDFAST_REPOSITORY_TEST_TWO_MACHINES_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "env/crash_file_system.h"
#include "repository/copy.h"
#include "repository/intent.h"
#include "repository/key_removal.h"
#include "repository/prune.h"
#include "repository/test_history.h"
#include "repository/verify.h"
#include "storage/crash_store.h"

namespace holdfast::repository::two_machines {

using std::chrono::seconds;
using storage::CrashStore;

inline std::uint64_t base_seed() {
  if (const char* given = std::getenv("HOLDFAST_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

// Tells when a change is about to be made.
class WatchedStore final : public storage::StoreDecorator {
 public:
  using StoreDecorator::StoreDecorator;
  void before(std::uint64_t change, std::function<void()> act) {
    change_ = change;
    act_ = std::move(act);
  }
  void put(std::string_view name, ByteView content, storage::PutOptions options) override {
    count();
    base().put(name, content, options);
  }
  void remove(std::string_view name) override {
    count();
    base().remove(name);
  }
  void remove_many(std::span<const std::string> names) override { Store::remove_many(names); }

 private:
  void count() {
    if (++changes_ == change_) std::exchange(act_, {})();
  }
  std::uint64_t change_ = 0, changes_ = 0;
  std::function<void()> act_;
};

// The snapshots of one repository that somebody was told of, by what is in them.
using Kept = std::map<SnapshotId, Numbers>;

// Makes an empty store; its times are those of the clock where it has none of its own.
using NewStore = std::function<std::unique_ptr<storage::Store>(env::Clock&)>;

inline std::unique_ptr<storage::Store> in_memory(env::Clock& clock) {
  return std::make_unique<storage::MemoryStore>(clock);
}

enum class Extent {
  kAll,          // each change beside each piece of work of the other machine
  kEveryChange,  // beside one that is drawn
  kFew,
};

struct Kind {
  bool encrypted = false;  // slow to open: only where keys are what is tested
  bool same_keys = true;
  bool copies = false;  // what is done changes nothing but the copy
  NewStore new_store = in_memory;
  Extent extent = Extent::kAll;
};

// A repository and its copy, and what was promised.
class Site {
 public:
  static constexpr std::uint64_t kPrepared = 5;

  explicit Site(const Kind& kind)
      : first_place_(kind.new_store(clock)),
        second_place_(kind.new_store(clock)),
        secret(kind.encrypted ? std::optional(kPassphrase) : std::nullopt),
        first(Repository::create(first_store, clock, secret, "first", kFastCost).repository),
        second((kind.same_keys
                    ? Repository::create_copy_of(first, second_store, secret, "second", kFastCost)
                    : Repository::create(second_store, clock, secret, "second", kFastCost))
                   .repository) {
    // What is forgotten later leaves packs that are garbage, and some that are rewritten.
    Numbers numbers = numbered(1, 24);
    for (std::uint64_t id = 1; id <= kPrepared; ++id) {
      acknowledge(back_up(first, numbers, id), numbers);
      clock.advance(seconds(60));
      // The last two are alike: one rests on what the other has put.
      if (id == kPrepared - 1) continue;
      for (std::size_t i = 0; i < numbers.size(); i += id + 1) numbers[i] += 100;
      if (id == 2) copy_history(first, second, {}, no_progress());
    }
  }

  void acknowledge(const Snapshot& snapshot, const Numbers& numbers) {
    kept[snapshot.id] = numbers;
    content[snapshot.id] = numbers;
  }

  RestingClock clock;

 private:
  const std::unique_ptr<storage::Store> first_place_, second_place_;

 public:
  storage::Store& first_store = *first_place_;
  storage::Store& second_store = *second_place_;
  const std::optional<std::string_view> secret;
  const Repository first, second;
  Kept kept;                       // in the first one
  Kept content;                    // of everything that ever was
  std::set<SnapshotId> forgotten;  // for good
};

// A machine's own view of the two.
struct Machine {
  Site& site;
  const Repository& first;
  const Repository& second;
  std::uint64_t number = 0;  // tells what it makes from what others make
};
using Work = std::function<void(const Machine&)>;

inline void take_backup(const Machine& machine) {
  const std::uint64_t id = 100 + machine.number;
  Numbers numbers = numbered(static_cast<std::uint32_t>(id * 1000), 8);
  const Numbers old = numbered(1, 16);
  numbers.insert(numbers.end(), old.begin(), old.end());
  machine.site.content[snapshot_id(id)] = numbers;
  const Snapshot snapshot = back_up(machine.first, numbers, id);
  machine.site.acknowledge(snapshot, numbers);
}

inline void copy(const Machine& machine) {
  copy_history(machine.first, machine.second, {}, no_progress());
}

inline void prune_with(const Machine& machine, seconds timeout) {
  prune(machine.first, {.max_waste = 0, .longest_wait = seconds(3), .intent_timeout = timeout},
        no_progress());
}
// Waits for writers, and gives up if they go on.
inline void prune_patiently(const Machine& machine) { prune_with(machine, seconds(600)); }
// Takes whoever is at work for dead.
inline void prune_at_once(const Machine& machine) { prune_with(machine, seconds(-1)); }

inline void forget_and_prune(const Machine& machine) {
  for (const Snapshot& snapshot : list_snapshots(machine.first).snapshots) {
    const bool chosen = snapshot.id == snapshot_id(1 + machine.number % 2) ||
                        snapshot.id == snapshot_id(3 + machine.number % 2);
    if (!chosen) continue;
    machine.site.kept.erase(snapshot.id);
    remove_snapshot(machine.first, snapshot);
    machine.site.forgotten.insert(snapshot.id);
  }
  prune_at_once(machine);
}

// All of it, in the copy: what a copy under way has just seen there is gone.
inline void empty_copy(const Machine& machine) {
  for (const Snapshot& snapshot : list_snapshots(machine.second).snapshots) {
    remove_snapshot(machine.second, snapshot);
  }
  prune(machine.second, {.max_waste = 0, .longest_wait = seconds(3), .intent_timeout = seconds(-1)},
        no_progress());
}

inline void change_key(const Machine& machine) {
  const std::string fresh = "fresh " + std::to_string(machine.number);
  storage::Store& store = machine.first.store();
  const KeyInfo added =
      add_key(store, machine.first.config(), machine.first.keys().master, KeyKind::kPassphrase,
              fresh, fresh, machine.site.clock.now(), kFastCost);
  remove_key(machine.first, added.id);
}

// What may befall whoever is not alone.
inline bool may_happen(const Error& error) {
  return error.code() == ErrorCode::kIntentLost || error.code() == ErrorCode::kPruneRunning ||
         error.code() == ErrorCode::kKeyMissing;
}

inline void try_to(const Work& work, const Machine& machine) {
  try {
    work(machine);
  } catch (const Error& error) {
    EXPECT_TRUE(may_happen(error)) << error.name() << ": " << error.happened();
  }
}

inline void expect_sound(const Repository& repository, const Kept& kept, const Kept& content,
                         const std::set<SnapshotId>& forgotten) {
  std::set<SnapshotId> found;
  const SnapshotList list = list_snapshots(repository);
  EXPECT_TRUE(list.unreadable.empty());
  for (const Snapshot& snapshot : list.snapshots) {
    found.insert(snapshot.id);
    EXPECT_FALSE(forgotten.contains(snapshot.id)) << "a forgotten one is back";
    ASSERT_TRUE(content.contains(snapshot.id));
    try {
      EXPECT_TRUE(restored(repository, snapshot) == content_of(content.at(snapshot.id)));
    } catch (const Error& error) {
      ADD_FAILURE() << snapshot.id.hex() << ": " << error.happened();
    }
  }
  for (const auto& [id, numbers] : kept) {
    EXPECT_TRUE(found.contains(id)) << "the acknowledged snapshot " << id.hex() << " is lost";
  }
  const VerifyReport report =
      verify(repository, {.snapshots = {}, .read_data_percent = 100, .threads = 1}, no_progress());
  for (const Damage& damage : report.damage)
    ADD_FAILURE() << damage.object << ": " << damage.problem;
  EXPECT_EQ(report.databases_proved, list.snapshots.size());
}

inline void expect_no_garbage(const Repository& repository) {
  const LoadedIndex loaded = load_index(repository);
  EXPECT_EQ(loaded.objects.size(), 1u);
  EXPECT_TRUE(loaded.lost_packs.empty());
  EXPECT_TRUE(loaded.unindexed.empty());
  EXPECT_TRUE(loaded.unreadable_packs.empty());
  EXPECT_TRUE(list_intents(repository).empty());
  EXPECT_TRUE(load_condemned(repository).objects.empty());
  std::size_t packs = 0;
  repository.store().list_names("packs/", [&](std::string_view) { ++packs; });
  EXPECT_EQ(packs, static_cast<std::size_t>(std::ranges::distance(loaded.index.packs())));
  const PruneRequest look{.dry_run = true, .max_waste = 0, .intent_timeout = seconds(-1)};
  EXPECT_EQ(prune(repository, look, no_progress()).bytes_freed, 0u);
}

// Both machines are gone. A third one finds everything that was promised, goes on, and leaves
// nothing behind. What nobody was told of may be unfinished until the first prune.
inline void expect_promises_kept(Site& site) {
  for (const Repository* repository : {&site.first, &site.second}) {
    prune(*repository, {.max_waste = 0, .intent_timeout = seconds(-1)}, no_progress());
  }
  expect_sound(site.first, site.kept, site.content, site.forgotten);
  expect_sound(site.second, {}, site.content, {});
  Repository::open(site.first_store, site.clock, site.secret);
  const Machine third{.site = site, .first = site.first, .second = site.second, .number = 3};
  take_backup(third);
  copy(third);
  for (const Repository* repository : {&site.first, &site.second}) {
    prune(*repository, {.max_waste = 0, .intent_timeout = seconds(-1)}, no_progress());
    expect_no_garbage(*repository);
  }
  expect_sound(site.first, site.kept, site.content, site.forgotten);
  expect_sound(site.second, site.kept, site.content, {});
}

struct Run {
  std::uint64_t crash = 0;  // 0: it lives
  CrashStore::Moment moment = CrashStore::Moment::kBefore;
  std::uint64_t other = 0;  // before which change the other machine does its work; 0: never
};

// How many changes the first machine made.
inline std::uint64_t play(const Kind& kind, const Work& work, const Work& other_work,
                          const Run& run) {
  Site site(kind);
  CrashStore first_crash(site.first_store), second_crash(site.second_store);
  WatchedStore first_watched(first_crash), second_watched(second_crash);
  const Repository first = Repository::open(first_watched, site.clock, site.secret);
  const Repository second = Repository::open(second_watched, site.clock, site.secret);
  CrashStore& crashing = kind.copies ? second_crash : first_crash;
  crashing.restart();
  if (run.crash != 0) crashing.stop_at(run.crash, run.moment);
  if (run.other != 0) {
    (kind.copies ? second_watched : first_watched).before(run.other, [&] {
      try_to(other_work, {.site = site, .first = site.first, .second = site.second, .number = 2});
    });
  }
  try {
    try_to(work, {.site = site, .first = first, .second = second, .number = 1});
  } catch (const env::CrashError&) {
  }
  const std::uint64_t changes = crashing.operation_count();
  if (run.crash == 0 || crashing.stopped()) expect_promises_kept(site);
  return changes;
}

struct Trial {
  std::string_view other_name;
  Work other;
  Run run;
};

// Every change that the first machine makes, dying before and after it or not at all, beside each
// piece of work of the other one, or beside one that is drawn.
inline std::vector<Trial> all_trials(const Kind& kind, std::uint64_t changes,
                                     std::mt19937_64& random) {
  std::vector<std::pair<std::string_view, Work>> others = {{"backup", take_backup},
                                                           {"copy", copy},
                                                           {"prune", prune_patiently},
                                                           {"prune at once", prune_at_once},
                                                           {"forget, prune", forget_and_prune},
                                                           {"forget in the copy", empty_copy}};
  if (kind.encrypted) others.emplace_back("key", change_key);
  std::vector<Trial> trials;
  for (std::uint64_t at = 1; at <= changes + 1; ++at) {
    const std::uint64_t before = 1 + random() % at;
    for (const Run& run : {Run{.other = at}, Run{.crash = at, .other = before},
                           Run{.crash = at, .moment = CrashStore::Moment::kAfter, .other = at}}) {
      std::ranges::shuffle(others, random);
      const std::size_t beside = kind.extent == Extent::kAll ? others.size() : 1;
      for (const auto& [name, work] : std::span(others).first(beside)) {
        trials.push_back({name, work, run});
      }
    }
  }
  if (kind.extent == Extent::kFew) {
    std::ranges::shuffle(trials, random);
    trials.resize(std::min<std::size_t>(trials.size(), 2));
  }
  return trials;
}

inline void crash_everywhere(std::string_view name, const Kind& kind, const Work& work) {
  const std::uint64_t seed = base_seed();
  std::mt19937_64 random(seed);
  const std::uint64_t changes = play(kind, work, take_backup, {});
  const std::vector<Trial> trials = all_trials(kind, changes, random);
  for (const auto& [other_name, other, run] : trials) {
    SCOPED_TRACE(testing::Message() << name << " beside " << other_name << ", crash " << run.crash
                                    << ", other " << run.other << ", HOLDFAST_SEED=" << seed);
    play(kind, work, other, run);
    if (testing::Test::HasFailure()) return;
  }
  std::cout << name << ": " << changes << " changes, " << trials.size()
            << " runs, HOLDFAST_SEED=" << seed << "\n";
}

}  // namespace holdfast::repository::two_machines

#endif  // HOLDFAST_REPOSITORY_TEST_TWO_MACHINES_H_
