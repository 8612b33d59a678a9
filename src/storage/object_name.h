// Which names objects may have.
#ifndef HOLDFAST_STORAGE_OBJECT_NAME_H_
#define HOLDFAST_STORAGE_OBJECT_NAME_H_

#include <string_view>

namespace holdfast::storage {

// Segments of [a-z0-9._-] divided by '/', none of them empty, "." or "..".
[[nodiscard]] bool is_legal_object_name(std::string_view name);
// Throws Error(kInternal) for any other: names are made by Holdfast itself, so a wrong one is its
// mistake.
void require_legal_object_name(std::string_view name);

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_OBJECT_NAME_H_
