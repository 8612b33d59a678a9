// Read handles of the objects used last, so that reading many ranges of few objects opens each
// once.
#ifndef HOLDFAST_STORAGE_LOCAL_OPEN_OBJECTS_H_
#define HOLDFAST_STORAGE_LOCAL_OPEN_OBJECTS_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "env/file_system.h"

namespace holdfast::storage {

// Thread safe. A handle is used only for the very file that now has the name, so an object that
// another process removed or replaced is never read from here. While a handle is open its file's
// identity is not used again.
class OpenObjects {
 public:
  explicit OpenObjects(std::size_t capacity) : capacity_(capacity) {}

  // `identity` is that of the file now named `name`; `open` is called if no handle of it is kept.
  std::shared_ptr<env::File> find_or_open(std::string_view name, std::uint64_t identity,
                                          const std::function<std::unique_ptr<env::File>()>& open);
  void forget(std::string_view name);

 private:
  struct Entry {
    std::string name;
    std::uint64_t identity;
    std::shared_ptr<env::File> file;
  };
  using Order = std::list<Entry>;  // used last first

  const std::size_t capacity_;
  std::mutex mutex_;
  Order order_;
  std::unordered_map<std::string_view, Order::iterator> by_name_;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_LOCAL_OPEN_OBJECTS_H_
