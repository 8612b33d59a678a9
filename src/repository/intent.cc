#include "repository/intent.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "codec/secret_key.h"
#include "repository/document.h"

namespace holdfast::repository {
namespace {

constexpr std::string_view kIntentPrefix = "intents/";
constexpr std::string_view kCondemnedPrefix = "condemned/";
constexpr std::string_view kBroken = "-broken";

std::string new_name(std::string_view prefix) {
  ObjectId id;
  codec::random_bytes(id.bytes);
  return fmt::format("{}{}", prefix, id.hex());
}

// Fills in what it can read; an unreadable intent stays one of an unknown, living writer.
void parse_intent(ByteView content, IntentInfo& intent) {
  const auto document = nlohmann::json::parse(as_text(content), nullptr, false);
  if (!document.is_object()) return;
  if (document.value("kind", "") == "prune") intent.kind = IntentKind::kPrune;
  intent.process.host = document.value("host", "");
  intent.process.boot_id = document.value("boot", "");
  intent.process.pid = document.value("pid", std::int64_t{0});
  intent.process.start_ticks = document.value("start_ticks", std::int64_t{0});
}

}  // namespace

Intent::Intent(const Repository& repository, IntentKind kind, std::chrono::seconds heartbeat)
    : repository_(&repository), kind_(kind), object_(new_name(kIntentPrefix)) {
  beat();
  heart_ = std::jthread([this, heartbeat](std::stop_token stop) {
    while (repository_->clock().wait(heartbeat, stop)) {
      try {
        beat();
      } catch (...) {
        // The next beat may get through; if none does, still_there() tells before anything is
        // acknowledged.
      }
    }
  });
}

Intent::~Intent() {
  heart_.request_stop();
  heart_.join();
  for (const std::string& name : {object_, object_ + std::string(kBroken)}) {
    try {
      if (name == object_ || repository_->store().stat(name)) repository_->store().remove(name);
    } catch (...) {
      // It goes stale.
    }
  }
}

Time Intent::beat() {
  const std::lock_guard lock(mutex_);
  storage::Store& store = repository_->store();
  const env::ProcessIdentity process = env::this_process();
  const nlohmann::json document{{"kind", kind_ == IntentKind::kPrune ? "prune" : "writer"},
                                {"host", process.host},
                                {"boot", process.boot_id},
                                {"pid", process.pid},
                                {"start_ticks", process.start_ticks}};
  store.put(object_,
            seal_document(repository_->keys().documents, DocumentKind::kIntent, object_,
                          as_bytes(document.dump())),
            {.mode = storage::PutMode::kReplace, .ephemeral = true});
  const auto status = store.stat(object_);
  return status ? status->modified : Time{};
}

ObjectId Intent::id() const {
  return ObjectId::from_hex(std::string_view(object_).substr(kIntentPrefix.size())).value();
}

void Intent::remove_marker() const {
  try {
    repository_->store().remove(object_ + std::string(kBroken));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
}

bool Intent::still_there() const {
  return !repository_->store().stat(object_ + std::string(kBroken)).has_value();
}

std::vector<IntentInfo> list_intents(const Repository& repository, std::string_view except) {
  std::vector<IntentInfo> intents;
  repository.store().list(kIntentPrefix,
                          [&](std::string_view name, const storage::ObjectStatus& status) {
                            if (name == except || name.ends_with(kBroken)) return;
                            IntentInfo intent;
                            intent.object = name;
                            intent.heartbeat = status.modified;
                            intents.push_back(std::move(intent));
                          });
  std::erase_if(intents, [&](IntentInfo& intent) {
    try {
      parse_intent(open_document(repository.keys().documents, DocumentKind::kIntent, intent.object,
                                 repository.store().get(intent.object)),
                   intent);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kNotFound) return true;
      if (error.code() != ErrorCode::kDamagedObject) throw;
    } catch (const nlohmann::json::exception&) {
    }
    return false;
  });
  return intents;
}

bool is_stale(const IntentInfo& intent, Time store_time, std::chrono::seconds timeout) {
  return env::is_certainly_dead(intent.process) || store_time - intent.heartbeat > timeout;
}

void break_intent(const Repository& repository, const IntentInfo& intent) {
  storage::Store& store = repository.store();
  try {
    store.put(intent.object + std::string(kBroken), as_bytes("broken"), {.transient = true});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kAlreadyExists) throw;
  }
  try {
    store.remove(intent.object);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
}

std::map<ObjectId, Time> broken_intents(const Repository& repository) {
  std::map<ObjectId, Time> broken;
  repository.store().list(kIntentPrefix,
                          [&](std::string_view name, const storage::ObjectStatus& status) {
                            if (!name.ends_with(kBroken)) return;
                            name.remove_prefix(kIntentPrefix.size());
                            name.remove_suffix(kBroken.size());
                            if (const auto id = ObjectId::from_hex(name))
                              broken.emplace(*id, status.modified);
                          });
  return broken;
}

void remove_old_markers(const Repository& repository, Time store_time, std::chrono::seconds age) {
  std::vector<std::string> old;
  repository.store().list(kIntentPrefix,
                          [&](std::string_view name, const storage::ObjectStatus& status) {
                            if (name.ends_with(kBroken) && store_time - status.modified > age)
                              old.emplace_back(name);
                          });
  for (const std::string& name : old) {
    try {
      repository.store().remove(name);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
    }
  }
}

std::string put_condemned(const Repository& repository, const std::vector<PackId>& packs) {
  const std::string name = new_name(kCondemnedPrefix);
  ByteWriter out;
  for (const PackId& pack : packs) out.raw(pack.view());
  repository.store().put(
      name, seal_document(repository.keys().documents, DocumentKind::kCondemned, name, out.bytes()),
      {.transient = true});
  return name;
}

Condemned load_condemned(const Repository& repository) {
  Condemned condemned;
  repository.store().list(kCondemnedPrefix,
                          [&](std::string_view name, const storage::ObjectStatus&) {
                            condemned.objects.emplace_back(name);
                          });
  for (const std::string& name : condemned.objects) {
    try {
      const Bytes content = open_document(repository.keys().documents, DocumentKind::kCondemned,
                                          name, repository.store().get(name));
      ByteReader in(content, name);
      while (!in.at_end()) condemned.packs.insert(PackId::from_bytes(in.raw(PackId::kSize)));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kNotFound) continue;
      if (error.code() != ErrorCode::kDamagedObject) throw;
      condemned.unreadable.push_back(name);
    }
  }
  return condemned;
}

std::unordered_set<PackId> packs_to_avoid(const Repository& repository) {
  Condemned condemned = load_condemned(repository);
  if (condemned.unreadable.empty()) return std::move(condemned.packs);
  for (const IntentInfo& intent : list_intents(repository)) {
    if (intent.kind != IntentKind::kPrune || env::is_certainly_dead(intent.process)) continue;
    throw Error(ErrorCode::kPruneRunning,
                fmt::format("a prune may be running on {} (process {}), and what it removes is in "
                            "{}, which cannot be read",
                            intent.process.host, intent.process.pid, condemned.unreadable.front()));
  }
  return std::move(condemned.packs);
}

}  // namespace holdfast::repository
