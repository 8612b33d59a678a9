#include "service/local_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "engine/replicate/backlog.h"

namespace holdfast::service {
namespace {

using Json = nlohmann::ordered_json;
using engine::FollowerState;
using engine::Phase;

constexpr auto kPhases =
    std::to_array<std::pair<Phase, std::string_view>>({{Phase::kWaiting, "waiting"},
                                                       {Phase::kScanning, "scanning"},
                                                       {Phase::kFollowing, "following"},
                                                       {Phase::kDetached, "detached"},
                                                       {Phase::kDeposed, "deposed"},
                                                       {Phase::kRefused, "refused"},
                                                       {Phase::kStopped, "stopped"}});

// Names of databases and places may be longer than names of files, and hold any letter: FNV-1a.
// Nothing hangs on a clash: the file says itself whose it is.
std::string short_name(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  }
  return fmt::format("{:016x}", hash);
}

env::Path below_cache(Session& session, std::string_view folder, std::string_view database) {
  const env::Path cache = session.cache_directory();
  if (cache.empty()) return {};
  return cache / folder / fmt::format("{}-{}", short_name(session.place()), short_name(database));
}

Json optional_time(const std::optional<Time>& time) {
  return time ? Json(format_rfc3339(*time)) : Json();
}

std::optional<Time> time_from(const Json& value) {
  return value.is_string() ? parse_rfc3339(value.get<std::string>()) : std::nullopt;
}

Json follower_json(const FollowerState& state) {
  return {{"database", state.database},
          {"phase", phase_name(state.phase)},
          {"branch", state.position.branch},
          {"number", state.position.number},
          {"durable_commit", optional_time(state.durable_commit)},
          {"oldest_waiting", optional_time(state.oldest_waiting)},
          {"snapshot", state.snapshot.hex()},
          {"snapshot_time", optional_time(state.snapshot_time)},
          {"segments", state.segments},
          {"bytes_sent", state.bytes_sent},
          {"backlog_bytes", state.backlog_bytes},
          {"continuity_proved", state.continuity_proved},
          {"continuity_repaired", state.continuity_repaired},
          {"last_loss", state.last_loss},
          {"last_error", state.last_error}};
}

FollowerState follower_from(const Json& value) {
  FollowerState state;
  state.database = value.at("database").get<std::string>();
  const auto phase = value.at("phase").get<std::string>();
  for (const auto& [known, name] : kPhases) {
    if (name == phase) state.phase = known;
  }
  state.position = {.branch = value.at("branch").get<repository::Branch>(),
                    .number = value.at("number").get<std::uint64_t>()};
  state.durable_commit = time_from(value.at("durable_commit"));
  state.oldest_waiting = time_from(value.at("oldest_waiting"));
  state.snapshot =
      SnapshotId::from_hex(value.at("snapshot").get<std::string>()).value_or(SnapshotId{});
  state.snapshot_time = time_from(value.at("snapshot_time"));
  state.segments = value.at("segments").get<std::uint64_t>();
  state.bytes_sent = value.at("bytes_sent").get<std::uint64_t>();
  state.backlog_bytes = value.at("backlog_bytes").get<std::uint64_t>();
  state.continuity_proved = value.at("continuity_proved").get<std::uint64_t>();
  state.continuity_repaired = value.at("continuity_repaired").get<std::uint64_t>();
  state.last_loss = value.at("last_loss").get<std::string>();
  state.last_error = value.at("last_error").get<std::string>();
  return state;
}

}  // namespace

std::string_view phase_name(Phase phase) {
  for (const auto& [known, name] : kPhases) {
    if (known == phase) return name;
  }
  return "unknown";
}

env::Path state_file(Session& session, std::string_view database) {
  env::Path path = below_cache(session, "state", database);
  return path.empty() ? path : env::Path(path.native() + ".json");
}

env::Path backlog_folder(Session& session, std::string_view database) {
  const env::Path& said = session.configuration().replication.backlog;
  if (said.empty()) return below_cache(session, "backlog", database);
  return said / fmt::format("{}-{}", short_name(session.place()), short_name(database));
}

void write_state(env::FileSystem& files, const env::Path& path, const LocalState& state) {
  const Json value = {{"format", 1},
                      {"host", state.process.host},
                      {"boot", state.process.boot_id},
                      {"pid", state.process.pid},
                      {"start_ticks", state.process.start_ticks},
                      {"written", format_rfc3339(state.written)},
                      {"findings", state.findings},
                      {"follower", follower_json(state.follower)}};
  const std::string text = value.dump(2, ' ', false, Json::error_handler_t::replace);
  files.make_directories(path.parent_path());
  env::write_file_atomically(files, path, as_bytes(text));
}

std::optional<LocalState> read_state(env::FileSystem& files, const env::Path& path) {
  if (path.empty() || !files.status(path)) return std::nullopt;
  try {
    const Bytes content = env::read_file(files, path);
    const Json value = Json::parse(as_text(content));
    LocalState state;
    state.process = {.host = value.at("host").get<std::string>(),
                     .boot_id = value.at("boot").get<std::string>(),
                     .pid = value.at("pid").get<std::int64_t>(),
                     .start_ticks = value.at("start_ticks").get<std::int64_t>()};
    state.written = time_from(value.at("written")).value_or(Time{});
    state.findings = value.at("findings").get<std::vector<std::string>>();
    state.follower = follower_from(value.at("follower"));
    return state;
  } catch (const Json::exception&) {
    return std::nullopt;  // of another version
  } catch (const Error&) {
    return std::nullopt;  // gone meanwhile
  }
}

bool is_certainly_alive(const env::ProcessIdentity& process) {
  const env::ProcessIdentity here = env::this_process();
  return process.host == here.host && process.boot_id == here.boot_id &&
         !env::is_certainly_dead(process);
}

bool has_seen_all(const LocalState& state, const repository::Position& position, Time changed,
                  Time now) {
  return is_certainly_alive(state.process) && state.follower.phase == Phase::kFollowing &&
         !state.follower.oldest_waiting && state.follower.position == position &&
         now - changed > 2 * kBetweenStates;
}

const repository::Repository* reachable_repository(Session& session,
                                                   std::span<const Database> databases) {
  try {
    return &session.repository();
  } catch (const Error& error) {
    if (!engine::is_store_away(error)) throw;
    const auto was_replicated = [&](const Database& database) {
      return session.world().files.status(state_file(session, database.name)).has_value();
    };
    if (error.code() == ErrorCode::kRepositoryMissing &&
        !std::ranges::any_of(databases, was_replicated)) {
      throw;
    }
    session.progress().warning(
        fmt::format("the store of {} is away: {}", session.place(), error.happened()));
    return nullptr;
  }
}

}  // namespace holdfast::service
