#ifndef HOLDFAST_CLI_SNAPSHOT_TEXT_H_
#define HOLDFAST_CLI_SNAPSHOT_TEXT_H_

#include <span>
#include <string>

#include "repository/snapshot.h"
#include "service/forgetting.h"

namespace holdfast::cli {

struct NumberedSnapshot {
  std::size_t number;  // what --index takes
  const repository::Snapshot* snapshot;
};

std::string snapshot_table(std::span<const NumberedSnapshot> snapshots, bool verbose, bool bold);
std::string snapshot_details(const repository::Snapshot& snapshot, bool every_table);
std::string forget_table(const service::ForgetPlan& plan, bool bold);
// "app (damaged), users"
std::string database_names(const repository::Snapshot& snapshot);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_SNAPSHOT_TEXT_H_
