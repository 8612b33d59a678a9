// A connection to a PostgreSQL server: statements with bound parameters, and no waiting without
// end.
#ifndef HOLDFAST_POSTGRES_CONNECTION_H_
#define HOLDFAST_POSTGRES_CONNECTION_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/row_session.h"
#include "postgres/address.h"
#include "postgres/postgres_error.h"

struct pg_conn;
struct pg_result;

namespace holdfast::postgres {

struct Timeouts {
  std::chrono::milliseconds connect{5'000};
  std::chrono::milliseconds lock{1'000};        // for a lock of another session
  std::chrono::milliseconds statement{60'000};  // for one statement; a silent server gets 10 s more
};

// What a statement answered.
class Result {
 public:
  explicit Result(pg_result* result) : result_(result, &clear) {}

  std::size_t rows() const;
  std::size_t columns() const;
  std::uint64_t affected() const;    // rows that were changed
  std::string_view command() const;  // "COMMIT", "INSERT 0 1"
  bool is_null(std::size_t row, std::size_t column) const;
  std::string_view text(std::size_t row, std::size_t column) const;
  std::int64_t number(std::size_t row, std::size_t column) const;
  bool truth(std::size_t row, std::size_t column) const { return text(row, column) == "t"; }
  // docs/records.md, "Values": how types of PostgreSQL are values of ours.
  Value value(std::size_t row, std::size_t column) const;
  Row row(std::size_t number, std::size_t columns) const;

 private:
  static void clear(pg_result* result);
  std::unique_ptr<pg_result, void (*)(pg_result*)> result_;
};

// A value to be bound, and the column that it is for.
struct Bound {
  const Value* value = nullptr;
  std::string_view column;
};

// By one thread at a time. Whatever fails throws Error; see code_of_state(). A connection that was
// lost says kUnavailable, then and ever after. Commits are synced (synchronous_commit is never
// off), times are in UTC.
class Connection {
 public:
  Connection(const Address& address, Timeouts timeouts);

  // One statement. NULs in text are refused (kRecordRejected), since libpq would cut it there.
  Result query(const std::string& sql, std::span<const Bound> values = {});
  // Several at once, without parameters; what each answered.
  std::vector<Result> script(const std::string& sql);

  bool in_transaction() const;  // also in one that failed, and can only be rolled back
  bool lost() const;
  void rollback() noexcept;
  // Of the last error.
  const Failure& failure() const { return failure_; }
  const Address& address() const { return address_; }

 private:
  void connect();
  void prepare_session();
  void wait(bool to_write, std::chrono::steady_clock::time_point until);
  std::vector<Result> collect();
  [[noreturn]] void fail(const Failure& failure);
  [[noreturn]] void lose(std::string_view why);

  Address address_;
  Timeouts timeouts_;
  std::unique_ptr<pg_conn, void (*)(pg_conn*)> connection_;
  Failure failure_;
};

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_CONNECTION_H_
