#include <gmock/gmock.h>

#include "cli/progress_line.h"
#include "cli/snapshot_text.h"
#include "cli/table.h"
#include "cli/timeline_text.h"
#include "cli/wording.h"

namespace holdfast::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Wording, SeparatesThousands) {
  EXPECT_EQ("0", with_separators(0));
  EXPECT_EQ("999", with_separators(999));
  EXPECT_EQ("1,000", with_separators(1000));
  EXPECT_EQ("18,446,744,073,709,551,615", with_separators(~std::uint64_t{0}));
}

TEST(Wording, CountsOneAndMany) {
  EXPECT_EQ("1 page", counted(1, "page"));
  EXPECT_EQ("2 pages", counted(2, "page"));
}

TEST(Wording, TellsTimesShortly) {
  EXPECT_EQ("32 ms", format_seconds(0.032));
  EXPECT_EQ("1.4 s", format_seconds(1.44));
  EXPECT_EQ("3 min 20 s", format_seconds(200));
  EXPECT_EQ("2 h 5 min", format_seconds(7500));
  EXPECT_EQ("5 hours", format_days(0.21));
  EXPECT_EQ("12 days", format_days(12.4));
  EXPECT_EQ("3.4 years", format_days(1242));
}

TEST(Wording, KeepsTerminalsFromObeyingContent) {
  EXPECT_EQ("a?[2Jb\nc?d\u00e4", printable("a\x1b[2Jb\nc\u009bd\u00e4"));
}

TEST(Wording, MeasuresColumnsNotBytes) {
  EXPECT_EQ(4u, display_width("naïf"));
  EXPECT_EQ(1u, display_width("e\u0301"));
}

TEST(Table, AlignsItsColumns) {
  Table table({{"Name"}, {"Size", Align::kRight}});
  table.add({"ä", "5"});
  table.add({"longer", "1,000"});
  EXPECT_EQ("Name     Size\nä           5\nlonger  1,000\n", table.text());
}

TEST(Table, LeavesOutEmptyColumns) {
  Table table({{"A"}, {"Tags"}, {"B"}});
  table.add({"1", "", "2"});
  EXPECT_EQ("A  B\n1  2\n", table.text());
}

TEST(ProgressLine, ShowsShareRateAndTimeLeft) {
  const std::string line = progress_line("Reading app", 250'000'000, 1'000'000'000, 1.0, 100);
  EXPECT_THAT(line, HasSubstr("Reading app"));
  EXPECT_THAT(line, HasSubstr(" 25 %"));
  EXPECT_THAT(line, HasSubstr("250 MB/s"));
  EXPECT_THAT(line, HasSubstr("0:03 left"));
  EXPECT_THAT(line, HasSubstr("█"));
}

TEST(ProgressLine, ShowsWhatIsDoneWhereTheTotalIsUnknown) {
  const std::string line = progress_line("Listing", 5000, 0, 1.0, 80);
  EXPECT_THAT(line, HasSubstr("5 kB"));
  EXPECT_THAT(line, Not(HasSubstr("%")));
}

TEST(ProgressLine, AlwaysFitsTheTerminal) {
  for (unsigned width = 1; width < 120; ++width) {
    EXPECT_LT(
        display_width(progress_line("Reading a database with a long name", 5, 10, 2.0, width)),
        width)
        << width;
  }
}

TEST(ProgressLine, NeverShowsMoreThanEverything) {
  EXPECT_THAT(progress_line("Reading", 20, 10, 1.0, 80), HasSubstr("100 %"));
}

repository::Snapshot snapshot() {
  repository::Snapshot result;
  result.name = "app_backup_20261121_032415";
  result.tags = {"daily"};
  repository::DatabaseState state;
  state.name = "app";
  state.page_size = 4096;
  state.page_count = 1000;
  state.tables_counted = true;
  for (int i = 0; i < 30; ++i) {
    state.tables.push_back(
        {.name = "table" + std::to_string(i), .rows = static_cast<std::uint64_t>(i)});
  }
  result.databases = {state};
  return result;
}

TEST(SnapshotText, ListsWhatPeopleChooseBy) {
  const repository::Snapshot one = snapshot();
  const std::vector<NumberedSnapshot> list = {{1, &one}};
  const std::string text = snapshot_table(list, false, false);
  for (const char* part : {"00000000", "app_backup_20261121_032415", "daily", "4.1 MB"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(text, Not(HasSubstr(one.id.hex())));
}

TEST(SnapshotText, MarksDamage) {
  repository::Snapshot one = snapshot();
  one.databases[0].damage = "page 7 is torn";
  EXPECT_EQ("app (damaged)", database_names(one));
  EXPECT_THAT(snapshot_details(one, false), HasSubstr("page 7 is torn"));
}

TEST(SnapshotText, ShowsTheLargestTablesAndAllWhenAsked) {
  const std::string some = snapshot_details(snapshot(), false);
  EXPECT_THAT(some, HasSubstr("table29 "));
  EXPECT_THAT(some, Not(HasSubstr("table1 ")));
  EXPECT_THAT(some, HasSubstr("and 10 smaller"));
  EXPECT_THAT(snapshot_details(snapshot(), true), HasSubstr("table1 "));
}

TEST(TimelineText, DrawsALineWithItsGapAndMarks) {
  using service::TimelineRow;
  using Kind = TimelineRow::Kind;
  const Time began = parse_rfc3339("2026-11-21T03:00:00Z").value();
  const auto after = [&](int minutes) { return began + std::chrono::minutes(minutes); };
  service::TimelineDescription timeline;
  timeline.database = "app";
  timeline.states = 11;
  timeline.newest = {2, 12};
  timeline.newest_time = after(90);
  timeline.rows = {
      {Kind::kReachable, began, after(10), {1, 1}, {1, 10}, 10, ""},
      {Kind::kMark, after(5), after(5), {1, 6}, {1, 6}, 1, "before\x1b deploy"},
      {Kind::kGap, after(10), after(90), {1, 10}, {2, 12}, 0, "nobody followed it"},
      {Kind::kReachable, after(90), after(90), {2, 12}, {2, 12}, 1, ""},
  };
  std::size_t place = 0;
  const std::string text = timeline_text(timeline);
  for (const char* part :
       {"┬  1.1\n", "│  10 states over 10 min 0 s\n", "◆  mark \"before? deploy\" at 1.6\n",
        "┴  1.10\n", "╳  gap of 1 h 20 min: nobody followed it\n", "●  2.12\n",
        "app: 11 states, the newest 2.12 of "}) {
    const auto found = text.find(part, place);
    ASSERT_NE(found, std::string::npos) << part << "\n" << text;
    place = found;
  }
}

}  // namespace
}  // namespace holdfast::cli
