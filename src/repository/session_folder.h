// The folder of one sealed session as a store of its own, seen from either end. Which objects there
// are is known without asking: to the machine because it made them, to the repository by its own
// listing.
#ifndef HOLDFAST_REPOSITORY_SESSION_FOLDER_H_
#define HOLDFAST_REPOSITORY_SESSION_FOLDER_H_

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "env/clock.h"
#include "storage/store.h"

namespace holdfast::repository {

struct SessionObject {
  storage::ObjectStatus status;
  std::string version;  // the first one: see Store::list_first
};
using SessionObjects = std::map<std::string, SessionObject, std::less<>>;

// Thread safe. `base` must outlive it.
class SessionFolder : public storage::Store {
 public:
  std::optional<storage::ObjectStatus> stat(std::string_view name) override;
  void list(std::string_view prefix, const Visitor& visit) override;
  const storage::Capabilities& capabilities() const override { return base_.capabilities(); }

 protected:
  SessionFolder(storage::Store& base, std::string folder, SessionObjects objects)
      : base_(base), folder_(std::move(folder)), objects_(std::move(objects)) {}

  storage::Store& base_;
  const std::string folder_;
  std::mutex mutex_;  // guards `objects_`
  SessionObjects objects_;
};

// What the machine writes to. All that reaches the store is puts of new objects: it needs no right
// to read what it has sent, nor to remove anything. Heartbeats stay here: a session is alive as
// long as objects are added to it.
class SendingFolder final : public SessionFolder {
 public:
  SendingFolder(storage::Store& base, std::string folder, env::Clock& clock)
      : SessionFolder(base, std::move(folder), {}), clock_(clock) {}

  void put(std::string_view name, ByteView content, storage::PutOptions options) override;
  Bytes get(std::string_view name) override;
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override;
  void remove(std::string_view name) override;

  // The names of what reached the store.
  std::vector<std::string> sent();

 private:
  env::Clock& clock_;
  std::vector<std::string> sent_;
};

// What the repository reads: of each object what was there first, where the store keeps that, so
// that a stolen key cannot take back what its machine sent before. Nothing in it is believed:
// documents larger than any that a machine writes are refused unread.
class ReceivingFolder final : public SessionFolder {
 public:
  static constexpr std::size_t kMostDocument = 64u << 20;

  ReceivingFolder(storage::Store& base, std::string folder, SessionObjects objects)
      : SessionFolder(base, std::move(folder), std::move(objects)) {}

  void put(std::string_view name, ByteView content, storage::PutOptions options) override;
  Bytes get(std::string_view name) override;
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override;
  void remove(std::string_view name) override;

 private:
  SessionObject object(std::string_view name);
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_SESSION_FOLDER_H_
