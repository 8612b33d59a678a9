#include "repository/snapshot.h"

#include <gtest/gtest.h>

#include "repository/document.h"
#include "repository/test_repository.h"

namespace holdfast::repository {
namespace {

const Time kSnapshotNoon = time_of("2026-11-21T12:00:00Z");

Snapshot full_snapshot() {
  Snapshot snapshot = make_snapshot(7, kSnapshotNoon);
  snapshot.tags = {"daily", "before-restore"};
  snapshot.seconds = 1.25;
  DatabaseState& state = snapshot.databases[0];
  state.map.bytes[5] = std::byte{9};
  state.map_height = 2;
  state.damage = "2 pages are malformed";
  state.tables = {{"orders", 12}, {"items", std::nullopt}};
  state.tables_counted = true;
  state.indexes = 1;
  state.views = 2;
  state.triggers = 3;
  state.pages_changed = 4;
  state.bytes_read = 5;
  state.bytes_stored = 6;
  snapshot.databases.push_back(make_snapshot(8, kSnapshotNoon, "users").databases[0]);
  return snapshot;
}

std::string text_of(const Snapshot& snapshot) { return std::string(as_text(serialize(snapshot))); }

TEST(Snapshot, ReadsWhatItWrote) {
  const Snapshot written = full_snapshot();
  const Snapshot read = parse_snapshot(written.id, serialize(written));
  EXPECT_EQ(written.id, read.id);
  EXPECT_EQ(written.name, read.name);
  EXPECT_EQ(written.time, read.time);
  EXPECT_EQ((std::vector<std::string>{"before-restore", "daily"}), read.tags);
  EXPECT_EQ(written.host, read.host);
  EXPECT_EQ(written.user, read.user);
  EXPECT_EQ(written.version, read.version);
  EXPECT_EQ(written.command, read.command);
  EXPECT_EQ(written.seconds, read.seconds);
  ASSERT_EQ(2u, read.databases.size());
  const DatabaseState& state = read.databases[0];
  EXPECT_EQ("orders", state.name);
  EXPECT_EQ("sqlite", state.engine);
  EXPECT_EQ("/srv/orders.db", state.source);
  EXPECT_EQ(kSnapshotNoon, state.moment);
  EXPECT_EQ(4096u, state.page_size);
  EXPECT_EQ(3u, state.page_count);
  EXPECT_EQ("wal", state.journal_mode);
  EXPECT_EQ(written.databases[0].map, state.map);
  EXPECT_EQ(2, state.map_height);
  EXPECT_EQ(written.databases[0].checksum, state.checksum);
  EXPECT_EQ("2 pages are malformed", state.damage);
  ASSERT_EQ(2u, state.tables.size());
  EXPECT_EQ("orders", state.tables[0].name);
  EXPECT_EQ(12u, state.tables[0].rows);
  EXPECT_EQ(std::nullopt, state.tables[1].rows);
  EXPECT_TRUE(state.tables_counted);
  EXPECT_EQ(1u, state.indexes);
  EXPECT_EQ(2u, state.views);
  EXPECT_EQ(3u, state.triggers);
  EXPECT_EQ(4u, state.pages_changed);
  EXPECT_EQ(5u, state.bytes_read);
  EXPECT_EQ(6u, state.bytes_stored);
  EXPECT_EQ("users", read.database("users")->name);
  EXPECT_EQ(nullptr, read.database("nothing"));
  EXPECT_EQ(text_of(written), text_of(read));
}

TEST(Snapshot, IsWrittenEvenOfNamesThatAreNoText) {
  Snapshot snapshot = make_snapshot(1, kSnapshotNoon);
  snapshot.databases[0].source = "/srv/\xff\xfe.db";
  snapshot.databases[0].tables = {{"\x80", 1}};
  EXPECT_NO_THROW(parse_snapshot(snapshot.id, serialize(snapshot)));
}

TEST(Snapshot, RefusesEveryMemberOfAWrongTypeAndEveryMissingOne) {
  const std::string text = text_of(full_snapshot());
  // Each value in turn, as the text between ':' and the next ',' or '}' of the same depth, becomes
  // `true`,
  // `{}`, a huge number, or goes away with its key.
  for (std::size_t colon = text.find("\":"); colon != std::string::npos;
       colon = text.find("\":", colon + 1)) {
    const std::size_t value = colon + 2;
    std::size_t end = value;
    int depth = 0;
    bool quoted = false;
    for (; end < text.size(); ++end) {
      const char c = text[end];
      if (c == '"') quoted = !quoted;
      if (quoted) continue;
      if ((c == ',' || c == '}') && depth == 0) break;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
    }
    const std::string old = text.substr(value, end - value);
    for (const std::string replacement : {"true", "{}", "-1", "1e300", "18446744073709551616"}) {
      if (replacement == "true" && (old == "true" || old == "false")) continue;
      if (replacement == "1e300" && old == "1.25") continue;
      if (replacement == "18446744073709551616" && (old == "1.25" || old == "0.0")) continue;
      std::string changed = text;
      changed.replace(value, end - value, replacement);
      SCOPED_TRACE(changed);
      expect_error(ErrorCode::kDamagedObject, [&] { parse_snapshot({}, as_bytes(changed)); });
    }
    std::string renamed = text;
    renamed.insert(colon, "_");
    expect_error(ErrorCode::kDamagedObject, [&] { parse_snapshot({}, as_bytes(renamed)); });
  }
}

TEST(Snapshot, RefusesATimeThatCannotBeWrittenAgain) {
  std::string text = text_of(make_snapshot(1, kSnapshotNoon));
  const std::string time = "\"time\":\"2026-11-21T12:00:00.000000Z\"";
  text.replace(text.find(time), time.size(), "\"time\":\"9999-12-31T23:59:59-23:00\"");
  expect_error(ErrorCode::kDamagedObject, [&] { parse_snapshot({}, as_bytes(text)); });
}

TEST(Snapshot, RefusesWhatIsNoSnapshot) {
  for (const std::string& text : {std::string(), std::string("[]"), std::string("{}"),
                                  std::string(100'000, '['), std::string("{\"format\":0}")}) {
    expect_error(ErrorCode::kDamagedObject, [&] { parse_snapshot({}, as_bytes(text)); });
  }
  expect_error(ErrorCode::kRepositoryVersion,
               [] { parse_snapshot({}, as_bytes("{\"format\":2}")); });
}

TEST(Snapshots, AreFoundListedAndRemoved) {
  TestRepository test;
  const Snapshot older = make_snapshot(9, kSnapshotNoon),
                 newer = make_snapshot(3, kSnapshotNoon + Duration(1));
  put_snapshot(test.repository, older);
  put_snapshot(test.repository, newer);
  const SnapshotList list = list_snapshots(test.repository);
  ASSERT_EQ(2u, list.snapshots.size());
  EXPECT_EQ(newer.id, list.snapshots[0].id);
  EXPECT_EQ(older.id, list.snapshots[1].id);
  EXPECT_TRUE(list.unreadable.empty());
  EXPECT_EQ(2u, snapshot_ids(test.repository).size());
  const std::string series = series_of(test.repository, older.databases);
  EXPECT_EQ(older.name, find_snapshot(test.repository, series, older.id)->name);
  EXPECT_FALSE(find_snapshot(test.repository, series, snapshot_id(1)));
  remove_snapshot(test.repository, older);
  remove_snapshot(test.repository, older);
  EXPECT_EQ(1u, list_snapshots(test.repository).snapshots.size());
}

TEST(Snapshots, OfOneMomentAreOrderedByTheirIds) {
  TestRepository test;
  for (const std::uint64_t number : {2, 3, 1}) {
    put_snapshot(test.repository, make_snapshot(number, kSnapshotNoon));
  }
  const SnapshotList list = list_snapshots(test.repository);
  EXPECT_EQ(snapshot_id(3), list.snapshots[0].id);
  EXPECT_EQ(snapshot_id(1), list.snapshots[2].id);
}

TEST(Snapshots, FromAClockThatRunsAheadOfTheStoreAreFine) {
  TestRepository test;
  test.store.modified = kSnapshotNoon;
  put_snapshot(test.repository, make_snapshot(1, kSnapshotNoon + std::chrono::hours(24)));
  EXPECT_EQ(1u, list_snapshots(test.repository).snapshots.size());
}

TEST(Snapshots, OfTheSameDatabasesShareAFolderThatTellsNothing) {
  TestRepository test, other;
  const Snapshot snapshot = full_snapshot();
  Snapshot reversed = snapshot;
  std::swap(reversed.databases[0], reversed.databases[1]);
  const std::string series = series_of(test.repository, snapshot.databases);
  EXPECT_EQ(32u, series.size());
  EXPECT_EQ(series, series_of(test.repository, reversed.databases));
  EXPECT_NE(series, series_of(other.repository, snapshot.databases));
  reversed.databases.pop_back();
  EXPECT_NE(series, series_of(test.repository, reversed.databases));
  EXPECT_EQ("snapshots/" + series + "/" + snapshot.id.hex(),
            object_name(test.repository, snapshot));
}

TEST(Snapshots, OfOneSeriesAreListedWithoutTheOthers) {
  TestRepository test;
  const Snapshot orders = make_snapshot(1, kSnapshotNoon),
                 users = make_snapshot(2, kSnapshotNoon, "users");
  put_snapshot(test.repository, orders);
  put_snapshot(test.repository, users);
  const std::string series = series_of(test.repository, users.databases);
  EXPECT_EQ(snapshot_ids(test.repository, series), std::vector<SnapshotId>{users.id});
  const SnapshotList list = list_snapshots(test.repository, series);
  ASSERT_EQ(1u, list.snapshots.size());
  EXPECT_EQ(users.id, list.snapshots[0].id);
}

TEST(Snapshots, TellWhichDatabasesAreInCompanyByReadingOneOfEachSeries) {
  TestRepository test;
  std::uint64_t number = 0;
  const auto put = [&](const std::vector<std::string>& databases) {
    Snapshot snapshot = make_snapshot(++number, kSnapshotNoon, databases.front());
    for (std::size_t i = 1; i < databases.size(); ++i) {
      snapshot.databases.push_back(snapshot.databases.front());
      snapshot.databases.back().name = databases[i];
    }
    put_snapshot(test.repository, snapshot);
    return object_name(test.repository, snapshot);
  };
  for (int i = 0; i < 5; ++i) {
    put({"alone"});
    put({"orders", "users"});
  }
  put({"orders"});
  int reads = 0;
  test.store.before_get = [&](std::string_view) { ++reads; };
  EXPECT_EQ(databases_in_company(test.repository), (std::set<std::string>{"orders", "users"}));
  EXPECT_EQ(3, reads);
  // A damaged one says nothing; the next of its series does.
  test.store.objects[put({"a", "b"})].pop_back();
  put({"a", "b"});
  EXPECT_EQ(databases_in_company(test.repository).size(), 4u);
}

TEST(Snapshots, ThatAreDamagedNeverHideTheOthers) {
  TestRepository test;
  const Snapshot intact = make_snapshot(1, kSnapshotNoon),
                 damaged = make_snapshot(2, kSnapshotNoon);
  put_snapshot(test.repository, intact);
  put_snapshot(test.repository, damaged);
  const std::string name = object_name(test.repository, damaged);
  const Bytes object = test.store.objects[name];
  for (std::size_t bit = 0; bit < object.size() * 8; bit += 7) {
    test.store.objects[name] = object;
    test.store.objects[name][bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    const SnapshotList list = list_snapshots(test.repository);
    ASSERT_EQ(1u, list.snapshots.size()) << bit;
    EXPECT_EQ(intact.id, list.snapshots[0].id);
    EXPECT_EQ(std::vector<std::string>{name}, list.unreadable);
  }
  expect_error(ErrorCode::kDamagedObject, [&] {
    find_snapshot(test.repository, series_of(test.repository, damaged.databases), damaged.id);
  });
}

TEST(Snapshots, CannotStandInForEachOther) {
  TestRepository test;
  const Snapshot first = make_snapshot(1, kSnapshotNoon), second = make_snapshot(2, kSnapshotNoon);
  put_snapshot(test.repository, first);
  put_snapshot(test.repository, second);
  test.store.objects[object_name(test.repository, first)] =
      test.store.objects[object_name(test.repository, second)];
  EXPECT_EQ(1u, list_snapshots(test.repository).unreadable.size());
}

TEST(Snapshots, ThatVanishWhileTheyAreListedAreLeftOut) {
  TestRepository test;
  const Snapshot vanishing = make_snapshot(1, kSnapshotNoon);
  put_snapshot(test.repository, vanishing);
  put_snapshot(test.repository, make_snapshot(2, kSnapshotNoon));
  const std::string name = object_name(test.repository, vanishing);
  test.store.before_get = [&](std::string_view asked) {
    if (asked == name) test.store.objects.erase(name);
  };
  const SnapshotList list = list_snapshots(test.repository);
  EXPECT_EQ(1u, list.snapshots.size());
  EXPECT_TRUE(list.unreadable.empty());
}

TEST(Snapshots, IgnoreObjectsThatCannotBeTheirs) {
  TestRepository test;
  for (const std::string name : {"snapshots/readme", "snapshots/a/b", "snapshots/"}) {
    test.store.objects[name] = {};
  }
  test.store.objects["snapshots/" + std::string(32, 'a') + "/" + std::string(32, 'A')] = {};
  EXPECT_TRUE(list_snapshots(test.repository).unreadable.empty());
  EXPECT_TRUE(snapshot_ids(test.repository).empty());
}

TEST(Snapshots, HaveNamesAndTagsThatCanBePrintedAndTyped) {
  TestRepository test;
  const auto refuse = [&](auto change) {
    Snapshot snapshot = make_snapshot(1, kSnapshotNoon);
    change(snapshot);
    expect_error(ErrorCode::kUsage, [&] { put_snapshot(test.repository, snapshot); });
  };
  refuse([](Snapshot& s) { s.name = ""; });
  refuse([](Snapshot& s) { s.name = "latest"; });
  refuse([](Snapshot& s) { s.name = "a\nb"; });
  refuse([](Snapshot& s) { s.name = std::string(201, 'a'); });
  refuse([](Snapshot& s) { s.tags = {"good", "\x1b[31m"}; });
  refuse([](Snapshot& s) { s.tags = {std::string(101, 'a')}; });
  refuse([](Snapshot& s) { s.tags = {""}; });
  EXPECT_TRUE(snapshot_ids(test.repository).empty());
}

}  // namespace
}  // namespace holdfast::repository
