#include "engine/records/record_mapping.h"

#include <gtest/gtest.h>

#include <bit>
#include <functional>
#include <limits>
#include <random>

#include "base/error.h"

namespace holdfast::engine {
namespace {

using namespace std::string_literals;

TableFacts videos() {
  return {.table = "videos",
          .columns = {{.name = "video_id", .kind = ColumnKind::kText},
                      {.name = "title", .kind = ColumnKind::kText},
                      {.name = "stats_total", .kind = ColumnKind::kInteger},
                      {.name = "counts_data", .kind = ColumnKind::kText},
                      {.name = "score", .kind = ColumnKind::kReal},
                      {.name = "anything", .kind = ColumnKind::kAny},
                      {.name = "active", .kind = ColumnKind::kBoolean}},
          .primary_key = {"video_id"}};
}

Collection video_collection() {
  return {.name = "videos",
          .database = "app",
          .table = "videos",
          .key = {},
          .fields = {{.path = {"stats", "total"}, .column = "stats_total"},
                     {.path = {"counts"}, .column = "counts_data", .json = true}},
          .children = {},
          .cascades = {},
          .create = {},
          .route = {},
          .alias_prefix = {}};
}

RecordMapping video_mapping() { return RecordMapping(videos(), video_collection().fields); }

std::string refusal(const std::function<void()>& action,
                    ErrorCode code = ErrorCode::kRecordInvalid) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.happened();
    return error.happened();
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

void expect_round_trip(const Value& value, ColumnKind kind, const std::string& text) {
  const Record json = value_to_json(value, kind);
  EXPECT_EQ(record_text(json), text);
  const Value back = value_from_json(parse_record_json(record_text(json)), kind, "x");
  EXPECT_TRUE(is_identical(back, value)) << text;
}

TEST(RecordMapping, PutsFieldsIntoTheColumnsThatTheConfigurationNames) {
  const Record record = parse_record_json(
      R"({"video_id":"a","title":"T","stats":{"total":3},"counts":{"b":[1,2]},"active":true})");
  const PartialRow row = video_mapping().to_row(record);
  EXPECT_EQ(row[0], Value("a"s));
  EXPECT_EQ(row[2], Value(std::int64_t{3}));
  EXPECT_EQ(row[3], Value(R"({"b":[1,2]})"s));
  EXPECT_FALSE(row[4].has_value());
  EXPECT_EQ(row[6], Value(std::int64_t{1}));
}

TEST(RecordMapping, MakesTheRecordOfARowAgain) {
  const std::vector<Value> row{
      "a"s, "T"s, std::int64_t{3}, R"({"b":1})"s, 0.5, Bytes{std::byte{255}}, std::int64_t{0}};
  EXPECT_EQ(record_text(video_mapping().to_record(row)),
            R"({"active":false,"anything":{"$blob":"/w=="},"counts":{"b":1},"score":0.5,)"
            R"("stats":{"total":3},"title":"T","video_id":"a"})");
  const PartialRow back = video_mapping().to_row(video_mapping().to_record(row));
  for (std::size_t i = 0; i < row.size(); ++i) EXPECT_TRUE(is_identical(*back[i], row[i])) << i;
}

TEST(RecordMapping, NamesTheFieldThatHasNoColumn) {
  EXPECT_NE(
      refusal([] { video_mapping().to_row({{"stats", {{"other", 1}}}}); }).find("stats.other"),
      std::string::npos);
}

TEST(RecordMapping, RefusesFieldsThatAreInEachOthersWay) {
  const std::vector<FieldMapping> fields{{.path = {"title", "short"}, .column = "stats_total"}};
  refusal([&] { RecordMapping(videos(), fields); }, ErrorCode::kConfiguration);
}

TEST(RecordMapping, RefusesAFieldWhoseColumnIsNotThere) {
  const std::vector<FieldMapping> fields{{.path = {"x"}, .column = "no_such"}};
  EXPECT_NE(
      refusal([&] { RecordMapping(videos(), fields); }, ErrorCode::kConfiguration).find("no_such"),
      std::string::npos);
}

TEST(RecordValues, ComeBackWithAllTheirBits) {
  const std::int64_t beyond = (std::int64_t{1} << 53) + 1;
  expect_round_trip({}, ColumnKind::kText, "null");
  expect_round_trip(beyond, ColumnKind::kInteger, "9007199254740993");
  expect_round_trip(std::numeric_limits<std::int64_t>::min(), ColumnKind::kInteger,
                    "-9223372036854775808");
  expect_round_trip(1.0, ColumnKind::kReal, "1.0");
  expect_round_trip(-0.0, ColumnKind::kReal, "-0.0");
  expect_round_trip(5e-324, ColumnKind::kReal, "5e-324");
  expect_round_trip(std::numeric_limits<double>::infinity(), ColumnKind::kReal,
                    R"({"$number":"Infinity"})");
  expect_round_trip(-std::numeric_limits<double>::infinity(), ColumnKind::kReal,
                    R"({"$number":"-Infinity"})");
  expect_round_trip(std::numeric_limits<double>::quiet_NaN(), ColumnKind::kReal,
                    R"({"$number":"NaN"})");
  expect_round_trip("a\0b"s, ColumnKind::kText, R"("a\u0000b")");
  expect_round_trip("\xff"s, ColumnKind::kText, R"({"$text":"/w=="})");
  expect_round_trip("\xed\xa0\x80"s, ColumnKind::kText, R"({"$text":"7aCA"})");
  expect_round_trip(Bytes{}, ColumnKind::kBlob, R"({"$blob":""})");
  expect_round_trip("five"s, ColumnKind::kInteger, R"({"$text":"Zml2ZQ=="})");
}

TEST(RecordValues, KeepEveryDoubleByItsBits) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (value != value) continue;
    const std::string text = record_text(value_to_json(value, ColumnKind::kReal));
    const Value back = value_from_json(parse_record_json(text), ColumnKind::kReal, "x");
    ASSERT_TRUE(is_identical(back, value)) << text;
  }
}

