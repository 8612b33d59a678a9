// The write path on a real PostgreSQL, with everything that can happen to a connection.
#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "engine/records/record_writer.h"
#include "engine/records/test_flaky_session.h"
#include "engine/records/test_records.h"
#include "postgres/row_store.h"
#include "postgres/test_proxy.h"
#include "postgres/test_server.h"

namespace holdfast::engine {
namespace {

using postgres::TestProxy;
using postgres::TestServer;
using testing::HasSubstr;

constexpr const char* kSchema =
    "CREATE TABLE videos (video_id text PRIMARY KEY, title text NOT NULL, channel text, "
    "stats_total bigint, counts_data jsonb, slug text UNIQUE, price numeric(10,2), "
    "seen timestamptz, active boolean);"
    "CREATE TABLE summaries (id bigserial PRIMARY KEY, video_id text NOT NULL REFERENCES videos, "
    "variant text, revision integer, html text, made timestamptz, "
    "UNIQUE (video_id, variant, revision));"
    "CREATE TABLE tags (video_id text, tag text, PRIMARY KEY (video_id, tag));";

std::vector<Collection> server_collections() {
  std::vector<Collection> collections = test_collections();
  collections[1].create =
      "CREATE TABLE IF NOT EXISTS notes (id bigserial PRIMARY KEY, body text, active boolean)";
  return collections;
}

class PostgresRecords : public testing::Test {
 protected:
  PostgresRecords() { sql(kSchema); }

  std::string sql(const std::string& text) { return server.sql(database, text); }
  RecordWriterOptions options(const std::string& name = "spool") {
    return {.files = env::posix_file_system(),
            .clock = clock,
            .open = [this]() -> std::unique_ptr<RowSession> {
              return std::make_unique<FlakySession>(
                  std::make_unique<postgres::RowStore>(postgres::Address(proxy.url(database)),
                                                       postgres::Timeouts{}),
                  hooks);
            },
            .collections = collections,
            .spool = directory / name,
            .emergency = directory / "backups"};
  }
  static WriteAnswer put(RecordWriter& writer, const std::string& json,
                         const std::string& collection = "videos") {
    return writer.write({put_of(collection, json)}).at(0);
  }
  // Expects it to be stored.
  void store(RecordWriter& writer, const std::string& json) {
    const WriteAnswer answer = put(writer, json);
    EXPECT_EQ(answer.kept, Kept::kStored)
        << json << ": " << answer.why
        << (answer.outcome.refused ? answer.outcome.refused->happened() : "");
  }
  static std::string refusal(const WriteAnswer& answer, ErrorCode code) {
    if (!answer.outcome.refused) {
      ADD_FAILURE() << "it was not refused";
      return {};
    }
    EXPECT_EQ(answer.outcome.refused->code(), code);
    return answer.outcome.refused->happened();
  }
  static std::string video(const std::string& id, const std::string& title) {
    return R"({"video_id":")" + id + R"(","title":")" + title + "\"}";
  }
  std::string titles() {
    return sql(
        "SELECT coalesce(string_agg(video_id || title, ',' ORDER BY video_id), '') FROM "
        "videos");
  }

  TestServer& server = TestServer::shared();
  const std::string database = server.new_database();
  TestProxy proxy{server.socket()};
  env::TemporaryDirectory directory;
  const std::vector<Collection> collections = server_collections();
  const Time now{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)};
  env::FakeClock clock{now};
  FlakyHooks hooks;
};

TEST_F(PostgresRecords, ComeBackAsTheyWerePut) {
  RecordWriter writer(options());
  store(writer, R"({"video_id":"yt:a","title":"ä","stats":{"total":9007199254740993},
      "counts":{"z":[1e300,1.5,-0.25],"a":{"$x":null}},"price":1234.5,"active":true,
      "seen":"2026-11-21T10:00:00Z","tags":[{"tag":"x"}]})");
  writer.read([&](RecordDatabase& records) {
    const Record record = records.get("videos", "a").value();
    EXPECT_EQ(record["stats"]["total"], 9007199254740993);
    EXPECT_EQ(record["counts"], parse_record_json(R"({"z":[1e300,1.5,-0.25],"a":{"$x":null}})"));
    EXPECT_EQ(record["price"], "1234.50");
    EXPECT_EQ(record["active"], true);
    EXPECT_EQ(record["seen"], "2026-11-21 10:00:00+00");
    EXPECT_EQ(record["tags"], parse_record_json(R"([{"tag":"x"}])"));
  });
  EXPECT_EQ(sql("SELECT counts_data->'z'->>1 FROM videos"), "1.5");
  // What was read may be put again.
  std::string again;
  writer.read([&](RecordDatabase& records) { again = record_text(*records.get("videos", "a")); });
  store(writer, again);
}

