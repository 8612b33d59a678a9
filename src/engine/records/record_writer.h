// The write path of one database: every record that is handed to it ends in the database, in the
// spool, in an emergency copy, or the caller is told that it is nowhere.
#ifndef HOLDFAST_ENGINE_RECORDS_RECORD_WRITER_H_
#define HOLDFAST_ENGINE_RECORDS_RECORD_WRITER_H_

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "engine/records/record_database.h"
#include "engine/records/spool.h"
#include "env/clock.h"

namespace holdfast::engine {

struct RecordWriterOptions {
  env::FileSystem& files;
  env::Clock& clock;
  // Opens the database, or throws what keeps it from being opened.
  std::function<std::unique_ptr<RowSession>()> open;
  std::vector<Collection> collections;  // of this database
  env::Path spool;                      // empty: there is none
  std::uint64_t spool_limit = 1'000'000'000;
  env::Path emergency;                        // empty: none
  std::chrono::milliseconds patience{5'000};  // how long what passes by itself is waited for
};

enum class Kept { kStored, kSpooled, kEmergency, kRefused };

struct WriteAnswer {
  Kept kept = Kept::kRefused;
  // refused: why; kRecordNotKept if the record is nowhere. record_id of what is not stored is as
  // far as can be told without the table.
  WriteOutcome outcome;
  std::string why;           // the database did not take it: spooled, emergency
  env::Path emergency_file;  // emergency
};

// A write whose answer is not waited for. `done` is called once, by a thread of the writer, and
// must neither throw nor take long.
struct SubmittedWrite {
  Write write;
  std::function<void(WriteAnswer)> done;
};

// Whether the caller has been replaced in what else it does, and may therefore wait; asked once.
using StepAside = std::function<bool()>;

struct DrainReport {
  std::uint64_t stored = 0, rejected = 0;
  std::string away;  // why some still wait; empty if none do
};

// Thread safe. Writers that come while others are written are written together: one of them does
// the work of all, in one transaction. A write waits behind what the spool holds of its collection,
// so that writes to one key happen in the order in which they were acknowledged.
class RecordWriter {
 public:
  explicit RecordWriter(RecordWriterOptions options);
  ~RecordWriter();  // does what was submitted
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;

  // Answers each write, in order; never throws Error. One without an id is given one of a group.
  std::vector<WriteAnswer> write(std::vector<Write> writes);
  // The same without waiting for others. Where nobody is writing and the caller may step aside, it
  // does the writing itself, which saves one alone the way to another thread and back.
  void submit(std::vector<SubmittedWrite> writes, const StepAside& step_aside = {});
  // Brings what waits in the spool into the database, as each write does first.
  DrainReport drain();
  // Reading, between the writes; once more where a connection was lost. Throws what keeps the
  // database from being read.
  void read(const std::function<void(RecordDatabase&)>& reading);

  Spool* spool() { return spool_ ? &*spool_ : nullptr; }

 private:
  struct Request {
    std::vector<Write> writes;
    std::vector<WriteAnswer> answers;
    bool led = false;  // by whoever does the work of it and of those behind it
    bool done = false;
    std::condition_variable turn;  // it is done, or first in the queue
    // Of each write, if they were submitted: then nobody waits for its turn.
    std::vector<std::function<void(WriteAnswer)>> when_done;

    bool is_submitted() const { return !when_done.empty(); }
  };
  struct Drained {
    DrainReport report;
    std::set<std::string> blocked;  // collections that still wait
  };

  void lead(std::unique_lock<std::mutex>& lock);
  void lead_for_others(std::unique_lock<std::mutex>& lock);
  void lead_submitted(const std::stop_token& stop);
  void process(std::span<const Write> writes, std::span<WriteAnswer> answers);
  Drained drain_spool();
  std::vector<WriteOutcome> apply_patiently(std::span<const Write> writes, Duration remembered);
  void keep_elsewhere(std::span<const Write> writes, std::span<WriteAnswer> answers,
                      const std::vector<std::size_t>& numbers, const std::string& why);
  void keep_in_emergency(std::span<const Write> writes, std::span<WriteAnswer> answers,
                         const std::vector<std::size_t>& numbers, const std::string& why);
  const Collection* collection(std::string_view name) const;
  RecordDatabase& database();

  RecordWriterOptions options_;
  std::optional<Spool> spool_;

  std::mutex queue_mutex_;
  std::deque<std::shared_ptr<Request>> queue_;
  std::condition_variable_any submitted_;  // what was submitted is first in the queue

  std::mutex work_mutex_;  // guards what is below; taken by who leads, drains or reads
  std::unique_ptr<RecordDatabase> database_;
  Duration impatient_until_{0};

  std::jthread leader_;  // of what was submitted, from the first of it on; last: it uses the others
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_RECORD_WRITER_H_
