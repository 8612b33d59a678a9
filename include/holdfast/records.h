// Holdfast's write path as a library: what `holdfast put`, `get`, `list` and `delete` do.
//
//   holdfast::RecordStore records("/etc/app/holdfast.toml");
//   const auto answer = records.put("videos", R"({"video_id": "a", "title": "T"})");
//   if (answer.kept != holdfast::Kept::kStored) log(answer.why);
//
// Records are texts of JSON; docs/records.md says how they become rows, and what the answers mean.
#ifndef HOLDFAST_RECORDS_H_
#define HOLDFAST_RECORDS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

// A refusal, or a database that cannot be read. `code` is one of docs/errors.md:
// "record_rejected", "record_deleted", "record_not_kept" … For what is read, "database_busy" and
// the like.
class RecordError : public std::runtime_error {
 public:
  RecordError(std::string code, int exit_status, const std::string& happened)
      : std::runtime_error(happened), code_(std::move(code)), exit_status_(exit_status) {}
  const std::string& code() const noexcept { return code_; }
  int exit_status() const noexcept { return exit_status_; }

 private:
  std::string code_;
  int exit_status_;
};

enum class Kept {
  kStored,     // committed, synced, read back, equal
  kSpooled,    // synced to the spool; reaches the database by itself, once and in order
  kEmergency,  // in the file that is named
};

struct Saved {
  Kept kept = Kept::kStored;
  std::string id;                      // the record's; as far as can be told where it is not stored
  bool created = false;                // there was no such record before
  std::string why;                     // the database did not take it; empty if it did
  std::string emergency_file;          // empty but for kEmergency
  std::uint64_t children_removed = 0;  // by remove()
};

struct RecordPage {
  std::vector<std::string> ids, records;
  std::uint64_t total = 0;  // of all pages
};

// Thread safe: writers that come together share a transaction and a sync. Every member throws
// RecordError.
class RecordStore {
 public:
  // Reads the configuration; empty: where the program finds its own.
  explicit RecordStore(const std::string& configuration_file = {});
  ~RecordStore();
  RecordStore(RecordStore&&) noexcept;
  RecordStore& operator=(RecordStore&&) noexcept;

  // `write_id`, 32 hexadecimal digits, makes a repeated call one write, for a week;
  // random unless said.
  Saved put(std::string_view collection, std::string_view json, bool undelete = false,
            const std::string& write_id = {});
  Saved remove(std::string_view collection, std::string_view id, const std::string& write_id = {});
  Saved undelete(std::string_view collection, std::string_view id);

  // Compact JSON; empty if there is none.
  std::optional<std::string> get(std::string_view collection, std::string_view id);
  RecordPage list(std::string_view collection, const std::vector<std::string>& filters = {},
                  const std::vector<std::string>& sort = {}, std::uint64_t page = 0,
                  std::uint64_t size = 50);

  // Every record that any copy still holds, each once, in no order: as the database has it, else as
  // the newest intact copy has it (docs/recovery.md). Looks through all that `holdfast recover`
  // does; `paths` are files and folders beside that. Nothing is written.
  void load_all(std::string_view collection,
                const std::function<void(const std::string& id, const std::string& json)>& record,
                const std::vector<std::string>& paths = {});

  // Brings what waits in the spool into its databases, as every write does first. How many records
  // were stored.
  std::uint64_t drain();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast

#endif  // HOLDFAST_RECORDS_H_
