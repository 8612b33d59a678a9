#include "engine/legacy/snapshot_archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "codec/page_digest.h"
#include "engine/diff/history_pages.h"
#include "engine/legacy/archive_writer.h"
#include "repository/blob_reader.h"
#include "repository/index.h"

namespace holdfast::engine {
namespace {

using repository::BlobReader;
using repository::DatabaseState;
using repository::Snapshot;

constexpr std::size_t kArchivedAtOnce = std::size_t{1} << 20;

// Of the form, not of the program: the same snapshot gives the same bytes.
constexpr const char* kArchiveVersion = "1.0.0";

double in_megabytes(std::uint64_t bytes) {
  constexpr double kMegabyte = 1 << 20, kHundredths = 100;
  return std::round(static_cast<double>(bytes) / kMegabyte * kHundredths) / kHundredths;
}

// The keys of the founding teams' tool, which reads them, and behind them what it does not know.
std::string metadata_text(const Snapshot& snapshot, std::span<const ArchivedDatabase> databases) {
  using Json = nlohmann::ordered_json;
  // Older readers take an offset in digits only.
  std::string created = format_rfc3339(snapshot.time);
  created.replace(created.size() - 1, 1, "+00:00");
  Json metadata = {{"backup_name", snapshot.name},
                   {"created_at", std::move(created)},
                   {"version", kArchiveVersion},
                   {"includes", Json::object()}};
  for (const DatabaseState& state : snapshot.databases) {
    metadata["includes"][state.name + "_database"] =
        std::ranges::find(databases, &state, &ArchivedDatabase::state) != databases.end();
  }
  Json files = Json::array();
  for (const auto& [state, file] : databases) {
    metadata[state->name + "_db_stats"] = {{"table_count", state->tables.size()},
                                           {"file_size_mb", in_megabytes(state->bytes())}};
    files.push_back({{"name", state->name}, {"file", file}, {"bytes", state->bytes()}});
  }
  metadata["snapshot"] = snapshot.id.hex();
  metadata["databases"] = std::move(files);
  return metadata.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

void archive_database(const BlobReader& reader, const DatabaseState& state, ArchiveWriter& archive,
                      Progress& progress) {
  const NewerPages none;
  HistoryPages pages(reader, state, state, none);
  const auto& keys = reader.repository().keys();
  const codec::PageHasher hasher(keys.pages);
  const codec::ChecksumKey checksum_key(keys.checksum);
  codec::DatabaseChecksum sum(checksum_key);
  const std::uint64_t at_once = std::max<std::uint64_t>(kArchivedAtOnce / state.page_size, 1);
  Bytes content;
  std::vector<codec::PageDigest> digests;
  for (std::uint64_t page = 1; page <= state.page_count; page += at_once) {
    digests.resize(std::min(at_once, state.page_count - page + 1));
    content.resize(digests.size() * state.page_size);
    pages.read(static_cast<sqlite::PageNumber>(page), content);
    hasher.digest_pages(content, state.page_size, digests);
    sum.add(page, digests);
    archive.add(content);
    progress.advance(content.size());
  }
  const std::string checksum = sum.finish(state.page_size, state.page_count);
  if (checksum != state.checksum) {
    throw Error(ErrorCode::kChecksumMismatch,
                fmt::format("database {} came out with checksum {} instead of {}", state.name,
                            checksum, state.checksum));
  }
}

}  // namespace

std::uint64_t write_snapshot_archive(const repository::Repository& repository,
                                     const Snapshot& snapshot,
                                     std::span<const ArchivedDatabase> databases, env::File& file,
                                     Progress& progress) {
  const repository::LoadedIndex loaded = repository::load_index(repository);
  const BlobReader reader(repository, loaded.index);
  ArchiveWriter archive(file);
  const std::string metadata = metadata_text(snapshot, databases);
  archive.begin(kArchiveMetadata, metadata.size(), snapshot.time);
  archive.add(as_bytes(metadata));
  for (const auto& [state, name] : databases) {
    progress.stage(fmt::format("Archiving {}", state->name), state->bytes());
    archive.begin(name, state->bytes(), state->moment);
    archive_database(reader, *state, archive, progress);
  }
  archive.finish();
  file.sync();
  return archive.bytes();
}

}  // namespace holdfast::engine
