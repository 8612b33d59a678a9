#include "engine/exports/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/exports/collection_text.h"
#include "engine/exports/encoded_window.h"
#include "engine/exports/export_lock.h"
#include "engine/exports/output_file.h"
#include "engine/exports/output_pipe.h"
#include "engine/exports/record_folder.h"

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

// The targets of one collection while they are written.
struct Running {
  ExportOutcome* outcome = nullptr;
  std::unique_ptr<OutputFile> file;      // or …
  std::unique_ptr<RecordFolder> folder;  // … of kFiles
  std::unique_ptr<OutputPipe> pipe;      // after them, which it writes to
};

void fail(ExportOutcome& outcome, const Error& error) {
  if (error.code() == ErrorCode::kInterrupted) throw error;
  if (!outcome.failure) outcome.failure = error;
}

Running begin_one(env::FileSystem& files, ExportOutcome& outcome, unsigned mode) {
  const ExportTarget& target = outcome.target;
  Running one{.outcome = &outcome, .file = {}, .folder = {}, .pipe = {}};
  if (target.format == ExportFormat::kFiles) {
    check_folder_place(target.file);
    one.folder =
        std::make_unique<RecordFolder>(files, target.file, mode, RecordFolder::Purpose::kExport);
    one.pipe = std::make_unique<OutputPipe>(
        [folder = one.folder.get()](std::string_view lines) { folder->add(lines); });
    return one;
  }
  check_place(files, target.file);
  remove_leftovers(files, target.file);
  one.file = std::make_unique<OutputFile>(files, work_path(target.file), target.base64);
  one.pipe = std::make_unique<OutputPipe>(
      [file = one.file.get()](std::string_view text) { file->add(text); });
  return one;
}

std::vector<Running> begin(env::FileSystem& files, std::span<ExportOutcome*> outcomes,
                           unsigned mode) {
  std::vector<Running> running;
  for (ExportOutcome* outcome : outcomes) {
    try {
      running.push_back(begin_one(files, *outcome, mode));
    } catch (const Error& error) {
      fail(*outcome, error);
    }
  }
  return running;
}

std::vector<TextStream> streams_of(std::vector<Running>& running) {
  std::map<ExportFormat, std::vector<OutputPipe*>> pipes;
  for (const Running& one : running) {
    pipes[one.outcome->target.format].push_back(one.pipe.get());
  }
  std::vector<TextStream> streams;
  for (auto& [format, same] : pipes) {
    streams.push_back({.format = format, .sink = [into = std::move(same)](TextPiece piece) {
                         for (OutputPipe* pipe : into) pipe->add(piece);
                       }});
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

void finish_one(env::FileSystem& files, env::Clock& clock, const ExportRequest& request,
                Running& one) {
  ExportOutcome& outcome = *one.outcome;
  const env::Path& place = outcome.target.file;
  one.pipe->finish();
  if (one.file) {
    const WrittenFile written = one.file->finish();
    outcome.content = {.size = written.size, .hash = written.hash};
    outcome.publication = publish(files, one.file->path(), place,
                                  manifest_of(request, outcome, clock.now()), request.mode);
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

void export_collection(env::FileSystem& files, env::Clock& clock, const ExportRequest& request,
                       State& state, std::span<ExportOutcome*> outcomes, Progress& progress) {
  std::vector<Running> running = begin(files, outcomes, request.mode);
  if (running.empty()) return;
  std::uint64_t records = 0;
  try {
    const std::string& name = outcomes.front()->target.collection;
    records = print_collection(*state.reader, collection_of(request, name), streams_of(running),
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
