#include "service/passphrase.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"

namespace holdfast::service {
namespace {

constexpr unsigned kOfOthers = 077;
constexpr std::uint64_t kMostBytes = 64 << 10;

// The first line, without its end.
std::string read_passphrase_file(const World& world, const env::Path& path, std::string_view by,
                                 Progress& progress) {
  const auto status = world.files.status(path);
  if (!status || status->directory) {
    throw Error(ErrorCode::kConfiguration,
                fmt::format("the passphrase file {} named by {} {}", path.string(), by,
                            status ? "is a directory" : "does not exist"),
                {}, fmt::format("Correct {}, or write the passphrase into that file.", by));
  }
  if (status->size > kMostBytes) {
    throw Error(ErrorCode::kConfiguration,
                fmt::format("{} is too large for a passphrase file", path.string()));
  }
  if ((status->mode & kOfOthers) != 0) {
    progress.warning(
        fmt::format("other users may read the passphrase file {} (mode {:03o}): chmod 600 {}",
                    path.string(), status->mode, path.string()));
  }
  const Bytes content = env::read_file(world.files, path);
  std::string text(as_text(content));
  text.erase(std::min(text.find('\n'), text.size()));
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) {
    throw Error(ErrorCode::kConfiguration,
                fmt::format("the passphrase file {} is empty", path.string()));
  }
  return text;
}

// A name as it stands in those of variables: "off-site" as OFF_SITE.
std::string variable_part(std::string_view name) {
  std::string part(name);
  std::ranges::transform(part, part.begin(), [](unsigned char letter) {
    return letter == '-' ? '_' : static_cast<char>(std::toupper(letter));
  });
  return part;
}

std::optional<std::string> from_variables(const World& world, std::string_view name,
                                          Progress& progress) {
  if (auto passphrase = world.variables(name)) return passphrase;
  const std::string file_name = fmt::format("{}_FILE", name);
  if (const auto path = world.variables(file_name)) {
    return read_passphrase_file(world, absolute_path(world.directory, *path), file_name, progress);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_passphrase(const World& world, const Configuration& configuration,
                                           const RepositoryConfiguration* repository,
                                           Progress& progress) {
  const auto from_file = [&](const env::Path& file) {
    return read_passphrase_file(world, file, configuration.file.string(), progress);
  };
  if (repository != nullptr && !repository->name.empty()) {
    const std::string name = fmt::format("HOLDFAST_PASSPHRASE_{}", variable_part(repository->name));
    if (auto passphrase = from_variables(world, name, progress)) return passphrase;
    if (!repository->passphrase_file.empty()) return from_file(repository->passphrase_file);
  }
  if (auto passphrase = from_variables(world, "HOLDFAST_PASSPHRASE", progress)) return passphrase;
  if (configuration.passphrase_file.empty()) return std::nullopt;
  return from_file(configuration.passphrase_file);
}

std::string new_passphrase(const World& world, PassphrasePrompt& prompt, Progress& progress) {
  if (auto passphrase = from_variables(world, "HOLDFAST_NEW_PASSPHRASE", progress))
    return *passphrase;
  return type_new_passphrase(
      prompt,
      "Set HOLDFAST_NEW_PASSPHRASE or HOLDFAST_NEW_PASSPHRASE_FILE, or type it at the prompt.");
}

std::string type_new_passphrase(PassphrasePrompt& prompt, std::string_view hint) {
  const auto first = prompt.ask("New passphrase: ");
  if (!first) {
    throw Error(ErrorCode::kPassphraseMissing,
                "a new passphrase is needed, and there is no terminal to ask on",
                "Nothing was changed.", std::string(hint));
  }
  if (first->empty())
    throw Error(ErrorCode::kUsage, "the passphrase is empty", {}, "Choose one that is not.");
  const auto second = prompt.ask("The same again: ");
  if (!second || *second != *first) {
    throw Error(ErrorCode::kUsage, "the two passphrases differ", {}, "Run the command again.");
  }
  return *first;
}

}  // namespace holdfast::service
