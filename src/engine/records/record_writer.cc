#include "engine/records/record_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "engine/records/emergency_copy.h"

namespace holdfast::engine {
namespace {

constexpr std::size_t kMostTogether = 1000;
// A write is known by its id for so long after it was done: a spool that was copied, or whose files
// come back after a crash, may be drained again until then.
constexpr Duration kDirectRemembered = std::chrono::days(7);
constexpr Duration kSpooledRemembered = std::chrono::days(90);
constexpr Duration kFirstPause = std::chrono::milliseconds(10);
constexpr Duration kLongestPause = std::chrono::milliseconds(500);

}  // namespace

RecordWriter::RecordWriter(RecordWriterOptions options) : options_(std::move(options)) {
  if (!options_.spool.empty()) {
    spool_.emplace(options_.files, options_.spool, options_.spool_limit);
  }
}

RecordWriter::~RecordWriter() = default;

const Collection* RecordWriter::collection(std::string_view name) const {
  const auto found = std::ranges::find(options_.collections, name, &Collection::name);
  return found == options_.collections.end() ? nullptr : &*found;
}

RecordDatabase& RecordWriter::database() {
  if (database_ && database_->was_replaced()) database_.reset();
  if (!database_) {
    database_ = std::make_unique<RecordDatabase>(options_.open(), options_.collections);
  }
  return *database_;
}

std::vector<WriteAnswer> RecordWriter::write(std::vector<Write> writes) {
  const auto request = std::make_shared<Request>();
  request->writes = std::move(writes);
  request->answers.resize(request->writes.size());
  std::unique_lock lock(queue_mutex_);
  queue_.push_back(request);
  request->turn.wait(lock, [&] { return request->done || queue_.front() == request; });
  if (!request->done) lead(lock);
  return std::move(request->answers);
}

void RecordWriter::submit(std::vector<SubmittedWrite> writes, const StepAside& step_aside) {
  if (writes.empty()) return;
  const auto request = std::make_shared<Request>();
  request->answers.resize(writes.size());
  for (SubmittedWrite& each : writes) {
    request->writes.push_back(std::move(each.write));
    request->when_done.push_back(std::move(each.done));
  }
  std::unique_lock lock(queue_mutex_);
  queue_.push_back(request);
  const bool is_idle = queue_.size() == 1;
  if (is_idle && step_aside && step_aside()) {
    lead_for_others(lock);
    return;
  }
  if (!leader_.joinable()) {
    leader_ = std::jthread([this](const std::stop_token& stop) { lead_submitted(stop); });
  }
  if (is_idle) submitted_.notify_one();
}

// As lead(), for what nobody waits for: each of them was told if it came to nothing.
void RecordWriter::lead_for_others(std::unique_lock<std::mutex>& lock) {
  try {
    lead(lock);
  } catch (...) {
    if (lock.owns_lock()) lock.unlock();
  }
}

void RecordWriter::lead_submitted(const std::stop_token& stop) {
  std::unique_lock lock(queue_mutex_);
  const auto is_due = [&] {
    return !queue_.empty() && queue_.front()->is_submitted() && !queue_.front()->led;
  };
  while (submitted_.wait(lock, stop, is_due)) {
    lead_for_others(lock);
    lock.lock();
  }
}

// Takes the lock, and gives it back.
void RecordWriter::lead(std::unique_lock<std::mutex>& lock) {
  // Whoever comes from now on waits behind the first of these, which stays at the front.
  queue_.front()->led = true;
  std::vector<std::shared_ptr<Request>> together;
  std::size_t count = 0;
  for (const auto& request : queue_) {
    if (!together.empty() && count + request->writes.size() > kMostTogether) break;
    together.push_back(request);
    count += request->writes.size();
  }
  lock.unlock();
  std::vector<Write> writes;
  writes.reserve(count);
  for (const auto& request : together) {
    std::ranges::move(request->writes, std::back_inserter(writes));
  }
  const std::string group = new_write_id();
  for (std::size_t i = 0; i < writes.size(); ++i) {
    if (writes[i].id.empty()) writes[i].id = grouped_write_id(group, i);
  }
  std::vector<WriteAnswer> answers(writes.size());
  // Whatever happens, nobody may be left waiting.
  const auto finish = [&] {
    auto answer = answers.begin();
    lock.lock();
    for (const auto& request : together) {
      for (WriteAnswer& own : request->answers) own = std::move(*answer++);
      request->done = true;
      queue_.pop_front();
    }
    const auto next = queue_.empty() ? nullptr : queue_.front();
    lock.unlock();
    // First of all whoever leads now: the disk is to be busy while the others answer.
    if (next && next->is_submitted()) {
      submitted_.notify_one();
    } else if (next) {
      next->turn.notify_one();
    }
    for (const auto& request : together) {
      for (std::size_t i = 0; i < request->when_done.size(); ++i) {
        request->when_done[i](std::move(request->answers[i]));
      }
      if (!request->is_submitted()) request->turn.notify_one();
    }
  };
  try {
    process(writes, answers);
  } catch (...) {
    for (WriteAnswer& answer : answers) {
      answer = {};
      answer.outcome.refused =
          Error(ErrorCode::kRecordNotKept, "the writing of this record was broken off");
    }
    finish();
    throw;
  }
  finish();
}

void RecordWriter::process(std::span<const Write> writes, std::span<WriteAnswer> answers) {
  const std::lock_guard work(work_mutex_);
  const Drained drained = drain_spool();
  std::vector<std::size_t> now, later;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    if (collection(writes[i].collection) == nullptr) {
      answers[i].outcome.refused =
          Error(ErrorCode::kCollectionUnknown,
                fmt::format("there is no collection {}", writes[i].collection));
    } else if (writes[i].kind == WriteKind::kPut && !writes[i].record.is_object()) {
      answers[i].outcome.refused =
          Error(ErrorCode::kRecordInvalid, "a record must be a JSON object");
    } else {
      (drained.blocked.contains(writes[i].collection) ? later : now).push_back(i);
    }
  }
  keep_elsewhere(writes, answers, later, drained.report.away);
  if (now.empty()) return;

