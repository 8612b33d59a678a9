// Where a PostgreSQL database is: a URL such as postgres://user:password@host:5432/name.
#ifndef HOLDFAST_POSTGRES_ADDRESS_H_
#define HOLDFAST_POSTGRES_ADDRESS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::postgres {

// "postgres://…", "postgresql://…", also with the name of a driver ("postgresql+psycopg2://…").
bool is_address(std::string_view text);

// An immutable value. What the URL leaves out comes from the environment (PGHOST, PGPASSFILE …), as
// for psql. Beside libpq's parameters it may have search_path=…, as other drivers know it: poolers
// take no `options`.
class Address {
 public:
  // Throws kConfiguration; nothing of a password is in the message.
  explicit Address(std::string_view url);

  // For people: without the password and the parameters.
  const std::string& shown() const { return shown_; }
  // Keywords and values, for PQconnectStartParams().
  const std::vector<std::pair<std::string, std::string>>& settings() const { return settings_; }
  // What unqualified names are looked for in; empty: as the server has it for this user.
  const std::string& search_path() const { return search_path_; }
  // A message of a library or a server, with every password of this address taken out.
  std::string without_secrets(std::string text) const;

 private:
  std::vector<std::pair<std::string, std::string>> settings_;
  std::vector<std::string> secrets_;
  std::string shown_, search_path_;
};

// The same address, with another search path.
std::string with_search_path(std::string_view url, std::string_view search_path);

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_ADDRESS_H_
