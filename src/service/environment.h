// What the process was given by whoever started it.
#ifndef HOLDFAST_SERVICE_ENVIRONMENT_H_
#define HOLDFAST_SERVICE_ENVIRONMENT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "env/clock.h"
#include "env/file_system.h"
#include "storage/store.h"

namespace holdfast::service {

// The value of an environment variable. One that is set but empty counts as not set: that is what
// "FOO= command" and an empty line of a compose file mean.
using Variables = std::function<std::optional<std::string>(std::string_view name)>;
Variables process_variables();

// The concrete things that main.cc chooses and tests replace.
struct World {
  env::FileSystem& files;
  env::Clock& clock;
  Variables variables;
  env::Path directory;  // what relative paths of the command line are relative to
  std::function<std::unique_ptr<storage::Store>(std::string_view url)> open_store;
};

// Absolute and without "." and "..", but with symbolic links as they are: the file behind one may
// be replaced.
env::Path absolute_path(const env::Path& base, const env::Path& path);
// "~" and "~/x" by HOME.
std::string expand_home(std::string_view path, const Variables& variables);

// $HOLDFAST_CACHE_DIR, $XDG_CACHE_HOME/holdfast, ~/.cache/holdfast; empty where none of them is
// known.
env::Path default_cache_directory(const World& world);
// Where copies of databases are made for a while: $TMPDIR, else /var/tmp. They may be large, so not
// in memory, where /tmp often is.
env::Path scratch_directory(const World& world);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_ENVIRONMENT_H_
