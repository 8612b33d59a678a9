#include "repository/key_removal.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "env/host.h"
#include "repository/document.h"
#include "repository/key_object.h"
#include "repository/keys.h"

namespace holdfast::repository {
namespace {

constexpr std::size_t kKeyDigits = 2 * ObjectId::kSize;

// One removal under way. It is announced first; then whoever removes looks for a key to rely on:
// first at the announcements, then at the keys. So some key always stays. Suppose that all went,
// and let R be the removal that began to look at the announcements last. It relied on a key K,
// which was there and not announced as leaving. K went later, by a removal whose announcement was
// written before its own look, hence before R's, and stays until K is gone: R would have seen it,
// or else K was gone before R looked at the keys. Where a process ends in between, its announcement
// stays, and its key is not counted on by anybody until that process is known to be dead.
class Removal {
 public:
  Removal(const Repository& repository, const ObjectId& key);

  void run();

 private:
  struct Announcement {
    std::string object;
    ObjectId key;
    env::ProcessIdentity process;
  };
  void announce();
  void take_back();
  void remove_quietly(const std::string& object);
  std::vector<Announcement> others();
  std::optional<env::ProcessIdentity> process_behind(const std::string& object);
  Error missing() const;
  Error last_key(const std::vector<Announcement>& leaving) const;

  const Repository& repository_;
  storage::Store& store_;
  const ObjectId key_;
  const std::string name_ = key_object_name(key_);
  std::string announcement_;
};

std::string new_announcement(const ObjectId& key) {
  ObjectId id;
  codec::random_bytes(id.bytes);
  return fmt::format("{}{}-{}", kLeavingPrefix, key.hex(), id.hex());
}

std::optional<ObjectId> key_in(std::string_view announcement) {
  const std::string_view rest = announcement.substr(kLeavingPrefix.size());
  if (rest.size() <= kKeyDigits || rest[kKeyDigits] != '-') return std::nullopt;
  return ObjectId::from_hex(rest.substr(0, kKeyDigits));
}

Removal::Removal(const Repository& repository, const ObjectId& key)
    : repository_(repository),
      store_(repository.store()),
      key_(key),
      announcement_(new_announcement(key)) {}

void Removal::announce() {
  const env::ProcessIdentity process = env::this_process();
  const nlohmann::json json{{"host", process.host},
                            {"boot", process.boot_id},
                            {"pid", process.pid},
                            {"start_ticks", process.start_ticks}};
  try {
    store_.put(announcement_, seal_document(repository_.keys().documents, DocumentKind::kLeaving,
                                            announcement_, as_bytes(json.dump())));
  } catch (const Error&) {
    take_back();  // a put that failed may have happened all the same
    throw;
  }
}

void Removal::remove_quietly(const std::string& object) {
  try {
    store_.remove(object);
  } catch (const Error&) {
    // It goes with the next removal: its process is dead then, or its key is gone.
  }
}

void Removal::take_back() { remove_quietly(announcement_); }

// What cannot be read is the announcement of an unknown, living process.
std::optional<env::ProcessIdentity> Removal::process_behind(const std::string& object) {
  env::ProcessIdentity process;
  try {
    const Bytes content = open_document(repository_.keys().documents, DocumentKind::kLeaving,
                                        object, store_.get(object));
    const auto json = nlohmann::json::parse(as_text(content));
    process.host = json.value("host", "");
    process.boot_id = json.value("boot", "");
    process.pid = json.value("pid", std::int64_t{0});
    process.start_ticks = json.value("start_ticks", std::int64_t{0});
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) return std::nullopt;
    if (error.code() != ErrorCode::kDamagedObject) throw;
  } catch (const nlohmann::json::exception&) {
  }
  return process;
}

// Without those that mean nothing any more: their process is dead, or their key is gone, and no
// key ever has its id again.
std::vector<Removal::Announcement> Removal::others() {
  std::vector<Announcement> announced;
  store_.list(kLeavingPrefix, [&](std::string_view object, const storage::ObjectStatus&) {
    const auto key = key_in(object);
    if (key && object != announcement_) announced.push_back({std::string(object), *key, {}});
  });
  std::erase_if(announced, [&](Announcement& one) {
    const auto process = process_behind(one.object);
    if (!process) return true;
    one.process = *process;
    if (!env::is_certainly_dead(*process) && store_.stat(key_object_name(one.key))) return false;
    remove_quietly(one.object);
    return true;
  });
  return announced;
}

Error Removal::missing() const {
  return Error(ErrorCode::kKeyMissing, fmt::format("there is no key {}", key_.hex()));
}

Error Removal::last_key(const std::vector<Announcement>& leaving) const {
  const auto other =
      std::ranges::find_if(leaving, [&](const Announcement& one) { return one.key != key_; });
  if (other == leaving.end()) {
    return Error(ErrorCode::kLastKey,
                 fmt::format("{} is the last intact key of the repository", name_));
  }
  const std::string by =
      other->process.pid == 0
          ? std::string("somebody else")
          : fmt::format("process {} on {}", other->process.pid, other->process.host);
  return Error(
      ErrorCode::kLastKey,
      fmt::format("besides {} there is only {}, which {} is removing", name_,
                  key_object_name(other->key), by),
      {},
      fmt::format("Add another key first, or finish that removal: `holdfast key remove {}`.",
                  other->key.short_hex()));
}

void Removal::run() {
  if (!store_.stat(name_)) throw missing();
  announce();
  try {
    const std::vector<Announcement> leaving = others();
    const auto stays = [&](const KeyInfo& key) {
      return key.id != key_ && key.kind != KeyKind::kWrite &&
             std::ranges::find(leaving, key.id, &Announcement::key) == leaving.end();
    };
    // After the announcements: one that is missing there may be of a key that was here before.
    if (std::ranges::none_of(list_keys(store_), stays)) throw last_key(leaving);
  } catch (const Error&) {
    take_back();
    throw;
  }
  try {
    store_.remove(name_);
  } catch (const Error& error) {
    // Whatever else it was, the store may still carry the removal out: the announcement stays.
    if (error.code() != ErrorCode::kNotFound) throw;
    take_back();
    throw missing();
  }
  take_back();
}

}  // namespace

void remove_key(const Repository& repository, const ObjectId& id) { Removal(repository, id).run(); }

}  // namespace holdfast::repository
