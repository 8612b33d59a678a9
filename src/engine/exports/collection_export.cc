#include "engine/exports/collection_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/exports/collection_text.h"
#include "engine/exports/record_text.h"

namespace holdfast::engine {
namespace {

// An index has about so many blocks at most: it is held in memory.
constexpr std::uint64_t kMostBlocks = 32'768;
constexpr std::uint64_t kShortestBlock = std::uint64_t{16} << 10;

void fail(ExportOutcome& outcome, const Error& error) {
  if (error.code() == ErrorCode::kInterrupted) throw error;
  if (!outcome.failure) outcome.failure = error;
}

}  // namespace

const Collection& collection_of(const ExportRequest& request, const std::string& name) {
  const auto found = std::ranges::find(request.collections, name, &Collection::name);
  if (found == request.collections.end()) {
    throw Error(ErrorCode::kCollectionUnknown, fmt::format("there is no collection {}", name));
  }
  return *found;
}

void CollectionExport::run(const std::string& collection, std::span<ExportOutcome*> outcomes) {
  try {
    export_all(read_layout(reader_, collection_of(request_, collection)), outcomes);
  } catch (const Error& error) {
    for (ExportOutcome* outcome : outcomes) fail(*outcome, error);
  }
}

void CollectionExport::export_all(const RecordLayout& layout, std::span<ExportOutcome*> outcomes) {
  std::map<ExportFormat, SameFormat> whole;
  Comparisons comparisons(reader_, layout, progress_);
  for (ExportOutcome* outcome : outcomes) {
    try {
      const ExportTarget& target = outcome->target;
      if (target.format == ExportFormat::kFiles) {
        check_folder_place(target.file);
      } else {
        check_place(files_, target.file);
      }
      ExportMemory memory = memory_of(layout, target);
      if (refreshed(*outcome, memory, comparisons)) continue;
      whole[target.format].targets.push_back(
          {.outcome = outcome, .memory = std::move(memory), .file = {}, .folder = {}, .pipe = {}});
    } catch (const Error& error) {
      fail(*outcome, error);
    }
  }
  comparisons.forget();
  std::vector<TextStream> streams;
  for (auto& [format, same] : whole) {
    begin(format, same, layout);
    if (same.targets.empty()) continue;
    TextStream stream{.format = format, .sink = [&targets = same.targets](const TextPiece& piece) {
                        for (const Running& one : targets) one.pipe->add(piece);
                      }};
    if (same.blocks) {
      stream.printed = [&builder = same.blocks->builder](std::span<const Cell> row,
                                                         std::size_t length) {
        builder.add(row, length);
      };
    }
    streams.push_back(std::move(stream));
  }
  if (streams.empty()) return;
  std::uint64_t records = 0;
  try {
    records = print_collection(reader_, layout.collection, streams, pending_, progress_);
  } catch (const Error& error) {
    for (auto& [format, same] : whole) {
      for (const Running& one : same.targets) fail(*one.outcome, error);
    }
    return;
  }
  for (auto& [format, same] : whole) finish(same, records);
}

ExportMemory CollectionExport::memory_of(const RecordLayout& layout, const ExportTarget& target) {
  const bool possible = target.spare && target.format != ExportFormat::kFiles && pending_.empty();
  return {files_,
          {.folder = request_.index_folder, .least = request_.least_indexed},
          target,
          possible ? text_rules(reader_, layout, target) : std::string()};
}

// Whether that was all that had to be done.
bool CollectionExport::refreshed(ExportOutcome& outcome, ExportMemory& memory,
                                 Comparisons& comparisons) {
  auto refreshed = memory.refresh(comparisons);
  if (!refreshed) return false;
  outcome.records = refreshed->records;
  outcome.content = refreshed->content;
  if (refreshed->unchanged) {
    outcome.publication.unchanged = true;
    outcome.publication.found = FoundFile::kOurs;
  } else {
    put_in_place(outcome, memory, refreshed->written, std::move(refreshed->index));
  }
  return true;
}

// Those that cannot be written are no longer among them afterwards.
void CollectionExport::begin(ExportFormat format, SameFormat& same, const RecordLayout& layout) {
  same.blocks = blocks_for(format, same, layout);
  std::vector<Running> begun;
  for (Running& one : same.targets) {
    try {
      begin_one(one, same.blocks.get());
      begun.push_back(std::move(one));
    } catch (const Error& error) {
      fail(*one.outcome, error);
    }
  }
  same.targets = std::move(begun);
}

std::unique_ptr<CollectionExport::Blocks> CollectionExport::blocks_for(ExportFormat format,
                                                                       const SameFormat& same,
                                                                       const RecordLayout& layout) {
  if (std::ranges::none_of(same.targets, [](const Running& one) { return one.memory.is_used(); })) {
    return nullptr;
  }
  const auto known = std::ranges::find_if(
      same.targets, [](const Running& one) { return one.memory.key().has_value(); });
  const codec::SecretKey key =
      known == same.targets.end() ? codec::SecretKey::random() : *known->memory.key();
  const std::uint64_t length = std::max(kShortestBlock, reader_.size() / kMostBlocks);
  return std::make_unique<Blocks>(
      Blocks{.key = key,
             .length = length,
             .builder = BlockBuilder(key, layout, text_between_records(format), length),
             .found = {}});
}

void CollectionExport::begin_one(Running& one, const Blocks* blocks) {
  const ExportTarget& target = one.outcome->target;
  if (target.format == ExportFormat::kFiles) {
    one.folder = std::make_unique<RecordFolder>(files_, target.file, request_.mode,
                                                RecordFolder::Purpose::kExport);
    one.pipe = std::make_unique<OutputPipe>(
        [folder = one.folder.get()](std::string_view lines) { folder->add(lines); });
    return;
  }
  remove_leftovers(files_, target.file);
  const bool proved = blocks != nullptr && one.memory.is_used();
  one.file = std::make_unique<OutputFile>(files_, work_path(target.file), target.base64,
                                          proved ? FileDigest(blocks->key) : FileDigest());
  one.pipe = std::make_unique<OutputPipe>(
      [file = one.file.get()](std::string_view text) { file->add(text); });
}

void CollectionExport::finish(SameFormat& same, std::uint64_t records) {
  if (same.blocks) same.blocks->found = same.blocks->builder.finish();
  for (Running& one : same.targets) {
    one.outcome->records = records;
    try {
      one.pipe->finish();
      if (one.file) {
        finish_file(one, same.blocks.get());
      } else {
        finish_folder(one);
      }
    } catch (const Error& error) {
      fail(*one.outcome, error);
    }
  }
}

void CollectionExport::finish_file(Running& one, const Blocks* blocks) {
  WrittenFile written = one.file->finish();
  one.outcome->content = {.size = written.size, .hash = written.hash};
  ExportIndex index;
  index.hash = std::move(written.hash);
  index.file.size = written.size;
  index.file.pieces = std::move(written.pieces);
  if (blocks != nullptr && blocks->found) {
    index.key = blocks->key;
    index.block_length = blocks->length;
    index.blocks = *blocks->found;
  }
  put_in_place(*one.outcome, one.memory, one.file->path(), std::move(index));
}

void CollectionExport::finish_folder(Running& one) {
  ExportOutcome& outcome = *one.outcome;
  const env::Path& place = outcome.target.file;
  const auto before = read_manifest(files_, place);
  const RecordFolder::Result result = one.folder->publish(clock_.now());
  outcome.content = result.content;
  outcome.publication = result.publication;
  if (before && outcome.publication.found == FoundFile::kNone && before->records > 0) {
    outcome.publication.found = FoundFile::kDeleted;
  }
  if (!before || before->content != outcome.content) {
    write_manifest(files_, place, manifest_of(outcome), request_.mode);
  }
}

void CollectionExport::put_in_place(ExportOutcome& outcome, ExportMemory& memory,
                                    const env::Path& written, ExportIndex index) {
  outcome.publication = publish(files_, written, outcome.target.file, manifest_of(outcome),
                                request_.mode, memory.next_spare());
  if (memory.is_used()) memory.remember(std::move(index), outcome.publication);
}

ExportManifest CollectionExport::manifest_of(const ExportOutcome& outcome) const {
  const ExportTarget& target = outcome.target;
  return {.database = request_.database,
          .collection = target.collection,
          .format = std::string(format_name(target.format)),
          .base64 = target.base64,
          .records = outcome.records,
          .exported = clock_.now(),
          .content = outcome.content,
          .before = {},
          .identity = 0,
          .modified = {}};
}

}  // namespace holdfast::engine
