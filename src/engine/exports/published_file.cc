#include "engine/exports/published_file.h"

#include <fmt/format.h>

#include "base/error.h"
#include "engine/exports/file_digest.h"
#include "env/randomness.h"

namespace holdfast::engine {
namespace {

constexpr int kMostKept = 1000;

std::string work_prefix(const env::Path& target) {
  return fmt::format(".{}.export-", target.filename().string());
}

env::Path keep_aside(env::FileSystem& files, const env::Path& target, Time now) {
  for (int number = 1;; ++number) {
    const env::Path kept = fmt::format("{}.kept-{}{}", target.string(), format_compact(now),
                                       number == 1 ? std::string() : fmt::format("-{}", number));
    try {
      files.rename_new(target, kept);
      // Before anything else takes its name: a power loss must not undo one and do the other.
      files.sync_directory(target.parent_path());
      return kept;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kAlreadyExists || number >= kMostKept) throw;
    }
  }
}

bool keep_spare(env::FileSystem& files, const env::Path& target, const env::Path& spare) {
  try {
    files.link(target, spare);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

void check_place(env::FileSystem& files, const env::Path& target) {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(target, error);
  if (std::filesystem::is_symlink(status)) {
    const env::Path leads_to = std::filesystem::read_symlink(target, error);
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} is a symbolic link to {}: it is not followed", target.string(),
                            leads_to.string()),
                {}, "Name the place it leads to, and let the link be.");
  }
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} is not a file that could be replaced", target.string()), {},
                "Name a file; --stdout writes to a pipe.");
  }
  const auto folder = files.status(target.parent_path());
  if (!folder || !folder->directory) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("the folder {} does not exist", target.parent_path().string()), {},
                "Make it, or see whether it is mounted.");
  }
}

FoundTarget look_at_target(env::FileSystem& files, const env::Path& target, bool thorough) {
  FoundTarget found;
  found.manifest = read_manifest(files, target);
  const auto status = files.status(target);
  if (!status) {
    if (found.manifest) found.found = FoundFile::kDeleted;
    return found;
  }
  const auto& manifest = found.manifest;
  if (!thorough && manifest && manifest->content.size == status->size &&
      manifest->identity == status->identity && manifest->modified == status->modified) {
    found.content = manifest->content;
    found.found = FoundFile::kOurs;
    return found;
  }
  try {
    found.content = {.size = status->size, .hash = digest_of_file(files, target)};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kIo) throw;
    // Damaged beyond reading: it is set aside as it is.
  }
  const bool ours = manifest && found.content &&
                    (*found.content == manifest->content || found.content == manifest->before);
  found.found = ours ? FoundFile::kOurs : manifest ? FoundFile::kChanged : FoundFile::kStranger;
  return found;
}

Publication publish(env::FileSystem& files, const env::Path& written, const env::Path& target,
                    ExportManifest manifest, unsigned mode, const env::Path& spare) {
  const FoundTarget there = look_at_target(files, target, false);
  Publication publication{
      .unchanged = false, .kept = {}, .found = there.found, .spared = false, .surprises = 0};
  const auto old = files.status(target);
  if (old) mode = old->mode;
  if (there.content == manifest.content) {
    publication.unchanged = true;
    publication.found = FoundFile::kOurs;
    files.remove(written);
    const bool known = there.manifest && there.manifest->content == manifest.content &&
                       there.manifest->identity == old->identity &&
                       there.manifest->modified == old->modified;
    if (!known) {
      manifest.identity = old->identity;
      manifest.modified = old->modified;
      write_manifest(files, target, manifest, mode);
    }
    return publication;
  }
  if (old) files.copy_owner(target, written);
  files.set_mode(written, mode);
  const auto fresh = files.status(written);
  if (!fresh) throw Error(ErrorCode::kNotFound, fmt::format("{} is gone", written.string()));
  manifest.identity = fresh->identity;
  manifest.modified = fresh->modified;
  if (there.found == FoundFile::kOurs) manifest.before = there.content;
  write_manifest(files, target, manifest, mode);
  if (there.found == FoundFile::kChanged || there.found == FoundFile::kStranger) {
    publication.kept = keep_aside(files, target, manifest.exported);
  }
  if (there.found == FoundFile::kOurs && !spare.empty()) {
    publication.spared = keep_spare(files, target, spare);
  }
  files.rename(written, target);
  files.sync_directory(target.parent_path());
  return publication;
}

env::Path work_path(const env::Path& target) {
  return target.parent_path() / (work_prefix(target) + env::random_name());
}

void remove_leftovers(env::FileSystem& files, const env::Path& target) {
  for (const env::DirectoryEntry& entry : files.list_names(target.parent_path())) {
    if (entry.status.directory || !entry.name.starts_with(work_prefix(target))) continue;
    files.remove(target.parent_path() / entry.name);
  }
}

}  // namespace holdfast::engine
