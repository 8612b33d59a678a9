#include "repository/adoption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repository/prune.h"
#include "repository/test_sealed.h"
#include "repository/verify.h"

namespace holdfast::repository {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class AdoptionTest : public testing::Test {
 protected:
  Sent send_from(const WriteKey& key, const Numbers& numbers, const Sent* base = nullptr,
                 const ChangeSnapshot& change = {}) {
    site.clock.advance(std::chrono::minutes(1));
    return send(site.memory, site, key, numbers, base, change);
  }
  Sent send_web(const Numbers& numbers, const Sent* base = nullptr,
                const ChangeSnapshot& change = {}) {
    return send_from(site.web, numbers, base, change);
  }
  AdoptionResult take_in(const AdoptionRequest& request = {}) {
    return adopt(site.repository, request, no_progress());
  }
  std::vector<Snapshot> snapshots() { return list_snapshots(site.repository).snapshots; }
  bool forget(const Snapshot& snapshot) {
    if (!release(site.repository, snapshot)) return false;
    remove_snapshot(site.repository, snapshot);
    return true;
  }
  void expect_restores(const Sent& sent) {
    const auto all = snapshots();
    const auto found = std::ranges::find(all, sent.snapshot.id, &Snapshot::id);
    ASSERT_NE(found, all.end());
    EXPECT_TRUE(restored(site.repository, *found) == content_of(sent.numbers));
  }
  void expect_whole() {
    EXPECT_TRUE(
        verify(site.repository, {.snapshots = {}, .read_data_percent = 100}, no_progress()).ok());
  }
  // The sentence with which the only session is refused; it is marked, and nothing is taken in.
  std::string refusal() {
    const AdoptionResult result = take_in();
    EXPECT_THAT(result.adopted, IsEmpty());
    EXPECT_THAT(result.refused, SizeIs(1));
    if (result.refused.size() != 1) return {};
    const RefusedSession& refused = result.refused.front();
    EXPECT_TRUE(refused.for_good) << refused.why;
    EXPECT_THAT(site.names("adopted/"),
                ElementsAre(session_mark_name(refused.session.id.first, refused.session.id.second,
                                              SessionMark::kRefused)));
    return refused.why;
  }
  SealedSession::Fate fate_of(const Sent& sent) {
    const SealedSession session(site.memory, site.clock, site.repository.config(), site.web);
    return session.fate_of(sent.snapshot.id);
  }

