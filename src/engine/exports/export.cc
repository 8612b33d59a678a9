#include "engine/exports/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/exports/collection_text.h"
#include "engine/exports/encoded_window.h"
#include "engine/exports/export_lock.h"
#include "engine/exports/export_memory.h"
#include "engine/exports/output_file.h"
#include "engine/exports/output_pipe.h"
#include "engine/exports/record_folder.h"
#include "engine/exports/record_printer.h"

namespace holdfast::engine {
namespace {

struct State {
  std::unique_ptr<RowReader> reader;
  std::vector<Write> pending;
};

// Nothing is drained between the two looks at what is pending, so the view lacks all of it.
State open_state(const ExportRequest& request) {
  if (!request.pending) return {.reader = request.open(), .pending = {}};
  constexpr int kTries = 8;
  State state{.reader = {}, .pending = request.pending()};
  for (int i = 0; i < kTries; ++i) {
    state.reader = request.open();
    auto again = request.pending();
    const bool same = std::ranges::equal(state.pending, again, {}, &Write::id, &Write::id);
    state.pending = std::move(again);
    if (same) break;
  }
  return state;
}

const Collection& collection_of(const ExportRequest& request, const std::string& name) {
  const auto found = std::ranges::find(request.collections, name, &Collection::name);
  if (found == request.collections.end()) {
    throw Error(ErrorCode::kCollectionUnknown, fmt::format("there is no collection {}", name));
  }
  return *found;
}

// The records of the indexes of all targets of one format.
struct SharedRecords {
  codec::SecretKey key = codec::SecretKey::random();
  IndexedRecords records{key};
};

// The targets of one collection while they are written.
struct Running {
  ExportOutcome* outcome = nullptr;
  ExportMemory memory;
  std::unique_ptr<OutputFile> file;      // or …
  std::unique_ptr<RecordFolder> folder;  // … of kFiles
  std::unique_ptr<OutputPipe> pipe;      // after them, which it writes to
  std::shared_ptr<SharedRecords> shared;
};

void fail(ExportOutcome& outcome, const Error& error) {
  if (error.code() == ErrorCode::kInterrupted) throw error;
  if (!outcome.failure) outcome.failure = error;
}

ExportMemory memory_of(env::FileSystem& files, const ExportRequest& request, State& state,
                       const RecordLayout& layout, const ExportTarget& target) {
  const bool possible = target.format != ExportFormat::kFiles && state.pending.empty();
  return {files,
          {.folder = request.index_folder, .least = request.least_indexed},
          target,
          possible ? text_rules(*state.reader, layout, target) : std::string()};
}

void begin_writing(env::FileSystem& files, Running& one, unsigned mode) {
  const ExportTarget& target = one.outcome->target;
  if (target.format == ExportFormat::kFiles) {
    one.folder =
        std::make_unique<RecordFolder>(files, target.file, mode, RecordFolder::Purpose::kExport);
    one.pipe = std::make_unique<OutputPipe>(
        [folder = one.folder.get()](std::string_view lines) { folder->add(lines); });
    return;
  }
  remove_leftovers(files, target.file);
  one.file = std::make_unique<OutputFile>(files, work_path(target.file), target.base64);
  one.pipe = std::make_unique<OutputPipe>(
      [file = one.file.get()](std::string_view text) { file->add(text); });
}

std::vector<TextStream> streams_of(std::vector<Running>& running, const RecordLayout& layout) {
  std::map<ExportFormat, std::vector<Running*>> formats;
  for (Running& one : running) formats[one.outcome->target.format].push_back(&one);
  std::vector<TextStream> streams;
  for (const auto& [format, same] : formats) {
    TextStream stream{.format = format, .sink = [same](const TextPiece& piece) {
                        for (Running* one : same) one->pipe->add(piece);
                      }};
    if (std::ranges::any_of(same, [](const Running* one) { return one->memory.is_used(); })) {
      const auto shared = std::make_shared<SharedRecords>();
      for (Running* one : same) one->shared = shared;
      stream.printed = [shared, &layout](std::span<const Cell> row, std::size_t length) {
        IndexedRecord record = shared->records.of(row, layout);
        record.length = static_cast<std::uint32_t>(length);
        shared->records.add(record);
      };
    }
    streams.push_back(std::move(stream));
  }
  return streams;
}

ExportManifest manifest_of(const ExportRequest& request, const ExportOutcome& outcome, Time now) {
  const ExportTarget& target = outcome.target;
  return {.database = request.database,
          .collection = target.collection,
          .format = std::string(format_name(target.format)),
          .base64 = target.base64,
          .records = outcome.records,
          .exported = now,
          .content = outcome.content,
          .before = {},
          .identity = 0,
          .modified = {}};
}

void put_in_place(env::FileSystem& files, env::Clock& clock, const ExportRequest& request,
                  ExportOutcome& outcome, ExportMemory& memory, const env::Path& written,
                  ExportIndex index) {
  outcome.publication =
      publish(files, written, outcome.target.file, manifest_of(request, outcome, clock.now()),
              request.mode, memory.next_spare());
  if (memory.is_used()) memory.remember(std::move(index), outcome.publication);
}

void finish_one(env::FileSystem& files, env::Clock& clock, const ExportRequest& request,
                Running& one) {
  ExportOutcome& outcome = *one.outcome;
  const env::Path& place = outcome.target.file;
  one.pipe->finish();
  if (one.file) {
    WrittenFile written = one.file->finish();
    outcome.content = {.size = written.size, .hash = written.hash};
    ExportIndex index;
    index.file.size = written.size;
    index.file.pieces = std::move(written.pieces);
    index.hash = std::move(written.hash);
    if (one.shared) {
      index.key = one.shared->key;
      index.records = one.shared->records.found();
    }
    put_in_place(files, clock, request, outcome, one.memory, one.file->path(), std::move(index));
    return;
  }
  const auto before = read_manifest(files, place);
  const RecordFolder::Result result = one.folder->publish(clock.now());
  outcome.content = result.content;
  outcome.publication = result.publication;
  if (before && outcome.publication.found == FoundFile::kNone && before->records > 0) {
    outcome.publication.found = FoundFile::kDeleted;
  }
  if (!before || before->content != outcome.content) {
    write_manifest(files, place, manifest_of(request, outcome, clock.now()), request.mode);
  }
}

// Whether that was all that had to be done.
bool refresh_one(env::FileSystem& files, env::Clock& clock, const ExportRequest& request,
                 State& state, const RecordLayout& layout, ExportOutcome& outcome,
                 ExportMemory& memory, Progress& progress) {
  auto refreshed = memory.refresh(*state.reader, layout, progress);
  if (!refreshed) return false;
  outcome.records = refreshed->records;
  outcome.content = refreshed->content;
  if (refreshed->unchanged) {
    outcome.publication.unchanged = true;
    outcome.publication.found = FoundFile::kOurs;
  } else {
    put_in_place(files, clock, request, outcome, memory, refreshed->written,
                 std::move(refreshed->index));
  }
  return true;
}

// Those that have to be written whole.
std::vector<Running> begin(env::FileSystem& files, env::Clock& clock, const ExportRequest& request,
                           State& state, const RecordLayout& layout,
                           std::span<ExportOutcome*> outcomes, Progress& progress) {
  std::vector<Running> running;
  for (ExportOutcome* outcome : outcomes) {
    try {
      const ExportTarget& target = outcome->target;
      if (target.format == ExportFormat::kFiles) {
        check_folder_place(target.file);
      } else {
        check_place(files, target.file);
      }
      ExportMemory memory = memory_of(files, request, state, layout, target);
      if (refresh_one(files, clock, request, state, layout, *outcome, memory, progress)) continue;
      Running one{.outcome = outcome,
                  .memory = std::move(memory),
                  .file = {},
                  .folder = {},
                  .pipe = {},
                  .shared = {}};
      begin_writing(files, one, request.mode);
      running.push_back(std::move(one));
    } catch (const Error& error) {
      fail(*outcome, error);
    }
  }
  return running;
}

void export_collection(env::FileSystem& files, env::Clock& clock, const ExportRequest& request,
                       State& state, std::span<ExportOutcome*> outcomes, Progress& progress) {
  std::optional<RecordLayout> layout;
  try {
    layout =
        read_layout(*state.reader, collection_of(request, outcomes.front()->target.collection));
  } catch (const Error& error) {
    for (ExportOutcome* outcome : outcomes) fail(*outcome, error);
    return;
  }
  std::vector<Running> running = begin(files, clock, request, state, *layout, outcomes, progress);
  if (running.empty()) return;
  std::uint64_t records = 0;
  try {
    records = print_collection(*state.reader, layout->collection, streams_of(running, *layout),
                               state.pending, progress);
  } catch (const Error& error) {
    for (const Running& one : running) fail(*one.outcome, error);
    return;
  }
  for (Running& one : running) {
    one.outcome->records = records;
    try {
      finish_one(files, clock, request, one);
    } catch (const Error& error) {
      fail(*one.outcome, error);
    }
  }
}

template <typename Outcome>
std::map<std::string, std::vector<Outcome*>> by_collection(std::vector<Outcome>& outcomes) {
  std::map<std::string, std::vector<Outcome*>> groups;
  for (Outcome& outcome : outcomes) groups[outcome.target.collection].push_back(&outcome);
  return groups;
}

std::uint64_t print_one(const ExportRequest& request, State& state, const ExportTarget& target,
                        const std::function<void(std::string_view)>& sink, Progress& progress) {
  const TextStream stream{.format = target.format,
                          .sink = [&](const TextPiece& piece) { sink(*piece); }};
  return print_collection(*state.reader, collection_of(request, target.collection),
                          std::span(&stream, 1), state.pending, progress);
}

void check_file(env::FileSystem& files, const ExportRequest& request, State& state,
                ExportCheck& check, Progress& progress) {
  check_place(files, check.target.file);
  check.found = look_at_target(files, check.target.file, true);
  FileDigest digest;
  EncodedWindow window(check.target.base64, [&](ByteView bytes) { digest.add(bytes); });
  check.records = print_one(
      request, state, check.target, [&](std::string_view text) { window.add(text); }, progress);
  window.finish();
  const std::uint64_t size = digest.size();
  check.current = check.found.content == FileContent{.size = size, .hash = digest.finish()};
}

void check_folder(env::FileSystem& files, const ExportRequest& request, State& state,
                  ExportCheck& check, Progress& progress) {
  check_folder_place(check.target.file);
  check.found.manifest = read_manifest(files, check.target.file);
  RecordFolder folder(files, check.target.file, request.mode, RecordFolder::Purpose::kCheck);
  check.records = print_one(
      request, state, check.target, [&](std::string_view lines) { folder.add(lines); }, progress);
  const RecordFolder::Look look = folder.look();
  check.found.found = look.found;
  check.current = look.current;
}

}  // namespace

std::vector<ExportOutcome> run_exports(env::FileSystem& files, env::Clock& clock,
                                       const ExportRequest& request, Progress& progress) {
  std::vector<ExportOutcome> outcomes;
  for (const ExportTarget& target : request.targets) {
    outcomes.push_back(
        {.target = target, .records = 0, .content = {}, .publication = {}, .failure = {}});
  }
  const ExportLock lock(request.targets);
  State state = open_state(request);
  progress.stage(fmt::format("Exporting {}", request.database), state.reader->size());
  for (auto& [name, group] : by_collection(outcomes)) {
    export_collection(files, clock, request, state, group, progress);
  }
  return outcomes;
}

std::vector<ExportCheck> check_exports(env::FileSystem& files, const ExportRequest& request,
                                       Progress& progress) {
  std::vector<ExportCheck> checks;
  for (const ExportTarget& target : request.targets) {
    checks.push_back(
        {.target = target, .found = {}, .current = false, .records = 0, .failure = {}});
  }
  const ExportLock lock(request.targets);
  State state = open_state(request);
  progress.stage(fmt::format("Checking exports of {}", request.database), state.reader->size());
  for (ExportCheck& check : checks) {
    try {
      if (check.target.format == ExportFormat::kFiles) {
        check_folder(files, request, state, check, progress);
      } else {
        check_file(files, request, state, check, progress);
      }
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted) throw;
      check.failure = error;
    }
  }
  return checks;
}

}  // namespace holdfast::engine