TEST(RecordValues, KeepDocumentsThatLookLikeTagsApartFromTags) {
  expect_round_trip(R"({"$blob":"AA=="})"s, ColumnKind::kJson, R"({"$value":{"$blob":"AA=="}})");
  expect_round_trip(R"({"$value":1})"s, ColumnKind::kJson, R"({"$value":{"$value":1}})");
  expect_round_trip(R"({"$a":1,"$b":2})"s, ColumnKind::kJson, R"({"$a":1,"$b":2})");
  expect_round_trip("null"s, ColumnKind::kJson, R"({"$value":null})");
  expect_round_trip({}, ColumnKind::kJson, "null");
}

TEST(RecordValues, KeepWhatIsNoDocumentInAColumnOfDocuments) {
  expect_round_trip("not json"s, ColumnKind::kJson, R"({"$raw":"not json"})");
  expect_round_trip(R"({"a":1,"a":2})"s, ColumnKind::kJson, R"({"$raw":"{\"a\":1,\"a\":2}"})");
  expect_round_trip("123456789012345678901234567890"s, ColumnKind::kJson,
                    R"({"$raw":"123456789012345678901234567890"})");
  expect_round_trip(Bytes{std::byte{0}}, ColumnKind::kJson, R"({"$raw":{"$blob":"AA=="}})");
}

TEST(RecordValues, RefuseWhatTheColumnWouldMakeSomethingElseOf) {
  refusal([] { value_from_json("5", ColumnKind::kInteger, "x"); });
  refusal([] { value_from_json("5e1", ColumnKind::kNumeric, "x"); });
  refusal([] { value_from_json(5, ColumnKind::kText, "x"); });
  refusal([] { value_from_json(true, ColumnKind::kText, "x"); });
  refusal([] { value_from_json(18446744073709551615ull, ColumnKind::kInteger, "x"); });
  refusal([] { value_from_json(Record::array({1}), ColumnKind::kText, "x"); });
  refusal([] { value_from_json({{"$blob", "!"}}, ColumnKind::kBlob, "x"); });
  refusal([] { value_from_json({{"$unknown", 1}}, ColumnKind::kJson, "x"); });
  EXPECT_EQ(value_from_json("2026-01-01", ColumnKind::kNumeric, "x"), Value("2026-01-01"s));
}

