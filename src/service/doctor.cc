#include "service/doctor.h"

#include <fmt/format.h>

#include "base/error.h"
#include "env/mounts.h"
#include "postgres/connection.h"
#include "service/library_check.h"
#include "sqlite/health.h"
#include "sqlite/page_source.h"

namespace holdfast::service {
namespace {

constexpr std::chrono::milliseconds kBusy{2'000};

env::Path resolved(const env::Path& path) {
  std::error_code unresolved;
  env::Path real = std::filesystem::weakly_canonical(path, unresolved);
  return unresolved ? path : real;
}

void examine_repository(Session& session, std::vector<Finding>& findings) {
  try {
    session.repository();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kWriteOnlyKey) throw;
    findings.push_back({.subject = "repository", .text = error.happened(), .harmful = true});
    return;
  }
  if (!session.repository().config().exclusive_create) {
    findings.push_back({.subject = "repository",
                        .text = "its store cannot create an object exclusively: leases are taken "
                                "by claims, with some requests more, and rest on the store "
                                "listing at once what was put; two `init` at the same moment may "
                                "spoil each other",
                        .harmful = false});
  }
  const std::string place = session.place();
  if (place.find("://") != std::string::npos) return;
  const std::string warning = storage_warning_of(place);
  if (!warning.empty()) {
    findings.push_back({.subject = "repository", .text = warning, .harmful = false});
  }
}

bool uses_log(const env::Path& path) {
  const auto source = sqlite::open_page_source(path, {.busy_timeout = kBusy});
  return source->journal_mode() == sqlite::JournalMode::kWal;
}

void examine_database(Session& session, const Database& database, std::vector<Finding>& findings) {
  const env::Path& path = database.source.path;
  const auto add = [&](std::string text, bool harmful) {
    findings.push_back(
        {.subject = "database " + database.name, .text = std::move(text), .harmful = harmful});
  };
  if (!database.source.url.empty()) {
    add("it is on a PostgreSQL server, which this version does not back up: use pg_dump or "
        "pgBackRest",
        false);
    try {
      postgres::Connection(postgres::Address(database.source.url), {});
    } catch (const Error& error) {
      add(error.happened(), true);
    }
    return;
  }
  const std::string warning = storage_warning_of(path);
  if (!warning.empty()) add(warning, false);
  try {
    const sqlite::PresenceReport report = sqlite::look_at_database(path, kBusy);
    if (!sqlite::is_there(report.presence)) {
      add(report.detail, true);
    } else if (uses_log(path)) {
      const std::string bug = wal_reset_warning(sqlite::linked_version(), library_uses(path));
      if (!bug.empty()) add(bug, false);
    }
  } catch (const Error& error) {
    add(error.happened(), true);
  }
  const std::string place = session.place();
  if (place.find("://") != std::string::npos) return;
  const auto device = env::device_of(resolved(path));
  if (device && device == env::device_of(resolved(place))) {
    add(fmt::format("the repository {} is on the same storage: one broken disk takes both", place),
        false);
  }
}

}  // namespace

std::string storage_warning_of(const env::Path& path) {
  const auto mount = env::mount_of(env::current_mounts(), resolved(path));
  return mount ? env::storage_warning(path, *mount) : std::string();
}

std::vector<Finding> examine(Session& session, std::span<const Database> databases) {
  std::vector<Finding> findings;
  examine_repository(session, findings);
  for (const Database& database : databases) examine_database(session, database, findings);
  const env::Path cache = session.cache_directory();
  if (cache.empty()) {
    findings.push_back({.subject = "cache",
                        .text = "there is none: every scan compares with the repository itself, "
                                "and commits that cannot be sent wait in memory only",
                        .harmful = false});
  }
  return findings;
}

}  // namespace holdfast::service
