// The records of one database: writes that are proved, and reads.
#ifndef HOLDFAST_ENGINE_RECORDS_RECORD_DATABASE_H_
#define HOLDFAST_ENGINE_RECORDS_RECORD_DATABASE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/row_session.h"
#include "engine/records/own_tables.h"
#include "engine/records/record_mapping.h"
#include "engine/records/write.h"

namespace holdfast::engine {

struct ListRequest {
  std::vector<std::string> filters;  // "channel=x", "duration>=60", "title~word", "language!=en"
  std::vector<std::string> sort;     // "-indexed_at": the other way round; ties go by key
  std::uint64_t page = 0, size = 50;
};
struct ListedRecords {
  std::vector<std::string> ids;
  std::vector<Record> records;
  std::uint64_t total = 0;  // without paging
};

struct Replaced {
  std::uint64_t inserted = 0, replaced = 0, removed = 0;
  std::uint64_t children_removed = 0;       // with those that were removed
  std::uint64_t deleted = 0, excluded = 0;  // stay out
};
// Calls `put` for each write; may be asked again.
using PutFeed = std::function<void(const std::function<void(const Write&)>& put)>;

// By one thread at a time.
class RecordDatabase {
 public:
  // The collections are those of this database; they must outlive it.
  RecordDatabase(std::unique_ptr<RowSession> session, std::span<const Collection> collections);

  // All in one transaction, each whole or not at all: one that is refused is so alone. Afterwards
  // each is read back by another connection and compared. `remembered` is how long the id of a
  // write is known. Throws what says that the database is away; then it may be that all of them are
  // committed, and that is found out by applying the same writes again.
  std::vector<WriteOutcome> apply(std::span<const Write> writes, Time now, Duration remembered);
  // All in one transaction, whole or not at all: records go with their children and leave no
  // tombstone, then others are put. Conditions of the writes hold; one that was deleted before, or
  // is excluded, is left out. Afterwards each is read back by another connection and compared.
  // Throws what refuses a write (kPreconditionFailed, kRecordRejected …), what `puts` throws, and
  // what says that the database is away.
  Replaced replace(std::string_view collection, std::span<const Write> removals,
                   const PutFeed& puts);
  // Writes that the next apply() need not remember any more: somebody was told of their outcome.
  void acknowledge(std::span<const Write> writes);

  // Empty if there is none. Throws kCollectionUnknown, kTableMissing …
  std::optional<Record> get(std::string_view collection, std::string_view record_id);
  ListedRecords list(std::string_view collection, const ListRequest& request);
  std::vector<std::string> ids(std::string_view collection);  // of all records
  const RecordLayout& layout(std::string_view collection);
  // See RowSession: this one is to be opened anew.
  bool was_replaced() { return session_->was_replaced(); }
  std::vector<Tombstone> tombstones(const std::string& table);

 private:
  struct Expected {  // what must be found after the commit
    const RecordLayout* layout = nullptr;
    RowKey key;
    std::optional<Row> row;        // empty: none
    std::vector<Record> children;  // of each child table
  };
  struct Attempt;

  bool attempt(Attempt& attempt);
  void give_up() noexcept;
  std::optional<std::string> find_done(const Write& write, Attempt& work);
  void remember_groups(const Attempt& work);
  void remember_refusal(const Attempt& work, std::size_t number);
  void apply_one(const Write& write, Attempt& attempt, std::size_t number);
  void recall(const Write& write, WriteOutcome& outcome);
  void require(const Write& write, const RecordLayout& layout, const std::optional<Row>& row);
  void refuse_excluded(const Write& write, const RecordLayout& layout, const RowKey& key,
                       const Row& row);
  void put(const Write& write, const RecordLayout& layout, WriteOutcome& outcome,
           Expected& expected);
  void remove(const Write& write, const RecordLayout& layout, WriteOutcome& outcome,
              Expected& expected);
  std::uint64_t remove_with_children(const RecordLayout& layout, const RowKey& key,
                                     const Row& row);  // how many children
  void undelete(const Write& write, const RecordLayout& layout, WriteOutcome& outcome);
  void prove(Attempt& attempt);
  bool is_as_expected(const Expected& expected);

  RowKey key_of(const RecordLayout& layout, Row values) const;
  Record whole_record(const RecordLayout& layout, const Row& row);  // with its children
  std::optional<Row> find(const RecordLayout& layout, const RowKey& key);
  void refresh_layouts();
  void make_tables(std::string_view collection);  // those that are missing, where it is said how

  std::unique_ptr<RowSession> session_;
  OwnTables own_;
  std::map<std::string, const Collection*, std::less<>> collections_;
  std::map<std::string, RecordLayout, std::less<>> layouts_;
  bool has_own_tables_ = false;
  std::vector<std::string> forgettable_;
  std::set<std::string> forgettable_groups_;
  std::size_t careful_for_ = 0;  // transactions
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_RECORD_DATABASE_H_
