#include "repository/keys.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "repository/key_object.h"
#include "repository/test_repository.h"

namespace holdfast::repository {
namespace {

const Time kNow = time_of("2026-11-21T03:24:15Z");

class Keys : public testing::Test {
 protected:
  Keys() { make_config(true); }

  void make_config(bool encrypted) {
    config_.encrypted = encrypted;
    config_.created = kNow;
    config_.id.bytes[0] = std::byte{1};
    store_.objects["config"] = serialize(config_);
  }
  KeyInfo add(KeyKind kind, std::string_view secret, std::string_view label = "laptop") {
    return add_key(store_, config_, master_, kind, secret, label, kNow, kFastCost);
  }
  Bytes& object(const KeyInfo& key) { return store_.objects[key_object_name(key.id)]; }
  bool opens(std::string_view secret) { return unlock(store_, config_, secret).master == master_; }

  MapStore store_;
  Config config_;
  codec::SecretKey master_ = codec::SecretKey::random();
};

TEST_F(Keys, OpenWithTheirPassphraseAndSayWhichKeyItWas) {
  add(KeyKind::kPassphrase, "one", "first");
  const KeyInfo second = add(KeyKind::kPassphrase, "two", "second");
  EXPECT_TRUE(opens("one"));
  const Unlocked unlocked = unlock(store_, config_, "two");
  EXPECT_TRUE(unlocked.master == master_);
  EXPECT_EQ(second.id, unlocked.key.id);
  EXPECT_EQ("second", unlocked.key.label);
  EXPECT_EQ(kNow, unlocked.key.created);
}

TEST_F(Keys, RefuseAWrongPassphrase) {
  add(KeyKind::kPassphrase, "one");
  expect_error(ErrorCode::kWrongPassphrase, [&] { unlock(store_, config_, "One"); });
  expect_error(ErrorCode::kPassphraseMissing, [&] { unlock(store_, config_, std::nullopt); });
  expect_error(ErrorCode::kPassphraseMissing, [&] { unlock(store_, config_, ""); });
}

TEST_F(Keys, OpenWithARecoveryCodeAsPeopleTypeIt) {
  const std::string code = make_recovery_code();
  add(KeyKind::kPassphrase, "one");
  add(KeyKind::kRecovery, code);
  std::string typed;
  for (const char c : code) {
    if (c == '-') {
      typed += "  ";
    } else if (c == '1') {
      typed += 'l';
    } else if (c == '0') {
      typed += 'o';
    } else {
      typed += static_cast<char>(std::tolower(c));
    }
  }
  EXPECT_TRUE(opens(code));
  EXPECT_TRUE(opens(" " + typed + "\n"));
  expect_error(ErrorCode::kWrongPassphrase, [&] { unlock(store_, config_, make_recovery_code()); });
}

TEST_F(Keys, APassphraseThatLooksLikeARecoveryCodeStillOpens) {
  const std::string code = make_recovery_code();
  add(KeyKind::kPassphrase, code);
  EXPECT_TRUE(opens(code));
}

TEST(RecoveryCode, HasEightGroupsOfFiveUnmistakableCharacters) {
  const std::string code = make_recovery_code();
  ASSERT_EQ(47u, code.size());
  for (std::size_t i = 0; i < code.size(); ++i) {
    EXPECT_EQ(i % 6 == 5, code[i] == '-') << code;
  }
  EXPECT_EQ(std::string::npos, code.find_first_of("ILOUilou")) << code;
  EXPECT_NE(code, make_recovery_code());
  EXPECT_EQ(40u, normalize_recovery_code(code).size());
}

TEST(RecoveryCode, IsRecognisedOnlyWhenWhole) {
  const std::string code = make_recovery_code();
  EXPECT_EQ("", normalize_recovery_code(code.substr(1)));
  EXPECT_EQ("", normalize_recovery_code(code + "A"));
  EXPECT_EQ("", normalize_recovery_code("U" + code.substr(1)));
  EXPECT_EQ("", normalize_recovery_code(""));
  EXPECT_EQ(normalize_recovery_code(code), normalize_recovery_code(normalize_recovery_code(code)));
  EXPECT_EQ(std::string(40, '1'),
            normalize_recovery_code(std::string(20, 'I') + std::string(20, 'l')));
}

TEST_F(Keys, DetectAChangeOfEveryBitOfTheirObject) {
  const KeyInfo key = add(KeyKind::kPassphrase, "one");
  const Bytes intact = object(key);
  // Argon2id runs only for changes that leave the object well formed; one bit of each byte is
  // enough for them.
  for (std::size_t at = 0; at < intact.size(); ++at) {
    SCOPED_TRACE(at);
    object(key) = intact;
    object(key)[at] ^= static_cast<std::byte>(1u << (at % 8));
    const auto error = error_of([&] { unlock(store_, config_, "one"); });
    ASSERT_TRUE(error.has_value()) << as_text(object(key));
    EXPECT_TRUE(error->code() == ErrorCode::kDamagedKey ||
                error->code() == ErrorCode::kWrongPassphrase)
        << error->happened();
  }
}

TEST_F(Keys, OpenOnlyWithTheConfigTheyWereMadeFor) {
  add(KeyKind::kPassphrase, "one");
  Config other = config_;
  other.created += std::chrono::seconds(1);
  expect_error(ErrorCode::kWrongPassphrase, [&] { unlock(store_, other, "one"); });
}

TEST_F(Keys, CannotBeRenamed) {
  const KeyInfo key = add(KeyKind::kPassphrase, "one");
  ObjectId other = key.id;
  other.bytes[3] ^= std::byte{1};
  store_.objects[key_object_name(other)] = object(key);
  store_.objects.erase(key_object_name(key.id));
  expect_error(ErrorCode::kWrongPassphrase, [&] { unlock(store_, config_, "one"); });
}

TEST_F(Keys, AreFoundAmongDamagedOnes) {
  object(add(KeyKind::kPassphrase, "one")).resize(20);
  store_.objects["keys/not-a-key"] = {};
  store_.objects["keys/" + std::string(32, '0')] = Bytes(1 << 20);
  const auto error = error_of([&] { unlock(store_, config_, "two"); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(ErrorCode::kDamagedKey, error->code());
  EXPECT_NE(std::string::npos, error->happened().find("keys/" + std::string(32, '0')));
  add(KeyKind::kPassphrase, "two");
  EXPECT_TRUE(opens("two"));
  EXPECT_EQ(1u, list_keys(store_).size());
}

TEST_F(Keys, WithImpossibleParametersAreDamagedAndCostNothing) {
  const KeyInfo key = add(KeyKind::kPassphrase, "one");
  std::string text(as_text(object(key)));
  const std::string memory = "\"memory_bytes\":8388608";
  for (const std::string value : {"18446744073709551615", "0", "1", "\"8388608\"", "-1", "1e30"}) {
    std::string changed = text;
    changed.replace(changed.find(memory), memory.size(), "\"memory_bytes\":" + value);
    const ByteView bytes = as_bytes(changed);
    object(key) = Bytes(bytes.begin(), bytes.end());
    SCOPED_TRACE(value);
    expect_error(ErrorCode::kDamagedKey, [&] { unlock(store_, config_, "one"); });
  }
}

TEST_F(Keys, ThatAreHostileJsonAreDamaged) {
  const std::string box = std::string(96, 'A') + "\n";
  for (const std::string& header :
       {std::string("{}"), std::string(), std::string("null"), std::string(10'000, '['),
        std::string(10'000, '{'), std::string("{\"format\":1e400}"), std::string("\xff\xff\xff"),
        std::string("{\"format\":1,\"algorithm\":[]}"), std::string(1, '\0')}) {
    const std::string text = header + "\n" + box;
    SCOPED_TRACE(text.substr(0, 100));
    expect_error(ErrorCode::kDamagedKey, [&] { parse_key_object({}, as_bytes(text)); });
  }
}

TEST_F(Keys, OfAnotherRepositoryInTheSamePlaceAreIgnored) {
  Config other = config_;
  other.id.bytes[0] = std::byte{2};
  other.encrypted = false;
  add_key(store_, other, master_, KeyKind::kOpen, {}, "left over", kNow);
  add(KeyKind::kPassphrase, "one");
  EXPECT_TRUE(opens("one"));
  EXPECT_EQ(1u, list_keys(store_).size());
}

TEST_F(Keys, OfAnUnencryptedRepositoryOpenWithoutASecretAndDetectDamage) {
  make_config(false);
  const KeyInfo key = add(KeyKind::kOpen, {});
  EXPECT_TRUE(unlock(store_, config_, std::nullopt).master == master_);
  EXPECT_TRUE(unlock(store_, config_, "").master == master_);
  expect_error(ErrorCode::kEncryptionMismatch, [&] { unlock(store_, config_, "one"); });
  const Bytes intact = object(key);
  for (std::size_t bit = 0; bit < intact.size() * 8; ++bit) {
    object(key) = intact;
    object(key)[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    SCOPED_TRACE(bit);
    expect_error(ErrorCode::kDamagedKey, [&] { unlock(store_, config_, std::nullopt); });
  }
}

TEST_F(Keys, ThatAttackersPutInPlaceWithoutASecretAreRefused) {
  add(KeyKind::kPassphrase, "one");
  Config open = config_;
  open.encrypted = false;
  const codec::SecretKey known_to_attacker = codec::SecretKey::random();
  const KeyInfo planted =
      add_key(store_, open, known_to_attacker, KeyKind::kOpen, {}, "planted", kNow);
  // Beside the genuine config …
  expect_error(ErrorCode::kEncryptionMismatch, [&] { unlock(store_, config_, "one"); });
  // … or with a config to match, which a user with a passphrase does not accept.
  store_.objects["config"] = serialize(open);
  expect_error(ErrorCode::kEncryptionMismatch, [&] { unlock(store_, open, "one"); });
  EXPECT_TRUE(unlock(store_, open, std::nullopt).key.id == planted.id);
}

TEST_F(Keys, ThatDoNotFitTheRepositoryAreNotAdded) {
  expect_error(ErrorCode::kEncryptionMismatch, [&] { add(KeyKind::kOpen, {}); });
  expect_error(ErrorCode::kUsage, [&] { add(KeyKind::kPassphrase, ""); });
  expect_error(ErrorCode::kUsage, [&] { add(KeyKind::kRecovery, "not a code"); });
  expect_error(ErrorCode::kUsage, [&] { add(KeyKind::kPassphrase, "one", ""); });
  expect_error(ErrorCode::kUsage, [&] { add(KeyKind::kPassphrase, "one", "a\nb"); });
  expect_error(ErrorCode::kUsage, [&] { add(KeyKind::kPassphrase, "one", "\xff"); });
  make_config(false);
  expect_error(ErrorCode::kEncryptionMismatch, [&] { add(KeyKind::kPassphrase, "one"); });
  EXPECT_EQ(1u, store_.objects.size());
}

TEST_F(Keys, AreNotAddedWithoutEnd) {
  for (std::size_t i = 0; i < kMostKeys; ++i) {
    ObjectId id;
    id.bytes[0] = static_cast<std::byte>(i);
    store_.objects[key_object_name(id)] = {};
  }
  expect_error(ErrorCode::kUsage, [&] { add(KeyKind::kPassphrase, "one"); });
}

TEST_F(Keys, ThatVanishWhileTheyAreReadAreSkipped) {
  const KeyInfo first = add(KeyKind::kPassphrase, "one");
  add(KeyKind::kPassphrase, "two");
  store_.before_get = [&](std::string_view name) {
    if (name == key_object_name(first.id)) store_.objects.erase(key_object_name(first.id));
  };
  EXPECT_TRUE(opens("two"));
}

TEST_F(Keys, WithoutAnyObjectTheRepositoryIsSaidToBeDamaged) {
  expect_error(ErrorCode::kDamagedKey, [&] { unlock(store_, config_, "one"); });
  make_config(false);
  expect_error(ErrorCode::kDamagedKey, [&] { unlock(store_, config_, std::nullopt); });
}

}  // namespace
}  // namespace holdfast::repository
