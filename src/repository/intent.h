// Intents: a writer's or pruner's word that it is at work, with a heartbeat judged by the store's
// clock. The objects `intents/<id>`; together with `condemned/<id>` they are what makes prune safe
// without a lock.
#ifndef HOLDFAST_REPOSITORY_INTENT_H_
#define HOLDFAST_REPOSITORY_INTENT_H_

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "env/host.h"
#include "repository/repository.h"

namespace holdfast::repository {

enum class IntentKind { kWriter, kPrune };

struct IntentInfo {
  std::string object;  // its name
  IntentKind kind = IntentKind::kWriter;
  env::ProcessIdentity process;
  Time heartbeat{};  // by the store's clock
};

// Announces on construction and renews in a thread of its own until destroyed, which removes the
// object (failing to is no error: it goes stale).
class Intent {
 public:
  Intent(const Repository& repository, IntentKind kind,
         std::chrono::seconds heartbeat = std::chrono::seconds(30));
  ~Intent();
  Intent(const Intent&) = delete;
  Intent& operator=(const Intent&) = delete;

  const std::string& object() const { return object_; }
  ObjectId id() const;
  // False when a prune took this process for dead: see break_intent.
  bool still_there() const;
  // This writer has proved what it relied on, so that its marker means nothing any more.
  void remove_marker() const;
  // Renews the heartbeat and returns the store's own time.
  Time beat();

 private:
  const Repository* repository_;
  IntentKind kind_;
  std::string object_;
  std::mutex mutex_;  // held while the object is renewed
  std::jthread heart_;
};

// All intents but `except`. One that cannot be read counts as a live writer until its heartbeat is
// old.
std::vector<IntentInfo> list_intents(const Repository& repository, std::string_view except = {});
bool is_stale(const IntentInfo& intent, Time store_time, std::chrono::seconds timeout);

// Declares a writer dead: first a marker (`intents/<id>-broken`), which a heartbeat that comes late
// cannot undo, then the intent is removed. Whoever finds its marker must prove what it relied on,
// or withdraw.
void break_intent(const Repository& repository, const IntentInfo& intent);
// The intents that were, and when.
std::map<ObjectId, Time> broken_intents(const Repository& repository);
// Removes markers older than `age`: their writers are long gone.
void remove_old_markers(const Repository& repository, Time store_time, std::chrono::seconds age);

// Packs that a prune has condemned: published before it looks at who is writing, and not to be
// relied on by anybody from then on, until the prune (or the next one) has removed them.
std::string put_condemned(const Repository& repository, const std::vector<PackId>& packs);
struct Condemned {
  std::vector<std::string> objects;
  std::vector<std::string> unreadable;  // of `objects`: what they condemn is not known
  std::unordered_set<PackId> packs;
};
Condemned load_condemned(const Repository& repository);
// What a writer must not rely on. Throws kPruneRunning when a prune may be at work whose list
// cannot be read; what a dead one left unreadable condemns nothing.
std::unordered_set<PackId> packs_to_avoid(const Repository& repository);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_INTENT_H_