  SealedRepository site;
};

using Fate = SealedSession::Fate;

TEST_F(AdoptionTest, WhatWasSentBecomesAnOrdinarySnapshot) {
  const Sent sent = send_web(numbered(1, 2 * kLeafPages + 9));
  EXPECT_THAT(snapshots(), IsEmpty());
  const AdoptionResult result = take_in();
  ASSERT_THAT(result.adopted, SizeIs(1));
  EXPECT_EQ(result.adopted.front().id, sent.snapshot.id);
  EXPECT_EQ(result.adopted.front().host, "web");
  EXPECT_EQ(result.bytes_read, sent.numbers.size() * kPageSize);
  EXPECT_THAT(result.refused, IsEmpty());
  expect_restores(sent);
  expect_whole();
  EXPECT_THAT(site.names("sealed/"), IsEmpty());
  EXPECT_THAT(site.names("adopted/"), ElementsAre(session_mark_name(
                                          site.web.info.id, sent.snapshot.id, SessionMark::kBase)));
}

TEST_F(AdoptionTest, OnlyWhatChangedIsSentAgain) {
  Numbers numbers = numbered(1, 3 * kLeafPages + 5);
  const Sent first = send_web(numbers);
  take_in();
  numbers[0] = 900'001;
  numbers[kLeafPages + 7] = 900'002;
  numbers.push_back(900'003);
  const Sent second = send_web(numbers, &first);
  const AdoptionResult result = take_in();
  EXPECT_EQ(result.bytes_read, 3 * kPageSize);
  expect_restores(first);
  expect_restores(second);
  expect_whole();
}

TEST_F(AdoptionTest, ADatabaseMayShrink) {
  const Sent first = send_web(numbered(1, 2 * kLeafPages + 5));
  take_in();
  const Sent second = send_web(numbered(1, kLeafPages - 3), &first);
  take_in();
  const Sent third = send_web(numbered(1, kLeafPages + 2), &second);
  take_in();
  expect_restores(second);
  expect_restores(third);
  expect_whole();
}

TEST_F(AdoptionTest, SeveralThatWaitGoOnFromEachOther) {
  std::vector<Sent> sent{send_web(numbered(1, 20))};
  for (std::uint32_t i = 0; i < 4; ++i) {
    Numbers numbers = sent.back().numbers;
    numbers[i] += 1000;
    const Sent& base = sent.back();
    sent.push_back(send_web(numbers, &base));
  }
  EXPECT_EQ(take_in().adopted.size(), 5u);
  for (const Sent& one : sent) expect_restores(one);
  EXPECT_THAT(take_in().adopted, IsEmpty());
}

TEST_F(AdoptionTest, TheSameContentIsTheSameBlobWhoeverSentIt) {
  const WriteKey mail = site.add_machine("mail");
  const Numbers numbers = numbered(1, 4000);
  send_web(numbers);
  take_in();
  send_from(mail, numbers, nullptr, [](Snapshot& one) { one.databases.front().name = "letters"; });
  const AdoptionResult result = take_in();
  EXPECT_THAT(result.adopted, SizeIs(1));
  EXPECT_EQ(result.bytes_read, numbers.size() * kPageSize);
  EXPECT_EQ(result.bytes_stored, 0u);
}

// With the machine's secret two pages of one digest can be made up. What a blob is called in the
// repository does not follow from it.
TEST_F(AdoptionTest, NothingHasTheIdThatTheMachineGaveIt) {
  const SealedSession session(site.memory, site.clock, site.repository.config(), site.web);
  Writer writer(session.repository());
  const Numbers numbers = numbered(1, 8);
  const Snapshot snapshot = fill_session(session, writer, numbers, nullptr);
  writer.commit(snapshot);
  take_in();
  const LoadedIndex loaded = load_index(site.repository);
  EXPECT_FALSE(loaded.index.contains(snapshot.databases.front().map));
  EXPECT_GT(loaded.index.blob_count(), 0u);
}

TEST_F(AdoptionTest, TheMachineCannotReadWhatItSent) {
  const Sent sent = send_web(numbered(1, 20));
  const std::string folder = session_folder(site.web.info.id, sent.snapshot.id);
  SessionObjects objects;
  site.memory.list(folder, [&](std::string_view name, const storage::ObjectStatus& status) {
    objects.emplace(name.substr(folder.size()), SessionObject{.status = status, .version = {}});
  });
  // All keys that follow from what it holds, and what the repository's would be.
  const codec::SecretKey& machine = site.web.machine;
  for (const MasterKeys& keys :
       {MasterKeys(machine), session_keys(machine, machine), session_keys({}, machine),
        MasterKeys(codec::derive_key(machine, "holdfast 1 session"))}) {
    ReceivingFolder received(site.memory, folder, objects);
    const Repository place =
        Repository::within(received, site.clock, site.repository.config(), keys);
    EXPECT_THAT(list_snapshots(place).snapshots, IsEmpty());
    EXPECT_EQ(load_index(place).index.blob_count(), 0u);
  }
  const codec::SealingKeys guessed(machine);
  expect_error(ErrorCode::kDamagedObject, [&] {
    parse_session_key(site.memory.get(folder + "key"), guessed, machine, site.web.info.id,
                      sent.snapshot.id);
  });
  take_in();
  const Repository outside =
      Repository::within(site.memory, site.clock, site.repository.config(), MasterKeys(machine));
  EXPECT_THAT(list_snapshots(outside).snapshots, IsEmpty());
  EXPECT_EQ(load_index(outside).index.blob_count(), 0u);
}

TEST_F(AdoptionTest, TheMachineKnowsWhatItMayGoOnFrom) {
  const Sent sent = send_web(numbered(1, 20));
  EXPECT_EQ(fate_of(sent), Fate::kStands);
  take_in();
  EXPECT_EQ(fate_of(sent), Fate::kStands);
}

TEST_F(AdoptionTest, AMachineThatIsAtWorkKeepsItsBase) {
  const Sent first = send_web(numbered(1, 20));
  take_in();
  {
    const SealedSession session(site.memory, site.clock, site.repository.config(), site.web);
    EXPECT_FALSE(forget(first.snapshot));
    EXPECT_EQ(session.fate_of(first.snapshot.id), Fate::kStands);
  }
  expect_restores(first);
  // It never came to an end.
  site.clock.advance(kLongestSilence + std::chrono::hours(1));
  EXPECT_TRUE(forget(first.snapshot));
  EXPECT_THAT(snapshots(), IsEmpty());
  EXPECT_EQ(fate_of(first), Fate::kGone);
}

TEST_F(AdoptionTest, ASessionThatWaitsKeepsItsBase) {
  const Sent first = send_web(numbered(1, 20));
  take_in();
  Numbers numbers = first.numbers;
  numbers[3] = 777;
  const Sent second = send_web(numbers, &first);
  EXPECT_FALSE(forget(first.snapshot));
  take_in();
  EXPECT_TRUE(forget(first.snapshot));
  prune(site.repository, {}, no_progress());
  expect_restores(second);
  expect_whole();
}

TEST_F(AdoptionTest, WithoutItsKeyAMachineKeepsNothing) {
  const Sent first = send_web(numbered(1, 20));
  take_in();
  send_web(numbered(5, 20));
  site.memory.remove("keys/" + site.web.info.id.hex());
  EXPECT_TRUE(forget(first.snapshot));
}

TEST_F(AdoptionTest, AnAbandonedSessionIsRemoved) {
  {
    const SealedSession session(site.memory, site.clock, site.repository.config(), site.web);
  }
  EXPECT_EQ(take_in().open, 1u);
  EXPECT_THAT(site.names("sealed/"), SizeIs(1));
  site.clock.advance(kLongestSilence + std::chrono::minutes(1));
  EXPECT_EQ(take_in().open, 0u);
  EXPECT_THAT(site.names("sealed/"), IsEmpty());
}

TEST_F(AdoptionTest, AMachineWhoseSessionIsGoneFindsOut) {
  const SealedSession session(site.memory, site.clock, site.repository.config(), site.web);
  EXPECT_TRUE(session.is_whole());
  site.clock.advance(kLongestSilence + std::chrono::minutes(1));
  take_in();
  EXPECT_FALSE(session.is_whole());
}

TEST_F(AdoptionTest, WhatIsForgottenDoesNotComeBackWhereItsSessionCannotBeRemoved) {
  const Sent sent = send_web(numbered(1, 20));
  LockedStore locked(site.memory);
  const Repository repository = site.through(locked);
  const auto take = [&] { return adopt(repository, {}, no_progress()).adopted.size(); };
  EXPECT_EQ(take(), 1u);
  EXPECT_EQ(take(), 0u);
  EXPECT_EQ(fate_of(sent), Fate::kStands);
  site.clock.advance(kLongestSilence + std::chrono::minutes(1));
  EXPECT_TRUE(release(repository, sent.snapshot));
  remove_snapshot(repository, sent.snapshot);
  EXPECT_EQ(take(), 0u);
  EXPECT_THAT(snapshots(), IsEmpty());
  EXPECT_EQ(fate_of(sent), Fate::kGone);
  // When the lock is over, nothing is left of it.
  site.clock.advance(kLongestSilence + std::chrono::minutes(1));
  take_in();
  EXPECT_THAT(site.names("sealed/"), IsEmpty());
  EXPECT_THAT(site.names("adopted/"), IsEmpty());
}

TEST_F(AdoptionTest, ASnapshotOfAnotherHostIsRefused) {
  const Sent sent = send_web(numbered(1, 9), nullptr, [](Snapshot& one) { one.host = "mail"; });
  EXPECT_THAT(refusal(), HasSubstr("not of web"));
  EXPECT_EQ(fate_of(sent), Fate::kRefused);
}

TEST_F(AdoptionTest, ASnapshotInTheNameOfAnotherKeyIsRefused) {
  const WriteKey mail = site.add_machine("mail");
  send_web(numbered(1, 9), nullptr, [&](Snapshot& one) { one.machine = mail.info.id; });
  EXPECT_THAT(refusal(), HasSubstr("not of web"));
}

TEST_F(AdoptionTest, ADatabaseOfAnotherHostIsRefused) {
  back_up(site.repository, numbered(1, 9), 1);  // by the host "ada"
  send_web(numbered(50, 9));
  const AdoptionResult result = take_in();
  ASSERT_THAT(result.refused, SizeIs(1));
  EXPECT_EQ(result.refused.front().why, "orders is a database of ada, not of web");
  EXPECT_THAT(snapshots(), SizeIs(1));
}

TEST_F(AdoptionTest, AnotherMachinesSnapshotIsNoBase) {
  const WriteKey mail = site.add_machine("mail");
  const Sent theirs = send_from(mail, numbered(1, 9), nullptr,
                                [](Snapshot& one) { one.databases.front().name = "letters"; });
  take_in();
  send_web(numbered(1, 9), &theirs, [](Snapshot& one) { one.databases.front().name = "mine"; });
  EXPECT_THAT(take_in().refused.at(0).why, HasSubstr("none of its own"));
  send_web(numbered(1, 9), &theirs, [](Snapshot& one) { one.databases.front().name = "letters"; });
  EXPECT_THAT(take_in().refused.at(1).why, HasSubstr("a database of mail"));
  EXPECT_THAT(snapshots(), SizeIs(1));
}

TEST_F(AdoptionTest, ABaseThatIsNotThereIsRefused) {
  const Sent gone{.snapshot = make_snapshot(77, site.clock.now()), .numbers = numbered(1, 9)};
  send_web(numbered(1, 10), &gone);
  EXPECT_THAT(refusal(), HasSubstr("not there"));
}

TEST_F(AdoptionTest, ABaseThatTheMachineHadOtherwiseIsRefused) {
  const Sent first = send_web(numbered(1, 9));
  take_in();
  Sent wrong = first;
  wrong.numbers[4] = 400;
  Numbers numbers = wrong.numbers;
  numbers[0] = 500;
  send_web(numbers, &wrong);
  EXPECT_THAT(take_in().refused.at(0).why, HasSubstr("not those that the machine had"));
  EXPECT_THAT(snapshots(), SizeIs(1));
}

TEST_F(AdoptionTest, AWrongChecksumIsRefused) {
  send_web(numbered(1, 9), nullptr,
           [](Snapshot& one) { one.databases.front().checksum = std::string(64, 'a'); });
  EXPECT_THAT(refusal(), HasSubstr("not those that the machine had"));
}

TEST_F(AdoptionTest, ImpossibleShapesAreRefused) {
  const std::vector<ChangeSnapshot> changes = {
      [](Snapshot& one) { one.databases.front().page_count = 0; },
      [](Snapshot& one) { one.databases.front().page_count = 0xFFFFFFFE; },
      [](Snapshot& one) { one.databases.front().page_size = 3; },
      [](Snapshot& one) { one.databases.front().map_height = 5; },
      [](Snapshot& one) { one.databases.push_back(one.databases.front()); },
      [](Snapshot& one) { one.databases.front().machine_sum.emplace(); },
      [](Snapshot& one) { one.databases.front().name = "a\x1b[2J"; },
      [](Snapshot& one) { one.databases.front().map = {}; },
      [](Snapshot& one) { one.tags = {"replicated"}; },
  };
  for (const ChangeSnapshot& change : changes) send_web(numbered(1, 9), nullptr, change);
  const Sent good = send_web(numbered(1, 9));
  const AdoptionResult result = take_in();
  EXPECT_EQ(result.refused.size(), changes.size());
  for (const RefusedSession& one : result.refused) EXPECT_TRUE(one.for_good) << one.why;
  EXPECT_THAT(snapshots(), SizeIs(1));
  expect_restores(good);
}

TEST_F(AdoptionTest, TextThatMovesTheCursorIsMadeReadable) {
  send_web(numbered(1, 9), nullptr, [](Snapshot& one) {
    one.user = "\x1b[2J";
    one.databases.front().source = "/srv/\x1b]0;\x07";
  });
  ASSERT_THAT(take_in().adopted, SizeIs(1));
  EXPECT_EQ(snapshots().front().user, "?[2J");
  EXPECT_EQ(snapshots().front().databases.front().source, "/srv/?]0;?");
}

// What is not needed, such as the digests of a pack, may be damaged: then it is not missed.
TEST(AdoptionDamageTest, ADamagedSessionIsRefusedOrComesBackExactly) {
  for (std::size_t object = 0; object < 4; ++object) {
    for (std::size_t part = 0; part < 12; ++part) {
      SealedRepository site;
      const Sent sent = send(site.memory, site, site.web, numbered(1, 9));
      const auto names = site.names("sealed/");
      ASSERT_THAT(names, SizeIs(4));
      const std::string& name = names[object];
      const std::size_t at = part * site.memory.get(name).size() / 12;
      SCOPED_TRACE(name + " at " + std::to_string(at));
      flip_bit(site.memory, name, at);
      const AdoptionResult result = adopt(site.repository, {}, no_progress());
      const bool needed = name.ends_with("/key") || name.find("/snapshots/") != std::string::npos;
      EXPECT_EQ(result.refused.size() + result.adopted.size(), 1u);
      EXPECT_FALSE(needed && result.refused.empty());
      for (const Snapshot& one : list_snapshots(site.repository).snapshots) {
        EXPECT_TRUE(restored(site.repository, one) == content_of(sent.numbers));
      }
    }
  }
}

TEST_F(AdoptionTest, ASessionWithoutOneOfItsObjectsIsRefused) {
  for (const std::string_view part : {"/key", "/packs/"}) {
    const Sent sent = send_web(numbered(1, 9));
    for (const std::string& name : site.names(session_folder(site.web.info.id, sent.snapshot.id))) {
      if (name.find(part) != std::string::npos) site.memory.remove(name);
    }
  }
  EXPECT_THAT(take_in().refused, SizeIs(2));
  EXPECT_THAT(snapshots(), IsEmpty());
}

TEST_F(AdoptionTest, ASessionInTheFolderOfAnotherKeyIsRefused) {
  const WriteKey mail = site.add_machine("mail");
  const Sent sent = send_web(numbered(1, 9));
  const std::string from = sealed_folder(site.web.info.id);
  for (const std::string& name : site.names(from)) {
    site.memory.put(sealed_folder(mail.info.id) + name.substr(from.size()), site.memory.get(name));
    site.memory.remove(name);
  }
  EXPECT_THAT(refusal(), HasSubstr("not made with the machine's key"));
}

TEST_F(AdoptionTest, ARenamedMachineIsRefused) {
  send_web(numbered(1, 9));
  const std::string name = "keys/" + site.web.info.id.hex();
  std::string object(as_text(site.memory.get(name)));
  const std::size_t at = object.find("\"web\"");
  ASSERT_NE(at, std::string::npos);
  object.replace(at, 5, "\"ada\"");
  site.memory.put(name, as_bytes(object), {.mode = storage::PutMode::kReplace});
  EXPECT_THAT(refusal(), HasSubstr("not made with the machine's key"));
}

TEST_F(AdoptionTest, WhatARemovedKeySentIsNotTakenInAndCanBeDiscarded) {
  send_web(numbered(1, 9));
  site.memory.remove("keys/" + site.web.info.id.hex());
  const AdoptionResult result = take_in();
  ASSERT_THAT(result.refused, SizeIs(1));
  EXPECT_EQ(result.refused.front().why, "its key was removed");
  EXPECT_THAT(site.names("sealed/"), SizeIs(4));
  EXPECT_EQ(take_in({.discard = true}).discarded, 1u);
  EXPECT_THAT(site.names("sealed/"), IsEmpty());
  EXPECT_THAT(snapshots(), IsEmpty());
}

TEST_F(AdoptionTest, WhatWasRefusedIsLookedAtAgainOnlyWhenAsked) {
  const Sent sent = send_web(numbered(1, 9));
  const std::string key = session_folder(site.web.info.id, sent.snapshot.id) + "key";
  const Bytes whole = site.memory.get(key);
  flip_bit(site.memory, key, 60);
  EXPECT_FALSE(refusal().empty());
  site.memory.put(key, whole, {.mode = storage::PutMode::kReplace});
  EXPECT_THAT(take_in().refused, SizeIs(1));
  EXPECT_THAT(take_in({.again = true}).adopted, SizeIs(1));
  EXPECT_THAT(site.names("adopted/"), ElementsAre(session_mark_name(
                                          site.web.info.id, sent.snapshot.id, SessionMark::kBase)));
}

// A map that names few blobs very often costs no more than a few readings of each.
TEST_F(AdoptionTest, ASmallSessionOfAHugeDatabaseIsTakenInQuickly) {
  const SealedSession session(site.memory, site.clock, site.repository.config(), site.web);
  Writer writer(session.repository());
  const MasterKeys& keys = session.repository().keys();
  BlobEncoder encoder(keys, 1);
  const Bytes page = page_content(1);
  const codec::PageDigest digest = codec::PageHasher(keys.pages).digest(page);
  const BlobId blob = pages_id(keys, kPageSize, std::span(&digest, 1));
  writer.add_pages(encoder, blob, page, std::span(&digest, 1));
  MapLeaf leaf{.blobs = {blob}, .runs = {}};
  leaf.runs.assign(kLeafPages, LeafRun{.count = 1, .blob = 0, .slot = 0});
  const auto put_tree = [&](BlobKind kind, ByteView content) {
    const BlobId id = content_id(keys, kind, content);
    writer.add_tree(encoder, id, kind, content);
    return id;
  };
  constexpr std::uint64_t kLeaves = 600;
  const BlobId leaf_id = put_tree(BlobKind::kMapLeaf, serialize(leaf));
  MapBuilder map([&](ByteView node) { return put_tree(BlobKind::kMapNode, node); });
  for (std::uint64_t i = 0; i < kLeaves; ++i) map.add_leaf(leaf_id);
  Snapshot snapshot = make_snapshot(0, site.clock.now());
  snapshot.id = session.id();
  snapshot.machine = site.web.info.id;
  snapshot.host = "web";
  DatabaseState& state = snapshot.databases.front();
  state.page_size = kPageSize;
  state.page_count = kLeaves * kLeafPages;
  state.map = map.finish();
  state.map_height = map_height(state.page_count);
  writer.commit(snapshot);
  EXPECT_THAT(refusal(), HasSubstr("not those that the machine had"));
}

}  // namespace
}  // namespace holdfast::repository
