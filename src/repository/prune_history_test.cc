// Random lives of a repository: whatever is backed up, forgotten, interrupted and pruned, each
// snapshot that is left restores to exactly the bytes it was taken from.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <random>

#include "repository/prune.h"
#include "repository/reachable.h"
#include "repository/test_history.h"
#include "repository/verify.h"

namespace holdfast::repository {
namespace {

using std::chrono::seconds;

class Life {
 public:
  explicit Life(std::uint64_t seed) : random_(seed), numbers_(numbered(0, 48)) {}

  void step() {
    switch (draw(8)) {
      case 0:
      case 1:
        change();
        return back_up();
      case 2:
        return forget();
      case 3:
        return begin();
      case 4:
        return commit();
      case 5:
        return interrupt();
      case 6:
        at_.clock.advance(seconds(draw(400)));
        if (draw(2) == 0 && writer_) writer_->intent().beat();
        return;
      default:
        prune_sometimes();
    }
  }
  void finish() {
    interrupt();
    prune({.max_waste = 0});
    const LoadedIndex loaded = load_index(at_.repository);
    const auto snapshots = list_snapshots(at_.repository).snapshots;
    const BlobReader reader(at_.repository, loaded.index);
    const Reachable needed = find_reachable(reader, snapshots, no_progress());
    EXPECT_EQ(loaded.index.blob_count(), needed.blobs.size()) << "garbage or duplicates are left";
    EXPECT_EQ(names_below(at_.store, "packs/").size(), loaded.index.packs().size());
    EXPECT_TRUE(names_below(at_.store, "condemned/").empty());
  }
  void expect_sound() {
    std::size_t found = 0;
    for (const Snapshot& snapshot : list_snapshots(at_.repository).snapshots) {
      ASSERT_TRUE(kept_.contains(snapshot.id)) << "a snapshot that was not acknowledged";
      EXPECT_EQ(restored(at_.repository, snapshot), kept_.at(snapshot.id).second);
      ++found;
    }
    EXPECT_EQ(found, kept_.size());
    const VerifyReport report = verify(
        at_.repository, {.snapshots = {}, .read_data_percent = 100, .threads = 1}, no_progress());
    EXPECT_TRUE(report.ok()) << report.damage.front().object << report.damage.front().problem;
    EXPECT_EQ(report.databases_proved, kept_.size());
  }

 private:
  std::uint32_t draw(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

  // Blobs change as a whole, some of them back to what they were.
  void change() {
    for (std::uint32_t times = draw(4); times > 0; --times) {
      const std::size_t blob = draw(static_cast<std::uint32_t>(numbers_.size() / kBlobPages));
      const Numbers part = numbered(1000 * draw(6) + 100 * static_cast<std::uint32_t>(blob), 4);
      std::ranges::copy(part, numbers_.begin() + static_cast<std::ptrdiff_t>(blob * kBlobPages));
    }
    if (draw(4) == 0) numbers_.resize(4 * (6 + draw(10)), 7);
  }
  void keep(const Snapshot& snapshot, const Numbers& numbers) {
    kept_.emplace(snapshot.id, std::pair(snapshot, content_of(numbers)));
  }
  void back_up() { keep(repository::back_up(at_.repository, numbers_, ++snapshots_), numbers_); }
  void forget() {
    if (kept_.empty()) return;
    const auto one = std::next(kept_.begin(), draw(static_cast<std::uint32_t>(kept_.size())));
    remove_snapshot(at_.repository, one->second.first);
    kept_.erase(one);
  }
  void begin() {
    if (writer_) return;
    writer_ = std::make_unique<Writer>(at_.repository);
    pending_numbers_ = numbers_;
    pending_ = add_database(*writer_, at_.repository, numbers_, ++snapshots_);
    if (draw(2) == 0) writer_->flush();
  }
  void commit() {
    if (!writer_) return;
    try {
      writer_->commit(pending_);
      keep(pending_, pending_numbers_);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kIntentLost) << error.happened();
    }
    writer_.reset();
  }
  void interrupt() { writer_.reset(); }
  void prune_sometimes() {
    prune({.dry_run = draw(5) == 0,
           .max_waste = draw(3) * 0.2,
           .longest_wait = seconds(draw(20)),
           .intent_timeout = seconds(300)});
  }
  void prune(const PruneRequest& request) {
    repository::prune(at_.repository, request, no_progress());
  }

  std::mt19937_64 random_;
  HistoryRepository at_;
  Numbers numbers_;
  std::uint64_t snapshots_ = 0;
  std::map<SnapshotId, std::pair<Snapshot, Bytes>> kept_;
  std::unique_ptr<Writer> writer_;  // a backup under way
  Snapshot pending_;
  Numbers pending_numbers_;
};

TEST(PruneHistory, EverySnapshotLeftRestoresExactly) {
  const char* given = std::getenv("HOLDFAST_SEED");
  const std::uint64_t base =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  for (std::uint64_t seed = base; seed < base + 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "HOLDFAST_SEED=" << seed);
    Life life(seed);
    for (int step = 0; step < 60 && !testing::Test::HasFailure(); ++step) {
      life.step();
      if (step % 5 == 0) life.expect_sound();
    }
    life.finish();
    life.expect_sound();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace holdfast::repository
