// How a database relates to its history.
#ifndef HOLDFAST_ENGINE_GUARD_LINEAGE_H_
#define HOLDFAST_ENGINE_GUARD_LINEAGE_H_

#include <string>

#include "engine/guard/guard.h"
#include "engine/guard/history.h"
#include "env/file_system.h"

namespace holdfast::engine {

struct LineageFinding {
  Lineage lineage = Lineage::kNoHistory;
  std::string detail;
  std::string damage;  // met on the way; empty if none
};
// Reads the database once. `history` is not empty. Throws as a ReadView does, and what the store
// throws.
LineageFinding find_lineage(const repository::Repository& repository, env::FileSystem& files,
                            History& history, const GuardRequest& request);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_GUARD_LINEAGE_H_
