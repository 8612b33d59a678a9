#include "repository/lease.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>
#include <vector>

#include "base/error.h"
#include "codec/secret_key.h"
#include "env/user.h"
#include "repository/document.h"
#include "repository/json_fields.h"
#include "repository/lease_claim.h"
#include "repository/timeline_names.h"

namespace holdfast::repository {
namespace {

using nlohmann::json;

constexpr std::uint64_t kLeaseFormat = 1;
constexpr std::string_view kReleased = "-released";
constexpr std::size_t kDigits = 8;
constexpr std::size_t kMostLeaseJson = std::size_t{1} << 20, kMostLeaseText = std::size_t{1} << 16;

std::string leases_folder(std::string_view series) { return fmt::format("leases/{}/", series); }
std::string object_of(std::string_view series, Branch number) {
  return fmt::format("{}{:08x}", leases_folder(series), number);
}

struct LeaseNames {
  std::vector<Branch> taken, released;                 // by number
  std::vector<std::pair<Branch, std::string>> claims;  // of those that are wanted, or were

  Branch newest() const { return taken.empty() ? 0 : taken.back(); }
};

LeaseNames list_leases(const Repository& repository, std::string_view series) {
  LeaseNames names;
  const std::string folder = leases_folder(series);
  repository.store().list(folder, [&](std::string_view object, const storage::ObjectStatus&) {
    const std::string_view digits = object.substr(folder.size(), kDigits);
    Branch number = 0;
    const auto [last, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
    if (problem != std::errc{} || last != digits.data() + digits.size() || number == 0) return;
    const std::string own = object_of(series, number);
    if (object == own) names.taken.push_back(number);
    if (object == own + std::string(kReleased)) names.released.push_back(number);
    if (object.starts_with(own + std::string(kClaim))) names.claims.emplace_back(number, object);
  });
  return names;
}

void parse_lease(ByteView text, const std::string& object, LeaseInfo& info) {
  const JsonOrigin origin{ErrorCode::kDamagedObject, object};
  const json value = parse_json(text, kMostLeaseJson, origin);
  const JsonFields fields(value, origin);
  if (fields.number("format", kMostCount) != kLeaseFormat) throw fields.wrong("format", "1");
  info.holder.host = fields.text("host", kMostLeaseText);
  info.holder.boot_id = fields.text("boot", kMostLeaseText);
  info.holder.pid = static_cast<std::int64_t>(fields.number("pid", kMostCount));
  info.holder.start_ticks = static_cast<std::int64_t>(fields.number("start_ticks", kMostCount));
  info.user = fields.text("user", kMostLeaseText);
  info.command = fields.text("command", kMostLeaseText);
  info.taken = fields.time("time");
}

LeaseInfo read_lease(const Repository& repository, std::string_view series,
                     const LeaseNames& names) {
  LeaseInfo info;
  info.number = names.newest();
  info.released = std::ranges::binary_search(names.released, info.number);
  const std::string object = object_of(series, info.number);
  try {
    parse_lease(open_document(repository.keys().documents, DocumentKind::kLease, object,
                              repository.store().get(object)),
                object, info);
  } catch (const Error& error) {
    // One that was removed meanwhile has two successors, and does not matter any more.
    if (error.code() != ErrorCode::kDamagedObject && error.code() != ErrorCode::kNotFound) throw;
    info.readable = false;
  }
  return info;
}

void remove_if_there(const Repository& repository, const std::string& object) {
  try {
    repository.store().remove(object);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
}

// Leases whose creation was asked for, but whether it happened is not known. This process lives, so
// without this it would wait for itself.
class DoubtfulLeases {
 public:
  void add(const std::string& object, const Bytes& content) {
    const std::scoped_lock lock(mutex_);
    contents_[object] = content;
  }
  // Whether `object` is there with the content that was asked for. Only one caller gets it.
  bool take(const Repository& repository, const std::string& object) {
    const std::optional<Bytes> asked_for = find(object);
    if (!asked_for) return false;
    bool ours = false;
    try {
      ours = repository.store().get(object) == *asked_for;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
    }
    const std::scoped_lock lock(mutex_);
    return contents_.erase(object) > 0 && ours;
  }

 private:
  std::optional<Bytes> find(const std::string& object) {
    const std::scoped_lock lock(mutex_);
    const auto found = contents_.find(object);
    if (found == contents_.end()) return std::nullopt;
    return found->second;
  }

  std::mutex mutex_;
  std::map<std::string, Bytes> contents_;
};

DoubtfulLeases& doubtful_leases() {
  static DoubtfulLeases leases;
  return leases;
}

// One attempt to get a lease.
class Acquisition {
 public:
  Acquisition(const Repository& repository, std::string_view series, const LeaseOptions& options,
              std::string_view command)
      : repository_(repository),
        series_(series),
        options_(options),
        command_(command),
        began_(repository.clock().elapsed()) {}

  // The number, once it is there.
  Branch run(std::stop_token stop);

 private:
  // What a living holder changes.
  struct Signs {
    LeaseNames leases;
    std::string segment, anchor;  // the newest of its branch

    bool operator==(const Signs& other) const {
      return std::tie(leases.taken, leases.released, segment, anchor) ==
             std::tie(other.leases.taken, other.leases.released, other.segment, other.anchor);
    }
  };

  Signs look() const;
  std::string last_below(const std::string& prefix) const;
  Branch highest_branch() const;
  bool create(Branch number, const std::stop_token& stop) const;
  bool still_newest(Branch number) const;
  bool put_by_the_dead(ByteView content, const std::string& object) const;
  Error held(const LeaseInfo& info) const;

  const Repository& repository_;
  const std::string_view series_;
  const LeaseOptions options_;
  const std::string_view command_;
  const Duration began_;
};

std::string Acquisition::last_below(const std::string& prefix) const {
  std::string last;
  repository_.store().list(
      prefix, [&](std::string_view object, const storage::ObjectStatus&) { last = object; });
  return last;
}

Acquisition::Signs Acquisition::look() const {
  Signs signs{.leases = list_leases(repository_, series_), .segment = {}, .anchor = {}};
  if (const Branch newest = signs.leases.newest(); newest > 0) {
    signs.segment = last_below(segment_prefix(series_, newest));
    signs.anchor = last_below(anchor_prefix(series_, newest));
  }
  return signs;
}

// Leases that somebody has removed by hand must not make a branch be written twice.
Branch Acquisition::highest_branch() const {
  const std::string segment = last_below(segment_folder(series_));
  const std::string anchor = last_below(anchor_folder(series_));
  Branch highest = 0;
  if (const auto name = parse_segment_name(series_, segment)) highest = name->position.branch;
  if (const auto name = parse_anchor_name(series_, anchor)) {
    highest = std::max(highest, name->position.branch);
  }
  return highest;
}

// Whether who made this content of the lease `object` has certainly ended.
bool Acquisition::put_by_the_dead(ByteView content, const std::string& object) const {
  try {
    LeaseInfo info;
    parse_lease(open_document(repository_.keys().documents, DocumentKind::kLease, object, content),
                object, info);
    return env::is_certainly_dead(info.holder);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamagedObject) throw;
    return false;
  }
}

// Whether this process created it.
bool Acquisition::create(Branch number, const std::stop_token& stop) const {
  const std::string object = object_of(series_, number);
  const env::ProcessIdentity process = env::this_process();
  const std::string text = dump_json({{"format", kLeaseFormat},
                                      {"host", process.host},
                                      {"boot", process.boot_id},
                                      {"pid", process.pid},
                                      {"start_ticks", process.start_ticks},
                                      {"user", env::user_name()},
                                      {"command", command_},
                                      {"time", format_rfc3339(repository_.clock().now())}});
  const Bytes content =
      seal_document(repository_.keys().documents, DocumentKind::kLease, object, as_bytes(text));
  if (!repository_.store().capabilities().exclusive_create) {
    const ClaimOptions options{
        .stale_after = options_.stale_after,
        .look_every = options_.look_every,
        .is_dead = [&](ByteView claim) { return put_by_the_dead(claim, object); }};
    return create_by_claim(repository_.store(), repository_.clock(), object, content, options,
                           stop);
  }
  try {
    repository_.store().put(object, content, {.transient = true});
    return true;
  } catch (const Error& error) {
    doubtful_leases().add(object, content);
    if (doubtful_leases().take(repository_, object)) return true;
    if (error.code() != ErrorCode::kAlreadyExists) throw;
    return false;
  }
}

// A lease that was removed because it had two successors can be created once more by one who looked
// long ago.
bool Acquisition::still_newest(Branch number) const {
  if (list_leases(repository_, series_).newest() <= number) return true;
  remove_if_there(repository_, object_of(series_, number));
  return false;
}

Error Acquisition::held(const LeaseInfo& info) const {
  if (!info.readable) {
    return Error(ErrorCode::kLeaseHeld,
                 fmt::format("somebody holds the lease of this timeline, but {} cannot be read",
                             object_of(series_, info.number)));
  }
  return Error(
      ErrorCode::kLeaseHeld,
      fmt::format("process {} of {} on {} ({}) replicates this database since {}", info.holder.pid,
                  info.user, info.holder.host, info.command, format_rfc3339(info.taken)));
}

Branch Acquisition::run(std::stop_token stop) {
  env::Clock& clock = repository_.clock();
  std::optional<Signs> seen;
  Duration unchanged_since{};
  while (true) {
    const Duration now = clock.elapsed();
    Signs signs = look();
    const Branch newest = signs.leases.newest();
    LeaseInfo info;
    bool free = newest == 0;
    if (!free) {
      if (doubtful_leases().take(repository_, object_of(series_, newest))) return newest;
      info = read_lease(repository_, series_, signs.leases);
      free = info.released || (info.readable && env::is_certainly_dead(info.holder));
    }
    if (!seen || !(signs == *seen)) {
      seen = std::move(signs);
      unchanged_since = now;
    }
    const bool stale = !free && now - unchanged_since >= options_.stale_after;
    if (free || stale) {
      const Branch next = std::max(newest, newest == 0 ? highest_branch() : Branch{0}) + 1;
      if (create(next, stop) && still_newest(next)) return next;
      seen.reset();
      continue;
    }
    if (now - began_ >= options_.longest_wait) throw held(info);
    if (!clock.wait(options_.look_every, stop)) {
      throw Error(ErrorCode::kInterrupted, "interrupted while waiting for the lease of a timeline");
    }
  }
}

}  // namespace

std::optional<LeaseInfo> newest_lease(const Repository& repository, std::string_view series) {
  const LeaseNames names = list_leases(repository, series);
  if (names.taken.empty()) return std::nullopt;
  return read_lease(repository, series, names);
}

Lease::Lease(const Repository& repository, std::string series, LeaseOptions options, Branch branch,
             Duration confirmed)
    : repository_(&repository),
      series_(std::move(series)),
      options_(options),
      branch_(branch),
      confirmed_(confirmed) {
  // Somebody else may be the holder after `stale_after`: it must not take longer to find out.
  options_.confirm_after = std::min(options_.confirm_after, options_.stale_after / 4);
}

Lease Lease::acquire(const Repository& repository, std::string_view series,
                     const LeaseOptions& options, std::string_view command, std::stop_token stop) {
  const Branch branch = Acquisition(repository, series, options, command).run(std::move(stop));
  const Duration confirmed = repository.clock().elapsed();
  try {
    remove_old_leases(repository, series);
  } catch (const Error&) {
    // The next holder removes them.
  }
  return {repository, std::string(series), options, branch, confirmed};
}

bool Lease::confirm() {
  {
    const std::scoped_lock lock(*mutex_);
    const Duration now = repository_->clock().elapsed();
    if (lost_ || now - confirmed_ < options_.confirm_after) return !lost_;
  }
  return confirm_now();
}

bool Lease::confirm_now() {
  const std::scoped_lock lock(*mutex_);
  if (lost_) return false;
  const Duration now = repository_->clock().elapsed();
  lost_ = list_leases(*repository_, series_).newest() > branch_;
  confirmed_ = now;
  return !lost_;
}

void Lease::release() {
  const std::scoped_lock lock(*mutex_);
  const std::string object = object_of(series_, branch_) + std::string(kReleased);
  const std::string text =
      dump_json({{"format", kLeaseFormat}, {"time", format_rfc3339(repository_->clock().now())}});
  try {
    repository_->store().put(
        object,
        seal_document(repository_->keys().documents, DocumentKind::kLease, object, as_bytes(text)),
        {.transient = true});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kAlreadyExists) throw;
  }
  lost_ = true;
}

void remove_old_leases(const Repository& repository, std::string_view series) {
  const LeaseNames names = list_leases(repository, series);
  const Branch newest = names.newest();
  for (const Branch number : names.released) {
    if (number + 1 < newest) {
      remove_if_there(repository, object_of(series, number) + std::string(kReleased));
    }
  }
  for (const auto& [number, claim] : names.claims) {
    if (number < newest) remove_if_there(repository, claim);
  }
  for (const Branch number : names.taken) {
    if (number + 1 < newest) remove_if_there(repository, object_of(series, number));
  }
}

}  // namespace holdfast::repository
