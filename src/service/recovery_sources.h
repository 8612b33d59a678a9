// Everywhere that copies of a collection's records may be.
#ifndef HOLDFAST_SERVICE_RECOVERY_SOURCES_H_
#define HOLDFAST_SERVICE_RECOVERY_SOURCES_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/legacy/record_visitor.h"
#include "engine/records/record_mapping.h"
#include "service/session.h"

namespace holdfast::service {

struct RecoverySource {
  std::string kind;   // "database", "spool", "emergency", "export", "file", "snapshot", "timeline"
  std::string place;  // a path, or the id of a snapshot, or a position
  Time seen{};        // of when its records are
  // May be called again. Throws as read_copy_file(), and what the repository has lost.
  std::function<engine::CopyReport(const engine::RecordVisitor&)> read;
};

// The database first; then the spool, emergency copies, exports and `paths` (files, or folders with
// all that is in them), each once; then the snapshots, newest first, and the newest position of the
// timeline. What the name of a file says about its time (…_YYYYMMDD_HHMMSS) goes before what the
// file system says. `key` are the columns of the present table's key. The session and the
// collection must outlive the sources.
std::vector<RecoverySource> find_recovery_sources(Session& session,
                                                  const engine::Collection& collection,
                                                  const std::vector<std::string>& key,
                                                  const std::vector<env::Path>& paths);

// The collection's table as the newest snapshot has it; empty if there is none that can be read.
std::optional<engine::RecordLayout> layout_in_history(Session& session,
                                                      const engine::Collection& collection);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_RECOVERY_SOURCES_H_
