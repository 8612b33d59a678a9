#include "repository/store_probe.h"

#include <atomic>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "env/randomness.h"

namespace holdfast::repository {
namespace {

constexpr unsigned kCreators = 4;
constexpr int kRaces = 3;
constexpr int kLooks = 2;

bool create(storage::Store& store, const std::string& name) {
  try {
    store.put(name, as_bytes("probe"), {.transient = true});
    return true;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kAlreadyExists) return false;
    throw;
  }
}

bool has_one_winner(storage::Store& store, const std::string& name) {
  std::atomic<unsigned> winners = 0;
  run_parallel(kCreators, [&](const std::atomic<bool>&) { winners += create(store, name); });
  return winners == 1;
}

// Some servers refuse what they do not know instead of passing over it.
bool refuses_a_second(storage::Store& store, const std::string& name) {
  try {
    return create(store, name) && !create(store, name);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kUnsupported) return false;
    throw;
  }
}

bool is_listed(storage::Store& store, const std::string& name) {
  bool found = false;
  store.list_names(name, [&](std::string_view) { found = true; });
  return found;
}

}  // namespace

bool lists_at_once(storage::Store& store) {
  for (int look = 0; look < kLooks; ++look) {
    const std::string name = "probe-" + env::random_name();
    store.put(name, as_bytes("probe"), {.transient = true});
    const bool shown = is_listed(store, name);
    store.remove(name);
    if (!shown || is_listed(store, name)) return false;
  }
  return true;
}

bool creates_exclusively(storage::Store& store) {
  const std::string stem = "probe-" + env::random_name();
  std::vector<std::string> names = {stem};
  bool exclusive = refuses_a_second(store, stem);
  for (int race = 0; exclusive && race < kRaces; ++race) {
    names.push_back(stem + "-" + std::to_string(race));
    exclusive = has_one_winner(store, names.back());
  }
  store.remove_many(names);
  return exclusive;
}

}  // namespace holdfast::repository
