// All records of a collection made what somebody else's are: the part of RecordDatabase that a
// restore from a file is.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/records/child_rows.h"
#include "engine/records/record_database.h"

namespace holdfast::engine {
namespace {

// Of a record as it must be found after the commit: its contents would be too many to keep.
std::string digest_of_rows(const RecordLayout& layout, const Row& row,
                           const std::vector<Record>& children) {
  return text_digest(record_text({layout.mapping.to_record(row), children}));
}

}  // namespace

Replaced RecordDatabase::replace(std::string_view collection, std::span<const Write> removals,
                                 const PutFeed& puts) {
  struct Proof {
    RowKey key;
    std::string digest;
  };
  Replaced done;
  std::vector<Proof> proofs;
  session_->begin();
  try {
    session_->others_wrote();
    refresh_layouts();
    own_.create();
    make_tables(collection);
    const RecordLayout& its = layout(collection);
    // First of all, so that what comes does not collide with what goes.
    for (const Write& write : removals) {
      const RowKey key = key_of(its, key_from_id(write.record_id, its));
      const auto row = find(its, key);
      require(write, its, row);
      if (!row) continue;
      done.children_removed += remove_with_children(its, key, *row);
      ++done.removed;
    }
    puts([&](const Write& write) {
      WriteOutcome outcome;
      Expected expected;
      session_->savepoint();
      try {
        put(write, its, outcome, expected);
        session_->release_savepoint();
      } catch (const Error& error) {
        const bool stays_out =
            error.code() == ErrorCode::kRecordDeleted || error.code() == ErrorCode::kRecordExcluded;
        if (!stays_out || !session_->in_transaction()) throw;
        session_->roll_back_to_savepoint();
        ++(error.code() == ErrorCode::kRecordDeleted ? done.deleted : done.excluded);
        return;
      }
      ++(outcome.created ? done.inserted : done.replaced);
      if (!expected.row) return;  // a trigger of a child has taken it away
      std::string digest = digest_of_rows(its, *expected.row, expected.children);
      proofs.push_back({std::move(expected.key), std::move(digest)});
    });
    session_->commit();
  } catch (...) {
    session_->rollback();
    layouts_.clear();  // they may know tables that were made in vain
    throw;
  }
  has_own_tables_ = true;

  const RecordLayout& its = layout(collection);
  const Select select = [&](const RowQuery& query) { return session_->read_back(query); };
  for (const Proof& proof : proofs) {
    const auto rows = select(row_query(its, proof.key));
    if (rows.size() == 1) {
      std::vector<Record> children;
      for (std::size_t i = 0; i < its.child_names.size(); ++i) {
        children.push_back(read_children(select, its, i, rows.front()));
      }
      if (digest_of_rows(its, rows.front(), children) == proof.digest) continue;
    }
    if (session_->others_wrote()) break;
    throw Error(ErrorCode::kWriteNotProved,
                fmt::format("the record {} of {} was committed, but reads back otherwise",
                            record_id(proof.key.values, its), collection));
  }
  return done;
}

std::uint64_t RecordDatabase::remove_with_children(const RecordLayout& its, const RowKey& key,
                                                   const Row& row) {
  std::uint64_t children = 0;
  for (const ChildTable& child : its.collection.children) {
    children += session_->remove(child.table, belonging(its, row, child.parent, child.references));
  }
  for (const DeleteCascade& cascade : its.collection.cascades) {
    children +=
        session_->remove(cascade.table, belonging(its, row, cascade.columns, cascade.references));
  }
  session_->remove(its.collection.table, key);
  return children;
}

std::vector<std::string> RecordDatabase::ids(std::string_view collection) {
  refresh_layouts();
  const RecordLayout& its = layout(collection);
  const RowQuery query{.table = its.collection.table,
                       .columns = its.collection.key,
                       .conditions = {},
                       .order = {},
                       .limit = {}};
  std::vector<std::string> found;
  for (const Row& key : session_->select(query)) found.push_back(record_id(key, its));
  return found;
}

}  // namespace holdfast::engine
