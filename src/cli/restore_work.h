// What all restores of databases have in common: asking, doing, telling.
#ifndef HOLDFAST_CLI_RESTORE_WORK_H_
#define HOLDFAST_CLI_RESTORE_WORK_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/document_json.h"
#include "service/restore_job.h"

namespace holdfast::cli {

struct RestoreWork {
  Json plan;  // "databases" has an object for each target
  std::vector<service::RestoreTarget> targets;
  std::function<std::vector<engine::RestoreResult>(const service::RestoreChoices&)> run;
  std::string_view proof = "checksum proved";
};

// Empty for a dry run. Throws kConfirmationNeeded if nobody confirms what would be replaced.
std::optional<std::vector<engine::RestoreResult>> carry_out(Context& context,
                                                            const RestoreWork& work);

// Throws kConfirmationNeeded unless --yes is said or somebody confirms.
void confirm_replacing(Context& context, const std::string& what);

// ", as said; what is there will be replaced"
std::string target_text(const service::RestoreTarget& target);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_RESTORE_WORK_H_
