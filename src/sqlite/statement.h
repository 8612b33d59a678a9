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

// As an identifier and as a string in SQL.
std::string quoted_name(std::string_view name);
std::string quoted_text(std::string_view text);

// By one thread at a time, and not longer than its connection.
class Statement {
 public:
  Statement(sqlite3* connection, std::string_view sql);
  // Throws kSqlite too if `sql` is several statements, or none.
  static Statement only(sqlite3* connection, std::string_view sql);

  // True when there is a row. Throws what the error means.
  bool step();
  void reset();

  std::string text(int column) const;
  std::int64_t integer(int column) const;
  bool is_null(int column) const;
  sqlite3_stmt* get() const { return statement_.get(); }

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_STATEMENT_H_
