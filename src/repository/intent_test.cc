#include "repository/intent.h"

#include <gtest/gtest.h>

#include "repository/test_history.h"

namespace holdfast::repository {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class IntentTest : public testing::Test {
 protected:
  HistoryRepository at;
};

TEST_F(IntentTest, IsSeenByOthersUntilItsOwnerIsGone) {
  {
    const Intent intent(at.repository, IntentKind::kPrune);
    const auto seen = list_intents(at.repository);
    ASSERT_EQ(seen.size(), 1);
    EXPECT_EQ(seen.front().object, intent.object());
    EXPECT_EQ(seen.front().kind, IntentKind::kPrune);
    EXPECT_EQ(seen.front().process.pid, env::this_process().pid);
    EXPECT_TRUE(list_intents(at.repository, intent.object()).empty()) << "its own is left out";
  }
  EXPECT_TRUE(names_below(at.store, "intents/").empty());
}

TEST_F(IntentTest, IsStaleWithoutAHeartbeat) {
  Intent intent(at.repository, IntentKind::kWriter);
  at.clock.advance(minutes(9));
  EXPECT_FALSE(is_stale(list_intents(at.repository).front(), at.clock.now(), minutes(10)));
  at.clock.advance(minutes(2));
  EXPECT_TRUE(is_stale(list_intents(at.repository).front(), at.clock.now(), minutes(10)));
  const Time now = intent.beat();
  EXPECT_EQ(now, at.clock.now());
  EXPECT_FALSE(is_stale(list_intents(at.repository).front(), now, minutes(10)));
}

TEST_F(IntentTest, OfADeadProcessIsStaleAtOnce) {
  IntentInfo intent;
  intent.process = env::this_process();
  intent.heartbeat = at.clock.now();
  EXPECT_FALSE(is_stale(intent, at.clock.now(), minutes(10)));
  intent.process.start_ticks += 1;
  EXPECT_TRUE(is_stale(intent, at.clock.now(), minutes(10)));
}

TEST_F(IntentTest, FindsOutThatItWasBrokenEvenAfterALateHeartbeat) {
  Intent intent(at.repository, IntentKind::kWriter);
  EXPECT_TRUE(intent.still_there());
  break_intent(at.repository, list_intents(at.repository).front());
  EXPECT_TRUE(list_intents(at.repository).empty());
  intent.beat();
  EXPECT_FALSE(intent.still_there());
}

TEST_F(IntentTest, MayBeBrokenTwice) {
  const Intent intent(at.repository, IntentKind::kWriter);
  const IntentInfo info = list_intents(at.repository).front();
  break_intent(at.repository, info);
  break_intent(at.repository, info);
  EXPECT_FALSE(intent.still_there());
}

TEST_F(IntentTest, RemovesItsMarker) {
  {
    const Intent intent(at.repository, IntentKind::kWriter);
    break_intent(at.repository, list_intents(at.repository).front());
  }
  EXPECT_TRUE(names_below(at.store, "intents/").empty());
}

TEST_F(IntentTest, LeavesMarkersToThosePrunesThatComeMuchLater) {
  at.store.put("intents/0123-broken", as_bytes("broken"));
  remove_old_markers(at.repository, at.clock.now() + seconds(50), seconds(60));
  EXPECT_EQ(names_below(at.store, "intents/").size(), 1);
  remove_old_markers(at.repository, at.clock.now() + seconds(70), seconds(60));
  EXPECT_TRUE(names_below(at.store, "intents/").empty());
}

TEST_F(IntentTest, ThatCannotBeReadIsALivingWriter) {
  const Intent intent(at.repository, IntentKind::kPrune);
  flip_bit(at.store, intent.object(), 20);
  const auto seen = list_intents(at.repository);
  ASSERT_EQ(seen.size(), 1);
  EXPECT_EQ(seen.front().kind, IntentKind::kWriter);
  EXPECT_FALSE(is_stale(seen.front(), at.clock.now(), minutes(10)));
}

TEST_F(IntentTest, CondemnedPacksAreReadBack) {
  const std::vector<PackId> packs = {random_pack_id(), random_pack_id()};
  put_condemned(at.repository, packs);
  put_condemned(at.repository, {packs.front()});
  const Condemned condemned = load_condemned(at.repository);
  EXPECT_EQ(condemned.objects.size(), 2);
  EXPECT_EQ(condemned.packs, std::unordered_set<PackId>(packs.begin(), packs.end()));
  EXPECT_EQ(packs_to_avoid(at.repository), condemned.packs);
}

}  // namespace
}  // namespace holdfast::repository
