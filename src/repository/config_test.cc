#include "repository/config.h"

#include <gtest/gtest.h>

#include "repository/test_repository.h"

namespace holdfast::repository {
namespace {

Config example() {
  Config config{
      .id = {}, .format = 1, .encrypted = true, .created = time_of("2026-11-21T03:24:15.5Z")};
  config.id.bytes[0] = std::byte{0xab};
  return config;
}

std::string text_of(const Config& config) { return std::string(as_text(serialize(config))); }

std::string with(const std::string& from, const std::string& to) {
  std::string text = text_of(example());
  return text.replace(text.find(from), from.size(), to);
}

TEST(Config, IsWrittenAsTheFormatDocumentSays) {
  EXPECT_EQ(R"({"application":"holdfast","created":"2026-11-21T03:24:15.500000Z","encrypted":true,)"
            R"("format":1,"id":"ab000000000000000000000000000000"})",
            text_of(example()));
}

TEST(Config, ReadsWhatItWrote) {
  const Config config = parse_config(serialize(example()));
  EXPECT_EQ(example().id, config.id);
  EXPECT_EQ(1, config.format);
  EXPECT_TRUE(config.encrypted);
  EXPECT_EQ(example().created, config.created);
}

TEST(Config, OfALaterFormatIsRefusedWhateverElseItHolds) {
  expect_error(ErrorCode::kRepositoryVersion,
               [] { parse_config(as_bytes(R"({"application":"holdfast","format":3})")); });
}

TEST(Config, OfAStoreWithoutExclusiveCreationIsOfFormatTwo) {
  Config config = example();
  config.format = 2;
  config.exclusive_create = false;
  const std::string text = text_of(config);
  EXPECT_EQ(R"({"application":"holdfast","created":"2026-11-21T03:24:15.500000Z","encrypted":true,)"
            R"("exclusive_create":false,"format":2,"id":"ab000000000000000000000000000000"})",
            text);
  EXPECT_FALSE(parse_config(as_bytes(text)).exclusive_create);
  EXPECT_TRUE(parse_config(serialize(example())).exclusive_create);
}

TEST(Config, SaysInOneWayOnlyThatCreationIsExclusive) {
  for (const std::string& text :
       {with(":1,", ":2,"), with("\"format\":1", "\"exclusive_create\":true,\"format\":2"),
        with("\"format\":1", "\"exclusive_create\":false,\"format\":1")}) {
    expect_error(ErrorCode::kDamagedObject, [&] { parse_config(as_bytes(text)); });
  }
}

TEST(Config, RefusesWhatIsNotWrittenAsItWritesItself) {
  for (const std::string& text : {std::string(),
                                  std::string("{"),
                                  std::string("[]"),
                                  std::string("null"),
                                  std::string("1e999"),
                                  std::string("{}"),
                                  std::string("\xff\xfe"),
                                  std::string(5000, ' '),
                                  std::string(4000, '['),
                                  with("{", "{ "),
                                  with("true", "1"),
                                  with("true", "\"true\""),
                                  with("ab0", "AB0"),
                                  with("ab0", "ab"),
                                  with(":1,", ":0,"),
                                  with(":1,", ":-1,"),
                                  with(":1,", ":1.0,"),
                                  with(":1,", ":99999999999999999999999,"),
                                  with(":1,", ":null,"),
                                  with("2026", "0x26"),
                                  with("holdfast", "restic"),
                                  with("}", ",\"more\":1}"),
                                  text_of(example()) + "\n"}) {
    SCOPED_TRACE(text.substr(0, 200));
    expect_error(ErrorCode::kDamagedObject, [&] { parse_config(as_bytes(text)); });
  }
}

TEST(Config, IsReadFromTheStore) {
  MapStore store;
  expect_error(ErrorCode::kRepositoryMissing, [&] { read_config(store); });
  store.put("config", serialize(example()), {});
  EXPECT_EQ(example().id, read_config(store).id);
  store.objects["config"] = Bytes(1 << 20);
  expect_error(ErrorCode::kDamagedObject, [&] { read_config(store); });
}

}  // namespace
}  // namespace holdfast::repository
