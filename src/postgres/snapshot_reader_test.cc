#include "postgres/snapshot_reader.h"

#include <gtest/gtest.h>

#include "postgres/test_server.h"

namespace holdfast::postgres {
namespace {

TEST(SnapshotReader, ReadsOneStateInTheOrderOfItsKeyWhateverIsWrittenMeanwhile) {
  TestServer& server = TestServer::shared();
  const std::string database = server.new_database();
  server.sql(database,
             "CREATE TABLE t (k text PRIMARY KEY, n numeric);"
             "INSERT INTO t SELECT chr(65 + i % 58) || i, i FROM generate_series(1, 5000) i;"
             "INSERT INTO t VALUES ('large', length(repeat('x', 10))), (repeat('z', 2000), NULL)");
  SnapshotReader reader(Address(server.url(database)), {});
  EXPECT_EQ(reader.table("t")->columns.size(), 2u);
  EXPECT_FALSE(reader.table("u"));
  server.sql(database, "DELETE FROM t; INSERT INTO t VALUES ('new', 1)");
  const RowQuery query{.table = "t",
                       .columns = {"k", "n"},
                       .conditions = {},
                       .order = {{.column = "k", .descending = false}},
                       .limit = {}};
  const auto scan = reader.scan(query);
  std::string last;
  std::size_t rows = 0;
  while (scan->next()) {
    const std::string key(scan->row()[0].bytes);
    EXPECT_LT(last, key);
    EXPECT_NE(key, "new");
    last = key;
    ++rows;
  }
  EXPECT_EQ(rows, 5002u);
  RowQuery one = query;
  one.conditions = {{.column = "k", .is = RowCondition::Is::kEqual, .value = std::string("large")}};
  EXPECT_EQ(reader.select(one).at(0).at(1), Value(std::string("10")));
  const auto found = reader.scan(one);
  EXPECT_TRUE(found->next());
  EXPECT_FALSE(found->next());
  EXPECT_GT(reader.size(), 0u);
}

}  // namespace
}  // namespace holdfast::postgres
