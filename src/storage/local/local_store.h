// Objects as files below one directory.
#ifndef HOLDFAST_STORAGE_LOCAL_LOCAL_STORE_H_
#define HOLDFAST_STORAGE_LOCAL_LOCAL_STORE_H_

#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "env/file_system.h"
#include "storage/local/open_objects.h"
#include "storage/local/settled_directories.h"
#include "storage/store.h"

namespace holdfast::storage {

// An object is the file `root`/NAME. It is written in `root`/+tmp, whose name no object can have,
// and renamed when it is whole and synced. What killed processes left there is removed by a later
// put() when it is older than a day.
//
// The root is made by the first put() if it was not there before. Once seen, it is never made
// again: when it vanishes (a volume that is not mounted any more), every call throws
// kRepositoryMissing.
//
// list() also makes durable what it shows, because a process that was killed between renaming and
// syncing may have left a name that is not, and a later one would build upon it.
class LocalStore : public Store {
 public:
  // `files` must outlive the store.
  LocalStore(env::FileSystem& files, env::Path root);

  void put(std::string_view name, ByteView content, PutOptions options = {}) override;
  Bytes get(std::string_view name) override;
  // Costs one look at the name and one read: the handles of 64 objects are kept open.
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override;
  std::optional<ObjectStatus> stat(std::string_view name) override;
  void list(std::string_view prefix, const Visitor& visit) override;
  // Without a look at each object.
  void list_names(std::string_view prefix, const NameVisitor& visit) override;
  void remove(std::string_view name) override;
  // Syncs each directory once.
  void remove_many(std::span<const std::string> names) override;
  const Capabilities& capabilities() const override { return capabilities_; }

  const env::Path& root() const { return root_; }

 private:
  env::Path path_of(std::string_view name) const { return root_ / env::Path(name); }
  std::optional<env::FileStatus> object_status(std::string_view name);
  bool take_ephemeral(std::string_view name);  // whether it was one of ours; it is none afterwards
  void require_root();
  [[noreturn]] void throw_missing(std::string_view name);

  void put_new(std::string_view name, ByteView content, PutOptions options);
  env::Path write_temporary(ByteView content, bool ephemeral);
  std::unique_ptr<env::File> create_temporary(const env::Path& path);
  void remove_leftovers(const env::Path& own);
  void publish(const env::Path& temporary, std::string_view name, PutOptions options);
  enum class Listed { kName, kStatus };
  void list(std::string_view prefix, Listed what, const Visitor& visit);
  // What `read` answers; empty if that is no directory.
  template <typename Read>
  auto look_into(const env::Path& directory, const Read& read) -> std::optional<decltype(read())>;
  // In the order of names. That of a directory ends with '/'.
  void visit_entries(const env::Path& directory, Listed what, const Visitor& visit);
  void list_directory(const env::Path& directory, const std::string& names_begin,
                      std::string_view prefix, Listed what, const Visitor& visit);

  env::FileSystem& files_;
  const env::Path root_;
  const env::Path temporaries_;
  const Capabilities capabilities_;
  std::atomic<bool> root_seen_;
  std::atomic<bool> leftovers_removed_ = false;
  SettledDirectories directories_;
  OpenObjects open_;
  std::mutex ephemeral_mutex_;
  std::set<std::string> ephemeral_;  // objects that this store put so
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_LOCAL_LOCAL_STORE_H_
