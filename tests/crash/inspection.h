// What must be true of a ground after a crash, whatever the power loss took.
#ifndef HOLDFAST_TESTS_CRASH_INSPECTION_H_
#define HOLDFAST_TESTS_CRASH_INSPECTION_H_

#include "tests/crash/ground.h"

namespace holdfast::crash {

// Every acknowledged snapshot is there, verifies, and restores to the bytes it was taken from; the
// same holds for one that nobody was told about.
void expect_snapshots_intact(Ground& ground);
// A database at the target, if any, is healthy and either the old or the restored one; what was
// replaced is in a snapshot.
void expect_target_old_or_new(Ground& ground, const std::string& restored_rows);
// The next backup and prune succeed, and leave nothing but what is needed.
void expect_work_goes_on(Ground& ground);
void expect_keys_as_promised(Ground& ground);

// All rows, digested by SQLite itself; fails the test unless integrity_check is happy.
std::string rows_of(Ground& ground, const env::Path& database);

}  // namespace holdfast::crash

#endif  // HOLDFAST_TESTS_CRASH_INSPECTION_H_
