// One function a command: parse what is left, call the service, say what came of it. Each returns
// the exit status and throws Error.
#ifndef HOLDFAST_CLI_COMMANDS_H_
#define HOLDFAST_CLI_COMMANDS_H_

#include "cli/arguments.h"
#include "cli/console.h"
#include "cli/document_json.h"
#include "cli/terminal.h"
#include "env/child_process.h"
#include "repository/snapshot.h"
#include "service/session.h"

namespace holdfast::cli {

struct Context {
  const Arguments& arguments;
  service::Session& session;
  Terminal& terminal;
  Console& console;
  env::SignalHold* signals = nullptr;  // of those that stand in for what they start or follow
};

int run_init(Context& context);
int run_replicate(Context& context);
int run_run(Context& context);
int run_status(Context& context);
int run_doctor(Context& context);
int run_backup(Context& context);
int run_snapshots(Context& context);
int run_show(Context& context);
int run_stats(Context& context);
int run_log(Context& context);
int run_verify(Context& context);
int run_verify_file(Context& context);  // verify --file
int run_restore(Context& context);
int run_restore_file(Context& context);  // restore --file
int run_timeline(Context& context);
int run_mark(Context& context);
int run_drill(Context& context);
int run_salvage(Context& context);
int run_archive(Context& context);
int run_diff(Context& context);
int run_guard(Context& context);
int run_put(Context& context);
int run_get(Context& context);
int run_list(Context& context);
int run_delete(Context& context);
int run_undelete(Context& context);
int run_export(Context& context);
int run_serve(Context& context);
int run_import(Context& context);
int run_recover(Context& context);
int run_predeploy(Context& context);
int run_selftest(Context& context);
int run_forget(Context& context);
int run_prune(Context& context);
int run_copy(Context& context);
int run_adopt(Context& context);
int run_key_list(Context& context);
int run_key_add(Context& context);
int run_key_remove(Context& context);
int run_key_change(Context& context);
int run_key_recovery(Context& context);
int run_config_check(Context& context);

inline constexpr int kOk = 0;
// The status of kCompletedWithWarnings.
int status_with_warnings();

// Throws kUsage for words that the command does not take.
void expect_no_words(const Context& context);

// All snapshots, newest first; those that cannot be read are warned about.
repository::SnapshotList list_with_warnings(Context& context);
// Before a command looks at the history: what machines with write-only keys have sent is taken in,
// or, by a command that only looks, told of. Answers what waits still, as JSON.
Json look_for_waiting(Context& context);
// What SNAPSHOT and --index choose; throws kUsage if neither or both are said.
repository::Selector snapshot_selector(const Arguments& arguments);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_COMMANDS_H_
