// How a session of writing begins, and how it ends.
#include "engine/replicate/test_replica.h"

namespace holdfast::engine {
namespace {

using repository::Position;
using std::chrono::milliseconds;

class LastShippingTest : public testing::Test, public Replica {};

TEST_F(LastShippingTest, AsksForTheLeaseOnceMoreBeforeItEnds) {
  start();
  store.inject({.kind = storage::Fault::Kind::kFail});
  replicator->scan_or_close({});
  store.repair();
  EXPECT_TRUE(replicator->finish(kLongest));
  EXPECT_TRUE(restored_at({1, 1}) == image_of(database()));
}

TEST_F(LastShippingTest, SaysThatNothingWasSentWhereItNeverGotTheLease) {
  start();
  store.inject({.kind = storage::Fault::Kind::kFail});
  EXPECT_FALSE(replicator->finish(kLongest));
}

TEST_F(LastShippingTest, EndsAtOnceWhereThereIsNoDatabase) {
  options.database.path = directory / "none.db";
  start();
  replicator->scan_or_close({});
  replicator->scan_or_close({});
  const Time begun = repository.clock().now();
  EXPECT_TRUE(replicator->finish(kLongest));
  EXPECT_LT(repository.clock().now() - begun, kLongest / 2);
}

class HandedOverLeaseTest : public testing::Test, public Replica {
 protected:
  std::shared_ptr<repository::Lease> take() {
    options.lease.stale_after = milliseconds(0);
    return std::make_shared<repository::Lease>(
        repository::Lease::acquire(repository, series(), options.lease, "boot", {}));
  }
  std::string series() const { return repository::timeline_series(repository, kName); }
  repository::LeaseInfo newest() const { return *repository::newest_lease(repository, series()); }
};

TEST_F(HandedOverLeaseTest, IsTheOneThatIsWrittenWith) {
  options.held = take();
  start();
  EXPECT_EQ(flush(), (Position{1, 1}));
  update(1);
  EXPECT_EQ(flush(), (Position{1, 2}));
  EXPECT_EQ(newest().number, 1u);
  EXPECT_FALSE(newest().released);
  EXPECT_TRUE(replicator->finish(kLongest));
  EXPECT_EQ(newest().number, 1u);
  EXPECT_TRUE(newest().released);
}

TEST_F(HandedOverLeaseTest, IsFollowedByAnotherWhereItWasLostMeanwhile) {
  options.held = take();
  take();
  start();
  EXPECT_EQ(flush(), (Position{3, 1}));
}

TEST_F(HandedOverLeaseTest, IsReleasedThoughItWasNeverUsed) {
  options.held = take();
  start();
  replicator->finish(milliseconds(0));
  EXPECT_TRUE(newest().released);
}

}  // namespace
}  // namespace holdfast::engine
