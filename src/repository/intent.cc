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

std::string new_name(std::string_view prefix) {
  ObjectId id;
  codec::random_bytes(id.bytes);
  return fmt::format("{}{}", prefix, id.hex());
}

// Fills in what it can read; an unreadable intent stays one of an unknown, living writer.
void parse_intent(ByteView content, IntentInfo& intent) {
  const auto json = nlohmann::json::parse(as_text(content), nullptr, false);
  if (!json.is_object()) return;
  if (json.value("kind", "") == "prune") intent.kind = IntentKind::kPrune;
  intent.process.host = json.value("host", "");
  intent.process.boot_id = json.value("boot", "");
  intent.process.pid = json.value("pid", std::int64_t{0});
  intent.process.start_ticks = json.value("start_ticks", std::int64_t{0});
}

}  // namespace

Intent::Intent(const Repository& repository, IntentKind kind, std::chrono::seconds heartbeat)
    : repository_(&repository), kind_(kind), object_(new_name(kIntentPrefix)) {
  announce(true);
  heart_ = std::jthread([this, heartbeat](std::stop_token stop) {
    while (repository_->clock().wait(heartbeat, stop)) {
      try {
        announce(false);
      } catch (const Error&) {
        // The next beat may get through; if none does, still_there() tells before anything is
        // acknowledged.
      }
    }
  });
}

Intent::~Intent() {
  heart_.request_stop();
  heart_.join();
  const std::lock_guard lock(mutex_);
  try {
    repository_->store().remove(object_);
  } catch (const Error&) {
  }
}

void Intent::announce(bool first) {
  const std::lock_guard lock(mutex_);
  storage::Store& store = repository_->store();
  // Somebody's verdict that this process is dead must not be undone by a late heartbeat.
  if (!first && !store.stat(object_)) return;
  const env::ProcessIdentity process = env::this_process();
  const nlohmann::json json{{"kind", kind_ == IntentKind::kPrune ? "prune" : "writer"},
                            {"host", process.host},
                            {"boot", process.boot_id},
                            {"pid", process.pid},
                            {"start_ticks", process.start_ticks}};
  store.put(object_,
            seal_document(repository_->keys().documents, DocumentKind::kIntent, object_,
                          as_bytes(json.dump())),
            {.mode = storage::PutMode::kReplace, .ephemeral = true});
}

bool Intent::still_there() const {
  const std::lock_guard lock(mutex_);
  return repository_->store().stat(object_).has_value();
}

std::vector<IntentInfo> list_intents(const Repository& repository, std::string_view except) {
  std::vector<IntentInfo> intents;
  repository.store().list(kIntentPrefix,
                          [&](std::string_view name, const storage::ObjectStatus& status) {
                            if (name == except) return;
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

Time store_now(const Repository& repository, const Intent& own) {
  const auto status = repository.store().stat(own.object());
  if (!status) throw Error(ErrorCode::kIntentLost, "this process was taken for dead");
  return status->modified;
}

bool is_stale(const IntentInfo& intent, Time store_time, std::chrono::seconds timeout) {
  return env::is_certainly_dead(intent.process) || store_time - intent.heartbeat > timeout;
}

std::string put_condemned(const Repository& repository, const std::vector<PackId>& packs) {
  const std::string name = new_name(kCondemnedPrefix);
  ByteWriter out;
  for (const PackId& pack : packs) out.raw(pack.view());
  repository.store().put(name, seal_document(repository.keys().documents, DocumentKind::kCondemned,
                                             name, out.bytes()));
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
      if (error.code() != ErrorCode::kNotFound) throw;
    }
  }
  return condemned;
}

}  // namespace holdfast::repository
