#include "sqlite/read_view.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "sqlite/connection.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {
namespace {

std::unique_ptr<PageSource> open_view(const std::filesystem::path& path,
                                      std::chrono::milliseconds busy_timeout) {
  auto source = open_page_source(path, {.busy_timeout = busy_timeout});
  source->advance();
  return source;
}

void play_journal_back(const std::filesystem::path& path, std::chrono::milliseconds busy_timeout) {
  const Connection connection(path, Access::kReadWrite, busy_timeout);
  Statement(connection.get(), "SELECT 1 FROM sqlite_schema").step();
}

}  // namespace

ReadView::ReadView(const std::filesystem::path& path, std::chrono::milliseconds busy_timeout) {
  try {
    source_ = open_view(path, busy_timeout);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kHotJournal) throw;
    play_journal_back(path, busy_timeout);
    source_ = open_view(path, busy_timeout);
  }
  if (!source_->damage().empty() || source_->connection() == nullptr) {
    throw Error(ErrorCode::kDatabaseDamaged,
                fmt::format("{}: {}", path.string(), source_->damage()));
  }
}

ReadView::ReadView(std::unique_ptr<PageSource> source) : source_(std::move(source)) {
  if (!source_->damage().empty() || source_->connection() == nullptr) {
    throw Error(ErrorCode::kDatabaseDamaged,
                fmt::format("the pages are no database: {}", source_->damage()));
  }
}

}  // namespace holdfast::sqlite