  std::vector<Write> some;
  std::span<const Write> chosen = writes;
  if (now.size() < writes.size()) {
    for (const std::size_t i : now) some.push_back(writes[i]);
    chosen = some;
  }
  std::vector<WriteOutcome> outcomes;
  try {
    outcomes = apply_patiently(chosen, kDirectRemembered);
  } catch (const Error& error) {
    keep_elsewhere(writes, answers, now, error.happened());
    return;
  }
  database_->acknowledge(chosen);
  for (std::size_t i = 0; i < now.size(); ++i) {
    WriteAnswer& answer = answers[now[i]];
    answer.outcome = std::move(outcomes[i]);
    if (answer.outcome.away) {
      const std::string why = answer.outcome.away->happened();
      keep_elsewhere(writes, answers, {now[i]}, why);
    } else {
      answer.kept = answer.outcome.refused ? Kept::kRefused : Kept::kStored;
    }
  }
}

std::vector<WriteOutcome> RecordWriter::apply_patiently(std::span<const Write> writes,
                                                        Duration remembered) {
  env::Clock& clock = options_.clock;
  const Duration begun = clock.elapsed();
  // Who has waited in vain a moment ago need not wait as long again for every record.
  const Duration until = begun < impatient_until_ ? begun : begun + options_.patience;
  for (Duration pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    try {
      return database().apply(writes, clock.now(), remembered);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDatabaseBusy) database_.reset();
      const bool passes = error.retryable() && error.code() != ErrorCode::kDiskFull;
      if (!passes || clock.elapsed() + pause > until) {
        impatient_until_ = clock.elapsed() + options_.patience;
        throw;
      }
    }
    clock.wait(pause, {});
  }
}

