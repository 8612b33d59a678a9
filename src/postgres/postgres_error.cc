#include "postgres/postgres_error.h"

#include <fmt/format.h>

#include "postgres/libpq.h"

namespace holdfast::postgres {
namespace {

std::string field(const pg_result* result, int which) {
  const char* text = libpq().PQresultErrorField(result, which);
  return text == nullptr ? "" : text;
}

bool contains(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

}  // namespace

Failure failure_of(const pg_result* result) {
  Failure failure{.state = field(result, PG_DIAG_SQLSTATE),
                  .message = field(result, PG_DIAG_MESSAGE_PRIMARY),
                  .detail = field(result, PG_DIAG_MESSAGE_DETAIL),
                  .context = field(result, PG_DIAG_CONTEXT),
                  .table = field(result, PG_DIAG_TABLE_NAME),
                  .column = field(result, PG_DIAG_COLUMN_NAME),
                  .constraint = field(result, PG_DIAG_CONSTRAINT_NAME)};
  if (failure.message.empty()) failure.message = libpq().PQresultErrorMessage(result);
  while (failure.message.ends_with('\n')) failure.message.pop_back();
  return failure;
}

ErrorCode code_of_state(std::string_view state) {
  const std::string_view group = state.substr(0, 2);
  if (state.empty() || group == "08" || group == "57" || group == "53" || state == "25006" ||
      state == "25P03") {
    if (state == "57014") return ErrorCode::kDatabaseBusy;  // a statement took too long
    if (state == "53100") return ErrorCode::kDiskFull;
    return ErrorCode::kUnavailable;  // 25006: it has become a standby; 25P03: we were too slow
  }
  if (group == "40" || state == "55P03") return ErrorCode::kDatabaseBusy;
  // Constraints, values, checks of views, a trigger's own refusal, an index that takes no such key.
  if (group == "23" || group == "22" || group == "44" || state == "P0001" || state == "42804" ||
      state == "428C9" || group == "54") {
    return ErrorCode::kRecordRejected;
  }
  if (state == "42P01" || state == "3F000") return ErrorCode::kTableMissing;
  if (state == "42703" || state == "0A000") return ErrorCode::kDatabaseChanged;
  if (state == "42501" || group == "28") return ErrorCode::kPermissionDenied;
  if (state == "3D000") return ErrorCode::kDatabaseMissing;
  if (group == "58") return ErrorCode::kIo;
  if (group == "XX" && state != "XX000") return ErrorCode::kDatabaseDamaged;
  return ErrorCode::kPostgres;
}

ErrorCode code_of_refusal(std::string_view message) {
  if (contains(message, "database \"") && contains(message, "does not exist")) {
    return ErrorCode::kDatabaseMissing;
  }
  for (const std::string_view word : {"authentication", "password", "pg_hba.conf", "role \"",
                                      "permission denied", "certificate"}) {
    if (contains(message, word)) return ErrorCode::kPermissionDenied;
  }
  return ErrorCode::kUnavailable;
}

std::string text_of(const Failure& failure) {
  // A detail that has whole rows in it stays where it is.
  const bool brief = failure.detail.starts_with("Key (");
  return fmt::format("{}{}{}", failure.message, brief ? ": " : "", brief ? failure.detail : "");
}

}  // namespace holdfast::postgres
