// A world of its own for a test: a temporary folder and variables that the test sets.
#ifndef HOLDFAST_SERVICE_TEST_WORLD_H_
#define HOLDFAST_SERVICE_TEST_WORLD_H_

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/error.h"
#include "env/temporary_directory.h"
#include "service/environment.h"
#include "storage/open_store.h"

namespace holdfast::service {

class TestWorld : public testing::Test {
 protected:
  env::Path file(const std::string& name, std::string_view content = "x") {
    const env::Path path = folder / name;
    env::posix_file_system().make_directories(path.parent_path());
    env::write_file_atomically(env::posix_file_system(), path, as_bytes(content));
    return path;
  }

  env::TemporaryDirectory folder;
  std::map<std::string, std::string, std::less<>> variables;
  World world{.files = env::posix_file_system(),
              .clock = env::system_clock(),
              .variables = [this](std::string_view name) -> std::optional<std::string> {
                const auto found = variables.find(name);
                if (found == variables.end() || found->second.empty()) return std::nullopt;
                return found->second;
              },
              .directory = folder.path(),
              .open_store =
                  [this](std::string_view url) {
                    return storage::open_store(
                        url,
                        {.files = world.files, .clock = world.clock, .variables = world.variables});
                  }};
};

// The error that `work` throws; a failure if it throws none.
template <typename Work>
Error error_of(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(ErrorCode::kInternal, "nothing was thrown");
}

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_TEST_WORLD_H_
