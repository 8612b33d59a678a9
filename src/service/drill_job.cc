#include "service/drill_job.h"

#include <fmt/format.h>

#include "engine/drill/drill.h"
#include "service/audit.h"
#include "service/databases.h"

namespace holdfast::service {

std::vector<repository::Proof> drill(Session& session, std::span<const std::string> databases,
                                     const env::Path& scratch) {
  std::vector<repository::Proof> proofs;
  recording_failures(session, "drill", [&] {
    for (const std::string& database : databases) {
      engine::DrillRequest request;
      request.database = database;
      request.scratch = scratch;
      if (const auto* known = configuration_of(database, session.configuration())) {
        request.invariants = known->protection.invariants;
        request.exclusions = known->protection.exclusions;
      }
      proofs.push_back(
          engine::drill(session.repository(), session.world().files, request, session.progress()));
      const repository::Proof& proof = proofs.back();
      record(session, "drill", proof.passed() ? "ok" : "verification_failed",
             proof.passed()
                 ? fmt::format("{} restores in {:.1f} s", database, proof.restore_seconds)
                 : fmt::format("{}: {}", database, proof.findings.front()));
    }
  });
  return proofs;
}

}  // namespace holdfast::service
