#include "repository/repository.h"

#include <gtest/gtest.h>

#include "repository/key_object.h"
#include "repository/test_repository.h"

namespace holdfast::repository {
namespace {

class FakeKeyCache final : public KeyCache {
 public:
  std::optional<codec::SecretKey> find(const RepositoryId&, std::string_view secret) override {
    if (secret != secret_) return std::nullopt;
    return master_;
  }
  void keep(const RepositoryId&, std::string_view secret, const codec::SecretKey& master) override {
    secret_ = secret;
    master_ = master;
    ++kept;
  }
  void forget(const RepositoryId&) override { master_.reset(); }
  int kept = 0;

 private:
  std::string secret_;
  std::optional<codec::SecretKey> master_;
};

TEST(Repository, IsOpenedWithItsPassphraseOrItsRecoveryCode) {
  TestRepository test(kPassphrase);
  EXPECT_TRUE(test.repository.config().encrypted);
  const auto& master = test.repository.keys().master;
  EXPECT_TRUE(Repository::open(test.store, test.clock, kPassphrase).keys().master == master);
  EXPECT_TRUE(Repository::open(test.store, test.clock, test.created.recovery_code).keys().master ==
              master);
  expect_error(ErrorCode::kWrongPassphrase,
               [&] { Repository::open(test.store, test.clock, "wrong"); });
  EXPECT_EQ(2u, list_keys(test.store).size());
}

TEST(Repository, WithoutEncryptionIsOpenedWithoutASecret) {
  TestRepository test;
  EXPECT_EQ("", test.created.recovery_code);
  EXPECT_FALSE(test.repository.config().encrypted);
  EXPECT_TRUE(Repository::open(test.store, test.clock, std::nullopt).keys().master ==
              test.repository.keys().master);
  expect_error(ErrorCode::kEncryptionMismatch,
               [&] { Repository::open(test.store, test.clock, kPassphrase); });
}

TEST(Repository, IsNotCreatedUnencryptedByAnEmptyPassphrase) {
  MapStore store;
  env::FakeClock clock(Time{});
  expect_error(ErrorCode::kUsage,
               [&] { Repository::create(store, clock, "", "tests", kFastCost); });
  EXPECT_TRUE(store.objects.empty());
}

TEST(Repository, IsCreatedOnce) {
  TestRepository test;
  const auto before = test.store.objects;
  expect_error(ErrorCode::kRepositoryExists, [&] {
    Repository::create(test.store, test.clock, std::nullopt, "again", kFastCost);
  });
  EXPECT_EQ(before, test.store.objects);
}

TEST(Repository, IsNotCreatedOverSnapshotsWhoseConfigIsLost) {
  TestRepository test;
  test.store.objects.erase("config");
  test.store.objects["snapshots/a/b"] = {};
  expect_error(ErrorCode::kRepositoryExists, [&] {
    Repository::create(test.store, test.clock, std::nullopt, "again", kFastCost);
  });
}

TEST(Repository, DoesNotExistWithoutItsConfig) {
  TestRepository test;
  test.store.objects.erase("config");
  expect_error(ErrorCode::kRepositoryMissing,
               [&] { Repository::open(test.store, test.clock, std::nullopt); });
}

TEST(Repository, IsCreatedWhereAnInterruptedAttemptLeftKeys) {
  TestRepository test;
  test.store.objects.erase("config");
  ASSERT_EQ(1u, test.store.objects.size());
  Repository::create(test.store, test.clock, kPassphrase, "again", kFastCost);
  EXPECT_EQ(3u, test.store.objects.size());
  Repository::open(test.store, test.clock, kPassphrase);
}

// Puts another repository's config in place just before ours is put.
class RacedStore final : public storage::Store {
 public:
  RacedStore(MapStore& under, Bytes config) : under_(under), config_(std::move(config)) {}
  void put(std::string_view name, ByteView content, storage::PutOptions options) override {
    if (name == "config") under_.objects["config"] = config_.empty() ? copy(content) : config_;
    under_.put(name, content, options);
  }
  Bytes get(std::string_view name) override { return under_.get(name); }
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override {
    under_.get_range(name, offset, out);
  }
  std::optional<storage::ObjectStatus> stat(std::string_view name) override {
    return under_.stat(name);
  }
  void list(std::string_view prefix, const Visitor& visit) override { under_.list(prefix, visit); }
  void remove(std::string_view name) override { under_.remove(name); }
  const storage::Capabilities& capabilities() const override { return under_.capabilities(); }

 private:
  static Bytes copy(ByteView content) { return {content.begin(), content.end()}; }
  MapStore& under_;
  Bytes config_;
};

TEST(Repository, OfTheFasterOfTwoCreatorsWinsAndTheOtherLeavesNothing) {
  TestRepository winner;
  const auto before = winner.store.objects;
  Bytes config = winner.store.objects["config"];
  winner.store.objects.erase("config");
  RacedStore raced(winner.store, config);
  expect_error(ErrorCode::kRepositoryExists,
               [&] { Repository::create(raced, winner.clock, kPassphrase, "slower", kFastCost); });
  EXPECT_EQ(before, winner.store.objects);
}

TEST(Repository, IsCreatedEvenIfAStoreSaysThatItsOwnConfigIsThereAlready) {
  MapStore store;
  env::FakeClock clock(Time{});
  RacedStore repeating(store, {});
  Repository::create(repeating, clock, kPassphrase, "tests", kFastCost);
  Repository::open(store, clock, kPassphrase);
}

TEST(Repository, TakesTheKeyFromTheCacheOnlyForTheSameSecret) {
  TestRepository test(kPassphrase);
  FakeKeyCache cache;
  Repository::open(test.store, test.clock, kPassphrase, cache);
  EXPECT_EQ(1, cache.kept);
  for (const KeyInfo& key : list_keys(test.store)) test.store.remove(key_object_name(key.id));
  EXPECT_TRUE(Repository::open(test.store, test.clock, kPassphrase, cache).keys().master ==
              test.repository.keys().master);
  EXPECT_EQ(1, cache.kept);
  expect_error(ErrorCode::kDamagedKey,
               [&] { Repository::open(test.store, test.clock, "wrong", cache); });
}

TEST(Repository, WhoseConfigWasMadeUnencryptedIsRefusedInSpiteOfACachedKey) {
  TestRepository test(kPassphrase);
  FakeKeyCache cache;
  Repository::open(test.store, test.clock, kPassphrase, cache);
  Config config = test.repository.config();
  config.encrypted = false;
  test.store.objects["config"] = serialize(config);
  expect_error(ErrorCode::kEncryptionMismatch,
               [&] { Repository::open(test.store, test.clock, kPassphrase, cache); });
}

TEST(Repository, DetectsAChangeOfEveryByteOfItsConfig) {
  TestRepository test(kPassphrase);
  const Bytes intact = test.store.objects["config"];
  for (std::size_t at = 0; at < intact.size(); ++at) {
    test.store.objects["config"] = intact;
    test.store.objects["config"][at] ^= static_cast<std::byte>(1u << (at % 7));
    SCOPED_TRACE(as_text(test.store.objects["config"]));
    EXPECT_TRUE(error_of([&] { Repository::open(test.store, test.clock, kPassphrase); }));
  }
}

}  // namespace
}  // namespace holdfast::repository
