#include "engine/legacy/record_identity.h"

#include <gtest/gtest.h>

#include "base/test_errors.h"

namespace holdfast::engine {
namespace {

const std::string kWrite(32, 'a');

class RecordIdentity : public testing::Test {
 protected:
  std::string id_of(const std::string& said, const Record& record) {
    return identify(said, record, layout).id;
  }

  static Collection notes() {
    Collection collection;
    collection.name = collection.table = "notes";
    return collection;
  }
  const RecordLayout layout =
      lay_out(notes(),
              TableFacts{.table = "notes",
                         .columns = {{.name = "id", .kind = ColumnKind::kInteger},
                                     {.name = "body", .kind = ColumnKind::kText}},
                         .primary_key = {"id"}},
              {});
};

TEST_F(RecordIdentity, AKeyMayBeLeftOutOfTheRecord) {
  EXPECT_EQ(id_of("7", {{"body", "x"}}), "7");
  EXPECT_EQ(id_of("", {{"id", 7}, {"body", "x"}}), "7");
  EXPECT_EQ(code_of([&] { id_of("", {{"body", "x"}}); }), ErrorCode::kRecordInvalid);
}

TEST_F(RecordIdentity, TwoKeysMustBeTheSame) {
  EXPECT_EQ(id_of("7", {{"id", 7}}), "7");
  EXPECT_EQ(code_of([&] { id_of("8", {{"id", 7}}); }), ErrorCode::kRecordInvalid);
}

TEST_F(RecordIdentity, TheIdOfAWriteIsNoKeyBesideTheRecordsOwn) {
  EXPECT_EQ(id_of(kWrite, {{"id", 7}}), "7");
  EXPECT_EQ(id_of(kWrite + "-12", {{"id", 7}}), "7");
  EXPECT_EQ(code_of([&] { id_of(kWrite + "-x", {{"id", 7}}); }), ErrorCode::kRecordInvalid);
  EXPECT_EQ(id_of(kWrite, {{"body", "x"}}), kWrite);
}

TEST_F(RecordIdentity, VersionsAreEqualHoweverTheyAreWritten) {
  EXPECT_EQ(identify("7", {{"body", nullptr}}, layout).version,
            identify("", {{"id", 7}}, layout).version);
  EXPECT_NE(identify("7", {{"body", "x"}}, layout).version,
            identify("7", {{"body", "y"}}, layout).version);
}

}  // namespace
}  // namespace holdfast::engine
