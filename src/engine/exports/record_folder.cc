#include "engine/exports/record_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/exports/record_file_name.h"
#include "engine/records/record_json.h"
#include "env/randomness.h"

namespace holdfast::engine {
namespace {

constexpr std::string_view kBeside = ".new-";
constexpr std::string_view kListingBeside = "..holdfast-export.tmp-";
constexpr int kMostKeptFiles = 1000;

unsigned mode_of_folder(unsigned mode_of_files) {
  return mode_of_files | (mode_of_files & 0444) >> 2 | 0300;
}

std::string text_of_id(std::string_view json) {
  if (json.find('\\') == std::string_view::npos)
    return std::string(json.substr(1, json.size() - 2));
  return parse_record_json(json, "an id").get<std::string>();
}

int badness(FoundFile found) {
  switch (found) {
    case FoundFile::kNone:
      return 0;
    case FoundFile::kOurs:
      return 1;
    case FoundFile::kDeleted:
      return 2;
    case FoundFile::kStranger:
      return 3;
    case FoundFile::kChanged:
      break;
  }
  return 4;
}

}  // namespace

void check_folder_place(const env::Path& folder) {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(folder, error);
  if (std::filesystem::is_symlink(status)) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} is a symbolic link: it is not followed", folder.string()), {},
                "Name the place it leads to, and let the link be.");
  }
  if (std::filesystem::exists(status) && !std::filesystem::is_directory(status)) {
    throw Error(ErrorCode::kUnsupported, fmt::format("{} is no folder", folder.string()), {},
                "Name a folder for one file per record.");
  }
  if (!std::filesystem::is_directory(folder.parent_path(), error)) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("the folder {} does not exist", folder.parent_path().string()), {},
                "Make it, or see whether it is mounted.");
  }
}

RecordFolder::RecordFolder(env::FileSystem& files, env::Path folder, unsigned mode, Purpose purpose)
    : files_(files), folder_(std::move(folder)), mode_(mode), purpose_(purpose) {
  missing_ = !files_.status(folder_);
  if (purpose_ == Purpose::kExport) {
    if (missing_) {
      files_.make_directories(folder_);
      files_.set_mode(folder_, mode_of_folder(mode_));
    }
    for (const env::DirectoryEntry& entry : files_.list_names(folder_)) {
      if (!entry.status.directory &&
          (entry.name.starts_with(kBeside) || entry.name.starts_with(kListingBeside))) {
        files_.remove(folder_ / entry.name);
      }
    }
  }
  if (!missing_) known_ = read_listing(files_, folder_);
}

RecordFolder::~RecordFolder() {
  for (const Change& change : changes_) {
    try {
      if (!change.written.empty()) files_.remove(change.written);
    } catch (...) {
      // The next export comes by.
    }
  }
}

void RecordFolder::add(std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n'), tab = lines.find('\t');
    add_record(text_of_id(lines.substr(0, tab)), lines.substr(tab + 1, end - tab));
    lines.remove_prefix(end + 1);
  }
}

// A folder may be copied to where "A.json" and "a.json" are one file: only the first of such names
// is a plain one.
std::string RecordFolder::free_name(std::string_view id) {
  std::string name = record_file_name(id);
  std::string folded = without_case(name);
  if (next_.contains(name)) return name;
  if (folded_.contains(folded) || next_.contains(folded)) return record_file_name(id, true);
  if (folded != name) folded_.insert(std::move(folded));
  return name;
}

void RecordFolder::add_record(std::string_view id, std::string_view text) {
  const std::string name = free_name(id);
  const auto [entry, is_new] = next_.try_emplace(name);
  if (!is_new) {
    throw Error(ErrorCode::kConfiguration,
                fmt::format("two records have the id {}: the key of the collection is none", id));
  }
  RecordFile& file = entry->second;
  file.content = {.size = text.size(), .digest = text_digest(text)};
  const auto known = known_.find(name);
  const RecordFile* before = known == known_.end() ? nullptr : &known->second;
  const There there = look_at(name, before);
  if (there.content == file.content) {
    file.identity = there.status->identity;
    file.modified = there.status->modified;
    restamped_ = restamped_ || before == nullptr || !before->wanted || before->fresh ||
                 before->content != file.content || before->identity != file.identity ||
                 before->modified != file.modified;
    return;
  }
  if (there.found == FoundFile::kOurs) {
    file.before = there.content;
  } else {
    file.fresh = true;
  }
  changes_.push_back({.name = name, .written = {}, .found = there.found});
  if (purpose_ == Purpose::kCheck) return;
  changes_.back().written = write_beside(text, there);
  const auto written = files_.status(changes_.back().written);
  if (!written) throw Error(ErrorCode::kNotFound, fmt::format("{} is gone", name));
  file.identity = written->identity;
  file.modified = written->modified;
}

