// The contract of an object store: what the repository needs from a disk, S3, or memory.
//
// Objects are named by paths of [a-z0-9._-] segments divided by '/', without empty segments, "." or
// ".."; every call with another name throws kInternal. No object's name is another's followed by
// '/' and more: callers see to that. Content is opaque. Thread safety: every member may be called
// from several threads at once. Durability: when put() has returned, the object survives a crash of
// this process and a power loss (unless `ephemeral`), whole. If it throws, or the process dies
// inside it, the object is there whole or not at all; after a throw of a replacing put the old
// content may be there instead. Consistency: an object is visible to get(), stat() and list() of
// every process once put() has returned; a removed one is not, once remove() has returned. Errors:
// kNotFound (get, get_range, remove), kAlreadyExists (create-only put), kDiskFull,
// kPermissionDenied, kIo, kUnavailable, kRepositoryMissing (the place itself has vanished),
// kStoreSuspicious, kStoreUntrusted, kClockWrong. Retryable ones are said so by the error.
#ifndef HOLDFAST_STORAGE_STORE_H_
#define HOLDFAST_STORAGE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"

namespace holdfast::storage {

struct ObjectStatus {
  std::uint64_t size = 0;
  Time modified{};  // by the store's clock
};

enum class PutMode {
  kCreate,   // fail with kAlreadyExists if there is one: exactly one of several creators wins
  kReplace,  // only for intents, leases and config: everything else is written once
};

struct PutOptions {
  PutMode mode = PutMode::kCreate;
  // Need not survive a power loss (heartbeats): afterwards the object may be missing, old or
  // damaged.
  bool ephemeral = false;
  // Will be removed soon (leases, claims, what a prune condemns): never to be locked by a store
  // that locks objects for a time.
  bool transient = false;
  // The name was drawn at random by who puts it, so that nobody need look whether there is such an
  // object already.
  bool fresh = false;
};

struct Capabilities {
  bool linearizable = false;      // list() reflects every put and remove that has returned anywhere
  bool exclusive_create = false;  // PutMode::kCreate is atomic against other creators
  bool assumed = false;           // that is expected of the kind of store, but was not tried
  std::string description;        // "local directory /backup"
  bool costly = false;            // each request costs money, and the way there and back
};

class Store {
 public:
  virtual ~Store() = default;

  virtual void put(std::string_view name, ByteView content, PutOptions options = {}) = 0;
  // The whole object, or `size` bytes from `offset`. A range that reaches past the end throws
  // kDamagedObject: the object is shorter than it must be.
  virtual Bytes get(std::string_view name) = 0;
  virtual void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) = 0;
  virtual std::optional<ObjectStatus> stat(std::string_view name) = 0;
  // Every object whose name begins with `prefix` ("packs/"), in order of name. The visitor must not
  // call this store.
  using Visitor = std::function<void(std::string_view name, const ObjectStatus&)>;
  virtual void list(std::string_view prefix, const Visitor& visit) = 0;
  // The same for who wants nothing but the names: cheaper where a status costs something.
  using NameVisitor = std::function<void(std::string_view name)>;
  virtual void list_names(std::string_view prefix, const NameVisitor& visit);
  // The same, and which version of each object was there first: where the store keeps what is
  // replaced, that is not the one that get() answers. For who reads what others may replace.
  using FirstVisitor =
      std::function<void(std::string_view name, const ObjectStatus&, const std::string& version)>;
  virtual void list_first(std::string_view prefix, const FirstVisitor& visit);
  // As get_range(), of a version that list_first() named.
  virtual void get_first(std::string_view name, const std::string& version, std::uint64_t offset,
                         MutableByteView out);
  // Durable when it returns, unless this Store itself put the object as an ephemeral one.
  virtual void remove(std::string_view name) = 0;
  // All of them; what is not there is passed over. Durable when it returns. If it throws, any of
  // them may be gone.
  virtual void remove_many(std::span<const std::string> names);
  // Where it is not atomic, kCreate still fails for what was there before it began.
  virtual const Capabilities& capabilities() const = 0;
  // For who has found out whether kCreate is atomic here (a probe, the repository's config), where
  // the kind of store does not say it.
  virtual void set_exclusive_create(bool /*exclusive*/) {}
  // What killed processes left of unfinished puts, when it is older than a day by the store's
  // clock. No object is touched.
  virtual void remove_old_leftovers() {}
  // For who has to end: whatever is asked of the store now or later fails with kUnavailable within
  // about a second, where it would otherwise be asked again and again for a minute. A put that this
  // ends may have been done. A store that needs nobody's answer goes on as it is.
  virtual void give_up() {}
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_STORE_H_
