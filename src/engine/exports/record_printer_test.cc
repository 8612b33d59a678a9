#include "engine/exports/record_printer.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "engine/exports/document_text.h"
#include "engine/exports/json_text.h"
#include "engine/records/record_database.h"
#include "sqlite/row_store.h"
#include "sqlite/test_database.h"
#include "sqlite/view_reader.h"

namespace holdfast::engine {
namespace {

constexpr std::uint64_t kFirstSeed = 20261121;
constexpr std::array kKinds = {ColumnKind::kAny,     ColumnKind::kInteger, ColumnKind::kReal,
                               ColumnKind::kNumeric, ColumnKind::kText,    ColumnKind::kBlob,
                               ColumnKind::kBoolean, ColumnKind::kJson};

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t end) { return engine_() % end; }
  std::uint64_t bits() { return engine_(); }
  bool once_in(std::uint64_t times) { return below(times) == 0; }

 private:
  std::mt19937_64 engine_;
};

std::string random_text(Chance& chance) {
  static const std::vector<std::string> kParts = {
      "a",
      "plain text that is longer than a word of the machine",
      "\"",
      "\\",
      "\n",
      "\t",
      "\b",
      "\f",
      "\r",
      std::string(1, '\0'),
      "\x01",
      "\x1f",
      "\x7f",
      "ü",
      "€",
      "𝄞",
      "{\"$",
      "null",
      "[",
      "/",
      "<script>",
      "\xed\xa0\x80",
      "\xff",
      "\xc0\xaf",
      "\xe2\x82",
      "\xf4\x90\x80\x80",
      "12",
      "-0",
      "1e5",
      " ",
      "0123456789abcdef0123456789abcdef"};
  std::string text;
  const bool clean = !chance.once_in(4);
  for (std::uint64_t n = chance.below(8); n > 0; --n) {
    text += kParts[chance.below(clean ? 21 : kParts.size())];
  }
  return text;
}

double random_real(Chance& chance) {
  switch (chance.below(6)) {
    case 0:
      return std::bit_cast<double>(chance.bits());
    case 1:
      return static_cast<double>(static_cast<std::int64_t>(chance.bits())) / 1000;
    case 2:
      return -0.0;
    case 3:
      return std::numeric_limits<double>::infinity();
    case 4:
      return std::numeric_limits<double>::denorm_min() * static_cast<double>(chance.below(9));
    default:
      return static_cast<double>(chance.below(2000)) / 100;
  }
}

std::string blanks(Chance& chance) {
  static const std::vector<std::string> kBlanks = {"", "", "", " ", "\n", "\t\r ", "\v"};
  return kBlanks[chance.below(chance.once_in(50) ? 7 : 6)];
}

std::string random_string_literal(Chance& chance) {
  static const std::vector<std::string> kParts = {"a",
                                                  "field",
                                                  "ü",
                                                  "€",
                                                  "𝄞",
                                                  "\\n",
                                                  "\\/",
                                                  "\\\"",
                                                  "\\\\",
                                                  "\\b",
                                                  "\\u00e9",
                                                  "\\u0041",
                                                  "\\ud834\\udd1e",
                                                  "\\u0000",
                                                  "\\u001F",
                                                  "$blob",
                                                  "\x7f",
                                                  "\\ud834",
                                                  "\\udd1e",
                                                  "\\x",
                                                  "\x01",
                                                  "\xff",
                                                  "\\u12",
                                                  "\\u+123"};
  std::string text = "\"";
  for (std::uint64_t n = chance.below(5); n > 0; --n) {
    text += kParts[chance.below(chance.once_in(30) ? kParts.size() : 17)];
  }
  return text + "\"";
}

