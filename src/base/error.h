// The one exception type. What can go wrong is listed once, in base/error_catalog.def; exit
// statuses, JSON errors and docs/errors.md are made from that list.
#ifndef HOLDFAST_BASE_ERROR_H_
#define HOLDFAST_BASE_ERROR_H_

#include <exception>
#include <span>
#include <string>
#include <string_view>

namespace holdfast {

enum class ErrorCode {
#define HOLDFAST_ERROR(symbol, name, exit_status, retryable, summary, safe, next) symbol,
#include "base/error_catalog.def"
#undef HOLDFAST_ERROR
};

// One row of the catalogue. `name` and `exit_status` are stable: scripts depend on them.
struct ErrorEntry {
  ErrorCode code;
  std::string_view name;     // "wrong_passphrase"
  int exit_status;           // see docs/errors.md
  bool retryable;            // the same call may succeed later without anybody doing anything
  std::string_view summary;  // what this code means
  std::string_view safe;     // what is certainly unharmed
  std::string_view next;     // what to do
};

const ErrorEntry& catalogue_entry(ErrorCode code);
std::span<const ErrorEntry> error_catalogue();

class Error : public std::exception {
 public:
  // `happened` is one sentence about this very case, with the names of things in it. Where `safe`
  // or `next` are empty, the catalogue's own words are used.
  Error(ErrorCode code, std::string happened, std::string safe = {}, std::string next = {});

  ErrorCode code() const noexcept { return code_; }
  std::string_view name() const noexcept { return catalogue_entry(code_).name; }
  int exit_status() const noexcept { return catalogue_entry(code_).exit_status; }
  bool retryable() const noexcept { return catalogue_entry(code_).retryable; }
  const std::string& happened() const noexcept { return happened_; }
  std::string_view safe() const noexcept;
  std::string_view next() const noexcept;
  const char* what() const noexcept override { return happened_.c_str(); }

 private:
  ErrorCode code_;
  std::string happened_, safe_, next_;
};

// For a failed system call: picks kDiskFull, kPermissionDenied, kNotFound … from `error_number`,
// and says
// "<doing>: <strerror>". Example: throw system_error(errno, "cannot write /var/x/pack").
Error system_error(int error_number, std::string_view doing);

}  // namespace holdfast

#endif  // HOLDFAST_BASE_ERROR_H_
