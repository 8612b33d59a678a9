// The database that salvaged rows are written to.
#ifndef HOLDFAST_SQLITE_SALVAGE_NEW_DATABASE_H_
#define HOLDFAST_SQLITE_SALVAGE_NEW_DATABASE_H_

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "sqlite/connection.h"
#include "sqlite/harmless_functions.h"
#include "sqlite/salvage/image_layout.h"
#include "sqlite/salvage/surviving_schema.h"

namespace holdfast::sqlite {

// By one thread at a time. Nothing is durable, and nothing is there to be read by others, before
// commit() has returned; afterwards the file is to be synced.
//
// The schema comes from a damaged file and is trusted with nothing: a statement of it may make the
// one thing that it says it makes, and no other, and call harmless functions only.
class NewDatabase {
 public:
  // `path` is an empty file. `progress` must outlive this; it can interrupt what takes long.
  NewDatabase(const std::filesystem::path& path, const ImageLayout& layout, Progress& progress);

  sqlite3* get() const { return connection_.get(); }

  // Empty if it was made, or else why not, as far as that is about the item. Throws kInterrupted,
  // kDiskFull, kIo.
  std::string make(const SchemaItem& item);
  // What the statement calls the table that was made last: a damaged schema may call it otherwise.
  const std::string& made() const { return made_; }
  bool has(const std::string& name) const;
  // A virtual table is only entered in the schema: its content is in tables of their own, and its
  // module may not be there. After all others.
  std::string enter_virtual_table(const SchemaItem& item);

  // Rows of tables with AUTOINCREMENT have left traces in sqlite_sequence. This puts them aside, so
  // that the salvaged rows of it can be written, and then takes the larger ones.
  void put_sequences_aside();
  void merge_sequences();

  void commit();

 private:
  static int go_on(void* progress);
  static int authorize(void* self, int action, const char* first, const char* second,
                       const char* database, const char* trigger);
  bool allows(int action, std::string_view first, std::string_view second);

  Progress& progress_;
  Connection connection_;
  const HarmlessFunctions functions_;
  const SchemaItem* making_ = nullptr;
  std::string made_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SALVAGE_NEW_DATABASE_H_
