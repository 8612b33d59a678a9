// A database in WAL mode that another process has open, its replicator, driven by hand, and the
// proof that each position is what the database was.
#ifndef HOLDFAST_ENGINE_REPLICATE_TEST_REPLICA_H_
#define HOLDFAST_ENGINE_REPLICATE_TEST_REPLICA_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "engine/replicate/database_replicator.h"
#include "engine/restore/point_in_time.h"
#include "engine/test_protection.h"
#include "env/randomness.h"
#include "repository/timeline.h"
#include "sqlite/test_database.h"
#include "storage/counting_store.h"

namespace holdfast::engine {

class Replica : public Protection {
 public:
  // What a machine under load may need; a test that waits so long has failed.
  static constexpr Duration kLongest = std::chrono::minutes(2);

  Replica() {
    sql("PRAGMA journal_mode=WAL; CREATE TABLE record (id INTEGER PRIMARY KEY, body);" +
        rows_sql(300, 500));
    writer.emplace(database());
    writer->run("SELECT count(*) FROM record");
    options.database = {.name = kName, .path = database()};
    options.command = "test";
    options.cache_directory = cache();
    options.lease.confirm_after = std::chrono::milliseconds(0);
    options.shortest_between_scans = std::chrono::milliseconds(1);
  }

  void start() {
    replicator.reset();
    replicator = std::make_unique<DatabaseReplicator>(repository, *files, options, no_progress());
  }
  void commit(const std::string& text) { EXPECT_EQ(writer->run(text), "ok []") << text; }
  void update(int seed) {
    commit("UPDATE record SET body = randomblob(500) WHERE id % 97 = " + std::to_string(seed % 97));
  }
  // What is committed now, durable: its position, whose image is kept.
  repository::Position flush() {
    const repository::Position position = replicator->flush(kLongest);
    images[position] = image_of(database());
    return position;
  }
  // Steps and jobs until nothing is due within `patience`.
  void settle(Duration patience = std::chrono::milliseconds(20)) {
    for (int turn = 0; turn < 2000; ++turn) {
      const auto next = replicator->step(false);
      if (next.wants_scan) {
        replicator->scan_or_close({});
      } else if (next.look_after > patience) {
        return;
      } else {
        repository.clock().wait(next.look_after, {});
      }
    }
    FAIL() << "it never came to rest";
  }

  repository::Timeline timeline() const {
    return repository::load_timeline(repository, repository::timeline_series(repository, kName));
  }
  std::string restored_at(const repository::Position& position) const {
    const auto path = repository::find_path(timeline(), position);
    if (!path) return "no path to " + repository::to_text(position);
    const PointInTime point = read_point(repository, *path, kName);
    const std::filesystem::path copy = directory / ("point-" + env::random_name());
    restore_point_copy(repository, env::posix_file_system(), point, copy, 2, no_progress());
    std::string content = file_content(copy);
    std::filesystem::remove(copy);
    return content;
  }
  // What is known against the snapshot that a position is reached from.
  std::string damage_at(const repository::Position& position) const {
    const auto path = repository::find_path(timeline(), position);
    if (!path) return {};
    const auto snapshot = repository::find_snapshot(
        repository, repository::timeline_series(repository, kName), path->anchor.snapshot);
    return snapshot ? snapshot->database(kName)->damage : std::string();
  }
  void expect_every_image() const {
    for (const auto& [position, image] : images) {
      EXPECT_TRUE(restored_at(position) == image) << repository::to_text(position);
    }
  }

  std::optional<sqlite::OtherConnection> writer;
  ReplicationOptions options;
  std::unique_ptr<DatabaseReplicator> replicator;
  std::map<repository::Position, std::string> images;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_REPLICATE_TEST_REPLICA_H_
