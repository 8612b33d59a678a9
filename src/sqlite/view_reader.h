// Rows of a read view: the RowReader of this engine.
#ifndef HOLDFAST_SQLITE_VIEW_READER_H_
#define HOLDFAST_SQLITE_VIEW_READER_H_

#include <map>
#include <memory>
#include <string>

#include "base/row_reader.h"
#include "sqlite/page_reader.h"
#include "sqlite/read_view.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {

class ViewReader final : public holdfast::RowReader {
 public:
  ViewReader(const std::filesystem::path& path, std::chrono::milliseconds busy_timeout);
  explicit ViewReader(std::unique_ptr<PageSource> source);  // whose view is taken

  std::optional<TableFacts> table(std::string_view name) override;
  std::unique_ptr<RowScan> scan(const RowQuery& query) override;
  std::vector<Row> select(const RowQuery& query) override;
  std::uint64_t size() const override;
  bool has_twins() const override { return true; }
  std::unique_ptr<RowReader> twin() override;

 private:
  explicit ViewReader(std::unique_ptr<PageReader> pages);

  void keep_in_memory(int kibibytes);

  std::unique_ptr<PageReader> pages_;  // of a twin: what its view reads
  ReadView view_;
  std::map<std::string, Statement> statements_;  // after the view, which must outlive them
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_VIEW_READER_H_