TEST_F(PostgresRecords, AreRefusedWithRecordAndColumn) {
  RecordWriter writer(options());
  const auto refused = [&](const std::string& fields, ErrorCode code) {
    return refusal(put(writer, R"({"video_id":"a","title":"t",)" + fields + "}"), code);
  };
  using testing::AllOf;
  constexpr auto kRejected = ErrorCode::kRecordRejected;
  EXPECT_THAT(refused(R"("slug":"a\u0000b")", kRejected), AllOf(HasSubstr("a"), HasSubstr("slug")));
  EXPECT_THAT(refused(R"("price":"much")", kRejected), HasSubstr("price"));
  EXPECT_THAT(refused(R"("seen":"yesterday or so")", kRejected), HasSubstr("seen"));
  EXPECT_THAT(refused(R"("stats":{"total":1.5})", kRejected), HasSubstr("stats_total"));
  EXPECT_THAT(refused(R"("active":2)", kRejected), HasSubstr("active"));
  refused(R"("nothing":1)", ErrorCode::kRecordInvalid);
  EXPECT_EQ(titles(), "");
  EXPECT_TRUE(writer.spool()->state().empty());
}

TEST_F(PostgresRecords, AreNeverRoundedInSilence) {
  sql("CREATE TABLE notes (id bigint PRIMARY KEY, body numeric(10,2), active boolean, "
      "day date)");
  RecordWriter writer(options());
  const auto refused = [&](const std::string& record) {
    return refusal(put(writer, record, "notes"), ErrorCode::kRecordRejected);
  };
  EXPECT_THAT(refused(R"({"id":1,"body":1.005})"), HasSubstr("body"));
  EXPECT_THAT(refused(R"({"id":1,"day":"2026-11-21T10:00:00"})"), HasSubstr("day"));
  // Triggers of children could have done it, so this one is told.
  const WriteAnswer answer = put(writer, R"({"video_id":"a","title":"t","price":1.005})");
  EXPECT_EQ(answer.outcome.adjusted, std::vector<std::string>{"price"});
}

TEST_F(PostgresRecords, GetARevisionOnlyWhereSomethingChanged) {
  RecordWriter writer(options());
  const auto save = [&](const std::string& html, const std::string& made) {
    store(writer, R"({"video_id":"a","title":"t","summaries":{"short":{"html":")" + html +
                      R"(","made":")" + made + "\"}}}");
  };
  save("1", "2026-11-21T10:00:00Z");
  save("1", "2026-11-21T11:00:00+01:00");
  EXPECT_EQ(sql("SELECT max(revision) FROM summaries"), "1");
  save("2", "2026-11-21T10:00:00Z");
  EXPECT_EQ(sql("SELECT max(revision) FROM summaries"), "2");
  EXPECT_EQ(sql("SELECT count(*) FROM summaries"), "2");
}

TEST_F(PostgresRecords, StayDeletedUntilTheyAreUndeleted) {
  RecordWriter writer(options());
  store(writer, R"({"video_id":"a","title":"t","summaries":{"short":{"html":"1"}}})");
  const WriteAnswer gone = writer.write({delete_of("videos", "yt:a")}).at(0);
  EXPECT_EQ(gone.kept, Kept::kStored);
  EXPECT_EQ(gone.outcome.children_removed, 1u);
  EXPECT_EQ(sql("SELECT count(*) FROM summaries"), "0");
  refusal(put(writer, video("a", "t")), ErrorCode::kRecordDeleted);
  refusal(writer.write({delete_of("videos", "a")}).at(0), ErrorCode::kRecordMissing);
  writer.write({delete_of("videos", "a", WriteKind::kUndelete)});
  store(writer, video("a", "again"));
  EXPECT_EQ(titles(), "aagain");
}

