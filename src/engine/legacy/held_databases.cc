#include "engine/legacy/held_databases.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "engine/legacy/archive_copy.h"
#include "engine/legacy/file_text.h"
#include "engine/legacy/snapshot_archive.h"
#include "engine/records/record_json.h"
#include "sqlite/dump.h"

namespace holdfast::engine {
namespace {

constexpr std::uint64_t kMostMetadata = std::uint64_t{1} << 20;

class ArchivedDatabases {
 public:
  ArchivedDatabases(env::FileSystem& files, HeldDatabases& held) : files_(files), held_(held) {}

  void add(const UnpackedArchive& archive) {
    for (const ArchiveMember& member : archive.members) {
      const std::string name = env::Path(member.name).filename().string();
      if (name == kArchiveMetadata) {
        metadata_ = member.file;
      } else if (kind_of_file(files_, member.file).format == FileFormat::kSqlite) {
        held_.databases.push_back({.name = name, .database = {}, .path = member.file});
      } else {
        held_.others.push_back(member.name);
      }
    }
    // Of one that is cut off it is no news that something is missing.
    const bool whole = archive.damage.empty();
    if (!whole) held_.damages.push_back(archive.damage);
    if (!metadata_.empty()) compare_with_metadata(whole);
  }

 private:
  void compare_with_metadata(bool whole) {
    if (files_.status(metadata_)->size > kMostMetadata) {
      held_.damages.push_back(fmt::format("its {} is too large", kArchiveMetadata));
      return;
    }
    Record metadata;
    try {
      metadata = parse_record_json(as_text(env::read_file(files_, metadata_)), kArchiveMetadata);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kRecordInvalid) throw;
      held_.damages.emplace_back(error.happened());
      return;
    }
    // Only archives of our own list them.
    if (!metadata.is_object() || !metadata.contains("databases")) return;
    for (const Record& one : metadata["databases"]) {
      if (!one.is_object()) continue;
      const std::string name = text_in(one, "name"), file = text_in(one, "file");
      const auto found = std::ranges::find(held_.databases, env::Path(file).filename().string(),
                                           &HeldDatabase::name);
      if (found == held_.databases.end()) {
        if (whole) held_.damages.push_back(fmt::format("{} is missing in it", file));
        continue;
      }
      found->database = name;
      const auto bytes = one.find("bytes");
      const std::uint64_t size = files_.status(found->path)->size;
      if (whole && bytes != one.end() && bytes->is_number_unsigned() && *bytes != size) {
        held_.damages.push_back(
            fmt::format("{} has {} bytes instead of {}", file, size, bytes->get<std::uint64_t>()));
      }
    }
  }

  static std::string text_in(const Record& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
  }

  env::FileSystem& files_;
  HeldDatabases& held_;
  env::Path metadata_;
};

}  // namespace

HeldDatabases find_databases(env::FileSystem& files, const env::Path& file, FileKind kind,
                             ScratchDirectory& scratch, Progress& progress) {
  HeldDatabases held;
  const std::string name = file.filename().string();
  if (kind.format == FileFormat::kSqlite) {
    held.databases.push_back({.name = name, .database = {}, .path = file});
  } else if (kind.format == FileFormat::kSql) {
    const env::Path made = scratch.file("made.db");
    files.create(made);
    const sqlite::DumpReport dump =
        sqlite::load_dump(text_of_file(files, file, progress), made, {}, progress);
    held.damages = dump.reasons;
    if (dump.failed > dump.reasons.size()) {
      held.damages.push_back(fmt::format("{} statements more", dump.failed - dump.reasons.size()));
    }
    if (!dump.complete) held.damages.emplace_back("the dump is cut off within a statement");
    held.databases.push_back({.name = name, .database = {}, .path = made});
  } else if (kind.format == FileFormat::kArchive) {
    const env::Path folder = scratch.file("members");
    files.make_directories(folder);
    ArchivedDatabases(files, held).add(unpack_archive(files, file, folder, {}, progress));
  }
  return held;
}

}  // namespace holdfast::engine
