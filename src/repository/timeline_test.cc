#include "repository/timeline.h"

#include <gmock/gmock.h>

#include "repository/document.h"
#include "repository/test_timeline.h"
#include "repository/timeline_anchor.h"
#include "repository/timeline_segment.h"

namespace holdfast::repository {
namespace {

Segment small_segment() {
  Segment segment{.position = {.branch = 3, .number = 1045},
                  .base = 1040,
                  .time = time_of("2026-11-21T03:24:15.123456Z"),
                  .page_size = 512,
                  .page_count = 1000,
                  .checksum = checksum_of(1045),
                  .scanned = true,
                  .pages = {1, 2, 700, 1000},
                  .content = Bytes(4 * 512)};
  for (std::size_t i = 0; i < segment.content.size(); ++i) {
    segment.content[i] = static_cast<std::byte>(i * 7 / 5);
  }
  return segment;
}

Anchor small_anchor() {
  return {.name = {.position = {.branch = 3, .number = 7},
                   .time = time_of("2026-11-21T03:24:15.123456Z"),
                   .origin = {.branch = 2, .number = 5},
                   .relation = Relation::kRepaired,
                   .check = {},
                   .snapshot = snapshot_id(9),
                   .object = {}},
          .checksum = checksum_of(7),
          .page_size = 4096,
          .page_count = 11,
          .reason = "the log had been reset",
          .host = "ada"};
}

SegmentName only_segment(const Repository& repository) {
  const Timeline timeline = load_timeline(repository, kSeries);
  EXPECT_EQ(timeline.segments.size(), 1u);
  return timeline.segments.at(0);
}

TEST(Timeline, ASegmentIsReadBackAsItWasWritten) {
  TestRepository test(kPassphrase);
  const Segment segment = small_segment();
  put_sealed(test.repository, seal_segment(test.repository, kSeries, segment));
  const SegmentName name = only_segment(test.repository);
  EXPECT_EQ(name.position, segment.position);
  EXPECT_EQ(name.base, segment.base);
  EXPECT_EQ(name.time, segment.time);
  const Segment read = read_segment(test.repository, kSeries, name);
  EXPECT_EQ(read.position, segment.position);
  EXPECT_EQ(read.base, segment.base);
  EXPECT_EQ(read.time, segment.time);
  EXPECT_EQ(read.page_size, segment.page_size);
  EXPECT_EQ(read.page_count, segment.page_count);
  EXPECT_EQ(read.checksum, segment.checksum);
  EXPECT_EQ(read.scanned, segment.scanned);
  EXPECT_EQ(read.pages, segment.pages);
  EXPECT_EQ(read.content, segment.content);
}

TEST(Timeline, PuttingTheSameSealedSegmentAgainIsNoError) {
  TestRepository test;
  const SealedObject object = seal_segment(test.repository, kSeries, small_segment());
  put_sealed(test.repository, object);
  put_sealed(test.repository, object);
}

TEST(Timeline, AnotherSegmentUnderTheSameNameIsRefused) {
  TestRepository test;
  put_sealed(test.repository, seal_segment(test.repository, kSeries, small_segment()));
  Segment other = small_segment();
  other.content[5] ^= std::byte{1};
  const SealedObject object = seal_segment(test.repository, kSeries, other);
  expect_error(ErrorCode::kAlreadyExists, [&] { put_sealed(test.repository, object); });
}

TEST(Timeline, AnyFlippedBitOfASegmentIsFound) {
  TestRepository test;
  put_sealed(test.repository, seal_segment(test.repository, kSeries, small_segment()));
  const SegmentName name = only_segment(test.repository);
  Bytes& object = test.store.objects.at(object_name(kSeries, name));
  for (std::size_t at = 0; at < object.size(); at += 11) {
    object[at] ^= std::byte{16};
    expect_error(ErrorCode::kDamagedObject, [&] { read_segment(test.repository, kSeries, name); });
    object[at] ^= std::byte{16};
  }
}

TEST(Timeline, ASegmentDoesNotOpenUnderAnotherName) {
  TestRepository test;
  put_sealed(test.repository, seal_segment(test.repository, kSeries, small_segment()));
  const SegmentName name = only_segment(test.repository);
  SegmentName other = name;
  other.base = 12;
  test.store.objects[object_name(kSeries, other)] =
      test.store.objects.at(object_name(kSeries, name));
  expect_error(ErrorCode::kDamagedObject, [&] { read_segment(test.repository, kSeries, other); });
}

TEST(Timeline, ASegmentWhoseContentContradictsItsNameIsDamaged) {
  const Bytes content = serialize(small_segment());
  const Segment segment = small_segment();
  const SegmentName good{.position = segment.position,
                         .base = segment.base,
                         .time = segment.time,
                         .check = segment.checksum};
  EXPECT_NO_THROW(parse_segment(good, content));
  for (int field = 0; field < 5; ++field) {
    SegmentName name = good;
    if (field == 0) ++name.position.branch;
    if (field == 1) ++name.position.number;
    if (field == 2) ++name.base;
    if (field == 3) name.time += Duration(1);
    if (field == 4) name.check = std::string(16, 'a');
    expect_error(ErrorCode::kDamagedObject, [&] { parse_segment(name, content); });
  }
}

TEST(Timeline, ASegmentOfAnotherLengthIsDamaged) {
  const Segment segment = small_segment();
  const SegmentName name{.position = segment.position,
                         .base = segment.base,
                         .time = segment.time,
                         .check = segment.checksum};
  const Bytes whole = serialize(segment);
  for (std::size_t size = 0; size < whole.size(); size += size < 100 ? 1 : 97) {
    expect_error(ErrorCode::kDamagedObject, [&] {
      parse_segment(name, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    });
  }
  Bytes longer = whole;
  longer.push_back(std::byte{0});
  expect_error(ErrorCode::kDamagedObject, [&] { parse_segment(name, longer); });
}

TEST(Timeline, WhatIsNoSegmentIsNotWritten) {
  const auto refuse = [](auto change) {
    Segment segment = small_segment();
    change(segment);
    expect_error(ErrorCode::kInternal, [&] { serialize(segment); });
  };
  refuse([](Segment& segment) { segment.pages = {1, 2, 2, 3}; });
  refuse([](Segment& segment) { segment.pages = {0, 1, 2, 3}; });
  refuse([](Segment& segment) { segment.pages.back() = 1001; });
  refuse([](Segment& segment) { segment.page_size = 1000; });
  refuse([](Segment& segment) { segment.content.pop_back(); });
  refuse([](Segment& segment) { segment.checksum = "none"; });
}

TEST(Timeline, AnAnchorIsReadBackAsItWasWritten) {
  TestRepository test(kPassphrase);
  const Anchor anchor = small_anchor();
  const AnchorName name = put_anchor(test.repository, kSeries, anchor);
  const Timeline timeline = load_timeline(test.repository, kSeries);
  ASSERT_EQ(timeline.anchors.size(), 1u);
  EXPECT_EQ(timeline.anchors[0], name);
  const Anchor read = read_anchor(test.repository, name);
  EXPECT_EQ(read.name, name);
  EXPECT_EQ(read.checksum, anchor.checksum);
  EXPECT_EQ(read.page_size, anchor.page_size);
  EXPECT_EQ(read.page_count, anchor.page_count);
  EXPECT_EQ(read.reason, anchor.reason);
  EXPECT_EQ(read.host, anchor.host);
}

TEST(Timeline, PuttingTheSameAnchorAgainIsNoError) {
  TestRepository test;
  const AnchorName name = put_anchor(test.repository, kSeries, small_anchor());
  EXPECT_EQ(put_anchor(test.repository, kSeries, small_anchor()), name);
  Anchor other = small_anchor();
  other.page_count = 12;
  expect_error(ErrorCode::kAlreadyExists, [&] { put_anchor(test.repository, kSeries, other); });
}

TEST(Timeline, AnAnchorWhoseContentContradictsItsNameIsDamaged) {
  TestRepository test;
  const AnchorName good = put_anchor(test.repository, kSeries, small_anchor());
  const Anchor anchor = read_anchor(test.repository, good);
  const Bytes content = serialize(anchor);
  EXPECT_NO_THROW(parse_anchor(good, content));
  for (int field = 0; field < 7; ++field) {
    AnchorName name = good;
    if (field == 0) ++name.position.branch;
    if (field == 1) ++name.position.number;
    if (field == 2) ++name.origin.branch;
    if (field == 3) ++name.origin.number;
    if (field == 4) name.time += Duration(1);
    if (field == 5) name.relation = Relation::kForked;
    if (field == 6) name.snapshot = snapshot_id(10);
    expect_error(ErrorCode::kDamagedObject, [&] { parse_anchor(name, content); });
  }
}

TEST(Timeline, AnchorsWithoutTheirSnapshotBecomeLinks) {
  TestRepository test;
  const AnchorName name = put_anchor(test.repository, kSeries, small_anchor());
  const std::set<SnapshotId> there{name.snapshot}, none;
  EXPECT_EQ(load_timeline(test.repository, kSeries, &there).anchors.size(), 1u);
  const Timeline timeline = load_timeline(test.repository, kSeries, &none);
  EXPECT_TRUE(timeline.anchors.empty());
  EXPECT_THAT(timeline.links, testing::ElementsAre(name));
}

TEST(Timeline, MarksAreListedNewestFirstAndCanBeRemoved) {
  TestRepository test;
  const Position position{.branch = 3, .number = 1045};
  const Mark first = put_mark(test.repository, kSeries, "before deploy 7", position, second(1));
  const Mark later = put_mark(test.repository, kSeries, "before deploy 7", position, second(2));
  MarkList list = list_marks(test.repository, kSeries);
  ASSERT_EQ(list.marks.size(), 2u);
  EXPECT_EQ(list.marks[0].id, later.id);
  EXPECT_EQ(list.marks[1].id, first.id);
  EXPECT_EQ(list.marks[1].name, "before deploy 7");
  EXPECT_EQ(list.marks[1].position, position);
  EXPECT_EQ(list.marks[1].time, second(1));
  remove_mark(test.repository, kSeries, later);
  remove_mark(test.repository, kSeries, later);
  EXPECT_EQ(list_marks(test.repository, kSeries).marks.size(), 1u);
  expect_error(ErrorCode::kUsage,
               [&] { put_mark(test.repository, kSeries, "latest", position, second(3)); });
}

TEST(Timeline, ADamagedMarkDoesNotHideTheOthers) {
  TestRepository test;
  const Position position{.branch = 1, .number = 1};
  const Mark bad = put_mark(test.repository, kSeries, "bad", position, second(1));
  put_mark(test.repository, kSeries, "good", position, second(2));
  const std::string object = mark_folder(kSeries) + bad.id.hex();
  test.store.objects.at(object).back() ^= std::byte{1};
  const MarkList list = list_marks(test.repository, kSeries);
  EXPECT_THAT(list.unreadable, testing::ElementsAre(object));
  ASSERT_EQ(list.marks.size(), 1u);
  EXPECT_EQ(list.marks[0].name, "good");
}

TEST(Timeline, PositionsAreWrittenAndUnderstood) {
  EXPECT_EQ(to_text({.branch = 3, .number = 1045}), "3.1045");
  EXPECT_EQ(parse_position("3.1045"), (Position{.branch = 3, .number = 1045}));
  EXPECT_EQ(parse_position("1045"), (Position{.branch = 0, .number = 1045}));
  for (const char* text : {"", ".", "3.", ".5", "0", "0.5", "3.0", "-1", "+1", "3.5.7", "3,5", " 3",
                           "3 ", "x", "99999999999999999999", "4294967296.1"}) {
    EXPECT_FALSE(parse_position(text).has_value()) << text;
  }
}

TEST(Timeline, EveryStateThatWasRecordedIsReadBack) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  TestRepository test;
  RecordedDatabase database(test.repository, seed, 40);
  database.put_anchor_here(1, 1);
  for (int i = 0; i < 100; ++i) database.commit();
  database.put_anchor_here(1, database.here().number, Relation::kContinued, database.here());
  for (int i = 0; i < 30; ++i) database.commit();
  const Timeline timeline = load_timeline(test.repository, database.series());
  for (const auto& [position, state] : database.states()) {
    const auto path = find_path(timeline, position);
    ASSERT_TRUE(path) << to_text(position);
    EXPECT_EQ(database.restored(*path), state) << to_text(position);
  }
}

}  // namespace
}  // namespace holdfast::repository
