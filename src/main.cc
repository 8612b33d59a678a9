#include <filesystem>
#include <string>
#include <vector>

#include "cli/program.h"
#include "env/clock.h"
#include "env/file_system.h"
#include "storage/open_store.h"

int main(int argc, char** argv) {
  using namespace holdfast;
  std::error_code no_directory;
  env::FileSystem& files = env::posix_file_system();
  const service::Variables variables = service::process_variables();
  const service::World world{
      .files = files,
      .clock = env::system_clock(),
      .variables = variables,
      .directory = std::filesystem::current_path(no_directory),
      .open_store = [&](std::string_view url) {
        return storage::open_store(
            url, {.files = files, .clock = env::system_clock(), .variables = variables});
      }};
  return cli::run(std::vector<std::string>(argv + 1, argv + argc), world);
}
