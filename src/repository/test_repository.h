// What the tests of this folder share: a store that is a map, fast keys, and made-up snapshots.
#ifndef HOLDFAST_REPOSITORY_TEST_REPOSITORY_H_
#define HOLDFAST_REPOSITORY_TEST_REPOSITORY_H_

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "env/clock.h"
#include "repository/repository.h"
#include "repository/snapshot.h"
#include "storage/store.h"

namespace holdfast::repository {

inline constexpr codec::PassphraseCost kFastCost{.memory_bytes = 8u << 20, .passes = 1};
inline constexpr std::string_view kPassphrase = "correct horse battery staple";

inline Time time_of(std::string_view text) { return parse_rfc3339(text).value(); }

class MapStore final : public storage::Store {
 public:
  void put(std::string_view name, ByteView content, storage::PutOptions options) override {
    const Bytes bytes(content.begin(), content.end());
    const auto [at, added] = objects.try_emplace(std::string(name), bytes);
    if (added) return;
    if (options.mode == storage::PutMode::kCreate) fail(ErrorCode::kAlreadyExists, name);
    at->second = bytes;
  }
  Bytes get(std::string_view name) override {
    if (before_get) before_get(name);
    const auto found = objects.find(name);
    if (found == objects.end()) fail(ErrorCode::kNotFound, name);
    return found->second;
  }
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override {
    const Bytes whole = get(name);
    if (offset + out.size() > whole.size()) fail(ErrorCode::kDamagedObject, name);
    std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
  }
  std::optional<storage::ObjectStatus> stat(std::string_view name) override {
    const auto found = objects.find(name);
    if (found == objects.end()) return std::nullopt;
    return storage::ObjectStatus{found->second.size(), modified};
  }
  void list(std::string_view prefix, const Visitor& visit) override {
    for (const auto& [name, content] : objects) {
      if (name.starts_with(prefix)) visit(name, {content.size(), modified});
    }
  }
  void remove(std::string_view name) override {
    if (objects.erase(std::string(name)) == 0) fail(ErrorCode::kNotFound, name);
  }
  const storage::Capabilities& capabilities() const override { return capabilities_; }

  std::map<std::string, Bytes, std::less<>> objects;
  Time modified{};
  std::function<void(std::string_view)> before_get;

 private:
  [[noreturn]] static void fail(ErrorCode code, std::string_view name) {
    throw Error(code, std::string(name));
  }
  storage::Capabilities capabilities_{
      .linearizable = true, .exclusive_create = true, .description = "memory"};
};

template <typename Action>
std::optional<Error> error_of(Action&& action) {
  try {
    std::forward<Action>(action)();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

template <typename Action>
void expect_error(ErrorCode code, Action&& action) {
  const std::optional<Error> error = error_of(std::forward<Action>(action));
  ASSERT_TRUE(error.has_value()) << "nothing was thrown";
  EXPECT_EQ(code, error->code()) << error->happened();
}

// A repository in memory, unlocked.
struct TestRepository {
  explicit TestRepository(std::optional<std::string_view> secret = std::nullopt)
      : created(Repository::create(store, clock, secret, "tests", kFastCost)),
        repository(created.repository) {}

  MapStore store;
  env::FakeClock clock{time_of("2026-11-21T03:24:15Z")};
  Repository::Created created;
  const Repository& repository;
};

inline SnapshotId snapshot_id(std::uint64_t number) {
  SnapshotId id;
  for (std::size_t i = 0; i < 8; ++i) {
    id.bytes[i] = static_cast<std::byte>(number >> (56 - 8 * i));
  }
  return id;
}

inline Snapshot make_snapshot(std::uint64_t number, Time time, std::string database = "orders") {
  Snapshot snapshot;
  snapshot.id = snapshot_id(number);
  snapshot.name = "snapshot-" + std::to_string(number);
  snapshot.time = time;
  snapshot.host = "ada";
  snapshot.user = "root";
  snapshot.version = "0.1.0";
  snapshot.command = "holdfast backup";
  DatabaseState state;
  state.name = std::move(database);
  state.source = "/srv/orders.db";
  state.moment = time;
  state.page_size = 4096;
  state.page_count = 3;
  state.journal_mode = "wal";
  state.checksum = std::string(64, 'a');
  snapshot.databases.push_back(std::move(state));
  return snapshot;
}

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_TEST_REPOSITORY_H_
