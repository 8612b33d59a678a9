// A device that does not give back what was written, for tests.
#ifndef HOLDFAST_ENGINE_EXPORTS_TEST_LYING_FILES_H_
#define HOLDFAST_ENGINE_EXPORTS_TEST_LYING_FILES_H_

#include <memory>
#include <utility>

#include "env/fault_file_system.h"

namespace holdfast::engine {

class LyingFiles final : public env::FaultFileSystem {
 public:
  static constexpr std::uint64_t kNowhere = ~std::uint64_t{0};

  LyingFiles() : FaultFileSystem(env::posix_file_system()) {}
  std::unique_ptr<env::File> open_read(const env::Path& path) override {
    return std::make_unique<LyingFile>(*this, FaultFileSystem::open_read(path));
  }

  std::uint64_t wrong_byte = kNowhere;  // of every file that is opened for reading
  bool ends_early = false, ends_late = false;

 private:
  class LyingFile final : public env::File {
   public:
    LyingFile(const LyingFiles& files, std::unique_ptr<env::File> file)
        : files_(files), file_(std::move(file)) {}
    std::size_t read_at(std::uint64_t offset, MutableByteView out) override {
      std::size_t read = file_->read_at(offset, out);
      const bool last = offset + read == file_->size();
      if (files_.wrong_byte >= offset && files_.wrong_byte - offset < read) {
        out[files_.wrong_byte - offset] ^= std::byte{1};
      }
      if (files_.ends_early && last && read > 0) --read;
      if (files_.ends_late && last && read < out.size()) out[read++] = std::byte{0};
      return read;
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
    const LyingFiles& files_;
    const std::unique_ptr<env::File> file_;
  };
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_TEST_LYING_FILES_H_
