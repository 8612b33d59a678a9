#include "engine/records/emergency_copy.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "env/randomness.h"

namespace holdfast::engine {
namespace {

using env::Path;

constexpr int kCopyTries = 3600;

Path write_new_file(env::FileSystem& files, const Path& directory, const std::string& text,
                    Time now) {
  const Path beside = directory / fmt::format(".EMERGENCY_SAVE.new-{}", env::random_name());
  try {
    {
      const auto file = files.create(beside);
      file->write_at(0, as_bytes(text));
      file->sync();
    }
    for (int tries = 0;; ++tries) {
      const Time named = now + std::chrono::seconds(tries);
      const Path path =
          directory / fmt::format("EMERGENCY_SAVE_{}.json.b64", format_compact(named));
      try {
        files.rename_new(beside, path);
        files.sync_directory(directory);
        return path;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kAlreadyExists || tries >= kCopyTries) throw;
      }
    }
  } catch (const Error&) {
    try {
      files.remove(beside);
    } catch (const Error&) {
      // The first failure is the one to report.
    }
    throw;
  }
}

}  // namespace

std::string presumed_id(const Write& write, const Collection& collection) {
  if (write.kind != WriteKind::kPut || !write.record_id.empty()) return write.record_id;
  const std::vector<std::string> key =
      collection.key.empty() ? std::vector<std::string>{"id"} : collection.key;
  Record values = Record::array();
  for (const std::string& column : key) {
    const auto mapping = std::ranges::find(collection.fields, column, &FieldMapping::column);
    const FieldPath path = mapping == collection.fields.end() ? FieldPath{column} : mapping->path;
    const Record* value = field_at(write.record, path);
    if (value == nullptr || value->is_null()) return write.id;
    values.push_back(*value);
  }
  if (values.size() > 1) return record_text(values);
  return values[0].is_string() ? values[0].get<std::string>() : record_text(values[0]);
}

std::vector<Path> write_emergency_copies(env::FileSystem& files, const Path& directory,
                                         std::span<const Write> writes,
                                         const Collection& collection, Time now) {
  files.make_directories(directory);
  std::vector<Path> paths(writes.size());
  std::size_t done = 0;
  while (done < writes.size()) {
    Record object = Record::object();
    std::size_t next = done;
    for (; next < writes.size(); ++next) {
      std::string id = presumed_id(writes[next], collection);
      if (object.contains(id)) break;
      object[std::move(id)] = writes[next].record;
    }
    const Path path =
        write_new_file(files, directory, to_base64(as_bytes(record_text(object))), now);
    std::fill(paths.begin() + static_cast<std::ptrdiff_t>(done),
              paths.begin() + static_cast<std::ptrdiff_t>(next), path);
    done = next;
  }
  return paths;
}

}  // namespace holdfast::engine
