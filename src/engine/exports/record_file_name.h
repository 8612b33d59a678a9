// What the file of one record is called, where a collection is exported as one file per record.
#ifndef HOLDFAST_ENGINE_EXPORTS_RECORD_FILE_NAME_H_
#define HOLDFAST_ENGINE_EXPORTS_RECORD_FILE_NAME_H_

#include <string>
#include <string_view>

namespace holdfast::engine {

// "<id>.json". ASCII letters and digits, "_", and "-" and "." save at the beginning stand as they
// are, any other byte is "=" and two hexadecimal digits. Of an id that would be longer than a file
// system takes, the beginning, "=~" and a digest of the whole; of an empty one "=". No two ids have
// one name; no name is hidden, an option, or leads elsewhere. With `digested` each name is of the
// form of those that are too long.
std::string record_file_name(std::string_view id, bool digested = false);

// Two names for which this is the same are one name on file systems that do not tell "A" from "a".
std::string without_case(std::string_view name);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_RECORD_FILE_NAME_H_
