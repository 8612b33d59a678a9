// A session that fails where a test wants it to.
#ifndef HOLDFAST_ENGINE_RECORDS_TEST_FLAKY_SESSION_H_
#define HOLDFAST_ENGINE_RECORDS_TEST_FLAKY_SESSION_H_

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "base/row_session.h"

namespace holdfast::engine {

// `before` and `after` are called around each call that can fail, with its name; they may throw.
struct FlakyHooks {
  std::function<void(std::string_view)> before = [](std::string_view) {};
  std::function<void(std::string_view)> after = [](std::string_view) {};
};

class FlakySession : public RowSession {
  template <typename Call>
  auto around(std::string_view name, Call&& call) {
    hooks_.before(name);
    auto answer = call();
    hooks_.after(name);
    return answer;
  }

 public:
  FlakySession(std::unique_ptr<RowSession> base, const FlakyHooks& hooks)
      : base_(std::move(base)), hooks_(hooks) {}

  std::optional<TableFacts> table(std::string_view name) override {
    return around("table", [&] { return base_->table(name); });
  }
  bool schema_changed() override {
    return around("schema_changed", [&] { return base_->schema_changed(); });
  }
  void run(const std::string& sql) override {
    around("run", [&] {
      base_->run(sql);
      return 0;
    });
  }
  void create_own_table(const std::string& name, const std::string& columns) override {
    base_->create_own_table(name, columns);
  }
  void begin() override {
    around("begin", [&] {
      base_->begin();
      return 0;
    });
  }
  void commit() override {
    around("commit", [&] {
      base_->commit();
      return 0;
    });
  }
  void rollback() noexcept override { base_->rollback(); }
  bool was_replaced() override { return base_->was_replaced(); }
  bool in_transaction() override { return base_->in_transaction(); }
  void savepoint() override { base_->savepoint(); }
  void release_savepoint() override { base_->release_savepoint(); }
  void roll_back_to_savepoint() override { base_->roll_back_to_savepoint(); }
  std::uint64_t update(const std::string& table, const std::vector<std::string>& columns,
                       std::span<const Value> values, const RowKey& key) override {
    return around("update", [&] { return base_->update(table, columns, values, key); });
  }
  Row insert(const std::string& table, const std::vector<std::string>& columns,
             std::span<const Value> values, const std::vector<std::string>& returned) override {
    return around("insert", [&] { return base_->insert(table, columns, values, returned); });
  }
  std::uint64_t remove(const std::string& table, const RowKey& key) override {
    return around("remove", [&] { return base_->remove(table, key); });
  }
  std::vector<Row> select(const RowQuery& query) override {
    return around("select", [&] { return base_->select(query); });
  }
  std::uint64_t count(const RowQuery& query) override { return base_->count(query); }
  std::vector<Row> read_back(const RowQuery& query) override {
    return around("read_back", [&] { return base_->read_back(query); });
  }
  void begin_reading_back() override { base_->begin_reading_back(); }
  void end_reading_back() noexcept override { base_->end_reading_back(); }
  bool others_wrote() override { return base_->others_wrote(); }
  bool holds_equal(const ColumnFacts& column, const Value& wanted, const Value& stored) override {
    return base_->holds_equal(column, wanted, stored);
  }

 private:
  std::unique_ptr<RowSession> base_;
  const FlakyHooks& hooks_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_TEST_FLAKY_SESSION_H_
