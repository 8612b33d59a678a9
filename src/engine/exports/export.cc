#include "engine/exports/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/exports/collection_export.h"
#include "engine/exports/collection_text.h"
#include "engine/exports/encoded_window.h"
#include "engine/exports/export_lock.h"
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
    CollectionExport(files, clock, request, *state.reader, state.pending, progress)
        .run(name, group);
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
