#include "repository/copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <span>
#include <thread>
#include <utility>

#include "base/progress.h"
#include "repository/test_history.h"
#include "repository/verify.h"
#include "storage/fault_store.h"

namespace holdfast::repository {
namespace {

// A source and its copy: of the same keys, or of keys of its own.
class CopyTest : public testing::TestWithParam<bool> {
 protected:
  static Repository::Created make_copy(const Repository& source, storage::Store& store,
                                       env::Clock& clock) {
    return GetParam() ? Repository::create_copy_of(source, store, std::nullopt, "copy", kFastCost)
                      : Repository::create(store, clock, std::nullopt, "copy", kFastCost);
  }
  CopyResult copy(const CopyRequest& request = {}) {
    return copy_history(from, to, request, no_progress());
  }
  // The snapshot as it stands in the copy.
  Snapshot in_copy(const Snapshot& snapshot) const {
    const auto found = find_snapshot(to, series_of(to, snapshot.databases), snapshot.id);
    EXPECT_TRUE(found.has_value()) << snapshot.id.hex();
    return found.value_or(Snapshot{});
  }
  void expect_copied(const Snapshot& snapshot, const Numbers& numbers) const {
    const Snapshot copied = in_copy(snapshot);
    if (copied.databases.empty()) return;
    EXPECT_TRUE(restored(to, copied) == content_of(numbers));
    EXPECT_EQ(copied.name, snapshot.name);
    EXPECT_EQ(copied.time, snapshot.time);
    EXPECT_EQ(copied.databases.front().checksum, checksum_in_copy(numbers));
  }
  std::string checksum_in_copy(const Numbers& numbers) const {
    std::vector<codec::PageDigest> digests(numbers.size());
    codec::PageHasher(to.keys().pages).digest_pages(content_of(numbers), kPageSize, digests);
    const codec::ChecksumKey key(to.keys().checksum);
    codec::DatabaseChecksum sum(key);
    sum.add(1, digests);
    return sum.finish(kPageSize, numbers.size());
  }
  void expect_whole() {
    const VerifyReport report =
        verify(to, {.snapshots = {}, .read_data_percent = 100}, no_progress());
    EXPECT_TRUE(report.ok());
    EXPECT_EQ(report.databases_proved, snapshot_ids(to).size());
  }
  static std::vector<std::string> names(storage::Store& store, std::string_view prefix) {
    std::vector<std::string> found;
    store.list_names(prefix, [&](std::string_view name) { found.emplace_back(name); });
    return found;
  }

  RestingClock clock;
  storage::MemoryStore from_memory, to_memory;
  const Repository from =
      Repository::create(from_memory, clock, std::nullopt, "source", kFastCost).repository;
  const Repository to = make_copy(from, to_memory, clock).repository;
};

Numbers numbers_up_to(std::size_t count) {
  Numbers numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = static_cast<std::uint32_t>(i + 1);
  return numbers;
}

TEST_P(CopyTest, EverySnapshotIsInTheCopy) {
  Numbers numbers = numbers_up_to(3 * kLeafPages + 17);
  std::vector<std::pair<Snapshot, Numbers>> states;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    states.emplace_back(back_up(from, numbers, i), numbers);
    clock.advance(std::chrono::hours(1));
    numbers[i * 1000] += 100'000;
    if (i == 2) numbers.resize(2 * kLeafPages + 1);
  }
  const CopyResult result = copy();
  EXPECT_EQ(result.snapshots, 4u);
  EXPECT_TRUE(result.failures.empty());
  for (const auto& [snapshot, content] : states) expect_copied(snapshot, content);
  expect_whole();
}

TEST_P(CopyTest, OnlyWhatChangedIsReadAgain) {
  Numbers numbers = numbers_up_to(2 * kLeafPages);
  back_up(from, numbers, 1);
  EXPECT_EQ(copy().bytes_read, numbers.size() * kPageSize);
  clock.advance(std::chrono::hours(1));
  numbers[5000] = 77'777;
  const Snapshot second = back_up(from, numbers, 2);
  const CopyResult result = copy();
  EXPECT_EQ(result.snapshots, 1u);
  EXPECT_EQ(result.bytes_read, kBlobPages * kPageSize);
  expect_copied(second, numbers);

  const CopyResult nothing = copy();
  EXPECT_EQ(nothing.snapshots, 0u);
  EXPECT_EQ(nothing.bytes_read, 0u);
  EXPECT_EQ(nothing.bytes_stored, 0u);
}

TEST_P(CopyTest, WhatThePolicyOfTheCopyForgetsDoesNotComeBack) {
  const Numbers numbers = numbers_up_to(9);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    back_up(from, numbers, i);
    clock.advance(std::chrono::hours(1));
  }
  CopyRequest newest_only;
  newest_only.kept = [](std::span<const Snapshot> newest_first) {
    return std::set<SnapshotId>{newest_first.front().id};
  };
  EXPECT_EQ(copy(newest_only).snapshots, 1u);
  EXPECT_THAT(snapshot_ids(to), testing::ElementsAre(snapshot_id(3)));
  EXPECT_EQ(copy(newest_only).snapshots, 0u);
}

