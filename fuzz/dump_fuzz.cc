// A dump of SQLite: it may do what it likes in a database of its own, and nothing beside it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "env/temporary_directory.h"
#include "sqlite/dump.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const env::TemporaryDirectory directory;
  const auto target = directory / "made.db";
  env::posix_file_system().create(target);
  try {
    sqlite::load_dump([&](const std::function<bool(std::string_view)>& take) { take(text); },
                      target, {.database_bytes = 1 << 20, .instructions = 100'000}, no_progress());
  } catch (const Error&) {
    // Refused as a whole.
  }
  for (const auto& entry : env::posix_file_system().list(directory.path())) {
    if (!entry.name.starts_with("made.db")) std::abort();
  }
  return 0;
}
