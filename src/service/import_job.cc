#include "service/import_job.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "engine/legacy/copy_file.h"
#include "service/audit.h"
#include "service/quiet_progress.h"

namespace holdfast::service {
namespace {

bool is_fine(const ImportedFile& file) {
  return file.report.is_intact() && !file.report.unrelated && file.unfit == 0;
}

}  // namespace

bool ImportOutcome::is_whole() const {
  return counts.refused == 0 && std::ranges::all_of(files, is_fine);
}

const engine::Collection& chosen_collection(Session& session, Records& records,
                                            const std::string& name) {
  if (!name.empty()) return records.collection(name);
  const auto& known = session.configuration().collections;
  if (known.size() == 1) return known.front();
  throw Error(ErrorCode::kUsage,
              known.empty() ? "no collection is configured: add [collections.NAME] to holdfast.toml"
                            : "say with --collection which collection is meant");
}

void refuse_in_production(Session& session, std::string_view data) {
  const BootSettings& boot = session.configuration().boot;
  const Variables& variables = session.world().variables;
  if (!is_production(boot, variables) || import_is_forced(boot, variables)) return;
  throw Error(
      ErrorCode::kImportRefused,
      fmt::format("this is {}, and {} holds data", environment_name(boot, variables), data), {},
      fmt::format("If it is meant: say --force-import, or set {}=true.", boot.force_switch));
}

ImportOutcome import_files(Session& session, const ImportJob& job) {
  Records records(session.configuration(), session.world());
  const engine::Collection& collection = chosen_collection(session, records, job.collection);
  ImportOutcome outcome{.collection = collection.name, .files = {}, .counts = {}};
  for (const env::Path& file : job.files) {
    if (!is_file(session.world(), file)) {
      throw Error(ErrorCode::kNotFound, fmt::format("{} is no file", file.string()));
    }
  }
  RecordMerge merge(session, records, collection, job.dry_run);
  if (!job.force && !job.dry_run && merge.has_data()) {
    refuse_in_production(session, collection.name);
  }
  const auto work = [&] {
    session.progress().stage("Importing", job.files.size());
    QuietProgress quiet(session.progress());
    for (const env::Path& path : job.files) {
      ImportedFile imported{.file = path, .report = {}};
      std::vector<std::string> unfit;
      const engine::CopyRequest request{.file = path,
                                        .collection = &collection,
                                        .key = merge.layout().collection.key,
                                        .scratch = scratch_directory(session.world())};
      imported.report = engine::read_copy_file(
          session.world().files, request,
          [&](const std::string& id, engine::Record&& record) {
            std::optional<engine::IdentifiedRecord> identified;
            try {
              identified = engine::identify(id, record, merge.layout());
            } catch (const Error& error) {
              if (error.code() != ErrorCode::kRecordInvalid) throw;
              unfit.push_back(fmt::format("{}: {}", id, error.happened()));
              if (++imported.unfit > 5) unfit.pop_back();
              return;
            }
            merge.add(*identified, std::move(record), false);
          },
          quiet);
      for (std::string& reason : unfit) imported.report.reasons.push_back(std::move(reason));
      outcome.files.push_back(std::move(imported));
      session.progress().advance(1);
    }
    outcome.counts = merge.finish();
  };
  if (job.dry_run || !session.is_open()) {
    work();
  } else {
    recording_failures(session, "import", work);
  }
  if (!outcome.counts.safety_snapshot.empty()) {
    record(session, "import", "ok",
           fmt::format("{} records into {}, {} refused; what was there is snapshot {}",
                       outcome.counts.inserted, collection.name, outcome.counts.refused,
                       outcome.counts.safety_snapshot));
  }
  return outcome;
}

}  // namespace holdfast::service