TEST_P(CopyTest, ADryRunOnlyLooks) {
  back_up(from, numbers_up_to(9), 1);
  const auto before = names(to_memory, "");
  CopyRequest look;
  look.dry_run = true;
  EXPECT_EQ(copy(look).snapshots, 1u);
  EXPECT_EQ(names(to_memory, ""), before);
}

TEST_P(CopyTest, DamageInOneSnapshotKeepsNoneOfTheOthersBack) {
  const Numbers first = numbers_up_to(40);
  Numbers second = first;
  const Snapshot lost = back_up(from, first, 1);
  const std::vector<std::string> packs = names(from_memory, "packs/");
  ASSERT_EQ(packs.size(), 1u);
  clock.advance(std::chrono::hours(1));
  for (std::uint32_t& number : second) number += 1000;
  const Snapshot intact = back_up(from, second, 2);
  flip_bit(from_memory, packs.front(), 60);
  const CopyResult result = copy();
  EXPECT_EQ(result.snapshots, 1u);
  ASSERT_EQ(result.failures.size(), 1u);
  EXPECT_EQ(result.failures.front().what, "snapshot " + lost.id.short_hex());
  expect_copied(intact, second);
  EXPECT_FALSE(find_snapshot(to, series_of(to, lost.databases), lost.id).has_value());
}

// At every operation of the store, before it and after it.
TEST_P(CopyTest, AnInterruptedCopyIsTakenUpAgain) {
  using storage::Fault;
  Numbers numbers = numbers_up_to(kLeafPages + 3);
  const Snapshot first = back_up(from, numbers, 1);
  clock.advance(std::chrono::hours(1));
  const Numbers before = numbers;
  numbers[7] = 9999;
  const Snapshot second = back_up(from, numbers, 2);
  for (const Fault::Kind kind : {Fault::Kind::kFail, Fault::Kind::kFailAfter}) {
    bool failed = true;
    std::uint64_t step = 0;
    for (; failed; ++step) {
      storage::MemoryStore memory;
      storage::FaultStore faulty(memory, 1);
      const Repository target = make_copy(from, faulty, clock).repository;
      faulty.inject({.kind = kind, .skip = step, .times = 1});
      failed = false;
      try {
        copy_history(from, target, {}, no_progress());
      } catch (const Error&) {
        failed = true;
      }
      failed |= faulty.faults() > 0;
      faulty.repair();
      copy_history(from, target, {}, no_progress());
      for (const auto& [snapshot, content] : {std::pair(&first, &before), {&second, &numbers}}) {
        const auto found =
            find_snapshot(target, series_of(target, snapshot->databases), snapshot->id);
        ASSERT_TRUE(found.has_value()) << "step " << step;
        ASSERT_TRUE(restored(target, *found) == content_of(*content)) << "step " << step;
      }
      ASSERT_TRUE(verify(target, {.snapshots = {}, .read_data_percent = 100}, no_progress()).ok());
    }
    EXPECT_GT(step, 10u) << "the copy met no faults";
  }
}

// Both have loaded what is there before either has put anything.
TEST_P(CopyTest, TwoAtOnceDoNotHinderEachOther) {
  Numbers numbers = numbers_up_to(kLeafPages + 3);
  std::vector<std::pair<Snapshot, Numbers>> states;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    states.emplace_back(back_up(from, numbers, i), numbers);
    clock.advance(std::chrono::hours(1));
    numbers[i] += 1000;
  }
  {
    std::vector<std::jthread> copies;
    for (int i = 0; i < 4; ++i) {
      copies.emplace_back([this] {
        const CopyResult result = copy();
        EXPECT_TRUE(result.failures.empty());
      });
    }
  }
  for (const auto& [snapshot, content] : states) expect_copied(snapshot, content);
  expect_whole();
}

TEST_P(CopyTest, ARepositoryIsNotCopiedIntoItself) {
  expect_error(ErrorCode::kUsage, [&] { copy_history(from, from, {}, no_progress()); });
}

INSTANTIATE_TEST_SUITE_P(Keys, CopyTest, testing::Bool(), [](const auto& of) {
  return of.param ? "TheSame" : "OthersThanTheSource";
});

}  // namespace
}  // namespace holdfast::repository
