#include "postgres/connection.h"

#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "postgres/libpq.h"
#include "postgres/parameter.h"

namespace holdfast::postgres {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kGrace{10};  // the server ends a statement itself, before this

void close_connection(PGconn* connection) { libpq().PQfinish(connection); }
void ignore_notice(void*, const PGresult*) {}

std::string first_line(std::string_view text) {
  std::string line;
  for (const char c : text) line += c == '\n' || c == '\t' ? ' ' : c;
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

}  // namespace

Connection::Connection(const Address& address, Timeouts timeouts)
    : address_(address), timeouts_(timeouts), connection_(nullptr, &close_connection) {
  connect();
  prepare_session();
}

void Connection::connect() {
  std::vector<const char*> keywords, values;
  const auto add = [&](const char* keyword, const char* value) {
    keywords.push_back(keyword);
    values.push_back(value);
  };
  add("fallback_application_name", "holdfast");
  // A peer that is gone without a word is known by this, not after hours.
  add("keepalives_idle", "30");
  add("keepalives_interval", "10");
  add("keepalives_count", "3");
  for (const auto& [keyword, value] : address_.settings()) add(keyword.c_str(), value.c_str());
  add("client_encoding", "UTF8");
  add(nullptr, nullptr);
  connection_.reset(libpq().PQconnectStartParams(keywords.data(), values.data(), 0));
  if (!connection_) throw Error(ErrorCode::kUnavailable, "no memory for a connection");
  const auto until = Clock::now() + timeouts_.connect;
  for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;
       state = libpq().PQconnectPoll(connection_.get())) {
    if (state == PGRES_POLLING_FAILED || libpq().PQstatus(connection_.get()) == CONNECTION_BAD) {
      const std::string why = first_line(libpq().PQerrorMessage(connection_.get()));
      throw Error(code_of_refusal(why), address_.without_secrets(fmt::format(
                                            "no connection to {}: {}", address_.shown(), why)));
    }
    wait(state == PGRES_POLLING_WRITING, until);
  }
  libpq().PQsetNoticeReceiver(connection_.get(), ignore_notice, nullptr);
  libpq().PQsetnonblocking(connection_.get(), 1);
}

void Connection::prepare_session() {
  if (libpq().PQserverVersion(connection_.get()) < 130000) {
    throw Error(ErrorCode::kUnsupported, "PostgreSQL before version 13 is not supported");
  }
  script(fmt::format(
      "SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET timezone = 'UTC';"
      "SET extra_float_digits = 1; SET bytea_output = 'hex'; SET standard_conforming_strings = on;"
      "SET lock_timeout = {}; SET statement_timeout = {};"
      "SET idle_in_transaction_session_timeout = {};"
      "SELECT set_config('synchronous_commit', 'on', false)"
      " WHERE current_setting('synchronous_commit') = 'off'",
      timeouts_.lock.count(), timeouts_.statement.count(), 2 * timeouts_.statement.count()));
  if (!address_.search_path().empty()) {
    const Value path = address_.search_path();
    query("SELECT set_config('search_path', $1, false)",
          std::array<Bound, 1>{Bound{.value = &path, .column = "search_path"}});
  }
}

bool Connection::in_transaction() const {
  const auto state = libpq().PQtransactionStatus(connection_.get());
  return state == PQTRANS_INTRANS || state == PQTRANS_INERROR;
}

bool Connection::lost() const { return libpq().PQstatus(connection_.get()) == CONNECTION_BAD; }

void Connection::lose(std::string_view why) {
  failure_ = {};
  const std::string message = address_.without_secrets(
      fmt::format("the connection to {} was lost: {}", address_.shown(), first_line(why)));
  // Nothing that arrives later may be taken for the answer to something else. The server ends what
  // was under way.
  connection_.reset();
  throw Error(ErrorCode::kUnavailable, message);
}

void Connection::fail(const Failure& failure) {
  failure_ = failure;
  throw Error(code_of_state(failure.state), address_.without_secrets(text_of(failure)));
}

void Connection::wait(bool to_write, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    pollfd watched{.fd = libpq().PQsocket(connection_.get()),
                   .events = static_cast<short>(to_write ? POLLIN | POLLOUT : POLLIN),
                   .revents = 0};
    const int ready =
        left.count() <= 0
            ? 0
            : ::poll(&watched, 1,
                     static_cast<int>(std::min<std::int64_t>(left.count(), 1'000'000'000)));
    if (ready > 0) return;
    if (ready == 0) lose("it did not answer in time");
    if (errno != EINTR) throw system_error(errno, "cannot wait for the database");
  }
}

std::vector<Result> Connection::collect() {
  const auto until = Clock::now() + timeouts_.statement + kGrace;
  PGconn* connection = connection_.get();
  for (int unsent = 1; (unsent = libpq().PQflush(connection)) != 0;) {
    if (unsent < 0) lose(libpq().PQerrorMessage(connection));
    wait(true, until);
    // A server that answers before it has read everything would else wait for us, and we for it.
    if (libpq().PQconsumeInput(connection) == 0) lose(libpq().PQerrorMessage(connection));
  }
  std::vector<Result> results;
  std::optional<Failure> failure;
  for (;;) {
    while (libpq().PQisBusy(connection) != 0) {
      wait(false, until);
      if (libpq().PQconsumeInput(connection) == 0) lose(libpq().PQerrorMessage(connection));
    }
    PGresult* const result = libpq().PQgetResult(connection);
    if (result == nullptr) break;
    results.emplace_back(result);
    const auto status = libpq().PQresultStatus(result);
    const bool fine =
        status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
    if (!fine && status != PGRES_FATAL_ERROR) lose("the statement would copy rows");
    if (!fine && !failure) failure = failure_of(result);
  }
  if (lost()) {
    lose(failure ? failure->message : std::string(libpq().PQerrorMessage(connection)));
  }
  if (failure) fail(*failure);
  return results;
}

Result Connection::query(const std::string& sql, std::span<const Bound> values) {
  if (!connection_) lose("it was closed");
  failure_ = {};
  std::vector<Parameter> parameters;
  parameters.reserve(values.size());
  for (const Bound& bound : values) parameters.emplace_back(bound);
  std::vector<unsigned> types;
  std::vector<const char*> bytes;
  std::vector<int> sizes, formats;
  for (const Parameter& parameter : parameters) {
    types.push_back(parameter.type());
    bytes.push_back(parameter.bytes());
    sizes.push_back(parameter.size());
    formats.push_back(parameter.format());
  }
  if (libpq().PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()),
                                types.data(), bytes.data(), sizes.data(), formats.data(), 0) == 0) {
    lose(libpq().PQerrorMessage(connection_.get()));
  }
  auto results = collect();
  if (results.empty()) lose("it gave no answer");
  return std::move(results.back());
}

std::vector<Result> Connection::script(const std::string& sql) {
  if (!connection_) lose("it was closed");
  if (sql.find('\0') != std::string::npos) {
    throw Error(ErrorCode::kConfiguration, "there is a NUL in a statement");
  }
  if (libpq().PQsendQuery(connection_.get(), sql.c_str()) == 0)
    lose(libpq().PQerrorMessage(connection_.get()));
  return collect();
}

void Connection::rollback() noexcept {
  try {
    if (in_transaction()) script("ROLLBACK");
  } catch (...) {
    connection_.reset();  // which rolls back, too
  }
}

}  // namespace holdfast::postgres
