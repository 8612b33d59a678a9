// One export at a time into a folder.
#ifndef HOLDFAST_ENGINE_EXPORTS_EXPORT_LOCK_H_
#define HOLDFAST_ENGINE_EXPORTS_EXPORT_LOCK_H_

#include <span>
#include <vector>

#include "engine/exports/export_target.h"

namespace holdfast::engine {

// Held from before the database is read until the files are in place: otherwise an older state
// could replace a newer one. Waits for other processes and threads; goes with them when they die,
// and leaves no file.
class ExportLock {
 public:
  // A folder that is not there, or cannot be opened, is not locked.
  explicit ExportLock(std::span<const ExportTarget> targets);
  ~ExportLock();
  ExportLock(const ExportLock&) = delete;
  ExportLock& operator=(const ExportLock&) = delete;

 private:
  std::vector<int> folders_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_EXPORT_LOCK_H_
