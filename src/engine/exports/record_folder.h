// A collection as a folder with a file for each record.
#ifndef HOLDFAST_ENGINE_EXPORTS_RECORD_FOLDER_H_
#define HOLDFAST_ENGINE_EXPORTS_RECORD_FOLDER_H_

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "engine/exports/folder_listing.h"
#include "engine/exports/published_file.h"
#include "env/file_system.h"

namespace holdfast::engine {

// Throws kUnsupported for a symbolic link or a file, kNotFound if the folder it is to be in is not
// there.
void check_folder_place(const env::Path& folder);

// By one thread at a time. Memory grows with the number of files (some 300 bytes each), not with
// what is in them. What has the same content is not touched; what has not is written beside its
// place, synced and read back at once, and put there by publish(). Files in the folder that have no
// record's name are nobody's business.
class RecordFolder {
 public:
  enum class Purpose {
    kExport,  // makes the folder where it is missing
    kCheck,   // writes nothing, and reads every file
  };
  // `mode` is that of files that are new.
  RecordFolder(env::FileSystem& files, env::Path folder, unsigned mode, Purpose purpose);
  ~RecordFolder();  // takes away what was not published
  RecordFolder(const RecordFolder&) = delete;
  RecordFolder& operator=(const RecordFolder&) = delete;

  // Lines "<id as a JSON string>\t<record>\n", in pieces of whole lines. Throws kConfiguration if
  // two records have one id.
  void add(std::string_view lines);

  // After all were added. Stopped at any moment, each file is the old or the new one, whole, and
  // the next export knows both.
  struct Result {
    FileContent content;  // the sum of sizes; a digest of names and contents
    Publication publication;
  };
  Result publish(Time now);

  // Of a check: the worst that was found, and whether the folder holds just what was added.
  struct Look {
    FoundFile found = FoundFile::kNone;
    bool current = false;
  };
  Look look();

 private:
  // What stands at a name.
  struct There {
    FoundFile found = FoundFile::kNone;
    std::optional<RecordFile::Content> content;
    std::optional<env::FileStatus> status;  // of a file
  };
  struct Change {
    std::string name;
    env::Path written;  // empty: the file is to go
    FoundFile found = FoundFile::kNone;
  };

  std::string free_name(std::string_view id);
  void add_record(std::string_view id, std::string_view record);
  There look_at(const std::string& name, const RecordFile* known) const;
  env::Path write_beside(std::string_view text, const There& there);
  void find_rest();
  FoundFile worst_found() const;
  FileContent content() const;
  env::Path keep_aside(const std::string& name, Time now);
  void put_in_place(const Change& change, Time now, Publication& publication);

  env::FileSystem& files_;
  const env::Path folder_;
  const unsigned mode_;
  const Purpose purpose_;
  bool missing_ = false;  // the folder was
  FolderListing known_, next_;
  std::unordered_set<std::string> folded_;  // those of next_ with capitals, without them
  std::vector<Change> changes_;
  bool restamped_ = false;  // a file is as it should be, and the listing did not know it
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_RECORD_FOLDER_H_
