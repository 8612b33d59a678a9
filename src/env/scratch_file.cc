#include "env/scratch_file.h"

#include <cstdlib>

#include "env/randomness.h"

namespace holdfast::env {

std::unique_ptr<File> scratch_file(FileSystem& files) {
  const char* chosen = std::getenv("TMPDIR");
  const Path folder = chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
  const Path path = folder / (".holdfast-" + random_name());
  std::unique_ptr<File> file = files.create(path);
  files.remove(path);
  return file;
}

}  // namespace holdfast::env
