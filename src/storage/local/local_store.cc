#include "storage/local/local_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/error.h"
#include "env/randomness.h"
#include "storage/local/directory_names.h"
#include "storage/object_name.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kOpenHandles = 64;
constexpr std::size_t kWritePiece = 2 << 20;
// What is this large is not read again soon.
constexpr std::size_t kBypassesCache = 8 << 20;
constexpr auto kLeftoverAge = std::chrono::hours(24);

// Removes a temporary file unless it has got its name.
class Temporary {
 public:
  Temporary(env::FileSystem& files, env::Path path) : files_(files), path_(std::move(path)) {}
  ~Temporary() {
    if (path_.empty()) return;
    try {
      files_.remove(path_);
    } catch (...) {
      // It is never read, and a later put() removes it when it is old.
    }
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  const env::Path& path() const { return path_; }
  void renamed() { path_.clear(); }

 private:
  env::FileSystem& files_;
  env::Path path_;
};

}  // namespace

LocalStore::LocalStore(env::FileSystem& files, env::Path root)
    : files_(files),
      root_(std::move(root)),
      temporaries_(root_ / "+tmp"),
      capabilities_{.linearizable = true,
                    .exclusive_create = true,
                    .description = fmt::format("local directory {}", root_.native())},
      directories_(files_, root_),
      open_(kOpenHandles) {
  const auto found = files_.status(root_);
  if (found && !found->directory) {
    throw Error(ErrorCode::kRepositoryMissing,
                fmt::format("{} is a file, not a directory", root_.native()));
  }
  root_seen_ = found.has_value();
}

void LocalStore::put(std::string_view name, ByteView content, PutOptions options) {
  require_legal_object_name(name);
  try {
    put_new(name, content, options);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) {
      require_root();
      throw Error(ErrorCode::kIo, fmt::format("cannot store \"{}\" in {}: {}", name, root_.native(),
                                              error.happened()));
    }
    if (error.code() == ErrorCode::kAlreadyExists ||
        error.code() == ErrorCode::kRepositoryMissing) {
      throw;
    }
    throw Error(error.code(), fmt::format("cannot store \"{}\" in {}: {}", name, root_.native(),
                                          error.happened()));
  }
}

Bytes LocalStore::get(std::string_view name) {
  if (!object_status(name)) throw_missing(name);
  try {
    return read_file(files_, path_of(name));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) throw_missing(name);
    throw;
  }
}

void LocalStore::get_range(std::string_view name, std::uint64_t offset, MutableByteView out) {
  const auto status = object_status(name);
  if (!status) {
    open_.forget(name);
    throw_missing(name);
  }
  if (offset > status->size || out.size() > status->size - offset) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("\"{}\" in {} has {} bytes, but {} from {} were wanted", name,
                            root_.native(), status->size, out.size(), offset));
  }
  try {
    const auto file = open_.find_or_open(name, status->identity, [&] {
      auto opened = files_.open_read(path_of(name));
      opened->bypass_cache();
      return opened;
    });
    if (file->read_at(offset, out) != out.size()) {
      throw Error(
          ErrorCode::kDamagedObject,
          fmt::format("\"{}\" in {} became shorter while it was read", name, root_.native()));
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) throw_missing(name);
    throw;
  }
}

std::optional<ObjectStatus> LocalStore::stat(std::string_view name) {
  const auto found = object_status(name);
  if (!found) {
    if (root_seen_) require_root();
    return std::nullopt;
  }
  return ObjectStatus{.size = found->size, .modified = found->modified};
}

void LocalStore::list(std::string_view prefix, const Visitor& visit) {
  list(prefix, Listed::kStatus, visit);
}

void LocalStore::list_names(std::string_view prefix, const NameVisitor& visit) {
  list(prefix, Listed::kName, [&](std::string_view name, const ObjectStatus&) { visit(name); });
}

