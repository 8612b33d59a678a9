#include "storage/store.h"

#include "base/error.h"

namespace holdfast::storage {

void Store::list_names(std::string_view prefix, const NameVisitor& visit) {
  list(prefix, [&](std::string_view name, const ObjectStatus&) { visit(name); });
}

void Store::remove_many(std::span<const std::string> names) {
  for (const std::string& name : names) {
    try {
      remove(name);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
    }
  }
}

void Store::list_first(std::string_view prefix, const FirstVisitor& visit) {
  list(prefix, [&](std::string_view name, const ObjectStatus& status) { visit(name, status, {}); });
}

void Store::get_first(std::string_view name, const std::string&, std::uint64_t offset,
                      MutableByteView out) {
  get_range(name, offset, out);
}

}  // namespace holdfast::storage
