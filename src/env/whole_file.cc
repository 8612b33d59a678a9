#include <fmt/format.h>

#include "base/error.h"
#include "env/file_system.h"
#include "env/randomness.h"

namespace holdfast::env {

Bytes read_file(FileSystem& files, const Path& path) {
  const auto file = files.open_read(path);
  Bytes content(file->size());
  content.resize(file->read_at(0, content));
  return content;
}

namespace {

void replace_file(FileSystem& files, const Path& path, bool durably,
                  const std::function<void(File&)>& fill) {
  const Path folder = path.has_parent_path() ? path.parent_path() : Path(".");
  const Path beside = folder / fmt::format(".{}.tmp-{}", path.filename().string(), random_name());
  bool renamed = false;
  try {
    {
      const auto file = files.create(beside);
      fill(*file);
      if (durably) file->sync();
    }
    files.rename(beside, path);
    renamed = true;
    if (durably) files.sync_directory(folder);
  } catch (const Error&) {
    if (!renamed) {
      try {
        files.remove(beside);
      } catch (const Error&) {
        // The first failure is the one to report; what is left here is never read.
      }
    }
    throw;
  }
}

}  // namespace

void write_file_atomically(FileSystem& files, const Path& path, ByteView content) {
  replace_file(files, path, true, [&](File& file) { file.write_at(0, content); });
}

void write_cache_file(FileSystem& files, const Path& path, const std::function<void(File&)>& fill) {
  replace_file(files, path, false, fill);
}

}  // namespace holdfast::env