TEST(RecordJson, RefusesWhatIsHostile) {
  EXPECT_NE(refusal([] { parse_record_json(R"({"a":{"b":1,"b":2}})"); }).find("\"b\""),
            std::string::npos);
  refusal([] { parse_record_json(std::string(100'000, '[')); });
  refusal([] { parse_record_json("18446744073709551616"); });
  refusal([] { parse_record_json("1e400"); });
  refusal([] { parse_record_json("\"\xff\""); });
  refusal([] { parse_record_json(R"({"a":1} x)"); });
  refusal([] { parse_record_json(""); });
  refusal([] { parse_record_json("NaN"); });
  EXPECT_EQ(parse_record_json("18446744073709551615").get<std::uint64_t>(),
            18446744073709551615ull);
}

TEST(RecordJson, TakesADocumentOfTheDeepestLevelAndNoneDeeper) {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  EXPECT_EQ(record_text(parse_record_json(nested(128))), nested(128));
  refusal([&] { parse_record_json(nested(129)); });
}

TEST(RecordJson, WritesTheSameBytesWhateverTheOrderOfTheFields) {
  EXPECT_EQ(record_text(parse_record_json(R"({"b":1, "a":{"d":2,"c":3}})")),
            R"({"a":{"c":3,"d":2},"b":1})");
}

RecordLayout layout_of_kind(ColumnKind kind, Collection collection = {}) {
  const TableFacts table{
      .table = "t", .columns = {{.name = "k", .kind = kind}}, .primary_key = {"k"}};
  return lay_out(collection, table, {});
}

TEST(RecordId, IsTheKeyItselfWhereNothingElseCouldBeMeant) {
  const auto id = [](const Value& value, ColumnKind kind) {
    const RecordLayout layout = layout_of_kind(kind);
    const std::string text = record_id(std::vector{value}, layout);
    EXPECT_TRUE(is_identical(key_from_id(text, layout)[0], value)) << text;
    return text;
  };
  EXPECT_EQ(id("12345678901"s, ColumnKind::kText), "12345678901");
  EXPECT_EQ(id("a b"s, ColumnKind::kText), "a b");
  EXPECT_EQ(id("\"a\""s, ColumnKind::kText), R"("\"a\"")");
  EXPECT_EQ(id(std::int64_t{7}, ColumnKind::kInteger), "7");
  EXPECT_EQ(id(std::int64_t{7}, ColumnKind::kAny), "7");
  EXPECT_EQ(id("7"s, ColumnKind::kAny), R"("7")");
  EXPECT_EQ(id(Bytes{std::byte{0}}, ColumnKind::kAny), R"({"$blob":"AA=="})");
  EXPECT_EQ(id(R"({"$blob":"AA=="})"s, ColumnKind::kText), R"("{\"$blob\":\"AA==\"}")");
}

TEST(RecordId, OfSeveralColumnsIsAList) {
  const TableFacts table{.table = "t",
                         .columns = {{.name = "a", .kind = ColumnKind::kText},
                                     {.name = "b", .kind = ColumnKind::kInteger}},
                         .primary_key = {"a", "b"}};
  const RecordLayout layout = lay_out({}, table, {});
  const std::vector<Value> key{"x"s, std::int64_t{1}};
  EXPECT_EQ(record_id(key, layout), R"(["x",1])");
  EXPECT_EQ(key_from_id(R"(["x", 1])", layout), key);
  refusal([&] { key_from_id(R"(["x"])", layout); });
}

TEST(RecordId, MayBeGivenWithAnAlias) {
  Collection bare;
  bare.alias_prefix = "yt:";
  EXPECT_EQ(key_from_id("yt:abc", layout_of_kind(ColumnKind::kText, bare))[0], Value("abc"s));
  EXPECT_EQ(key_from_id("abc", layout_of_kind(ColumnKind::kText, bare))[0], Value("abc"s));
  Collection stored = bare;
  stored.alias_stored = true;
  EXPECT_EQ(key_from_id("yt:abc", layout_of_kind(ColumnKind::kText, stored))[0], Value("yt:abc"s));
  EXPECT_EQ(key_from_id("abc", layout_of_kind(ColumnKind::kText, stored))[0], Value("yt:abc"s));
}

TEST(RecordLayout, NeedsAKey) {
  const TableFacts table{.table = "t", .columns = {{.name = "a"}}, .primary_key = {}};
  refusal([&] { lay_out({}, table, {}); }, ErrorCode::kConfiguration);
}

TEST(FieldPath, MayHoldDotsThatAreEscaped) {
  EXPECT_EQ(parse_field_path("a.b"), (FieldPath{"a", "b"}));
  EXPECT_EQ(parse_field_path("a\\.b"), FieldPath{"a.b"});
  EXPECT_EQ(field_path_text({"a.b", "c"}), "a\\.b.c");
}

}  // namespace
}  // namespace holdfast::engine
