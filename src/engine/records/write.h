// One write to a collection, and what came of it.
#ifndef HOLDFAST_ENGINE_RECORDS_WRITE_H_
#define HOLDFAST_ENGINE_RECORDS_WRITE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "engine/records/record_json.h"

namespace holdfast::engine {

// What must be true of the record as it is when the write comes to it; otherwise the write is
// refused (kPreconditionFailed). A write with a condition is never spooled: nobody could be told
// later that it came to nothing.
struct WriteCondition {
  std::vector<std::string> tags = {};  // the record has one of these: see record_tag()
  bool present = false;                // there is one
  bool absent = false;                 // there is none
  // Rows that may never come back: SQL conditions, by table (the record's or a child's). A record
  // that would have one is refused (kRecordExcluded).
  std::vector<std::pair<std::string, std::string>> exclusions = {};
  bool empty() const { return tags.empty() && !present && !absent && exclusions.empty(); }
};

enum class WriteKind { kPut, kDelete, kUndelete };

struct Write {
  // By which a write that is done twice is done once: 32 hexadecimal digits, where the caller has a
  // key of its own for what it wants to happen once; else one of a group, and empty until it has
  // one.
  std::string id;
  WriteKind kind = WriteKind::kPut;
  std::string collection;
  Record record;  // of a put
  // Which record, see record_id(). May be empty for a put; otherwise the record's own key must be
  // left out, or the same.
  std::string record_id;
  bool undelete = false;  // a put that may bring back what was deleted
  // The caller may ask for it again although it was answered: its id is not forgotten early.
  bool repeatable = false;
  // Acknowledged earlier: a delete of what is not there leaves a tombstone all the same.
  bool acknowledged = false;
  Time time{};  // when it was asked for
  WriteCondition condition = {};
  // Of what the caller asked for under `id`; empty: not compared. A write of the same id and
  // another digest is refused (kIdempotencyConflict), one of the same digest is answered as the
  // first was.
  std::string digest = {};
};

std::string new_write_id();

// Writes whose ids are "<group>-<number>" are done together, as a rule, and are remembered in one
// entry of their group. A group is an id of its own.
std::string grouped_write_id(std::string_view group, std::size_t number);
struct GroupedId {
  std::string group, number;
};
// Empty for an id that stands by itself.
std::optional<GroupedId> parse_grouped_id(std::string_view id);

struct WriteOutcome {
  // kRecordInvalid, kRecordRejected, kRecordDeleted, kRecordMissing, kPreconditionFailed,
  // kIdempotencyConflict: nothing of the write was done,
  // and it will not go better another time. kWriteNotProved: it did not read back the same.
  std::optional<Error> refused;
  // kTableMissing, kConfiguration: the table is not what it should be. It may be, another time.
  std::optional<Error> away;
  std::string record_id;              // see record_id(); empty where it is not known
  bool created = false;               // there was no such record before
  bool replayed = false;              // a write of this id was done before; nothing was done now
  std::vector<std::string> adjusted;  // fields that triggers of the database made something else of
  std::uint64_t children_removed = 0;  // by a delete
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_WRITE_H_
