#include "engine/records/record_database.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "engine/records/child_rows.h"

namespace holdfast::engine {

struct RecordDatabase::Attempt {
  std::span<const Write> writes;
  Time now{};
  Duration remembered{};
  std::vector<WriteOutcome> outcomes;
  std::vector<Expected> expected;
  std::set<std::size_t> spoilt;  // those that took the whole transaction with them
  // What was known of the groups of these writes before, by group and number.
  std::map<std::string, std::map<std::string, std::string>> groups;
};

namespace {

// Where one write was refused, others soon will be: so many transactions have savepoints then.
constexpr std::size_t kCarefulFor = 16;

bool is_refusal(ErrorCode code) {
  return code == ErrorCode::kRecordInvalid || code == ErrorCode::kRecordRejected ||
         code == ErrorCode::kRecordDeleted || code == ErrorCode::kRecordMissing ||
         code == ErrorCode::kRecordExcluded || code == ErrorCode::kPreconditionFailed ||
         code == ErrorCode::kIdempotencyConflict;
}

// Of one collection, not of the whole database.
bool is_away_alone(ErrorCode code) {
  return code == ErrorCode::kTableMissing || code == ErrorCode::kConfiguration ||
         code == ErrorCode::kCollectionUnknown;
}

}  // namespace

RecordDatabase::RecordDatabase(std::unique_ptr<RowSession> session,
                               std::span<const Collection> collections)
    : session_(std::move(session)), own_(*session_) {
  for (const Collection& collection : collections) {
    collections_.emplace(collection.name, &collection);
  }
}

const RecordLayout& RecordDatabase::layout(std::string_view name) {
  if (const auto known = layouts_.find(name); known != layouts_.end()) return known->second;
  const auto found = collections_.find(name);
  if (found == collections_.end()) {
    throw Error(ErrorCode::kCollectionUnknown, fmt::format("there is no collection {}", name));
  }
  const Collection& collection = *found->second;
  const auto facts = [&](const std::string& table) {
    auto facts_of_table = session_->table(table);
    if (!facts_of_table) {
      throw Error(ErrorCode::kTableMissing,
                  fmt::format("the table {} of the collection {} is not there", table, name));
    }
    return *std::move(facts_of_table);
  };
  const TableFacts table = facts(collection.table);
  std::vector<TableFacts> children;
  for (const ChildTable& child : collection.children) children.push_back(facts(child.table));
  return layouts_.emplace(name, lay_out(collection, table, children)).first->second;
}

void RecordDatabase::refresh_layouts() {
  if (session_->schema_changed()) layouts_.clear();
}

void RecordDatabase::make_tables(std::string_view name) {
  const auto collection = collections_.find(name);
  if (collection == collections_.end() || layouts_.contains(name)) return;
  const Collection& its = *collection->second;
  if (!its.create.empty() && !session_->table(its.table)) session_->run(its.create);
  for (const ChildTable& child : its.children) {
    if (!child.create.empty() && !session_->table(child.table)) session_->run(child.create);
  }
}

RowKey RecordDatabase::key_of(const RecordLayout& layout, Row values) const {
  return {.columns = layout.collection.key, .values = std::move(values)};
}

std::optional<Row> RecordDatabase::find(const RecordLayout& layout, const RowKey& key) {
  auto rows = session_->select(row_query(layout, key));
  if (rows.size() > 1) {
    throw Error(ErrorCode::kRecordRejected,
                fmt::format("several rows of {} have the key {}", layout.collection.table,
                            record_id(key.values, layout)));
  }
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

std::vector<WriteOutcome> RecordDatabase::apply(std::span<const Write> writes, Time now,
                                                Duration remembered) {
  Attempt work{.writes = writes,
               .now = now,
               .remembered = remembered,
               .outcomes = {},
               .expected = {},
               .spoilt = {},
               .groups = {}};
  work.outcomes.resize(writes.size());
  work.expected.resize(writes.size());
  while (!attempt(work)) {
  }
  prove(work);
  if (session_->was_replaced()) {
    throw Error(ErrorCode::kDatabaseChanged,
                "the database was replaced while records were written");
  }
  return std::move(work.outcomes);
}

// False if the transaction was taken back and is to be tried again: because one of the writes takes
// all others with it and is left out the next time, or because they were done without savepoints
// and one was refused.
bool RecordDatabase::attempt(Attempt& work) {
  const bool carefully = careful_for_ > 0;
  session_->begin();
  try {
    own_.begin();
    work.groups.clear();
    session_->others_wrote();
    refresh_layouts();
    if (!has_own_tables_) {
      own_.create();
      own_.forget_expired(work.now);
    }
    for (const std::string& id : forgettable_) own_.forget_write(id);
    for (const std::string& group : forgettable_groups_) own_.forget_group(group);
    for (const Write& write : work.writes) make_tables(write.collection);
    for (std::size_t i = 0; i < work.writes.size(); ++i) {
      if (work.spoilt.contains(i)) {
        remember_refusal(work, i);
        continue;
      }
      work.outcomes[i] = {};
      work.expected[i] = {};
      if (!carefully) {
        apply_one(work.writes[i], work, i);
        continue;
      }
      session_->savepoint();
      try {
        try {
          apply_one(work.writes[i], work, i);
          session_->release_savepoint();
        } catch (const Error& error) {
          // Somebody may have written the same record between our looking for it and inserting it.
          const bool raced = error.code() == ErrorCode::kRecordRejected &&
                             session_->in_transaction() && session_->others_wrote();
          if (!raced) throw;
          session_->roll_back_to_savepoint();
          session_->savepoint();
          work.outcomes[i] = {};
          work.expected[i] = {};
          apply_one(work.writes[i], work, i);
          session_->release_savepoint();
        }
      } catch (const Error& error) {
        work.expected[i] = {};
        if (is_away_alone(error.code())) {
          work.outcomes[i].away = error;
        } else if (is_refusal(error.code())) {
          work.outcomes[i].refused = error;
        } else {
          throw;
        }
        if (!session_->in_transaction()) {
          work.spoilt.insert(i);
          return false;
        }
        session_->roll_back_to_savepoint();
        remember_refusal(work, i);
      }
    }
    remember_groups(work);
    session_->commit();
  } catch (const Error& error) {
    give_up();
    if (carefully || !(is_refusal(error.code()) || is_away_alone(error.code()))) throw;
    careful_for_ = kCarefulFor;
    return false;
  } catch (...) {
    give_up();
    throw;
  }
  has_own_tables_ = true;
  forgettable_.clear();
  forgettable_groups_.clear();
  if (carefully) --careful_for_;
  return true;
}

void RecordDatabase::give_up() noexcept {
  session_->rollback();
  layouts_.clear();  // they may know tables that were made in vain
}

void RecordDatabase::remember_refusal(const Attempt& work, std::size_t number) {
  const Write& write = work.writes[number];
  const auto& refused = work.outcomes[number].refused;
  if (!write.acknowledged || !refused) return;
  own_.remember_refusal(write.id, *refused, work.now + work.remembered);
}

// The record that the write went to, if it was done before.
std::optional<std::string> RecordDatabase::find_done(const Write& write, Attempt& work) {
  const auto grouped = parse_grouped_id(write.id);
  if (!grouped || write.acknowledged) {
    auto record = own_.find_write(write.id);
    if (record || !grouped) return record;
  }
  const auto [its, is_new] = work.groups.try_emplace(grouped->group);
  if (is_new) its->second = own_.find_group(grouped->group);
  const auto found = its->second.find(grouped->number);
  if (found == its->second.end()) return std::nullopt;
  return found->second;
}

void RecordDatabase::remember_groups(const Attempt& work) {
  auto groups = work.groups;
  std::set<std::string> changed;
  for (std::size_t i = 0; i < work.writes.size(); ++i) {
    const Write& write = work.writes[i];
    const WriteOutcome& outcome = work.outcomes[i];
    const auto grouped = parse_grouped_id(write.id);
    if (!grouped || write.acknowledged || outcome.refused || outcome.away || outcome.replayed) {
      continue;
    }
    groups[grouped->group][grouped->number] = outcome.record_id;
    changed.insert(grouped->group);
  }
  for (const std::string& group : changed) {
    own_.remember_group(group, groups[group], work.now + work.remembered);
  }
}

void RecordDatabase::apply_one(const Write& write, Attempt& work, std::size_t number) {
  WriteOutcome& outcome = work.outcomes[number];
  if (auto record = find_done(write, work)) {
    outcome.record_id = *std::move(record);
    outcome.replayed = true;
    recall(write, outcome);
    if (write.kind == WriteKind::kPut) {
      // Perhaps it was committed a moment ago, and only the reading back has failed.
      const RecordLayout& its = layout(write.collection);
      RowKey key = key_of(its, key_from_id(outcome.record_id, its));
      if (auto row = find(its, key)) {
        work.expected[number] = {
            .layout = &its, .key = std::move(key), .row = std::move(row), .children = {}};
      }
    }
    return;
  }
  if (write.acknowledged) {
    if (auto refusal = own_.find_refusal(write.id)) throw *std::move(refusal);
  }
  const RecordLayout& its = layout(write.collection);
  switch (write.kind) {
    case WriteKind::kPut:
      put(write, its, outcome, work.expected[number]);
      break;
    case WriteKind::kDelete:
      remove(write, its, outcome, work.expected[number]);
      break;
    case WriteKind::kUndelete:
      undelete(write, its, outcome);
      break;
  }
  // One of a group is remembered with the others.
  if (!write.acknowledged && parse_grouped_id(write.id)) return;
  const Time expires = work.now + work.remembered;
  own_.remember_write(write.id, outcome.record_id, expires);
  if (write.digest.empty()) return;
  const Record answer = {{"digest", write.digest},
                         {"created", outcome.created},
                         {"adjusted", outcome.adjusted},
                         {"children_removed", outcome.children_removed}};
  own_.remember_answer(write.id, record_text(answer), expires);
}

// The answer that the write was given when it was done.
void RecordDatabase::recall(const Write& write, WriteOutcome& outcome) {
  if (write.digest.empty()) return;
  const auto text = own_.find_answer(write.id);
  if (!text) return;
  const Record answer = parse_record_json(*text, "a remembered answer");
  if (answer.value("digest", "") != write.digest) {
    throw Error(ErrorCode::kIdempotencyConflict,
                fmt::format("the idempotency key was used for another write to {} before",
                            write.collection));
  }
  outcome.created = answer.value("created", false);
  outcome.adjusted = answer.value("adjusted", std::vector<std::string>());
  outcome.children_removed = answer.value("children_removed", std::uint64_t{0});
}

void RecordDatabase::require(const Write& write, const RecordLayout& its,
                             const std::optional<Row>& row) {
  const WriteCondition& condition = write.condition;
  if (condition.empty()) return;
  std::string_view failed;
  if (condition.absent && row) failed = "there is one";
  if (condition.present && !row) failed = "there is none";
  if (!condition.tags.empty() && failed.empty()) {
    const auto has = [&] {
      return std::ranges::find(condition.tags, record_tag(whole_record(its, *row))) !=
             condition.tags.end();
    };
    if (!row || !has()) failed = "it is another version by now";
  }
  if (failed.empty()) return;
  throw Error(
      ErrorCode::kPreconditionFailed,
      fmt::format("the condition for the record of {} is not met: {}", write.collection, failed));
}

void RecordDatabase::remove(const Write& write, const RecordLayout& its, WriteOutcome& outcome,
                            Expected& expected) {
  const RowKey key = key_of(its, key_from_id(write.record_id, its));
  outcome.record_id = record_id(key.values, its);
  const auto row = find(its, key);
  require(write, its, row);
  if (!row && write.acknowledged) {
    own_.bury({.table = its.collection.table,
               .key_columns = its.collection.key,
               .key = key.values,
               .deleted = write.time});
    return;
  }
  if (!row) {
    throw Error(ErrorCode::kRecordMissing,
                fmt::format("there is no record {} in {}", outcome.record_id, write.collection));
  }
  Row stored;
  for (const std::size_t column : its.key) stored.push_back((*row)[column]);
  outcome.children_removed = remove_with_children(its, key, *row);
  own_.bury({.table = its.collection.table,
             .key_columns = its.collection.key,
             .key = stored,
             .deleted = write.time});
  outcome.record_id = record_id(stored, its);
  expected = {.layout = &its, .key = key_of(its, std::move(stored)), .row = {}, .children = {}};
}

void RecordDatabase::undelete(const Write& write, const RecordLayout& its, WriteOutcome& outcome) {
  const Row key = key_from_id(write.record_id, its);
  outcome.record_id = record_id(key, its);
  if (!own_.unbury(its.collection.table, key)) {
    throw Error(ErrorCode::kRecordMissing, fmt::format("no record {} was deleted from {}",
                                                       outcome.record_id, write.collection));
  }
}

void RecordDatabase::prove(Attempt& work) {
  struct ReadingBack {
    RowSession& session;
    explicit ReadingBack(RowSession& s) : session(s) { session.begin_reading_back(); }
    ~ReadingBack() { session.end_reading_back(); }
  };
  // One alone is found without more ado.
  std::optional<ReadingBack> reading;
  if (work.writes.size() > 1) reading.emplace(*session_);
  // Of several writes to one record only the last can be found.
  std::set<std::string> seen;
  bool others_wrote = false;  // which is told once
  for (std::size_t i = work.writes.size(); i-- > 0;) {
    const Expected& expected = work.expected[i];
    if (expected.layout == nullptr) continue;
    if (!seen.insert(work.writes[i].collection + '\0' + work.outcomes[i].record_id).second) {
      continue;
    }
    if (is_as_expected(expected)) continue;
    others_wrote = others_wrote || session_->others_wrote();
    if (others_wrote) continue;
    work.outcomes[i].refused =
        Error(ErrorCode::kWriteNotProved,
              fmt::format("the record {} of {} was committed, but reads back otherwise",
                          work.outcomes[i].record_id, work.writes[i].collection));
  }
}

bool RecordDatabase::is_as_expected(const Expected& expected) {
  const auto rows = session_->read_back(row_query(*expected.layout, expected.key));
  if (!expected.row) return rows.empty();
  if (rows.size() != 1 || !std::ranges::equal(rows[0], *expected.row, is_identical)) return false;
  const Select select = [&](const RowQuery& query) { return session_->read_back(query); };
  for (std::size_t i = 0; i < expected.children.size(); ++i) {
    if (read_children(select, *expected.layout, i, *expected.row) != expected.children[i]) {
      return false;
    }
  }
  return true;
}

void RecordDatabase::acknowledge(std::span<const Write> writes) {
  for (const Write& write : writes) {
    if (write.repeatable) continue;
    if (auto grouped = parse_grouped_id(write.id)) {
      forgettable_groups_.insert(std::move(grouped->group));
    } else {
      forgettable_.push_back(write.id);
    }
  }
}

std::vector<Tombstone> RecordDatabase::tombstones(const std::string& table) {
  return own_.tombstones(table);
}

}  // namespace holdfast::engine