RecordFolder::There RecordFolder::look_at(const std::string& name, const RecordFile* known) const {
  const env::Path path = folder_ / name;
  There there;
  std::error_code error;
  const auto type = std::filesystem::symlink_status(path, error);
  if (!std::filesystem::exists(type)) {
    there.found =
        known != nullptr && known->wanted && !known->fresh ? FoundFile::kDeleted : FoundFile::kNone;
    return there;
  }
  there.found = known == nullptr ? FoundFile::kStranger : FoundFile::kChanged;
  if (!std::filesystem::is_regular_file(type)) return there;
  there.status = files_.status(path);
  if (!there.status) return there;
  if (purpose_ == Purpose::kExport && known != nullptr && known->wanted &&
      known->content.size == there.status->size && known->identity == there.status->identity &&
      known->modified == there.status->modified) {
    there.content = known->content;
    there.found = FoundFile::kOurs;
    return there;
  }
  try {
    const Bytes bytes = env::read_file(files_, path);
    there.content = {.size = bytes.size(), .digest = text_digest(as_text(bytes))};
  } catch (const Error& failure) {
    // Damaged beyond reading: it is set aside as it is.
    if (failure.code() != ErrorCode::kIo) throw;
  }
  if (known != nullptr && there.content &&
      (*there.content == known->content || there.content == known->before)) {
    there.found = FoundFile::kOurs;
  }
  return there;
}

env::Path RecordFolder::write_beside(std::string_view text, const There& there) {
  env::Path path = folder_ / fmt::format("{}{}", kBeside, env::random_name());
  try {
    {
      const auto file = files_.create(path);
      file->write_at(0, as_bytes(text));
      file->sync();
    }
    if (as_text(env::read_file(files_, path)) != text) {
      throw Error(ErrorCode::kWriteNotProved,
                  fmt::format("{} reads back otherwise than it was written", path.string()));
    }
    files_.set_mode(path, there.status ? there.status->mode : mode_);
  } catch (const Error&) {
    try {
      files_.remove(path);
    } catch (const Error&) {
      // The first failure is the one to report.
    }
    throw;
  }
  return path;
}

// The files of records that are no more.
void RecordFolder::find_rest() {
  for (const auto& [name, known] : known_) {
    if (next_.contains(name)) continue;
    const There there = look_at(name, &known);
    // That somebody has removed it already is what was wanted.
    if (there.found == FoundFile::kDeleted || there.found == FoundFile::kNone) continue;
    if (there.found == FoundFile::kOurs) {
      RecordFile gone = known;
      gone.wanted = false;
      next_.emplace(name, std::move(gone));
    }
    changes_.push_back({.name = name, .written = {}, .found = there.found});
  }
}

FoundFile RecordFolder::worst_found() const {
  FoundFile worst = missing_ ? FoundFile::kNone : FoundFile::kOurs;
  for (const Change& change : changes_) {
    if (badness(change.found) > badness(worst)) worst = change.found;
  }
  return worst;
}

FileContent RecordFolder::content() const {
  FileContent all;
  std::string names;
  for (const auto& [name, file] : next_) {
    if (!file.wanted) continue;
    all.size += file.content.size;
    names += name + '\t' + file.content.digest + '\n';
  }
  all.hash = text_digest(names);
  return all;
}

RecordFolder::Look RecordFolder::look() {
  find_rest();
  return {.found = worst_found(), .current = changes_.empty() && !missing_};
}

RecordFolder::Result RecordFolder::publish(Time now) {
  find_rest();
  Result result{
      .content = content(),
      .publication = {
          .unchanged = changes_.empty() && !missing_, .kept = {}, .found = worst_found()}};
  Publication& publication = result.publication;
  if (!publication.unchanged || restamped_) write_listing(files_, folder_, next_, mode_);
  // What is done is forgotten, so that the rest is taken away if one of them fails.
  for (; !changes_.empty(); changes_.pop_back()) put_in_place(changes_.back(), now, publication);
  if (publication.unchanged) return result;
  files_.sync_directory(folder_);
  bool any_fresh = false;
  for (auto& [name, file] : next_) any_fresh = std::exchange(file.fresh, false) || any_fresh;
  if (any_fresh) write_listing(files_, folder_, next_, mode_);
  return result;
}

void RecordFolder::put_in_place(const Change& change, Time now, Publication& publication) {
  const env::Path path = folder_ / change.name;
  if (change.found == FoundFile::kChanged || change.found == FoundFile::kStranger) {
    const env::Path kept = keep_aside(change.name, now);
    if (publication.kept.empty()) publication.kept = kept;
  }
  if (badness(change.found) > badness(FoundFile::kOurs)) ++publication.surprises;
  if (!change.written.empty()) {
    files_.rename(change.written, path);
  } else if (change.found == FoundFile::kOurs) {
    files_.remove(path);
  }
}

env::Path RecordFolder::keep_aside(const std::string& name, Time now) {
  for (int number = 1;; ++number) {
    env::Path kept =
        folder_ / fmt::format("{}.kept-{}{}", name, format_compact(now),
                              number == 1 ? std::string() : fmt::format("-{}", number));
    try {
      files_.rename_new(folder_ / name, kept);
      // Before anything else takes its name: a power loss must not undo one and do the other.
      files_.sync_directory(folder_);
      return kept;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kAlreadyExists || number >= kMostKeptFiles) throw;
    }
  }
}

}  // namespace holdfast::engine
