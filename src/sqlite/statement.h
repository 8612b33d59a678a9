// A prepared statement, owned.
#ifndef HOLDFAST_SQLITE_STATEMENT_H_
#define HOLDFAST_SQLITE_STATEMENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace holdfast::sqlite {

// By one thread at a time, and not longer than its connection.
class Statement {
 public:
  Statement(sqlite3* connection, std::string_view sql);

  // True when there is a row. Throws what the error means.
  bool step();
  void reset();

  std::string text(int column) const;
  std::int64_t integer(int column) const;
  bool is_null(int column) const;

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_STATEMENT_H_
