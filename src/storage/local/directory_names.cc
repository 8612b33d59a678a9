#include "storage/local/directory_names.h"

#include <algorithm>

#include "storage/object_name.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kKeySize = sizeof(std::uint64_t);
// Of fewer, finding out what is common costs more than it saves.
constexpr std::size_t kFew = 16;

std::size_t alike_until(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

DirectoryNames::DirectoryNames(env::FileSystem& files, const env::Path& directory) {
  files.visit_names(directory, [this](std::string_view name, bool is_directory) {
    if (!is_legal_object_name(name)) return;  // temporary, or not ours
    names_.push_back({.at = text_.size(), .size = name.size() + (is_directory ? 1 : 0)});
    text_ += name;
    if (is_directory) text_ += '/';
  });
  sort(names_);
}

// Shorter ones come first: no legal letter is 0.
std::uint64_t DirectoryNames::key_of(std::string_view name, std::size_t from) {
  std::uint64_t key = 0;
  for (std::size_t i = from; i < from + kKeySize; ++i) {
    key = key << 8 | (i < name.size() ? static_cast<unsigned char>(name[i]) : 0u);
  }
  return key;
}

void DirectoryNames::sort(std::span<Name> names) {
  if (names.size() <= kFew) {
    std::ranges::sort(names, {}, [this](const Name& name) { return text_of(name); });
    return;
  }
  const std::string_view first = text_of(names.front());
  std::size_t common = first.size();
  for (const Name& name : names) {
    const std::string_view text = text_of(name);
    if (text.starts_with(first.substr(0, common))) continue;
    common = alike_until(first, text);
  }
  for (Name& name : names) name.key = key_of(text_of(name), common);
  std::ranges::sort(names, {}, &Name::key);
  for (std::size_t begin = 0; begin < names.size();) {
    std::size_t end = begin + 1;
    while (end < names.size() && names[end].key == names[begin].key) ++end;
    const auto group = names.subspan(begin, end - begin);
    // One that is told twice, as the directory changes meanwhile, is equal to its end.
    const bool go_on = group.size() > 1 && std::ranges::any_of(group, [&](const Name& name) {
                         return name.size > common + kKeySize;
                       });
    if (go_on) sort(group);
    begin = end;
  }
}

}  // namespace holdfast::storage
