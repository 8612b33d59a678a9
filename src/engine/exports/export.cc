#include "engine/exports/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/exports/collection_text.h"
#include "engine/exports/encoded_window.h"
#include "engine/exports/export_lock.h"
#include "engine/exports/output_file.h"
#include "engine/exports/output_pipe.h"

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
  std::unique_ptr<OutputFile> file;
  std::unique_ptr<OutputPipe> pipe;  // after the file, which it writes to
};

void fail(ExportOutcome& outcome, const Error& error) {
  if (error.code() == ErrorCode::kInterrupted) throw error;
  if (!outcome.failure) outcome.failure = error;
}

std::vector<Running> begin(env::FileSystem& files, std::span<ExportOutcome*> outcomes) {
  std::vector<Running> running;
  for (ExportOutcome* outcome : outcomes) {
    try {
      check_place(files, outcome->target.file);
      remove_leftovers(files, outcome->target.file);
      Running one{.outcome = outcome,
                  .file = std::make_unique<OutputFile>(files, work_path(outcome->target.file),
                                                       outcome->target.base64),
                  .pipe = {}};
      one.pipe = std::make_unique<OutputPipe>(
          [file = one.file.get()](std::string_view text) { file->add(text); });
      running.push_back(std::move(one));
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

void export_collection(env::FileSystem& files, env::Clock& clock, const ExportRequest& request,
                       State& state, std::span<ExportOutcome*> outcomes, Progress& progress) {
  std::vector<Running> running = begin(files, outcomes);
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
    ExportOutcome& outcome = *one.outcome;
    const ExportTarget& target = outcome.target;
    try {
      one.pipe->finish();
      const WrittenFile written = one.file->finish();
      outcome.records = records;
      outcome.content = {.size = written.size, .hash = written.hash};
      outcome.publication = publish(files, one.file->path(), target.file,
                                    {.database = request.database,
                                     .collection = target.collection,
                                     .format = std::string(format_name(target.format)),
                                     .base64 = target.base64,
                                     .records = records,
                                     .exported = clock.now(),
                                     .content = outcome.content,
                                     .before = {},
                                     .identity = 0,
                                     .modified = {}},
                                    request.mode);
    } catch (const Error& error) {
      fail(outcome, error);
    }
  }
}

template <typename Outcome>
std::map<std::string, std::vector<Outcome*>> by_collection(std::vector<Outcome>& outcomes) {
  std::map<std::string, std::vector<Outcome*>> groups;
  for (Outcome& outcome : outcomes) groups[outcome.target.collection].push_back(&outcome);
  return groups;
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
      check_place(files, check.target.file);
      check.found = look_at_target(files, check.target.file, true);
      FileDigest digest;
      EncodedWindow window(check.target.base64, [&](ByteView bytes) { digest.add(bytes); });
      const TextStream stream{.format = check.target.format,
                              .sink = [&](const TextPiece& piece) { window.add(*piece); }};
      check.records =
          print_collection(*state.reader, collection_of(request, check.target.collection),
                           std::span(&stream, 1), state.pending, progress);
      window.finish();
      const std::uint64_t size = digest.size();
      check.current = check.found.content == FileContent{.size = size, .hash = digest.finish()};
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted) throw;
      check.failure = error;
    }
  }
  return checks;
}

}  // namespace holdfast::engine
