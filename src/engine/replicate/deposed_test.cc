// Another process takes the timeline over while the database is read.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>
#include <utility>

#include "engine/replicate/test_replica.h"
#include "env/fault_file_system.h"

namespace holdfast::engine {
namespace {

using std::chrono::milliseconds;

// Tells of each read before it happens.
class WatchedFiles final : public env::FaultFileSystem {
 public:
  WatchedFiles() : FaultFileSystem(env::posix_file_system()) {}
  std::unique_ptr<env::File> open_read(const env::Path& path) override {
    return std::make_unique<WatchedFile>(*this, FaultFileSystem::open_read(path));
  }
  std::function<void()> on_read;

 private:
  class WatchedFile final : public env::File {
   public:
    WatchedFile(const WatchedFiles& files, std::unique_ptr<env::File> file)
        : files_(files), file_(std::move(file)) {}
    std::size_t read_at(std::uint64_t offset, MutableByteView out) override {
      if (files_.on_read) files_.on_read();
      return file_->read_at(offset, out);
    }
    void write_at(std::uint64_t offset, ByteView bytes) override { file_->write_at(offset, bytes); }
    void allocate(std::uint64_t size) override { file_->allocate(size); }
    void truncate(std::uint64_t size) override { file_->truncate(size); }
    void start_writeback(std::uint64_t offset, std::uint64_t size) override {
      file_->start_writeback(offset, size);
    }
    void sync() override { file_->sync(); }
    std::uint64_t size() override { return file_->size(); }

   private:
    const WatchedFiles& files_;
    const std::unique_ptr<env::File> file_;
  };
};

class DeposedTest : public testing::Test, public Replica {};

TEST_F(DeposedTest, ForgetsWhatItKnowsOnlyWhenTheReadingHasEnded) {
  WatchedFiles watched;
  files = &watched;
  writer.reset();
  sql("PRAGMA journal_mode=DELETE");
  start();
  flush();
  sql("UPDATE record SET body = randomblob(500) WHERE id = 5");
  const repository::Position last = flush();
  auto other =
      repository::Lease::acquire(repository, repository::timeline_series(repository, kName),
                                 {.stale_after = milliseconds(1),
                                  .longest_wait = std::chrono::minutes(2),
                                  .look_every = milliseconds(1),
                                  .confirm_after = milliseconds(0)},
                                 "other", {});
  sql("UPDATE record SET body = randomblob(500) WHERE id = 50");
  std::atomic<bool> asked{false};
  watched.on_read = [&] {
    if (asked.exchange(true)) return;
    // As in life: by another thread than the one that reads.
    std::thread([&] { replicator->step(false); }).join();
    EXPECT_EQ(replicator->state().phase, Phase::kDeposed);
  };
  EXPECT_EQ(code_of([&] { replicator->flush(kLongest); }), ErrorCode::kUnavailable);
  EXPECT_TRUE(asked);
  EXPECT_EQ(replicator->state().position, last);
  other.release();
  start();
  EXPECT_EQ(flush().branch, 3u);
  expect_every_image();
}

}  // namespace
}  // namespace holdfast::engine
