// One exported file while it is written: hashed on the way, and read back as far as it has come.
#ifndef HOLDFAST_ENGINE_EXPORTS_OUTPUT_FILE_H_
#define HOLDFAST_ENGINE_EXPORTS_OUTPUT_FILE_H_

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/exports/encoded_window.h"
#include "engine/exports/file_digest.h"
#include "env/file_system.h"

namespace holdfast::engine {

struct WrittenFile {
  std::uint64_t size = 0;
  std::string hash;  // see file_digest.h
  std::vector<PieceDigest> pieces;
};

// By one thread at a time. The file at `path` is new, and goes with the object unless finish() has
// returned.
class OutputFile {
 public:
  // `digest` is one of nothing yet. Throws what create() does.
  OutputFile(env::FileSystem& files, env::Path path, bool base64, FileDigest digest = {});
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void add(std::string_view text) { window_.add(text); }
  // Synced and proved. Throws kWriteNotProved if what was read back is not what was written.
  WrittenFile finish();
  const env::Path& path() const { return path_; }

 private:
  void write(ByteView window);
  void read_back();

  env::FileSystem& files_;
  const env::Path path_;
  std::unique_ptr<env::File> file_;
  EncodedWindow window_;
  FileDigest digest_;
  bool finished_ = false;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::uint64_t written_ = 0;
  bool complete_ = false, abandoned_ = false;
  std::string read_hash_;
  std::exception_ptr failure_;
  std::jthread reader_;  // last: it uses all of the above
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_OUTPUT_FILE_H_
