#include "repository/write_key.h"

#include <gtest/gtest.h>

#include <variant>

#include "repository/key_object.h"
#include "repository/key_removal.h"
#include "repository/sealed_session.h"
#include "repository/test_sealed.h"

namespace holdfast::repository {
namespace {

class WriteKeys : public testing::Test {
 protected:
  const Config& config() { return site.repository.config(); }
  const codec::SecretKey& master() { return site.repository.keys().master; }

  SealedRepository site;
};

TEST_F(WriteKeys, OpenTheSecretOfTheirMachineAndNothingElse) {
  EXPECT_EQ(site.web.info.label, "web");
  EXPECT_EQ(site.web.info.kind, KeyKind::kWrite);
  EXPECT_TRUE(site.web.machine == machine_secret(master(), site.web.info));
  EXPECT_FALSE(site.web.machine == master());
  EXPECT_EQ(site.web.sealing, sealing_keys(master()).public_key());
  expect_error(ErrorCode::kWriteOnlyKey, [&] { unlock(site.memory, config(), "of web"); });
  expect_error(ErrorCode::kWriteOnlyKey,
               [&] { Repository::open(site.memory, site.clock, "of web"); });
  EXPECT_TRUE(std::holds_alternative<Unlocked>(unlock_any(site.memory, config(), kPassphrase)));
}

TEST_F(WriteKeys, AreDifferentForEachMachine) {
  const WriteKey mail = site.add_machine("mail");
  EXPECT_FALSE(mail.machine == site.web.machine);
  KeyInfo renamed = site.web.info;
  renamed.label = "mail";
  EXPECT_FALSE(machine_secret(master(), renamed) == site.web.machine);
}

TEST_F(WriteKeys, DoNotCountAsAWayIn) {
  for (const KeyInfo& key : list_keys(site.memory)) {
    if (key.kind == KeyKind::kRecovery) remove_key(site.repository, key.id);
  }
  for (const KeyInfo& key : list_keys(site.memory)) {
    if (key.kind != KeyKind::kPassphrase) continue;
    expect_error(ErrorCode::kLastKey, [&] { remove_key(site.repository, key.id); });
  }
  remove_key(site.repository, site.web.info.id);
  EXPECT_EQ(list_keys(site.memory).size(), 1u);
}

TEST_F(WriteKeys, AreDamagedWithoutThePublicKey) {
  const std::string name = key_object_name(site.web.info.id);
  std::string object(as_text(site.memory.get(name)));
  const std::size_t at = object.find("public_key\":\"");
  ASSERT_NE(at, std::string::npos);
  object[at + 13] = 'x';
  expect_error(ErrorCode::kDamagedKey,
               [&] { parse_key_object(site.web.info.id, as_bytes(object)); });
}

TEST_F(WriteKeys, AreNotForARepositoryThatEverybodyReads) {
  TestRepository open;
  expect_error(ErrorCode::kEncryptionMismatch, [&] {
    add_write_key(open.store, open.repository.config(), open.repository.keys().master, "secret",
                  "web", open.clock.now(), kFastCost);
  });
}

TEST_F(WriteKeys, SealASessionThatOnlyTheRepositoryOpens) {
  const codec::SecretKey session = codec::SecretKey::random();
  const SnapshotId id = snapshot_id(7);
  Bytes object = serialize_session_key(session, site.web, id);
  EXPECT_EQ(object.size(), 120u);
  const codec::SealingKeys keys = sealing_keys(master());
  const auto parse = [&](ByteView bytes, const codec::SecretKey& machine, const ObjectId& key,
                         const SnapshotId& of) {
    return parse_session_key(bytes, keys, machine, key, of);
  };
  const ObjectId& key = site.web.info.id;
  EXPECT_TRUE(parse(object, site.web.machine, key, id) == session);
  const auto refused = [&](const auto& action) { expect_error(ErrorCode::kDamagedObject, action); };
  refused([&] { parse(object, site.web.machine, key, snapshot_id(8)); });
  refused([&] { parse(object, site.web.machine, ObjectId(), id); });
  refused([&] { parse(object, codec::SecretKey::random(), key, id); });
  refused([&] { parse(ByteView(object).first(119), site.web.machine, key, id); });
  for (std::size_t at = 0; at < object.size(); ++at) {
    object[at] ^= std::byte{1};
    refused([&] { parse(object, site.web.machine, key, id); });
    object[at] ^= std::byte{1};
  }
  object.push_back(std::byte{0});
  refused([&] { parse(object, site.web.machine, key, id); });
}

TEST_F(WriteKeys, NamesOfSessionsAreReadAsTheyAreWritten) {
  const ObjectId key = site.web.info.id;
  const SnapshotId id = snapshot_id(7);
  const std::string name = session_folder(key, id) + "packs/ab";
  const auto part = session_part(name);
  ASSERT_TRUE(part.has_value());
  EXPECT_EQ(part->key, key);
  EXPECT_EQ(part->session, id);
  EXPECT_EQ(part->name, "packs/ab");
  for (const SessionMark mark :
       {SessionMark::kTaken, SessionMark::kBase, SessionMark::kLeaving, SessionMark::kRefused}) {
    const auto parsed = parse_session_mark(session_mark_name(key, id, mark));
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(parsed->mark, mark);
    EXPECT_EQ(parsed->session, id);
  }
  for (const std::string& other :
       {std::string("sealed/"), sealed_folder(key), sealed_folder(key) + "x",
        sealed_folder(key) + id.hex(), session_folder(key, id), "sealed/x/" + id.hex() + "/key",
        "packs/" + id.hex()}) {
    EXPECT_FALSE(session_part(other).has_value()) << other;
    EXPECT_FALSE(parse_session_mark(other).has_value()) << other;
  }
}

TEST(SealedSnapshot, KeepsWhatItGoesOnFrom) {
  Snapshot snapshot = make_snapshot(1, time_of("2026-11-21T03:24:15Z"));
  EXPECT_EQ(as_text(serialize(snapshot)).find("machine"), std::string_view::npos);
  snapshot.machine.bytes[3] = std::byte{9};
  DatabaseState& state = snapshot.databases.front();
  state.base = SealedBase{.snapshot = snapshot_id(5), .replaced = {.low = 1, .high = 2}};
  state.machine_sum = codec::PageDigest{.low = 3, .high = 4};
  const Snapshot read = parse_snapshot(snapshot.id, serialize(snapshot));
  EXPECT_EQ(read.machine, snapshot.machine);
  EXPECT_EQ(read.databases.front().base, state.base);
  EXPECT_EQ(read.databases.front().machine_sum, state.machine_sum);
}

}  // namespace
}  // namespace holdfast::repository
