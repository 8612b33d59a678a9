#include "sqlite/rollback_source.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <utility>

#include "base/error.h"
#include "sqlite/companion_files.h"

namespace holdfast::sqlite {

// The pragma begins the read transaction without reading the schema, which may be large or damaged.
RollbackSource::RollbackSource(Connection connection, Access access)
    : connection_(std::move(connection)),
      immutable_(access == Access::kImmutable),
      begin_read_(connection_.get(), "PRAGMA schema_version") {
  advance();
  release();
  state_.reset();
}

Change RollbackSource::advance() {
  release();
  connection_.execute("BEGIN");
  try {
    begin_read_.step();
    begin_read_.reset();
    if (!immutable_ && connection_.journal().is_open()) {
      throw Error(ErrorCode::kDatabaseChanged,
                  fmt::format("{} was switched to a write-ahead log while it was read",
                              connection_.resolved_path().string()));
    }
    // Before the header is read, so that whatever is written later shows.
    const auto file = FileState::settled(connection_.resolved_path());
    if (!file) {
      throw Error(ErrorCode::kDatabaseMissing,
                  fmt::format("{} does not exist", connection_.resolved_path().string()));
    }
    const std::optional<State> before = std::exchange(state_, state_of(*file));
    const bool same = !std::exchange(torn_, false) && before == state_;
    return {.kind = same ? Change::Kind::kNothing : Change::Kind::kUnknown, .pages = {}};
  } catch (...) {
    begin_read_.reset();
    release();
    throw;
  }
}

RollbackSource::State RollbackSource::state_of(const FileState& known) const {
  const DatabaseFile file = connection_.file();
  std::array<std::byte, kFileHeaderSize> bytes{};
  file.read(0, bytes);
  const FileHeader header = FileHeader::parse(bytes);
  const auto path = connection_.resolved_path();
  State state{.geometry = {}, .change_counter = header.change_counter, .file = known};
  // SQLite has accepted the header within this transaction, so what is wrong here changed under its
  // lock.
  if (header.page_size == 0) {
    throw Error(ErrorCode::kDatabaseDamaged, fmt::format("{} has no page size", path.string()));
  }
  const auto file_pages = static_cast<PageNumber>(file.size() / header.page_size);
  state.geometry = {.page_size = header.page_size,
                    .page_count = header.page_count != 0 ? header.page_count : file_pages};
  if (file_pages == 0 || state.geometry.page_count > file_pages) {
    throw Error(ErrorCode::kDatabaseDamaged,
                fmt::format("{} says that it has {} pages, but ends after {}", path.string(),
                            state.geometry.page_count, file_pages));
  }
  return state;
}

void RollbackSource::release() {
  if (connection_.in_transaction()) connection_.execute("COMMIT");
}

bool RollbackSource::is_newest() {
  if (!immutable_) return true;
  const auto path = connection_.resolved_path();
  const auto log = FileStamp::of(wal_path(path));
  return FileState::of(path) == state_->file && (!log || log->size == 0);
}

// The header too, for file systems whose times tell little.
bool RollbackSource::is_intact() {
  const auto intact = [&] {
    try {
      const auto file = FileState::of(connection_.resolved_path());
      return is_newest() && file && state_of(*file) == state_;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDatabaseDamaged) throw;
      return false;
    }
  };
  torn_ = torn_ || !intact();
  return !torn_;
}

void RollbackSource::read(PageNumber first, MutableByteView out) {
  const std::uint64_t offset = std::uint64_t{first - 1} * state_->geometry.page_size;
  const bool complete = connection_.file().read(offset, out);
  if (!complete || !is_newest()) {
    throw Error(ErrorCode::kDatabaseChanged,
                fmt::format("{} changed while it was read, past all locks",
                            connection_.resolved_path().string()));
  }
}

}  // namespace holdfast::sqlite
