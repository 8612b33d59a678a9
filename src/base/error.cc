#include "base/error.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast {
namespace {

constexpr auto kCatalogue = std::to_array<ErrorEntry>({
#define HOLDFAST_ERROR(symbol, name, exit_status, retryable, summary, safe, next) \
  {ErrorCode::symbol, name, exit_status, retryable, summary, safe, next},
#include "base/error_catalog.def"
#undef HOLDFAST_ERROR
});

ErrorCode code_for(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorCode::kDiskFull;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kPermissionDenied;
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::kNotFound;
    case EEXIST:
    case ENOTEMPTY:
      return ErrorCode::kAlreadyExists;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

const ErrorEntry& catalogue_entry(ErrorCode code) {
  return kCatalogue[static_cast<std::size_t>(code)];
}

std::span<const ErrorEntry> error_catalogue() { return kCatalogue; }

Error::Error(ErrorCode code, std::string happened, std::string safe, std::string next)
    : code_(code), happened_(std::move(happened)), safe_(std::move(safe)), next_(std::move(next)) {}

std::string_view Error::safe() const noexcept {
  return safe_.empty() ? catalogue_entry(code_).safe : safe_;
}

std::string_view Error::next() const noexcept {
  return next_.empty() ? catalogue_entry(code_).next : next_;
}

Error system_error(int error_number, std::string_view doing) {
  return Error(code_for(error_number), fmt::format("{}: {}", doing, std::strerror(error_number)));
}

}  // namespace holdfast
