#include "engine/diff/diff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "engine/diff/page_diff.h"
#include "engine/test_protection.h"
#include "engine/test_timeline.h"

namespace holdfast::engine {
namespace {

using sqlite::RowChange;

// Which rows were told, and how.
class Told final : public sqlite::DifferenceSink {
 public:
  void schema(const sqlite::SchemaDifference& difference) override {
    lines.push_back("schema " + difference.name);
  }
  void row(const sqlite::ComparedTable& table, const sqlite::RowDifference& row) override {
    lines.push_back(fmt::format("{} {} {} {}", static_cast<int>(row.change), table.name,
                                std::get<std::int64_t>(row.key.front()), row.after.size()));
  }
  void finished(const sqlite::ComparedTable&, const sqlite::RowCounts&) override {}

  std::vector<std::string> lines;
};

class DiffTest : public testing::Test {
 protected:
  DiffTest() {
    at.sql("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB); CREATE TABLE note (text);" +
           rows_sql(400, 9000));
  }
  DiffRequest request() const {
    DiffRequest request;
    request.scratch = at.directory / "scratch";
    request.threads = 2;
    return request;
  }
  DiffSide snapshot() {
    DiffSide side;
    side.state = *at.back_up().snapshot.database(Protection::kName);
    return side;
  }
  DiffSide standing() const {
    DiffSide side;
    side.file = at.database();
    return side;
  }
  std::vector<std::string> difference(const DiffSide& before, const DiffSide& after) {
    Told told;
    diff(&at.repository, env::posix_file_system(), before, after, request(), told, no_progress());
    return told.lines;
  }
  std::optional<std::vector<std::string>> quick_difference(const DiffSide& before,
                                                           const DiffSide& after) {
    Told told;
    const auto summary =
        diff_by_pages(at.repository, before, after, request(), told, no_progress());
    return summary ? std::optional(told.lines) : std::nullopt;
  }
  // By copies of both, whose pages are compared byte by byte.
  std::vector<std::string> slow_difference(const DiffSide& before, const DiffSide& after) {
    const auto file_of = [&](const DiffSide& side, const char* name) {
      DiffSide copy;
      copy.file = at.directory / name;
      std::filesystem::remove(copy.file);
      if (side.state) {
        restore_copy(at.repository, env::posix_file_system(), *side.state, copy.file, 2,
                     no_progress());
      } else {
        copy.file = side.file;
      }
      return copy;
    };
    return difference(file_of(before, "one.db"), file_of(after, "other.db"));
  }

  Protection at;
};

TEST_F(DiffTest, TellsWhatChangedBetweenTwoSnapshotsWithoutRestoringThem) {
  const DiffSide before = snapshot();
  at.sql(
      "UPDATE record SET body = x'00' WHERE id = 7; DELETE FROM record WHERE id = 300;"
      "INSERT INTO note VALUES ('a')");
  const DiffSide after = snapshot();
  const std::vector<std::string> wanted{"0 note 1 1", "1 record 7 2", "2 record 300 0"};
  EXPECT_EQ(quick_difference(before, after), wanted);
  EXPECT_EQ(difference(before, after), wanted);
  EXPECT_EQ(quick_difference(before, standing()), wanted);
  EXPECT_FALSE(std::filesystem::exists(at.directory / "scratch"));
}

TEST_F(DiffTest, RestoresWhereATableMustBeReadWhole) {
  const DiffSide before = snapshot();
  at.sql("ALTER TABLE record ADD COLUMN more; UPDATE record SET more = 1, body = 2 WHERE id = 9");
  EXPECT_EQ(quick_difference(before, standing()), std::nullopt);
  EXPECT_EQ(difference(before, standing()),
            (std::vector<std::string>{"schema record", "1 record 9 2"}));
  at.sql("PRAGMA journal_mode = DELETE; PRAGMA page_size = 1024; VACUUM");
  EXPECT_EQ(difference(before, snapshot()),
            (std::vector<std::string>{"schema record", "1 record 9 2"}));
  EXPECT_TRUE(std::filesystem::is_empty(at.directory / "scratch"));
}

TEST_F(DiffTest, TellsTheSameAsAComparisonOfCopies) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::vector<DiffSide> states;
  states.push_back(snapshot());
  for (int round = 0; round < 8; ++round) {
    std::string sql;
    for (int i = 0; i < 3; ++i) {
      const std::string id = std::to_string(random() % 450);
      switch (random() % 4) {
        case 0:
          sql += "DELETE FROM record WHERE id = " + id + ";";
          break;
        case 1:
          sql += "REPLACE INTO record VALUES (" + id + ", randomblob(" +
                 std::to_string(random() % 20'000) + "));";
          break;
        case 2:  // of the same size: in place, in overflow pages
          sql += "UPDATE record SET body = substr(body, 1, length(body) - 1) || x'21' WHERE id = " +
                 id + ";";
          break;
        default:
          sql += "INSERT INTO note VALUES (hex(randomblob(" + id + ")));";
      }
    }
    at.sql(sql);
    states.push_back(snapshot());
  }
  states.push_back(standing());
  for (std::size_t i = 0; i < 12; ++i) {
    const DiffSide &a = states[random() % states.size()], &b = states[random() % states.size()];
    EXPECT_EQ(quick_difference(a, b), slow_difference(a, b));
  }
}

TEST_F(DiffTest, TellsMomentsOfATimelineApart) {
  TimelineWriter line{at};
  line.anchor();
  line.commit("UPDATE record SET body = x'01' WHERE id = 3");
  line.commit("DELETE FROM record WHERE id = 4");
  const auto side = [&](std::uint64_t position) {
    DiffSide point;
    point.point = read_point(at.repository, line.path_to(position), Protection::kName);
    return point;
  };
  const auto last = line.images().rbegin()->first;
  EXPECT_EQ(quick_difference(side(last - 2), side(last)),
            (std::vector<std::string>{"1 record 3 2", "2 record 4 0"}));
  EXPECT_EQ(quick_difference(side(last - 1), standing()),
            (std::vector<std::string>{"2 record 4 0"}));
}

TEST_F(DiffTest, SaysWhatTheRepositoryHasLost) {
  const DiffSide before = snapshot();
  at.sql("UPDATE record SET body = x'00' WHERE id = 7");
  for (const auto& object : at.objects("packs/")) at.memory.remove(object);
  EXPECT_EQ(code_of([&] { difference(before, standing()); }), ErrorCode::kMissingObject);
}

}  // namespace
}  // namespace holdfast::engine