RecordWriter::Drained RecordWriter::drain_spool() {
  Drained drained;
  if (!spool_) return drained;
  DrainReport& report = drained.report;
  std::vector<SpoolSegment> segments;
  try {
    segments = spool_->segments();
    if (!segments.empty()) spool_->remove_unfinished(options_.clock.now());
  } catch (const Error& error) {
    // What cannot be listed may hold anything, so nothing may go past it.
    report.away = error.happened();
    for (const Collection& each : options_.collections) drained.blocked.insert(each.name);
    return drained;
  }
  for (const SpoolSegment& segment : segments) {
    if (drained.blocked.contains(segment.collection)) continue;
    Spool::Content content;
    try {
      content = spool_->read(segment);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kNotFound) continue;  // somebody else has drained it
      report.away = error.happened();
      drained.blocked.insert(segment.collection);
      continue;
    }
    try {
      const auto outcomes = apply_patiently(content.writes, kSpooledRemembered);
      bool complete = true;
      for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (outcomes[i].away) {
          complete = false;
          report.away = outcomes[i].away->happened();
        } else if (outcomes[i].refused) {
          spool_->reject(content.writes[i], *outcomes[i].refused);
          ++report.rejected;
        } else if (!outcomes[i].replayed) {
          ++report.stored;
        }
      }
      if (!complete) {
        drained.blocked.insert(segment.collection);
      } else if (content.damaged) {
        spool_->set_aside(segment);
      } else {
        spool_->remove(segment);
      }
    } catch (const Error& error) {
      report.away = error.happened();
      drained.blocked.insert(segment.collection);
    }
  }
  return drained;
}

void RecordWriter::keep_elsewhere(std::span<const Write> writes, std::span<WriteAnswer> answers,
                                  const std::vector<std::size_t>& numbers, const std::string& why) {
  std::map<std::string, std::vector<std::size_t>> by_collection;
  for (const std::size_t i : numbers) by_collection[writes[i].collection].push_back(i);
  for (const auto& [name, own] : by_collection) {
    std::vector<Write> waiting;
    std::vector<std::size_t> later;
    for (const std::size_t i : own) {
      answers[i].why = why;
      answers[i].outcome = {};
      answers[i].outcome.record_id = presumed_id(writes[i], *collection(name));
      if (!writes[i].condition.empty()) {
        answers[i].outcome.refused = Error(
            ErrorCode::kRecordNotKept, fmt::format("its condition cannot be judged now: {}", why));
        continue;
      }
      waiting.push_back(writes[i]);
      later.push_back(i);
    }
    if (later.empty()) continue;
    std::string no_spool = "there is none";
    if (spool_) {
      try {
        spool_->append(waiting);
        for (const std::size_t i : later) answers[i].kept = Kept::kSpooled;
        continue;
      } catch (const Error& error) {
        no_spool = error.happened();
      }
    }
    keep_in_emergency(writes, answers, later, fmt::format("{}; spool: {}", why, no_spool));
  }
}

void RecordWriter::keep_in_emergency(std::span<const Write> writes, std::span<WriteAnswer> answers,
                                     const std::vector<std::size_t>& numbers,
                                     const std::string& why) {
  std::vector<Write> puts;
  std::vector<std::size_t> own;
  for (const std::size_t i : numbers) {
    answers[i].why = why;
    answers[i].outcome.refused = Error(ErrorCode::kRecordNotKept, why);
    if (writes[i].kind != WriteKind::kPut) continue;
    puts.push_back(writes[i]);
    own.push_back(i);
  }
  if (puts.empty() || options_.emergency.empty()) return;
  try {
    const auto paths =
        write_emergency_copies(options_.files, options_.emergency, puts,
                               *collection(puts.front().collection), options_.clock.now());
    for (std::size_t i = 0; i < own.size(); ++i) {
      WriteAnswer& answer = answers[own[i]];
      answer.kept = Kept::kEmergency;
      answer.outcome.refused.reset();
      answer.emergency_file = paths[i];
    }
  } catch (const Error& error) {
    for (const std::size_t i : own) {
      answers[i].outcome.refused = Error(
          ErrorCode::kRecordNotKept, fmt::format("{}; emergency copy: {}", why, error.happened()));
    }
  }
}

DrainReport RecordWriter::drain() {
  const std::lock_guard work(work_mutex_);
  return drain_spool().report;
}

void RecordWriter::read(const std::function<void(RecordDatabase&)>& reading) {
  const std::lock_guard work(work_mutex_);
  try {
    reading(database());
  } catch (const Error& error) {
    // A connection that was lost since it was last used is no reason to fail.
    if (error.code() != ErrorCode::kUnavailable) throw;
    database_.reset();
    reading(database());
  }
}

}  // namespace holdfast::engine
