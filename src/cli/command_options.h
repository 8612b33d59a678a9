// Which options each command takes. Includes CLI11: only for the few files that parse.
#ifndef HOLDFAST_CLI_COMMAND_OPTIONS_H_
#define HOLDFAST_CLI_COMMAND_OPTIONS_H_

#include <CLI/CLI.hpp>

#include "cli/arguments.h"

namespace holdfast::cli {

void words(CLI::App& app, Arguments& a);
void init_options(CLI::App& app, Arguments& a);
void backup_options(CLI::App& app, Arguments& a);
void snapshots_options(CLI::App& app, Arguments& a);
void show_options(CLI::App& app, Arguments& a);
void stats_options(CLI::App& app, Arguments& a);
void log_options(CLI::App& app, Arguments& a);
void verify_options(CLI::App& app, Arguments& a);
void restore_options(CLI::App& app, Arguments& a);
void guard_options(CLI::App& app, Arguments& a);
void forget_options(CLI::App& app, Arguments& a);
void prune_options(CLI::App& app, Arguments& a);
void copy_options(CLI::App& app, Arguments& a);
void replicate_options(CLI::App& app, Arguments& a);
void run_options(CLI::App& app, Arguments& a);
void status_options(CLI::App& app, Arguments& a);
void adopt_options(CLI::App& app, Arguments& a);
void key_add_options(CLI::App& app, Arguments& a);
void key_recovery_options(CLI::App& app, Arguments& a);
void drill_options(CLI::App& app, Arguments& a);
void diff_options(CLI::App& app, Arguments& a);
void salvage_options(CLI::App& app, Arguments& a);
void put_options(CLI::App& app, Arguments& a);
void list_options(CLI::App& app, Arguments& a);
void predeploy_options(CLI::App& app, Arguments& arguments);
void serve_options(CLI::App& app, Arguments& a);
void export_options(CLI::App& app, Arguments& a);
void archive_options(CLI::App& app, Arguments& a);
void import_options(CLI::App& app, Arguments& a);
void recover_options(CLI::App& app, Arguments& a);
void no_options(CLI::App& app, Arguments& a);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_COMMAND_OPTIONS_H_