void LocalStore::list(std::string_view prefix, Listed what, const Visitor& visit) {
  if (root_seen_) require_root();
  const auto slash = prefix.rfind('/');
  if (slash == std::string_view::npos) return list_directory(root_, "", prefix, what, visit);
  const std::string_view folder = prefix.substr(0, slash);
  if (!is_legal_object_name(folder)) return;  // no object's name begins like this
  list_directory(path_of(folder), std::string(folder) + "/", prefix, what, visit);
}

void LocalStore::remove(std::string_view name) {
  if (!object_status(name)) throw_missing(name);
  open_.forget(name);
  try {
    files_.remove(path_of(name));
    if (!take_ephemeral(name)) files_.sync_directory(path_of(name).parent_path());
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) throw_missing(name);
    throw;
  }
}

void LocalStore::remove_many(std::span<const std::string> names) {
  if (root_seen_) require_root();
  std::set<env::Path> changed;
  for (const std::string& name : names) {
    // Whoever removed one that is not there may have been killed before that was durable, so its
    // directory is synced all the same.
    const bool there = object_status(name).has_value();
    open_.forget(name);
    try {
      if (there) files_.remove(path_of(name));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
    }
    if (!take_ephemeral(name)) changed.insert(path_of(name).parent_path());
  }
  for (const env::Path& directory : changed) {
    if (files_.status(directory)) files_.sync_directory(directory);
  }
}

bool LocalStore::take_ephemeral(std::string_view name) {
  const std::lock_guard lock(ephemeral_mutex_);
  return ephemeral_.erase(std::string(name)) > 0;
}

std::optional<env::FileStatus> LocalStore::object_status(std::string_view name) {
  require_legal_object_name(name);
  auto found = files_.status(path_of(name));
  if (found && found->directory) found.reset();
  return found;
}

void LocalStore::require_root() {
  const auto found = files_.status(root_);
  if (found && found->directory) return;
  throw Error(ErrorCode::kRepositoryMissing,
              fmt::format("the directory {} has vanished", root_.native()), {},
              "Check that its volume is mounted, then run the command again.");
}

void LocalStore::throw_missing(std::string_view name) {
  if (root_seen_) require_root();
  throw Error(ErrorCode::kNotFound,
              fmt::format("there is no object \"{}\" in {}", name, root_.native()));
}

void LocalStore::put_new(std::string_view name, ByteView content, PutOptions options) {
  if (root_seen_) {
    require_root();
  } else {
    files_.make_directories(root_);
    root_seen_ = true;
  }
  const auto existing = files_.status(path_of(name));
  if (existing && existing->directory) {
    throw Error(ErrorCode::kIo, fmt::format("{} is a directory", path_of(name).native()));
  }
  if (existing && options.mode == PutMode::kCreate) {
    // Its creator may have been killed before this; ours is going to build upon it.
    if (!options.ephemeral) {
      directories_.settle(path_of(name).parent_path(), existing->modified);
      files_.sync_directory(path_of(name).parent_path());
    }
    throw Error(ErrorCode::kAlreadyExists,
                fmt::format("there is an object \"{}\" in {} already", name, root_.native()));
  }
  Temporary temporary(files_, write_temporary(content, options.ephemeral));
  publish(temporary.path(), name, options);
  temporary.renamed();
  if (!options.ephemeral) {
    take_ephemeral(name);
    return;
  }
  const std::lock_guard lock(ephemeral_mutex_);
  ephemeral_.emplace(name);
}

env::Path LocalStore::write_temporary(ByteView content, bool ephemeral) {
  const env::Path path = temporaries_ / env::random_name();
  const auto file = create_temporary(path);
  Temporary temporary(files_, path);
  if (!ephemeral && content.size() >= kBypassesCache) {
    file->allocate(content.size());
    file->bypass_cache();
  }
  for (std::size_t at = 0; at < content.size();) {
    const std::size_t size = std::min(kWritePiece, content.size() - at);
    file->write_at(at, content.subspan(at, size));
    // The device works while the next piece is copied, so the sync at the end is short.
    if (!ephemeral) file->start_writeback(at, size);
    at += size;
  }
  if (!ephemeral) file->sync();
  if (!leftovers_removed_.exchange(true)) remove_leftovers(path);
  temporary.renamed();
  return path;
}

