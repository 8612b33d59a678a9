#include "service/databases.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>

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

// Whether a file of the pattern's folder is one of its databases.
bool matches(const env::Path& pattern, const std::string& file) {
  constexpr auto kCompanions = std::to_array<std::string_view>({"-wal", "-shm", "-journal"});
  const auto is_companion = [&](std::string_view suffix) { return file.ends_with(suffix); };
  return std::ranges::none_of(kCompanions, is_companion) &&
         ::fnmatch(pattern.filename().c_str(), file.c_str(), FNM_PERIOD) == 0;
}

bool same_file(const World& world, const env::Path& a, const env::Path& b) {
  if (a == b) return true;
  const auto left = world.files.status(a), right = world.files.status(b);
  return left && right && left->identity == right->identity;
}

// What is there of a configured database; several for a pattern.
std::vector<Database> files_of(const std::string& name, const Configuration& configuration,
                               const World& world) {
  auto known = configured_database(name, configuration, world);
  if (!known) return {};
  if (is_pattern(known->source.path, world)) {
    return expand_pattern({.name = name, .pattern = known->source.path}, world);
  }
  return {std::move(*known)};
}

Database from_path(const std::string& word, const Configuration& configuration,
                   const World& world) {
  const env::Path path = parse_source(word, world.directory, world);
  for (const DatabaseConfiguration& database : configuration.databases) {
    for (Database& known : files_of(database.name, configuration, world)) {
      if (same_file(world, known.source.path, path)) return std::move(known);
    }
  }
  const auto status = world.files.status(path);
  if (status && status->directory) {
    throw Error(ErrorCode::kNotADatabase, fmt::format("{} is a directory", path.string()));
  }
  const bool pattern = is_pattern(path, world);
  const std::string stem = (pattern ? path.parent_path().filename() : path.stem()).string();
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
  if (word.find('/') != std::string::npos) {
    if (auto known = configured_database(word, configuration, world)) return std::move(*known);
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

void refuse_server(const Database& database) {
  if (database.source.url.empty()) return;
  throw Error(
      ErrorCode::kUnsupported,
      fmt::format("the database {} is on a PostgreSQL server ({}): this version looks after "
                  "its records (put, export, import, recover …), but makes no copies of it yet",
                  database.name, database.source.place()),
      {}, "Use pg_dump or pgBackRest for that database, and name the SQLite ones that are meant.");
}

void expect_different(const std::vector<Database>& databases) {
  for (std::size_t i = 0; i < databases.size(); ++i) {
    for (std::size_t j = i + 1; j < databases.size(); ++j) {
      const Database &a = databases[i], &b = databases[j];
      if (a.source.path == b.source.path && a.source.url == b.source.url) {
        throw Error(ErrorCode::kUsage, fmt::format("{} is named twice", a.source.place()));
      }
      if (a.name == b.name) {
        throw Error(
            ErrorCode::kUsage,
            fmt::format("{} and {} would both be called \"{}\"", a.source.place(), b.source.place(),
                        a.name),
            {},
            "Give them names of their own in holdfast.toml: [databases.NAME] source = \"PATH\".");
      }
    }
  }
}

}  // namespace

std::string Database::sentence() const {
  return fmt::format("database {}: {}, from {} ({})", name, source.place(), source.entry,
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

const DatabaseConfiguration* configuration_of(std::string_view name,
                                              const Configuration& configuration) {
  if (const auto* known = configuration.database(name)) return known;
  const auto slash = name.rfind('/');
  return slash == std::string_view::npos ? nullptr : configuration.database(name.substr(0, slash));
}

std::optional<Database> configured_database(std::string_view name,
                                            const Configuration& configuration,
                                            const World& world) {
  const DatabaseConfiguration* known = configuration_of(name, configuration);
  if (known == nullptr) return std::nullopt;
  try {
    Database database = resolve_database(*known, configuration, world);
    if (!database.source.url.empty()) return std::nullopt;
    if (known->name == name) return database;
    const env::Path& pattern = database.source.path;
    if (!is_pattern(pattern, world)) return std::nullopt;
    for (Database& one : expand_pattern({.name = known->name, .pattern = pattern}, world)) {
      if (one.name == name) return std::move(one);
    }
    // Its file is gone: the one that a restore would make.
    const std::string file =
        std::string(name.substr(known->name.size() + 1)) + pattern.extension().native();
    if (!matches(pattern, file)) return std::nullopt;
    database.name = name;
    database.source.path = pattern.parent_path() / file;
    database.source.reason = "its name would match";
    database.source.found = false;
    return database;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::vector<Database> expand_pattern(const DatabasePattern& pattern, const World& world) {
  std::vector<Database> databases;
  const env::Path folder = pattern.pattern.parent_path();
  const auto status = world.files.status(folder);
  if (!status || !status->directory) return databases;
  for (const env::DirectoryEntry& entry : world.files.list(folder)) {
    if (entry.status.directory || !matches(pattern.pattern, entry.name)) continue;
    const std::string name =
        fmt::format("{}/{}", pattern.name, env::Path(entry.name).stem().native());
    try {
      repository::check_snapshot_name(name);
    } catch (const Error&) {
      continue;
    }
    databases.push_back({.name = name,
                         .source = {.path = folder / entry.name,
                                    .entry = pattern.pattern.native(),
                                    .reason = "its name matches",
                                    .found = true},
                         .configured = true});
  }
  return databases;
}

namespace {

DatabaseChoice choose(std::span<const std::string> words, bool all,
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
  DatabaseChoice choice;
  for (Database& database : databases) {
    if (is_pattern(database.source.path, world)) {
      choice.patterns.push_back({.name = database.name, .pattern = database.source.path});
    } else {
      choice.databases.push_back(std::move(database));
    }
  }
  return choice;
}

std::vector<Database> expanded(DatabaseChoice choice, const World& world) {
  std::vector<Database> databases = std::move(choice.databases);
  for (const DatabasePattern& pattern : choice.patterns) {
    std::ranges::move(expand_pattern(pattern, world), std::back_inserter(databases));
  }
  if (databases.empty()) {
    throw Error(ErrorCode::kDatabaseMissing,
                fmt::format("no file matches {}", choice.patterns.front().pattern.string()));
  }
  expect_different(databases);
  return databases;
}

}  // namespace

DatabaseChoice choose_sources(std::span<const std::string> words, bool all,
                              const Configuration& configuration, const World& world) {
  DatabaseChoice choice = choose(words, all, configuration, world);
  for (const Database& database : choice.databases) refuse_server(database);
  return choice;
}

std::vector<Database> choose_databases(std::span<const std::string> words, bool all,
                                       const Configuration& configuration, const World& world) {
  return expanded(choose_sources(words, all, configuration, world), world);
}

std::vector<Database> choose_all_databases(std::span<const std::string> words, bool all,
                                           const Configuration& configuration, const World& world) {
  return expanded(choose(words, all, configuration, world), world);
}

std::optional<Database> configured_server(std::string_view name, const Configuration& configuration,
                                          const World& world) {
  const auto* known = configuration.database(name);
  if (known == nullptr) return std::nullopt;
  try {
    Database database = resolve_database(*known, configuration, world);
    if (!database.source.url.empty()) return database;
  } catch (const Error&) {
    // It leads nowhere, which is no server either.
  }
  return std::nullopt;
}

std::optional<Time> last_write_time(env::FileSystem& files, const env::Path& database) {
  std::optional<Time> newest;
  for (const char* suffix : {"", "-wal"}) {
    const auto file = files.status(database.native() + suffix);
    if (!file || file->directory || (*suffix != '\0' && file->size == 0)) continue;
    newest = std::max(newest.value_or(Time::min()), file->modified);
  }
  return newest;
}

}  // namespace holdfast::service
