#include "engine/exports/output_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace holdfast::engine {
namespace {

constexpr std::size_t kWindow = EncodedWindow::kSize;

}  // namespace

OutputFile::OutputFile(env::FileSystem& files, env::Path path, bool base64, FileDigest digest)
    : files_(files),
      path_(std::move(path)),
      file_(files.create(path_)),
      window_(base64, [this](ByteView window) { write(window); }),
      digest_(std::move(digest)) {
  // A gigabyte that is read by others at most would push out what the application needs there.
  file_->bypass_cache();
  reader_ = std::jthread([this] {
    try {
      read_back();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      changed_.notify_all();
    }
  });
}

OutputFile::~OutputFile() {
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
  }
  changed_.notify_all();
  reader_.join();
  file_.reset();
  if (finished_) return;
  try {
    files_.remove(path_);
  } catch (...) {
    // The failure that led here is the one to be told.
  }
}

void OutputFile::write(ByteView bytes) {
  const std::uint64_t offset = digest_.size();
  file_->write_at(offset, bytes);
  digest_.add(bytes);
  {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    if (bytes.size() == kWindow) written_ = digest_.size();
  }
  changed_.notify_all();
}

WrittenFile OutputFile::finish() {
  window_.finish();
  file_->sync();
  WrittenFile written{.size = digest_.size(), .hash = digest_.finish(), .pieces = digest_.pieces()};
  std::unique_lock lock(mutex_);
  complete_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return failure_ || !read_hash_.empty(); });
  if (failure_) std::rethrow_exception(failure_);
  if (read_hash_ != written.hash) {
    throw Error(ErrorCode::kWriteNotProved,
                fmt::format("{} did not read back as it was written", path_.string()));
  }
  finished_ = true;
  return written;
}

void OutputFile::read_back() {
  std::unique_ptr<env::File> file;
  Buffer buffer;
  FileDigest digest;
  for (;;) {
    bool last = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock,
                    [&] { return abandoned_ || complete_ || written_ >= digest.size() + kWindow; });
      if (abandoned_) return;
      last = written_ < digest.size() + kWindow;
    }
    if (!file) {
      file = files_.open_read(path_);
      file->bypass_cache();
    }
    const MutableByteView window = buffer.first(kWindow);
    digest.add(window.first(file->read_at(digest.size(), window)));
    if (last) break;
  }
  std::string hash = digest.finish();
  const std::lock_guard lock(mutex_);
  read_hash_ = std::move(hash);
  changed_.notify_all();
}

}  // namespace holdfast::engine
