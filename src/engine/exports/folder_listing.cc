#include "engine/exports/folder_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "engine/records/record_json.h"

namespace holdfast::engine {
namespace {

constexpr std::string_view kListingHead = "holdfast_files 1\n";
constexpr std::string_view kListingName = ".holdfast-export";
constexpr std::size_t kListingFields = 8;

template <typename Number>
bool read_number(std::string_view text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

bool read_line(std::string_view line, FolderListing& listing) {
  std::array<std::string_view, kListingFields> fields;
  for (std::size_t i = 0; i < kListingFields; ++i) {
    const auto tab = std::min(line.find('\t'), line.size());
    fields[i] = line.substr(0, tab);
    line.remove_prefix(std::min(tab + 1, line.size()));
  }
  RecordFile file{
      .wanted = fields[0] != "-", .fresh = fields[0] == "*", .content = {}, .before = {}};
  file.content.digest = fields[3];
  std::int64_t modified = 0;
  if (!read_number(fields[2], file.content.size) || !read_number(fields[4], file.identity) ||
      !read_number(fields[5], modified)) {
    return false;
  }
  file.modified = Time(Duration(modified));
  if (fields[6] != "-") {
    RecordFile::Content before{.size = 0, .digest = std::string(fields[7])};
    if (!read_number(fields[6], before.size)) return false;
    file.before = std::move(before);
  }
  listing.emplace(fields[1], std::move(file));
  return true;
}

}  // namespace

env::Path listing_path(const env::Path& folder) { return folder / kListingName; }

FolderListing read_listing(env::FileSystem& files, const env::Path& folder) {
  const env::Path path = listing_path(folder);
  const auto status = files.status(path);
  if (!status || status->directory) return {};
  Bytes bytes;
  try {
    bytes = env::read_file(files, path);
  } catch (const Error&) {
    return {};
  }
  std::string_view text = as_text(bytes);
  if (!text.starts_with(kListingHead) || !text.ends_with('\n')) return {};
  const std::size_t last = text.rfind('\n', text.size() - 2) + 1;
  if (text_digest(text.substr(0, last)) + "\n" != text.substr(last)) return {};
  text = text.substr(kListingHead.size(), last - kListingHead.size());
  FolderListing listing;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (!read_line(text.substr(0, end), listing)) return {};
    text.remove_prefix(end + 1);
  }
  return listing;
}

void write_listing(env::FileSystem& files, const env::Path& folder, const FolderListing& listing,
                   unsigned mode) {
  std::string text(kListingHead);
  for (const auto& [name, file] : listing) {
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
                        !file.wanted ? '-'
                        : file.fresh ? '*'
                                     : '+',
                        name, file.content.size, file.content.digest, file.identity,
                        file.modified.time_since_epoch().count(),
                        file.before ? std::to_string(file.before->size) : "-",
                        file.before ? file.before->digest : "-");
  }
  text += text_digest(text) + "\n";
  const env::Path path = listing_path(folder);
  env::write_file_atomically(files, path, as_bytes(text));
  files.set_mode(path, mode);
}

}  // namespace holdfast::engine