std::string random_document(Chance& chance, int depth) {
  static const std::vector<std::string> kScalars = {"0",
                                                    "-0",
                                                    "7",
                                                    "-12",
                                                    "9007199254740993",
                                                    "9223372036854775807",
                                                    "18446744073709551615",
                                                    "-9223372036854775808",
                                                    "123456789012345678901234567890",
                                                    "1.5",
                                                    "1.0",
                                                    "1e3",
                                                    "1E+2",
                                                    "-0.0",
                                                    "1e-400",
                                                    "5e-324",
                                                    "0.1e1",
                                                    "1e15",
                                                    "123456789.123456789",
                                                    "true",
                                                    "false",
                                                    "null",
                                                    "1e400",
                                                    "01",
                                                    "1.",
                                                    ".5",
                                                    "+1",
                                                    "tru",
                                                    "nul",
                                                    "-",
                                                    "1e",
                                                    "NaN",
                                                    ""};
  if (depth > 4 || chance.once_in(3)) {
    if (chance.once_in(2)) return random_string_literal(chance);
    return kScalars[chance.below(chance.once_in(30) ? kScalars.size() : 22)];
  }
  const bool object = chance.once_in(2);
  std::string text = object ? "{" : "[";
  const std::uint64_t count = chance.below(5);
  for (std::uint64_t i = 0; i < count; ++i) {
    text += (i > 0 ? "," : "") + blanks(chance);
    if (object) text += random_string_literal(chance) + blanks(chance) + ":" + blanks(chance);
    text += random_document(chance, depth + 1) + blanks(chance);
  }
  if (chance.once_in(200)) text += ",";
  return text + (object ? "}" : "]");
}

Value random_value(Chance& chance, ColumnKind kind) {
  if (kind == ColumnKind::kJson && !chance.once_in(6)) {
    return blanks(chance) + random_document(chance, 0) + blanks(chance) +
           (chance.once_in(60) ? std::string(1, '\0') : "");
  }
  switch (chance.below(5)) {
    case 0:
      return {};
    case 1:
      return static_cast<std::int64_t>(chance.once_in(2) ? chance.bits() : chance.below(3));
    case 2:
      return random_real(chance);
    case 3:
      return random_text(chance);
    default:
      Bytes bytes(chance.below(20));
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(chance.bits());
      return bytes;
  }
}

TEST(JsonText, IsWhatTheRecordHasOfTheSameValue) {
  for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + 40'000; ++seed) {
    Chance chance(seed);
    const ColumnKind kind = kKinds[chance.below(kKinds.size())];
    const Value value = random_value(chance, kind);
    std::string text = "before";
    append_json_value(cell_of(value), kind, text);
    ASSERT_EQ("before" + record_text(value_to_json(value, kind)), text)
        << "seed " << seed << ", kind " << static_cast<int>(kind);
  }
}

TEST(JsonText, TakesTheShortWayForOrdinaryDocuments) {
  // Otherwise the test above would show nothing about it.
  for (const char* document :
       {R"({"b": [1, 2.50, "x\u00e9"], "a": {"z": null, "y": true}})", R"(  [ ] )", R"("text")",
        R"({"$a": 1, "$b": 2})", R"({"deep": {"$blob": "x"}})", "12"}) {
    std::string text;
    EXPECT_TRUE(append_document(document, text)) << document;
    EXPECT_EQ(record_text(value_to_json(std::string(document), ColumnKind::kJson)), text);
  }
  for (const char* unusual : {"null", R"({"$blob": "x"})", R"({"a": 1, "a": 2})", "{", "1 2"}) {
    std::string text;
    EXPECT_FALSE(append_document(unusual, text)) << unusual;
    EXPECT_EQ("", text);
  }
}

TEST(JsonText, Base64IsThatOfRecordsWhateverTheLength) {
  Chance chance(kFirstSeed);
  for (std::size_t size = 0; size < 200; ++size) {
    std::string bytes(size, '?');
    for (char& c : bytes) c = static_cast<char>(chance.bits());
    std::string text;
    append_base64(bytes, text);
    ASSERT_EQ(to_base64(as_bytes(bytes)), text) << "seed " << kFirstSeed << ", size " << size;
  }
}

TEST(JsonText, FindsSpecialBytesWhereverTheyStand) {
  for (std::size_t size = 0; size < 80; ++size) {
    for (std::size_t at = 0; at <= size; ++at) {
      for (const char special : {'"', '\\', '\x1f', '\0', '\x80', '\xff'}) {
        std::string text(size, ' ');
        if (at < size) text[at] = special;
        ASSERT_EQ(at, plain_length(text.data(), text.data() + size)) << size;
      }
    }
  }
}

