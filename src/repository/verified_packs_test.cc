#include "repository/verified_packs.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "repository/test_history.h"
#include "repository/verify.h"
#include "storage/store_decorator.h"

namespace holdfast::repository {
namespace {

// Which packs were read.
class PackReads final : public storage::StoreDecorator {
 public:
  using StoreDecorator::StoreDecorator;
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override {
    if (name.starts_with("packs/") && offset == 0) {
      const std::lock_guard lock(mutex_);
      read_.insert(std::string(name));
    }
    StoreDecorator::get_range(name, offset, out);
  }
  std::set<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(read_, {});
  }

 private:
  std::mutex mutex_;
  std::set<std::string> read_;
};

class VerifiedPacksTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kPacks = 8;
  VerifiedPacksTest() {
    for (std::uint32_t i = 0; i < kPacks; ++i) {
      snapshots.push_back(back_up(at.repository, numbered(100 * i, 8), i + 1));
    }
  }
  std::set<std::string> read_by(double percent) {
    at.clock.advance(std::chrono::hours(24));
    EXPECT_TRUE(verify(repository, {.snapshots = {}, .read_data_percent = percent, .threads = 1},
                       no_progress())
                    .ok());
    return reads.take();
  }
  std::vector<std::string> objects() { return names_below(at.store, "verified/"); }

  HistoryRepository at;
  PackReads reads{at.store};
  Repository repository = Repository::open(reads, at.clock, std::nullopt);
  std::vector<Snapshot> snapshots;
};

TEST_F(VerifiedPacksTest, AQuarterAtATimeComesToAllOfThemAndBeginsAnewWithTheFirst) {
  std::vector<std::set<std::string>> rounds;
  std::set<std::string> all;
  for (int i = 0; i < 4; ++i) {
    rounds.push_back(read_by(25));
    EXPECT_EQ(rounds.back().size(), kPacks / 4);
    all.insert(rounds.back().begin(), rounds.back().end());
  }
  EXPECT_EQ(all.size(), kPacks);
  EXPECT_EQ(read_by(25), rounds.front());
  EXPECT_EQ(objects().size(), 1);
}

TEST_F(VerifiedPacksTest, WhatIsNewComesFirst) {
  read_by(100);
  snapshots.push_back(back_up(at.repository, numbered(5000, 8), 99));
  const auto read = read_by(10);
  ASSERT_EQ(read.size(), 1);
  EXPECT_EQ(load_verified(at.repository).times.size(), kPacks + 1);
}

TEST_F(VerifiedPacksTest, TwoMachinesKnowOfEachOther) {
  const auto first = read_by(50);
  const VerifiedPacks seen_by_both = load_verified(at.repository);
  const auto packs = names_below(at.store, "packs/");
  std::vector<PackId> present;
  for (const std::string& name : packs) present.push_back(*pack_of(name));
  note_verified(at.repository, seen_by_both, std::span(present).first(1), present, Time::max());
  note_verified(at.repository, seen_by_both, std::span(present).last(1), present, Time::max());
  EXPECT_EQ(objects().size(), 2);
  const VerifiedTimes times = load_verified(at.repository).times;
  EXPECT_EQ(times.at(present.front()), Time::max());
  EXPECT_EQ(times.at(present.back()), Time::max());
}

TEST_F(VerifiedPacksTest, WhatCannotBeReadIsVerifiedAgainAndReplaced) {
  read_by(100);
  flip_bit(at.store, objects().front(), 30);
  EXPECT_TRUE(load_verified(at.repository).times.empty());
  EXPECT_EQ(read_by(50).size(), kPacks / 2);
  EXPECT_EQ(objects().size(), 1);
  EXPECT_EQ(load_verified(at.repository).times.size(), kPacks / 2);
}

TEST_F(VerifiedPacksTest, NothingIsNotedWhereDamageIsNotToBeRemembered) {
  verify(repository, {.snapshots = {}, .read_data_percent = 100, .remember_damage = false},
         no_progress());
  EXPECT_TRUE(objects().empty());
}

TEST(VerifiedTimes, AreReadBackAsTheyWereWritten) {
  VerifiedTimes times;
  for (int i = 0; i < 100; ++i) times[random_pack_id()] = Time(Duration(1'000'000 * i));
  const Bytes written = serialize(times);
  EXPECT_EQ(parse_verified(written), times);
  EXPECT_THROW(parse_verified(ByteView(written).first(written.size() - 1)), Error);
}

}  // namespace
}  // namespace holdfast::repository