std::unique_ptr<env::File> LocalStore::create_temporary(const env::Path& path) {
  try {
    return files_.create(path);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
  require_root();
  files_.make_directories(temporaries_);
  return files_.create(path);
}

// Ages are differences between the times of files, so this machine's clock does not matter.
void LocalStore::remove_leftovers(const env::Path& own) {
  try {
    const auto now = files_.status(own);
    if (!now) return;
    for (const auto& entry : files_.list(temporaries_)) {
      if (now->modified - entry.status.modified > kLeftoverAge) {
        files_.remove(temporaries_ / entry.name);
      }
    }
  } catch (const Error&) {
    // Leftovers take space; they are no reason to fail.
  }
}

void LocalStore::publish(const env::Path& temporary, std::string_view name, PutOptions options) {
  const env::Path path = path_of(name);
  const env::Path folder = path.parent_path();
  if (!files_.status(folder)) {
    require_root();
    try {
      files_.make_directories(folder);
    } catch (const Error& error) {
      // That would mean to the caller that the object exists.
      if (error.code() != ErrorCode::kAlreadyExists) throw;
      throw Error(ErrorCode::kIo, error.happened());
    }
  }
  if (!options.ephemeral) {
    const auto own = files_.status(temporary);
    if (!own) throw Error(ErrorCode::kIo, fmt::format("{} has vanished", temporary.native()));
    directories_.settle(folder, own->modified);
    directories_.settle_shown(folder, own->modified);
  }
  open_.forget(name);
  if (options.mode == PutMode::kReplace) {
    files_.rename(temporary, path);
  } else {
    files_.rename_new(temporary, path);
  }
  if (!options.ephemeral) files_.sync_directory(folder);
}

template <typename Read>
auto LocalStore::look_into(const env::Path& directory, const Read& read)
    -> std::optional<decltype(read())> {
  try {
    const auto status = files_.status(directory);
    if (!status || !status->directory) return std::nullopt;
    auto found = read();
    // Looked at again, so that the time is not before that of any name listed.
    if (const auto after = files_.status(directory)) {
      directories_.shown(directory, after->modified);
    }
    return found;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) return std::nullopt;
    throw;
  }
}

void LocalStore::visit_entries(const env::Path& directory, Listed what, const Visitor& visit) {
  if (what == Listed::kName) {
    const auto names = look_into(directory, [&] { return DirectoryNames(files_, directory); });
    for (std::size_t i = 0; names && i < names->size(); ++i) visit((*names)[i], {});
    return;
  }
  auto entries = look_into(directory, [&] { return files_.list(directory); });
  if (!entries) return;
  std::erase_if(*entries, [](const auto& entry) {
    return !is_legal_object_name(entry.name);  // temporary, or not ours
  });
  // A directory's place in the order of names is that of its name and a '/'.
  for (env::DirectoryEntry& entry : *entries) {
    if (entry.status.directory) entry.name += '/';
  }
  if (!std::ranges::is_sorted(*entries, {}, &env::DirectoryEntry::name)) {
    std::ranges::sort(*entries, {}, &env::DirectoryEntry::name);
  }
  for (const env::DirectoryEntry& entry : *entries) {
    visit(entry.name, {.size = entry.status.size, .modified = entry.status.modified});
  }
}

void LocalStore::list_directory(const env::Path& directory, const std::string& names_begin,
                                std::string_view prefix, Listed what, const Visitor& visit) {
  std::string name = names_begin;
  visit_entries(directory, what, [&](std::string_view entry, const ObjectStatus& status) {
    name.resize(names_begin.size());
    name += entry;
    if (!name.ends_with('/')) {
      if (name.starts_with(prefix)) visit(name, status);
    } else if (name.starts_with(prefix) || prefix.starts_with(name)) {
      // Without its '/': the same path that a put() into it has.
      list_directory(path_of(std::string_view(name).substr(0, name.size() - 1)), name, prefix, what,
                     visit);
    }
  });
}

}  // namespace holdfast::storage
