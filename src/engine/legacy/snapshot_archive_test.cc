#include "engine/legacy/snapshot_archive.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/legacy/archive_copy.h"
#include "engine/test_protection.h"
#include "env/fault_file_system.h"

namespace holdfast::engine {
namespace {

class SnapshotArchive : public testing::Test {
 protected:
  SnapshotArchive() {
    at.sql("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);" + rows_sql(2000, 900));
    // Pages of several backups, so that not all lie in one blob.
    at.back_up();
    at.sql("UPDATE record SET body = randomblob(901) WHERE id % 37 = 0");
    image = image_of(at.database());
    snapshot = at.back_up().snapshot;
  }
  std::uint64_t write(const env::Path& path) {
    const std::vector<ArchivedDatabase> databases = {{&snapshot.databases.front(), "its.db"}};
    return write_snapshot_archive(at.repository, snapshot, databases, *at.files->create(path),
                                  no_progress());
  }

  Protection at;
  repository::Snapshot snapshot;
  std::string image;
};

TEST_F(SnapshotArchive, HoldsTheMetadataAndTheDatabase) {
  const auto path = at.directory / "archive", folder = at.directory / "unpacked";
  const std::uint64_t bytes = write(path);
  EXPECT_EQ(bytes, std::filesystem::file_size(path));
  at.files->make_directories(folder);
  const auto archive = unpack_archive(*at.files, path, folder, {}, no_progress());
  ASSERT_EQ(2u, archive.members.size());
  EXPECT_EQ("backup_metadata.json", archive.members[0].name);
  EXPECT_EQ("its.db", archive.members[1].name);
  EXPECT_TRUE(file_content(archive.members[1].file) == image);
  const auto metadata = nlohmann::json::parse(file_content(archive.members[0].file));
  EXPECT_EQ(snapshot.name, metadata["backup_name"].get<std::string>());
  EXPECT_EQ("1.0.0", metadata["version"]);
  EXPECT_EQ(true, metadata["includes"]["app_database"]);
  EXPECT_EQ(1, metadata["app_db_stats"]["table_count"]);
  EXPECT_NEAR(static_cast<double>(image.size()) / (1 << 20),
              metadata["app_db_stats"]["file_size_mb"], 0.01);
}

TEST_F(SnapshotArchive, IsTheSameEachTime) {
  write(at.directory / "one");
  write(at.directory / "other");
  EXPECT_TRUE(file_content(at.directory / "one") == file_content(at.directory / "other"));
}

TEST_F(SnapshotArchive, IsOfNoUseUnlessTheDatabaseIsProved) {
  snapshot.databases.front().checksum = std::string(64, '0');
  EXPECT_EQ(ErrorCode::kChecksumMismatch, code_of([&] { write(at.directory / "archive"); }));
}

TEST_F(SnapshotArchive, AFullDiskIsTold) {
  env::FaultFileSystem faulty(env::posix_file_system());
  faulty.fill_disk(at.directory.path());
  at.files = &faulty;
  EXPECT_EQ(ErrorCode::kDiskFull, code_of([&] { write(at.directory / "archive"); }));
}

}  // namespace
}  // namespace holdfast::engine
