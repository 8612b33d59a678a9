// What a prune asks the store for.
#include <gtest/gtest.h>

#include "repository/prune.h"
#include "repository/test_history.h"
#include "storage/counting_store.h"

namespace holdfast::repository {
namespace {

using storage::Verb;

class PruneCostTest : public testing::Test {
 protected:
  Snapshot back_up(const Numbers& numbers) {
    return repository::back_up(at.repository, numbers, ++snapshots_);
  }
  std::uint64_t ranges_read(const PruneRequest& request) {
    counting.reset();
    prune(repository, request, no_progress());
    return counting.count(Verb::kGetRange).requests;
  }
  std::uint64_t bytes_read(const PruneRequest& request) {
    counting.reset();
    prune(repository, request, no_progress());
    return counting.count(Verb::kGetRange).bytes;
  }

  HistoryRepository at;
  storage::CountingStore counting{at.store};
  Repository repository = Repository::open(counting, at.clock, std::nullopt);

 private:
  std::uint64_t snapshots_ = 0;
};

TEST_F(PruneCostTest, AMapThatSnapshotsShareIsReadOnce) {
  const Numbers numbers = numbered(0, 3 * kLeafPages);
  back_up(numbers);
  const std::uint64_t alone = ranges_read({.dry_run = true});
  EXPECT_EQ(alone, 2) << "the node, and all three leaves at once";
  for (int i = 0; i < 5; ++i) back_up(numbers);
  EXPECT_EQ(ranges_read({.dry_run = true}), alone);
}

TEST_F(PruneCostTest, TheSecondMarkReadsNoMapAgain) {
  back_up(numbered(0, 40));
  const Snapshot garbage = back_up(numbered(5000, 40));
  remove_snapshot(at.repository, garbage);
  const std::uint64_t once = ranges_read({.dry_run = true});
  EXPECT_EQ(ranges_read({}), once);
  EXPECT_EQ(names_below(at.store, "packs/").size(), 1);
}

TEST_F(PruneCostTest, OnlyWhatIsNeededOfAPackIsRead) {
  const Snapshot first = back_up(numbered(0, 400));
  Numbers few = numbered(9000, 100 * kBlobPages);
  std::ranges::copy(numbered(0, kBlobPages), few.begin());
  back_up(few);
  remove_snapshot(at.repository, first);
  const std::uint64_t maps = bytes_read({.dry_run = true});
  const std::uint64_t all = bytes_read({.max_waste = 0.5});
  EXPECT_GT(all, maps + kBlobPages * kPageSize);
  EXPECT_LT(all, maps + 2 * kBlobPages * kPageSize) << "one blob of a hundred was needed";
}

}  // namespace
}  // namespace holdfast::repository
