// The names in one directory, in the order in which a store lists them.
#ifndef HOLDFAST_STORAGE_LOCAL_DIRECTORY_NAMES_H_
#define HOLDFAST_STORAGE_LOCAL_DIRECTORY_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "env/file_system.h"

namespace holdfast::storage {

// A timeline's folder has tens of thousands of names that begin alike, and a restore waits for
// them: so they lie in one piece of memory, and most comparisons are of eight letters after what is
// common, as one number.
class DirectoryNames {
 public:
  // Takes in what can be (a segment of) the name of an object, and nothing else. Throws as
  // FileSystem::list_names().
  DirectoryNames(env::FileSystem& files, const env::Path& directory);

  std::size_t size() const { return names_.size(); }
  // Sorted. That of a directory ends with '/': its place is that of what lies in it.
  std::string_view operator[](std::size_t number) const { return text_of(names_[number]); }

 private:
  struct Name {
    std::uint64_t key = 0;  // eight letters
    std::size_t at = 0, size = 0;
  };
  std::string_view text_of(const Name& name) const {
    return std::string_view(text_).substr(name.at, name.size);
  }
  static std::uint64_t key_of(std::string_view name, std::size_t from);
  void sort(std::span<Name> names);

  std::string text_;  // one after the other
  std::vector<Name> names_;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_LOCAL_DIRECTORY_NAMES_H_