TEST_F(PostgresRecords, MakeTheirTableAndAreNumberedByIt) {
  RecordWriter writer(options());
  const WriteAnswer first = put(writer, R"({"body":"x"})", "notes");
  const WriteAnswer second = put(writer, R"({"body":"y","active":false})", "notes");
  EXPECT_EQ(first.kept, Kept::kStored);
  EXPECT_EQ(second.outcome.record_id, std::to_string(std::stoi(first.outcome.record_id) + 1));
  EXPECT_EQ(sql("SELECT string_agg(body || active, ',' ORDER BY id) FROM notes"), "xtrue,yfalse");
}

TEST_F(PostgresRecords, AreFoundByFiltersAndInOrder) {
  RecordWriter writer(options());
  for (const char* id : {"b", "A", "c"}) store(writer, video(id, std::string("T") + id));
  store(writer, R"({"video_id":"d","title":"x","price":5,"active":true})");
  writer.read([&](RecordDatabase& records) {
    const auto ids = [&](std::vector<std::string> filters, std::vector<std::string> sort = {}) {
      return records.list("videos", {.filters = std::move(filters), .sort = std::move(sort)}).ids;
    };
    using Ids = std::vector<std::string>;
    EXPECT_EQ(ids({}), (Ids{"A", "b", "c", "d"}));
    EXPECT_EQ(ids({"title~t"}, {"-title"}), (Ids{"c", "b", "A"}));
    EXPECT_EQ(ids({"price>=4.5"}), (Ids{"d"}));
    EXPECT_EQ(ids({"active=true"}), (Ids{"d"}));
    EXPECT_EQ(ids({"price=null"}), (Ids{"A", "b", "c"}));
  });
}

TEST_F(PostgresRecords, AreStoredOnceWhenTheConnectionIsLostBeforeTheCommit) {
  RecordWriter writer(options());
  proxy.break_at("COMMIT; SELECT", TestProxy::Break::kBefore);
  store(writer, R"({"video_id":"a","title":"t","summaries":{"short":{"html":"1"}}})");
  EXPECT_EQ(proxy.broken(), 1);
  EXPECT_EQ(sql("SELECT count(*) FROM summaries"), "1");
}

TEST_F(PostgresRecords, AreStoredOnceWhenTheCommitWasNotAnswered) {
  RecordWriter writer(options());
  proxy.break_at("COMMIT; SELECT", TestProxy::Break::kAfter);
  const WriteAnswer answer = put(writer, R"({"body":"x"})", "notes");
  EXPECT_EQ(answer.kept, Kept::kStored);
  EXPECT_TRUE(answer.outcome.replayed);
  EXPECT_EQ(proxy.broken(), 1);
  EXPECT_EQ(sql("SELECT count(*) FROM notes"), "1");
}

TEST_F(PostgresRecords, AreStoredOnceWhenTheServerCrashesAtAnyStepOfAWrite) {
  for (const char* step : {"begin", "insert", "commit", "read_back"}) {
    RecordWriter writer(options());
    bool crashed = false;
    hooks.before = [&](std::string_view call) {
      if (call != step || std::exchange(crashed, true)) return;
      server.stop(SIGQUIT);
      server.start();
    };
    store(writer, video(step, "t"));
    EXPECT_TRUE(crashed);
  }
  EXPECT_EQ(titles(), "begint,committ,insertt,read_backt");
}

TEST_F(PostgresRecords, WaitInTheSpoolWhileTheServerIsDown) {
  RecordWriter writer(options());
  store(writer, video("a", "1"));
  server.stop(SIGINT);
  EXPECT_EQ(put(writer, video("a", "2")).kept, Kept::kSpooled);
  EXPECT_EQ(put(writer, video("b", "1")).kept, Kept::kSpooled);
  EXPECT_EQ(put(writer, video("a", "3")).kept, Kept::kSpooled);
  server.start();
  EXPECT_EQ(writer.drain().stored, 3u);
  EXPECT_EQ(titles(), "a3,b1");
  EXPECT_TRUE(writer.spool()->state().empty());
}

TEST_F(PostgresRecords, AreReadByANewConnectionWhereTheOldOneWasLost) {
  RecordWriter writer(options());
  store(writer, video("a", "1"));
  server.stop(SIGINT);
  server.start();
  bool found = false;
  writer.read([&](RecordDatabase& records) { found = records.get("videos", "a").has_value(); });
  EXPECT_TRUE(found);
}

