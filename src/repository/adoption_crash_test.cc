// Adoption, forgetting and sending, stopped at every change and met by others at every step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "repository/adoption.h"
#include "repository/test_sealed.h"
#include "storage/crash_store.h"

namespace holdfast::repository {
namespace {

using testing::IsEmpty;
using testing::SizeIs;
using Fate = SealedSession::Fate;

TEST(AdoptionCrashTest, AStopAtAnyChangeLosesNothing) {
  for (const auto moment :
       {storage::CrashStore::Moment::kBefore, storage::CrashStore::Moment::kAfter}) {
    for (std::uint64_t stop = 1;; ++stop) {
      SealedRepository site;
      Numbers numbers = numbered(1, 30);
      const Sent first = send(site.memory, site, site.web, numbers);
      numbers[3] = 500;
      const Sent second = send(site.memory, site, site.web, numbers, &first);
      storage::CrashStore crashing(site.memory);
      crashing.stop_at(stop, moment);
      try {
        adopt(site.through(crashing), {}, no_progress());
      } catch (const env::CrashError&) {
      }
      const bool stopped = crashing.stopped();
      SCOPED_TRACE(crashing.description(std::min(stop, crashing.operation_count())));
      adopt(site.repository, {}, no_progress());
      const auto all = list_snapshots(site.repository).snapshots;
      ASSERT_EQ(all.size(), 2u);
      for (const Sent& sent : {first, second}) {
        const auto found = std::ranges::find(all, sent.snapshot.id, &Snapshot::id);
        ASSERT_NE(found, all.end());
        ASSERT_TRUE(restored(site.repository, *found) == content_of(sent.numbers));
        const SealedSession machine(site.memory, site.clock, site.repository.config(), site.web);
        EXPECT_EQ(machine.fate_of(sent.snapshot.id), Fate::kStands);
      }
      for (const std::string& name : names_below(site.memory, "sealed/")) {
        EXPECT_THAT(name, testing::EndsWith("/key"));  // of the two sessions just opened
      }
      if (!stopped) break;
    }
  }
}

TEST(AdoptionCrashTest, AStopWhileForgettingKeepsOrRemovesAndNeverBringsBack) {
  for (const auto moment :
       {storage::CrashStore::Moment::kBefore, storage::CrashStore::Moment::kAfter}) {
    for (std::uint64_t stop = 1;; ++stop) {
      SealedRepository site;
      const Sent sent = send(site.memory, site, site.web, numbered(1, 30));
      LockedStore locked(site.memory);
      adopt(site.through(locked), {}, no_progress());
      storage::CrashStore crashing(site.memory);
      crashing.stop_at(stop, moment);
      const Repository repository = site.through(crashing);
      bool forgotten = false;
      try {
        if (release(repository, sent.snapshot)) remove_snapshot(repository, sent.snapshot);
        forgotten = true;
      } catch (const env::CrashError&) {
      }
      SCOPED_TRACE(crashing.description(std::min(stop, crashing.operation_count())));
      const bool there = !snapshot_ids(site.repository).empty();
      adopt(site.through(locked), {}, no_progress());
      adopt(site.repository, {}, no_progress());
      EXPECT_EQ(!snapshot_ids(site.repository).empty(), there);
      EXPECT_FALSE(forgotten && there);
      if (!crashing.stopped()) break;
    }
  }
}

TEST(AdoptionCrashTest, AMachineThatStopsAnywhereHasSentNothingOrAll) {
  for (std::uint64_t stop = 1;; ++stop) {
    SealedRepository site;
    const Numbers numbers = numbered(1, 30);
    storage::CrashStore crashing(site.memory);
    crashing.stop_at(stop, storage::CrashStore::Moment::kAfter);
    bool sent = false;
    try {
      send(crashing, site, site.web, numbers);
      sent = true;
    } catch (const env::CrashError&) {
    }
    const bool stopped = crashing.stopped();
    SCOPED_TRACE(stop);
    const AdoptionResult result = adopt(site.repository, {}, no_progress());
    EXPECT_THAT(result.refused, IsEmpty());
    EXPECT_TRUE(!sent || result.adopted.size() == 1);
    for (const Snapshot& one : list_snapshots(site.repository).snapshots) {
      EXPECT_TRUE(restored(site.repository, one) == content_of(numbers));
    }
    if (!stopped) break;
  }
}

TEST(AdoptionInterleavingTest, AnotherAdopterMayComeInAnywhere) {
  for (std::size_t at = 1;; ++at) {
    SealedRepository site;
    Numbers numbers = numbered(1, 30);
    const Sent first = send(site.memory, site, site.web, numbers);
    numbers[3] = 500;
    const Sent second = send(site.memory, site, site.web, numbers, &first);
    InterruptedStore store(site.memory, at, [&] { adopt(site.repository, {}, no_progress()); });
    adopt(site.through(store), {}, no_progress());
    SCOPED_TRACE(at);
    const auto all = list_snapshots(site.repository).snapshots;
    ASSERT_EQ(all.size(), 2u);
    for (const Snapshot& one : all) {
      const Sent& sent = one.id == first.snapshot.id ? first : second;
      ASSERT_TRUE(restored(site.repository, one) == content_of(sent.numbers));
    }
    EXPECT_THAT(names_below(site.memory, "sealed/"), IsEmpty());
    if (!store.interrupted()) break;
  }
}

TEST(AdoptionInterleavingTest, WhatAnotherTookInAndForgotDoesNotComeBack) {
  for (std::size_t at = 1;; ++at) {
    SealedRepository site;
    const Sent sent = send(site.memory, site, site.web, numbered(1, 30));
    bool forgotten = false;
    InterruptedStore store(site.memory, at, [&] {
      adopt(site.repository, {}, no_progress());
      for (const Snapshot& one : list_snapshots(site.repository).snapshots) {
        if (!release(site.repository, one)) continue;
        remove_snapshot(site.repository, one);
        forgotten = true;
      }
    });
    adopt(site.through(store), {}, no_progress());
    SCOPED_TRACE(at);
    EXPECT_EQ(snapshot_ids(site.repository).empty(), forgotten);
    adopt(site.repository, {}, no_progress());
    EXPECT_EQ(snapshot_ids(site.repository).empty(), forgotten);
    if (!store.interrupted()) break;
  }
}

TEST(AdoptionInterleavingTest, AMachineAtWorkAndWhoForgetsAgreeWheneverTheyMeet) {
  for (std::size_t at = 1;; ++at) {
    SealedRepository site;
    const Numbers numbers = numbered(1, 30);
    const Sent first = send(site.memory, site, site.web, numbers);
    adopt(site.repository, {}, no_progress());
    std::optional<Sent> second;
    std::optional<SealedSession> session;
    InterruptedStore store(site.memory, at, [&] {
      session.emplace(site.memory, site.clock, site.repository.config(), site.web);
      const bool stands = session->fate_of(first.snapshot.id) == Fate::kStands;
      Numbers changed = numbers;
      changed[3] = 500;
      Writer writer(session->repository());
      const Snapshot snapshot = fill_session(*session, writer, changed, stands ? &first : nullptr);
      writer.commit(snapshot);
      second = Sent{.snapshot = snapshot, .numbers = changed};
    });
    const Repository repository = site.through(store);
    if (release(repository, first.snapshot)) remove_snapshot(repository, first.snapshot);
    SCOPED_TRACE(at);
    if (!store.interrupted()) break;
    const AdoptionResult result = adopt(site.repository, {}, no_progress());
    ASSERT_THAT(result.adopted, SizeIs(1)) << result.refused.at(0).why;
    EXPECT_TRUE(restored(site.repository, result.adopted.front()) == content_of(second->numbers));
  }
}

}  // namespace
}  // namespace holdfast::repository
