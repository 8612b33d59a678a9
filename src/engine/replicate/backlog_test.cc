#include "engine/replicate/backlog.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/test_protection.h"
#include "repository/timeline.h"

namespace holdfast::engine {
namespace {

class BacklogTest : public testing::Test, public Protection {
 protected:
  BacklogTest() { series = repository::timeline_series(repository, kName); }

  repository::SealedObject segment(std::uint64_t number, std::size_t pages = 1) const {
    repository::Segment made{.position = {1, number},
                             .base = number - 1,
                             .time = time_of(number),
                             .page_size = 512,
                             .page_count = 1000,
                             .checksum = std::string(64, 'a'),
                             .scanned = false,
                             .pages = {},
                             .content = {}};
    for (std::uint32_t page = 1; page <= pages; ++page) made.pages.push_back(page);
    made.content.resize(pages * 512);
    codec::random_bytes(made.content);
    return repository::seal_segment(repository, series, made);
  }
  static Time time_of(std::uint64_t number) { return Time(std::chrono::seconds(1000 + number)); }
  Backlog backlog(Backlog::Limits limits = {}) {
    return {repository, *files, directory / "backlog", limits};
  }
  std::size_t sent() { return repository::load_timeline(repository, series).segments.size(); }
  void lose_store() { store.inject({.kind = storage::Fault::Kind::kFail}); }

  std::string series;
};

TEST_F(BacklogTest, SendsInOrderAndKeepsNothing) {
  Backlog waiting = backlog();
  for (std::uint64_t number = 1; number <= 5; ++number) {
    EXPECT_TRUE(waiting.add(segment(number), time_of(number)));
  }
  EXPECT_EQ(waiting.oldest(), time_of(1));
  EXPECT_TRUE(waiting.send());
  EXPECT_EQ(sent(), 5u);
  EXPECT_TRUE(waiting.empty());
  EXPECT_EQ(waiting.bytes(), 0u);
  EXPECT_FALSE(std::filesystem::exists(directory / "backlog"));
}

TEST_F(BacklogTest, TellsAnotherRunWhatWaitsForTheStore) {
  lose_store();
  {
    Backlog waiting = backlog();
    waiting.add(segment(1), time_of(1));
    EXPECT_FALSE(waiting.send());
    EXPECT_FALSE(waiting.last_failure().empty());
    waiting.add(segment(2), time_of(2));
  }
  store.repair();
  Backlog waiting = backlog();
  EXPECT_EQ(waiting.waiting(), 2u);
  EXPECT_EQ(waiting.oldest(), time_of(1));
  EXPECT_TRUE(waiting.send());
  EXPECT_EQ(sent(), 2u);
  EXPECT_TRUE(backlog().empty());
}

TEST_F(BacklogTest, SendsTwiceWhatItDoesNotKnowWasSent) {
  store.inject({.kind = storage::Fault::Kind::kFailAfter, .times = 1});
  Backlog waiting = backlog();
  waiting.add(segment(1), time_of(1));
  EXPECT_FALSE(waiting.send());
  EXPECT_TRUE(waiting.send());
  EXPECT_EQ(sent(), 1u);
}

TEST_F(BacklogTest, RefusesWhatItHasNoRoomFor) {
  lose_store();
  Backlog waiting = backlog({.in_memory = 4096, .on_disk = 8192});
  std::uint64_t kept = 0;
  while (kept < 100 && waiting.add(segment(kept + 1, 4), time_of(kept + 1))) {
    ++kept;
    waiting.send();
  }
  EXPECT_GT(kept, 2u);
  EXPECT_LT(kept, 20u);
  store.repair();
  EXPECT_TRUE(waiting.send());
  EXPECT_EQ(sent(), kept);
  EXPECT_TRUE(waiting.add(segment(50), time_of(50)));
}

TEST_F(BacklogTest, GivesUpWhatAnotherHolderOfTheSameTokenHasWritten) {
  repository::put_sealed(repository, segment(1));
  Backlog waiting = backlog();
  repository::SealedObject same_name = segment(1);
  waiting.add(same_name, time_of(1));
  EXPECT_EQ(code_of([&] { waiting.send(); }), ErrorCode::kAlreadyExists);
  EXPECT_EQ(waiting.waiting(), 1u);
  waiting.drop_first();
  EXPECT_TRUE(waiting.send());
}

}  // namespace
}  // namespace holdfast::engine
