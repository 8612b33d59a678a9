// An archive: nothing of it may land beside the folder that it is unpacked to.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "base/error.h"
#include "engine/legacy/archive_copy.h"
#include "env/temporary_directory.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  env::FileSystem& files = env::posix_file_system();
  const env::TemporaryDirectory directory;
  const auto archive = directory / "archive";
  const auto folder = directory / "folder";
  files.create(archive)->write_at(0, std::as_bytes(std::span(data, size)));
  files.make_directories(folder);
  try {
    engine::unpack_archive(files, archive, folder, {.entries = 100, .bytes = 1 << 20, .ratio = 10},
                           no_progress());
  } catch (const Error&) {
    // Refused.
  }
  if (files.list(directory.path()).size() != 2) std::abort();
  for (const auto& entry : files.list(folder)) {
    if (!entry.name.starts_with("member-")) std::abort();
  }
  return 0;
}