TEST_F(PostgresRecords, AreTriedAgainAfterASerializationFailure) {
  sql("CREATE SEQUENCE tries; CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$ "
      "BEGIN IF nextval('tries') = 1 THEN RAISE serialization_failure; END IF; RETURN new; END $$;"
      "CREATE TRIGGER fail_once BEFORE INSERT ON videos FOR EACH ROW EXECUTE FUNCTION fail_once()");
  RecordWriter writer(options());
  store(writer, video("a", "t"));
  EXPECT_EQ(sql("SELECT last_value FROM tries"), "2");
}

TEST_F(PostgresRecords, TakeTheSideOfWhoeverInsertedTheSameKeyAMomentAgo) {
  RecordWriter writer(options());
  store(writer, video("z", "1"));
  bool inserted = false;
  hooks.before = [&](std::string_view call) {
    if (call != "insert" || std::exchange(inserted, true)) return;
    sql("INSERT INTO videos (video_id, title, channel) VALUES ('a', 'theirs', 'kept')");
  };
  store(writer, video("a", "ours"));
  EXPECT_EQ(sql("SELECT title || channel FROM videos WHERE video_id = 'a'"), "ourskept");
}

TEST_F(PostgresRecords, OfSeveralProcessesNeitherLoseNorRepeatARevision) {
  constexpr int kWriters = 3, kRounds = 10;
  {
    RecordWriter first(options());
    store(first, video("a", "t"));
  }
  std::vector<std::jthread> threads;
  std::atomic<int> stored{0};
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      env::FakeClock own_clock{now};
      RecordWriterOptions own{.files = env::posix_file_system(),
                              .clock = own_clock,
                              .open = [this]() -> std::unique_ptr<RowSession> {
                                return std::make_unique<postgres::RowStore>(
                                    postgres::Address(server.url(database)),
                                    postgres::Timeouts{.lock = std::chrono::minutes(1)});
                              },
                              .collections = collections,
                              .spool = directory / std::to_string(i),
                              .emergency = {}};
      RecordWriter writer(std::move(own));
      for (int round = 0; round < kRounds; ++round) {
        const auto html = std::to_string(i) + "-" + std::to_string(round);
        const auto answer = put(
            writer, R"({"video_id":"a","title":"t","summaries":{"s":{"html":")" + html + "\"}}}");
        stored += answer.kept == Kept::kStored;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(stored, kWriters * kRounds);
  EXPECT_EQ(sql("SELECT count(*) || ' ' || max(revision) FROM summaries"),
            std::to_string(kWriters * kRounds) + " " + std::to_string(kWriters * kRounds));
}

TEST_F(PostgresRecords, AreKeptThroughSeededFaults) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto chance = [&](unsigned of) { return random() % of == 0; };
  RecordWriter writer(options());
  std::map<std::string, std::string> expected;
  std::set<std::string> deleted;
  for (int round = 0; round < 60; ++round) {
    if (chance(3)) {
      const char* const steps[] = {"COMMIT; SELECT", "SAVEPOINT", "INSERT INTO", "UPDATE", "BEGIN"};
      proxy.break_at(steps[random() % 5],
                     chance(2) ? TestProxy::Break::kBefore : TestProxy::Break::kAfter);
    }
    const bool down = chance(8);
    if (down) server.stop(chance(2) ? SIGQUIT : SIGINT);
    const std::string id = "k" + std::to_string(random() % 12);
    const std::string title = std::to_string(round);
    const bool is_delete = chance(5);
    const WriteAnswer answer =
        is_delete ? writer.write({delete_of("videos", id)}).at(0) : put(writer, video(id, title));
    if (down) server.start();
    if (answer.outcome.refused) {
      const auto code = answer.outcome.refused->code();
      EXPECT_EQ(code, is_delete ? ErrorCode::kRecordMissing : ErrorCode::kRecordDeleted);
      EXPECT_EQ(is_delete ? expected.contains(id) : !deleted.contains(id), false) << id;
    } else if (is_delete) {
      expected.erase(id);
      deleted.insert(id);
    } else if (!deleted.contains(id)) {
      expected[id] = title;
    } else {
      EXPECT_EQ(answer.kept, Kept::kSpooled) << id << " came back";
    }
  }
  proxy.break_at("", TestProxy::Break::kBefore);
  EXPECT_TRUE(writer.drain().away.empty());
  for (const auto& [id, title] : expected) {
    EXPECT_EQ(sql("SELECT title FROM videos WHERE video_id = '" + id + "'"), title);
  }
  EXPECT_EQ(sql("SELECT count(*) FROM videos"), std::to_string(expected.size()));
}

}  // namespace
}  // namespace holdfast::engine
