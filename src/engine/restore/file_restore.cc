#include "engine/restore/file_restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <vector>

#include "base/error.h"
#include "engine/exports/file_digest.h"
#include "engine/legacy/table_copy.h"
#include "engine/records/record_database.h"
#include "engine/restore/swap.h"
#include "sqlite/companion_files.h"
#include "sqlite/health.h"
#include "sqlite/integrity.h"
#include "sqlite/page_source.h"
#include "sqlite/row_store.h"
#include "sqlite/view_reader.h"

namespace holdfast::engine {
namespace {

Error damaged_file(const env::Path& file, std::string_view why) {
  return Error(ErrorCode::kVerificationFailed, fmt::format("{}: {}", file.string(), why),
               "The database in place was not touched.",
               "`holdfast verify --file` tells more; `holdfast salvage` saves what can be read.");
}

// Answers the digest of what was written.
std::string copy_pages(const FileRestoreRequest& request, env::File& target, Progress& progress) {
  const auto source =
      sqlite::open_page_source(request.file, {.busy_timeout = request.restore.busy_timeout});
  source->advance();
  if (!source->damage().empty()) throw damaged_file(request.file, source->damage());
  const auto [page_size, page_count] = source->geometry();
  progress.stage(fmt::format("Restoring {}", request.restore.database),
                 std::uint64_t{page_size} * page_count);
  const auto at_once = static_cast<sqlite::PageNumber>(kDigestPiece / page_size);
  FileDigest digest;
  Bytes content;
  for (std::uint64_t page = 1; page <= page_count; page += at_once) {
    content.resize(std::min<std::uint64_t>(at_once, page_count - page + 1) * page_size);
    source->read(static_cast<sqlite::PageNumber>(page), content);
    const std::uint64_t offset = (page - 1) * page_size;
    target.write_at(offset, content);
    target.start_writeback(offset, content.size());
    digest.add(content);
    progress.advance(content.size());
  }
  if (!source->is_intact()) {
    throw Error(ErrorCode::kDatabaseChanged,
                fmt::format("{} was written to while it was read", request.file.string()),
                "The database in place was not touched.");
  }
  return digest.finish();
}

void expect_sound(const env::Path& copy, const FileRestoreRequest& request, Progress& progress) {
  progress.stage("Checking it", 0);
  const std::chrono::milliseconds patience = request.restore.busy_timeout;
  const sqlite::Examination found = sqlite::examine(copy, patience);
  if (!found.problems.empty()) throw damaged_file(request.file, found.problems.front());
  if (sqlite::look_at_database(copy, patience).presence == sqlite::Presence::kNoSchema) {
    throw damaged_file(request.file, "there is no table in it");
  }
  if (!found.loose_references.empty()) {
    progress.warning(fmt::format("{}: {}{}", request.file.string(), found.loose_references.front(),
                                 found.loose_references.size() == 1 ? "" : ", among others"));
  }
}

// The collections as far as the copy has their tables; what it does not have needs no deleting.
std::vector<Collection> collections_in(const env::Path& copy, const FileRestoreRequest& request) {
  std::vector<Collection> found;
  sqlite::ViewReader reader(copy, request.restore.busy_timeout);
  for (const Collection& collection : request.collections) {
    try {
      found.push_back(layout_of_copy(reader, collection, {}).collection);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kTableMissing) throw;
      continue;
    }
    for (const DeleteCascade& cascade : collection.cascades) {
      if (reader.table(cascade.table)) found.back().cascades.push_back(cascade);
    }
  }
  return found;
}

std::uint64_t delete_again(const env::Path& copy, const FileRestoreRequest& request,
                           env::FileSystem& files, Time now) {
  const std::vector<Collection> collections = collections_in(copy, request);
  std::vector<Write> deletes;
  std::ranges::copy_if(request.deleted, std::back_inserter(deletes), [&](const Write& write) {
    return std::ranges::find(collections, write.collection, &Collection::name) != collections.end();
  });
  if (deletes.empty()) return 0;
  std::uint64_t records = 0;
  {
    RecordDatabase database(
        std::make_unique<sqlite::RowStore>(
            copy, sqlite::RowStoreOptions{.busy_timeout = request.restore.busy_timeout,
                                          .own_tables_beside = request.own_tables_beside}),
        collections);
    for (const Write& write : deletes) {
      if (database.get(write.collection, write.record_id)) ++records;
    }
    for (const WriteOutcome& outcome : database.apply(deletes, now, {})) {
      if (outcome.refused) throw *outcome.refused;
      if (outcome.away) throw *outcome.away;
    }
  }
  // What is kept beside the database in place is kept.
  if (request.own_tables_beside) files.remove(sqlite::own_tables_path(copy));
  return records;
}

}  // namespace

RestoreResult restore_file(const repository::Repository& repository, env::FileSystem& files,
                           const FileRestoreRequest& request, Progress& progress) {
  std::string checksum;
  std::uint64_t bytes = 0, deleted_rows = 0;
  const auto write = [&](env::File& file, const env::Path& path) {
    checksum = copy_pages(request, file, progress);
    file.sync();
    bytes = file.size();
    if (digest_of_file(files, path, true) != checksum) {
      throw Error(ErrorCode::kChecksumMismatch,
                  fmt::format("the copy of {} reads back otherwise", request.file.string()));
    }
    expect_sound(path, request, progress);
    if (!request.deleted.empty()) {
      deleted_rows = delete_again(path, request, files, repository.clock().now());
    }
  };
  RestoreResult result = swap_in(repository, files, request.restore, write, progress);
  result.bytes = bytes;
  result.checksum = checksum;
  result.deleted_rows = deleted_rows;
  return result;
}

}  // namespace holdfast::engine
