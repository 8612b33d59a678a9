#include "service/source.h"

#include <fmt/format.h>

#include <optional>

#include "base/error.h"
#include "postgres/address.h"

namespace holdfast::service {
namespace {

// Empty unless `entry` is "$NAME" or "${NAME}".
std::string variable_name(std::string_view entry) {
  if (!entry.starts_with('$')) return {};
  entry.remove_prefix(1);
  if (entry.starts_with('{') && entry.ends_with('}')) entry = entry.substr(1, entry.size() - 2);
  return std::string(entry);
}

// What follows a '?' are parameters of some driver.
std::string_view without_query(std::string_view url) { return url.substr(0, url.find('?')); }

struct Candidate {
  env::Path path;
  bool hit = false;
  std::string why;  // it hits, or does not
  std::string url = {};
};

// Throws kConfiguration for a URL that cannot be understood.
Candidate server_at(std::string_view url, std::string why) {
  postgres::Address{url};
  return {.path = {}, .hit = true, .why = std::move(why), .url = std::string(url)};
}

Candidate look_at(const std::string& entry, const env::Path& base, const World& world) {
  const std::string name = variable_name(entry);
  if (name.empty()) {
    if (postgres::is_address(entry)) return server_at(entry, "it is a URL of PostgreSQL");
    const env::Path path = parse_source(entry, base, world);
    if (is_pattern(path, world)) {
      const auto folder = world.files.status(path.parent_path());
      const bool there = folder && folder->directory;
      return {path, there, there ? "the folder is there" : "no such folder"};
    }
    const bool there = is_file(world, path);
    return {path, there, there ? "the file is there" : "no such file"};
  }
  const auto value = world.variables(name);
  if (!value) return {{}, false, "the variable is not set"};
  if (postgres::is_address(*value)) return server_at(*value, "the variable is set");
  return {parse_source(*value, world.directory, world), true, "the variable is set"};
}

}  // namespace

std::string ResolvedSource::place() const {
  return url.empty() ? path.string() : postgres::Address(url).shown();
}

bool is_pattern(const env::Path& path, const World& world) {
  return path.filename().native().find_first_of("*?[") != std::string::npos &&
         !world.files.status(path);
}

bool is_url(std::string_view text) {
  return text.find("://") != std::string_view::npos || text.starts_with("sqlite:");
}

env::Path parse_source(std::string_view text, const env::Path& base, const World& world) {
  const auto absolute = [&](std::string_view path) {
    return absolute_path(base, expand_home(path, world.variables));
  };
  if (!is_url(text)) return absolute(text);
  if (postgres::is_address(text)) {
    throw Error(ErrorCode::kUnsupported,
                "this version of Holdfast protects SQLite databases, not yet PostgreSQL", {},
                "Use pg_dump or pgBackRest for that database, and Holdfast for the SQLite ones.");
  }
  constexpr std::string_view kTriple = "sqlite:///";
  if (text.starts_with(kTriple)) {
    const std::string_view rest = without_query(text.substr(kTriple.size()));
    env::Path path = absolute(rest);
    if (!rest.empty() && !is_file(world, path)) {
      env::Path from_root = absolute_path("/", rest);
      if (is_file(world, from_root)) return from_root;
    }
    if (!rest.empty()) return path;
  } else if (text.starts_with("sqlite:") && !text.starts_with("sqlite://")) {
    const std::string_view rest = without_query(text.substr(std::string_view("sqlite:").size()));
    if (!rest.empty()) return absolute(rest);
  }
  throw Error(
      ErrorCode::kConfiguration,
      // A URL may have a password in it.
      fmt::format("\"{}\" does not say where a database is", text.substr(0, text.find("://"))), {},
      "Write a path, or a URL such as sqlite:///data/app.db or sqlite:////srv/app.db.");
}

ResolvedSource resolve_source(std::span<const std::string> entries, const env::Path& base,
                              const World& world) {
  Candidate last;
  for (const std::string& entry : entries) {
    last = look_at(entry, base, world);
    if (!last.hit) continue;
    return {.path = last.path,
            .entry = last.url.empty() || entry.starts_with('$')
                         ? entry
                         : postgres::Address(last.url).shown(),
            .reason = last.why,
            .found = !last.url.empty() || is_file(world, last.path),
            .url = last.url};
  }
  const std::string& entry = entries.back();
  if (last.path.empty()) {
    throw Error(ErrorCode::kConfiguration,
                entries.size() == 1
                    ? fmt::format("{} is not set, and there is no other source", entry)
                    : fmt::format("none of {} sources is there, and the last, {}, is not set",
                                  entries.size(), entry),
                {}, fmt::format("Set {}, or end the list with a path.", variable_name(entry)));
  }
  const std::string reason =
      entries.size() == 1
          ? last.why
          : fmt::format("the last of {} sources: none of them is there", entries.size());
  return {.path = last.path, .entry = entry, .reason = reason, .found = false};
}

}  // namespace holdfast::service
