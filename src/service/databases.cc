#include "service/databases.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "repository/snapshot.h"
#include "service/nearest_word.h"

namespace holdfast::service {
namespace {

std::vector<std::string> names_of(const Configuration& configuration) {
  std::vector<std::string> names;
  names.reserve(configuration.databases.size());
  for (const DatabaseConfiguration& database : configuration.databases) {
    names.push_back(database.name);
  }
  return names;
}

bool looks_like_path(std::string_view word) {
  return is_url(word) || word.find_first_of("/.~") != std::string_view::npos;
}

bool same_file(const World& world, const env::Path& a, const env::Path& b) {
  if (a == b) return true;
  const auto left = world.files.status(a), right = world.files.status(b);
  return left && right && left->identity == right->identity;
}

Database from_path(const std::string& word, const Configuration& configuration,
                   const World& world) {
  const env::Path path = parse_source(word, world.directory, world);
  for (const DatabaseConfiguration& database : configuration.databases) {
    const auto known = configured_database(database.name, configuration, world);
    if (known && same_file(world, known->source.path, path)) return *known;
  }
  const auto status = world.files.status(path);
  if (status && status->directory) {
    throw Error(ErrorCode::kNotADatabase, fmt::format("{} is a directory", path.string()));
  }
  const std::string stem = path.stem().string();
  try {
    repository::check_snapshot_name(stem);
  } catch (const Error& error) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("{} cannot give its name to a database: {}", path.string(), error.happened()),
        {}, "Give it a name in holdfast.toml: [databases.NAME] source = \"PATH\".");
  }
  return {.name = stem,
          .source = {.path = path,
                     .entry = word,
                     .reason = "given on the command line",
                     .found = status.has_value()},
          .configured = false};
}

Database from_word(const std::string& word, const Configuration& configuration,
                   const World& world) {
  if (word.empty()) throw Error(ErrorCode::kUsage, "the name of a database is empty");
  if (const DatabaseConfiguration* known = configuration.database(word)) {
    return resolve_database(*known, configuration, world);
  }
  const auto names = names_of(configuration);
  const bool path =
      looks_like_path(word) || world.files.status(absolute_path(world.directory, word)).has_value();
  if (path) return from_path(word, configuration, world);
  const std::string near = nearest_word(word, names);
  throw Error(ErrorCode::kDatabaseUnknown,
              fmt::format("\"{}\" is neither a configured database nor a file{}", word,
                          near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
}

[[noreturn]] void refuse_no_words(const Configuration& configuration) {
  if (configuration.databases.empty()) {
    throw Error(ErrorCode::kUsage, "no database is named, and none is configured", {},
                "Name a file: holdfast backup app.db. Or describe it in holdfast.toml.");
  }
  throw Error(
      ErrorCode::kUsage,
      fmt::format("several databases are configured: {}", fmt::join(names_of(configuration), ", ")),
      {}, "Name those that are meant, or say --all.");
}

void expect_different(const std::vector<Database>& databases) {
  for (std::size_t i = 0; i < databases.size(); ++i) {
    for (std::size_t j = i + 1; j < databases.size(); ++j) {
      const Database &a = databases[i], &b = databases[j];
      if (a.source.path == b.source.path) {
        throw Error(ErrorCode::kUsage, fmt::format("{} is named twice", a.source.path.string()));
      }
      if (a.name == b.name) {
        throw Error(
            ErrorCode::kUsage,
            fmt::format("{} and {} would both be called \"{}\"", a.source.path.string(),
                        b.source.path.string(), a.name),
            {},
            "Give them names of their own in holdfast.toml: [databases.NAME] source = \"PATH\".");
      }
    }
  }
}

}  // namespace

std::string Database::sentence() const {
  return fmt::format("database {}: {}, from {} ({})", name, source.path.string(), source.entry,
                     source.reason);
}

Database resolve_database(const DatabaseConfiguration& database, const Configuration& configuration,
                          const World& world) {
  try {
    return {.name = database.name,
            .source = resolve_source(database.source, configuration.file.parent_path(), world),
            .configured = true};
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("database {}: {}", database.name, error.happened()),
                std::string(error.safe()), std::string(error.next()));
  }
}

std::optional<Database> configured_database(std::string_view name,
                                            const Configuration& configuration,
                                            const World& world) {
  const DatabaseConfiguration* known = configuration.database(name);
  if (known == nullptr) return std::nullopt;
  try {
    return resolve_database(*known, configuration, world);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::vector<Database> choose_databases(std::span<const std::string> words, bool all,
                                       const Configuration& configuration, const World& world) {
  std::vector<Database> databases;
  if (all) {
    if (!words.empty())
      throw Error(ErrorCode::kUsage, "--all and names of databases exclude each other");
    if (configuration.databases.empty()) {
      throw Error(
          ErrorCode::kUsage,
          configuration.file.empty()
              ? std::string("--all means every configured database, and there is no holdfast.toml")
              : fmt::format("--all means every configured database, and {} has none",
                            configuration.file.string()),
          {}, "Add a section [databases.NAME] with a source, or name a file.");
    }
  } else if (words.empty() && configuration.databases.size() != 1) {
    refuse_no_words(configuration);
  }
  for (const std::string& word : words) databases.push_back(from_word(word, configuration, world));
  if (words.empty()) {
    for (const DatabaseConfiguration& database : configuration.databases) {
      databases.push_back(resolve_database(database, configuration, world));
    }
  }
  expect_different(databases);
  return databases;
}

}  // namespace holdfast::service
