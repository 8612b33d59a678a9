#include "engine/legacy/history_copy.h"

#include "base/error.h"
#include "engine/diff/history_pages.h"
#include "sqlite/page_reader.h"
#include "sqlite/view_reader.h"

namespace holdfast::engine {

void read_state(const repository::BlobReader& reader, const repository::DatabaseState& base,
                const repository::DatabaseState& state, const NewerPages& newer,
                const std::function<void(RowReader&)>& reading) {
  HistoryPages pages(reader, base, state, newer);
  try {
    sqlite::ViewReader rows(sqlite::open_page_reader(pages));
    reading(rows);
  } catch (const Error&) {
    pages.rethrow_failure();
    throw;
  }
}

}  // namespace holdfast::engine
