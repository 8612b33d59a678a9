// What Holdfast keeps in a database (or beside it) that it writes records to: which writes were
// done, and what was deleted.
//
//   _holdfast_writes      id TEXT PRIMARY KEY, record TEXT, expires BIGINT (microseconds since
//                         1970); the row "<id>/answer" has the answer to a write that may be asked
//                         for again, "<id>/refused" the reason why one of the spool came to
//                         nothing, "<group>/group" the records of the writes of a group by their
//                         numbers, as JSON
//   _holdfast_tombstones  table_name TEXT, record_key TEXT, key_columns TEXT, deleted_at BIGINT,
//                         PRIMARY KEY (table_name, record_key); key and columns are JSON lists, the
//                         key's values written as in docs/records.md, "Values"
#ifndef HOLDFAST_ENGINE_RECORDS_OWN_TABLES_H_
#define HOLDFAST_ENGINE_RECORDS_OWN_TABLES_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/row_session.h"
#include "base/time.h"

namespace holdfast::engine {

inline constexpr const char* kWritesTable = "_holdfast_writes";
inline constexpr const char* kTombstonesTable = "_holdfast_tombstones";

struct Tombstone {
  std::string table;
  std::vector<std::string> key_columns;
  Row key;
  Time deleted{};
};

// The columns of its table that tombstone_of() wants, in order. It throws kRecordInvalid for what
// no tombstone can be.
std::vector<std::string> tombstone_columns();
Tombstone tombstone_of(const Row& row);

// Over one session, which must outlive it; all of it in the session's transaction, each of which
// begins with begin().
class OwnTables {
 public:
  explicit OwnTables(RowSession& session) : session_(session) {}

  void begin() { has_tombstones_.clear(); }

  void create();

  // The record that a write of this id went to; empty if there was none.
  std::optional<std::string> find_write(const std::string& id);
  void remember_write(const std::string& id, const std::string& record, Time expires);
  // What the caller of that write was answered, for a write that may be asked for again.
  std::optional<std::string> find_answer(const std::string& id);
  void remember_answer(const std::string& id, const std::string& answer, Time expires);
  // Why a write that waited came to nothing. Another process may have read it from the spool before
  // it was taken out, and must not do it later, when it would be possible.
  std::optional<Error> find_refusal(const std::string& id);
  void remember_refusal(const std::string& id, const Error& why, Time expires);
  // The records that the writes of a group went to, by their numbers: those that were done.
  std::map<std::string, std::string> find_group(const std::string& group);
  void remember_group(const std::string& group, const std::map<std::string, std::string>& records,
                      Time expires);
  void forget_write(const std::string& id);
  void forget_group(const std::string& group);
  // Some of those that have expired: not so many that a writer would have to wait.
  void forget_expired(Time now);

  bool is_buried(const std::string& table, const Row& key);
  void bury(const Tombstone& tombstone);
  bool unbury(const std::string& table, const Row& key);  // false: there was none
  // All of one table ("": of all), for whoever copies rows into the database. Empty if nothing was
  // ever deleted by way of Holdfast.
  std::vector<Tombstone> tombstones(const std::string& table);

 private:
  bool has_tombstones(const std::string& table);

  RowSession& session_;
  // By table, as far as it was asked for in this transaction: of most tables nothing was ever
  // deleted.
  std::map<std::string, bool> has_tombstones_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_OWN_TABLES_H_
