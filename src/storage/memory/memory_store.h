// Objects in memory, for tests.
#ifndef HOLDFAST_STORAGE_MEMORY_MEMORY_STORE_H_
#define HOLDFAST_STORAGE_MEMORY_MEMORY_STORE_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "env/clock.h"
#include "storage/store.h"

namespace holdfast::storage {

class MemoryStore : public Store {
 public:
  // Times of objects are `clock`'s, which must outlive the store.
  explicit MemoryStore(env::Clock& clock = env::system_clock());

  void put(std::string_view name, ByteView content, PutOptions options = {}) override;
  Bytes get(std::string_view name) override;
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override;
  std::optional<ObjectStatus> stat(std::string_view name) override;
  void list(std::string_view prefix, const Visitor& visit) override;
  void remove(std::string_view name) override;
  const Capabilities& capabilities() const override { return capabilities_; }

  // What a power loss may do: every ephemeral put is undone.
  void lose_ephemeral();

 private:
  struct Object {
    std::shared_ptr<const Bytes> content;
    Time modified;
    // What a power loss leaves: this object, an older one, or none.
    std::shared_ptr<const Object> durable;
    bool ephemeral = false;
  };
  std::shared_ptr<const Object> find(std::string_view name);

  env::Clock& clock_;
  const Capabilities capabilities_{
      .linearizable = true, .exclusive_create = true, .description = "memory"};
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Object>, std::less<>> objects_;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_MEMORY_MEMORY_STORE_H_