class RecordPrinterTest : public testing::Test {
 protected:
  RecordPrinterTest() {
    sqlite::run_sql(path, R"(
        CREATE TABLE video (a, "stats.x", stats_total INTEGER, "quoted ""name" TEXT, b REAL,
          active BOOLEAN, facts TEXT, blob BLOB, k1 TEXT, k2, n NUMERIC, j JSON,
          PRIMARY KEY (k1, k2)) WITHOUT ROWID;
        CREATE TABLE summary (id INTEGER PRIMARY KEY, v1 TEXT, v2, variant TEXT, revision INT,
          html TEXT);
        CREATE TABLE tag (k1 TEXT, k2, tag))");
    collection.name = collection.table = "video";
    collection.fields = {{.path = {"stats", "total"}, .column = "stats_total"},
                         {.path = {"stats", "average"}, .column = "b"},
                         {.path = {"facts"}, .column = "facts", .json = true}};
    collection.children = {{.name = "summaries",
                            .table = "summary",
                            .parent = {"v1", "v2"},
                            .references = {},
                            .variant = "variant",
                            .revision = "revision",
                            .fields = {},
                            .create = {}},
                           {.name = "Tags",
                            .table = "tag",
                            .parent = {"k1", "k2"},
                            .references = {},
                            .variant = {},
                            .revision = {},
                            .fields = {},
                            .create = {}}};
  }

  env::TemporaryDirectory directory;
  const std::filesystem::path path = directory / "app.db";
  Collection collection;
};

TEST_F(RecordPrinterTest, PrintsWhatTheRecordDatabaseGets) {
  Chance chance(kFirstSeed);
  {
    sqlite::RowStore store(path, {});
    const auto facts = store.table("video");
    std::vector<std::string> names;
    for (const ColumnFacts& column : facts->columns) names.push_back(column.name);
    store.begin();
    for (std::int64_t i = 0; i < 300; ++i) {
      Row row;
      for (const ColumnFacts& column : facts->columns) {
        Value value =
            random_value(chance, column.name == "facts" ? ColumnKind::kJson : column.kind);
        const auto* real = std::get_if<double>(&value);
        if (real != nullptr && std::isnan(*real)) value = {};
        if (column.name == "k1") value = "key " + std::to_string(i / 3);
        if (column.name == "k2") value = i;
        row.push_back(value);
      }
      store.insert("video", names, row, {});
      const Row key = {"key " + std::to_string(i / 3), i};
      if (chance.once_in(2)) {
        store.insert("tag", {"k1", "k2", "tag"}, Row{key[0], key[1], random_text(chance)}, {});
        store.insert("summary", {"v1", "v2", "variant", "revision", "html"},
                     Row{key[0], key[1], std::string("short"), std::int64_t{2}, std::string("new")},
                     {});
        store.insert("summary", {"v1", "v2", "variant", "revision", "html"},
                     Row{key[0], key[1], std::string("short"), std::int64_t{1}, std::string("old")},
                     {});
      }
    }
    store.commit();
  }
  sqlite::ViewReader reader(path, std::chrono::milliseconds(0));
  const RecordLayout layout = read_layout(reader, collection);
  RecordPrinter printer(layout, reader);
  const std::vector<Collection> collections = {collection};
  RecordDatabase database(std::make_unique<sqlite::RowStore>(path, sqlite::RowStoreOptions{}),
                          collections);
  const auto scan = reader.scan(printer.query());
  std::size_t count = 0;
  for (; scan->next(); ++count) {
    std::string id, text;
    printer.append_id(scan->row(), id);
    printer.append_record(scan->row(), text);
    const auto record = database.get("video", parse_record_json(id).get<std::string>());
    ASSERT_TRUE(record) << id << ", seed " << kFirstSeed;
    ASSERT_EQ(record_text(*record), text) << id << ", seed " << kFirstSeed;
  }
  EXPECT_EQ(300u, count);
}

TEST_F(RecordPrinterTest, GivesEachKeyTheIdThatRecordsHave) {
  for (const ColumnKind kind : kKinds) {
    const TableFacts facts{.table = "t",
                           .columns = {{.name = "id", .kind = kind}},
                           .primary_key = {"id"},
                           .numbers_rows = false,
                           .has_triggers = false};
    Collection plain;
    plain.name = plain.table = "t";
    const RecordLayout layout = lay_out(plain, facts, {});
    sqlite::ViewReader reader(path, std::chrono::milliseconds(0));
    const RecordPrinter printer(layout, reader);
    for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + 2'000; ++seed) {
      Chance chance(seed);
      const Value key = random_value(chance, ColumnKind::kAny);
      const Cell cell = cell_of(key);
      std::string id;
      printer.append_id(std::span(&cell, 1), id);
      ASSERT_EQ(record_text(record_id(std::span(&key, 1), layout)), id) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace holdfast::engine
