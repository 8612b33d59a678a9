// What the command line says, once it is parsed.
#ifndef HOLDFAST_CLI_ARGUMENTS_H_
#define HOLDFAST_CLI_ARGUMENTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::cli {

enum class Command {
  kNone,
  kInit,
  kBackup,
  kSnapshots,
  kShow,
  kStats,
  kLog,
  kVerify,
  kGuard,
  kRestore,
  kReplicate,
  kRun,
  kStatus,
  kDoctor,
  kTimeline,
  kMark,
  kDrill,
  kSalvage,
  kArchive,
  kDiff,
  kCopy,
  kPut,
  kGet,
  kList,
  kDelete,
  kUndelete,
  kExport,
  kServe,
  kImport,
  kRecover,
  kPredeploy,
  kSelftest,
  kForget,
  kPrune,
  kAdopt,
  kKeyList,
  kKeyAdd,
  kKeyRemove,
  kKeyChange,
  kKeyRecovery,
  kConfigCheck,
  kCompletion,
  kVersion,
  kErrors,
  kManPage,
};

// As written; policy_flags.h makes a policy of it.
struct KeepFlags {
  std::string last, hourly, daily, weekly, monthly, yearly, within;
  std::vector<std::string> tags;
};

struct Arguments {
  Command command = Command::kNone;

  // Global.
  std::string repository, configuration, cache_directory, color = "auto";
  std::string limit_upload, limit_download;
  bool json = false, quiet = false, verbose = false, no_cache = false, no_key_cache = false;
  bool help = false, version = false;

  // Shared by several commands.
  std::vector<std::string> words;  // databases, snapshots, ids
  std::vector<std::string> tags, databases, commit;
  bool push = false;
  std::optional<std::int64_t> index;
  bool all = false, yes = false, dry_run = false;
  KeepFlags keep;

  // Of one command.
  bool no_encryption = false;                               // init
  std::string label;                                        // init, key add
  bool write_only = false;                                  // key add
  std::string machine;                                      // key add
  bool again = false, discard = false;                      // adopt
  std::string name;                                         // backup
  bool read_all = false;                                    // backup
  std::string capacity;                                     // stats
  bool cost = false, print_prices = false;                  // stats
  std::string prices;                                       // stats
  std::optional<double> backups, hours, restores, percent;  // stats: a workload
  std::optional<std::int64_t> last;                         // log
  std::string read_data;                                    // verify: percent, empty if not said
  bool integrity = false;                                   // verify
  std::string file;                                         // verify, restore
  std::string to;                                           // restore
  std::string at, position, mark;                           // restore
  bool while_open = false, no_safety_snapshot = false;      // restore
  bool prune = false;                                       // forget
  bool fix = false;                                         // guard
  std::string max_unused;                                   // prune
  bool undelete = false;                                    // put
  std::vector<std::string> filters, sort;                   // list
  std::optional<std::int64_t> page, size;                   // list
  bool replace = false;                                     // key recovery, salvage, archive
  bool free_pages = false;                                  // salvage
  std::string lease_wait;                                   // replicate, run
  bool accept_fresh = false, events = false;                // replicate
  std::vector<std::string> copies;                          // copy
  bool own_key = false;                                     // init
  std::vector<std::string> tables;                          // diff
  bool summary = false;                                     // diff
  std::string scratch;                                      // diff
  std::string collection, format;               // export; import, recover, verify, restore
  bool force_import = false;                    // import, restore
  bool scan = false, merge = false;             // recover
  std::string prefer;                           // recover
  std::vector<std::string> picks;               // recover
  bool to_stdout = false, base64 = false;       // export
  bool check = false;                           // export
  std::string listen, token_file, max_body;     // serve
  std::optional<std::int64_t> max_connections;  // serve
  std::vector<std::string> child;               // run: the command and its arguments
};

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_ARGUMENTS_H_
