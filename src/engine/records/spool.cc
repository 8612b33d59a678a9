#include "engine/records/spool.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/size.h"
#include "engine/records/spool_line.h"
#include "env/randomness.h"

namespace holdfast::engine {
namespace {

using env::Path;

constexpr std::string_view kEnding = ".spool";
constexpr std::string_view kUnfinished = ".new-";
constexpr int kSegmentTries = 1000;
constexpr int kRandomBits = 32;  // of a segment's number; above them is its place in the order

std::uint64_t random_part() {
  std::uint32_t drawn = 0;
  env::fill_random(std::as_writable_bytes(std::span(&drawn, 1)));
  return drawn;
}

std::string segment_name(std::uint64_t number, std::size_t count, std::string_view collection) {
  return fmt::format("{:016x}-{}-{}{}", number, count, collection, kEnding);
}

std::optional<SpoolSegment> parse_name(const env::DirectoryEntry& entry) {
  std::string_view name = entry.name;
  if (!name.ends_with(kEnding) || entry.status.directory || name.starts_with('.')) return {};
  name.remove_suffix(kEnding.size());
  SpoolSegment segment{.name = entry.name,
                       .size = entry.status.size,
                       .collection = {},
                       .written = entry.status.modified};
  const auto number = [&](std::uint64_t& into, int base) {
    const auto dash = name.find('-');
    if (dash == std::string_view::npos) return false;
    const auto [end, error] = std::from_chars(name.data(), name.data() + dash, into, base);
    const bool whole = error == std::errc() && end == name.data() + dash;
    name.remove_prefix(dash + 1);
    return whole;
  };
  if (!number(segment.number, 16) || !number(segment.count, 10)) return {};
  segment.collection = name;
  return segment;
}

std::vector<env::DirectoryEntry> entries(env::FileSystem& files, const Path& directory) {
  const auto status = files.status(directory);
  return status && status->directory ? files.list(directory) : std::vector<env::DirectoryEntry>();
}

std::uint64_t file_count(env::FileSystem& files, const Path& directory) {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      entries(files, directory),
      [](const auto& entry) { return !entry.status.directory && !entry.name.starts_with('.'); }));
}

void remove_if_there(env::FileSystem& files, const Path& path) {
  try {
    files.remove(path);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
}

}  // namespace

void Spool::append(std::span<const Write> writes) {
  if (writes.empty()) return;
  std::string text;
  for (const Write& write : writes) text += spool_line(write);
  if (!files_.status(directory_)) files_.make_directories(directory_);
  std::uint64_t place = 1, bytes = text.size();
  for (const SpoolSegment& segment : segments()) {
    place = std::max(place, (segment.number >> kRandomBits) + 1);
    bytes += segment.size;
  }
  // No name is ever used again: whoever drained the one before may be about to remove it.
  std::uint64_t next = place << kRandomBits | random_part();
  if (bytes > limit_) {
    throw Error(ErrorCode::kDiskFull, fmt::format("the spool {} may hold no more than {}",
                                                  directory_.string(), format_size(limit_)));
  }
  const Path beside = directory_ / fmt::format("{}{}", kUnfinished, env::random_name());
  try {
    {
      const auto file = files_.create(beside);
      file->write_at(0, as_bytes(text));
      file->sync();
    }
    for (int tries = 0;; ++tries) {
      const std::string name = segment_name(next, writes.size(), writes.front().collection);
      try {
        files_.rename_new(beside, directory_ / name);
        break;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kAlreadyExists || tries >= kSegmentTries) throw;
        ++next;
      }
    }
  } catch (const Error&) {
    try {
      files_.remove(beside);
    } catch (const Error&) {
      // The first failure is the one to report; remove_unfinished() comes by later.
    }
    throw;
  }
  // If this fails, the writes may be there all the same. They carry ids, so that wherever else they
  // are kept now, they happen once.
  files_.sync_directory(directory_);
}

std::vector<SpoolSegment> Spool::segments() {
  std::vector<SpoolSegment> found;
  for (const auto& entry : entries(files_, directory_)) {
    if (auto segment = parse_name(entry)) found.push_back(*std::move(segment));
  }
  std::ranges::sort(found, [](const auto& a, const auto& b) {
    return std::tie(a.number, a.name) < std::tie(b.number, b.name);
  });
  return found;
}

Spool::Content Spool::read(const SpoolSegment& segment) {
  const Bytes bytes = env::read_file(files_, directory_ / segment.name);
  std::string_view rest = as_text(bytes);
  Content content;
  std::uint64_t lines = 0;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    auto write =
        end == std::string_view::npos ? std::nullopt : parse_spool_line(rest.substr(0, end));
    ++lines;
    if (write) {
      content.writes.push_back(*std::move(write));
    } else {
      content.damaged = true;
    }
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  if (lines != segment.count) content.damaged = true;
  return content;
}

void Spool::remove(const SpoolSegment& segment) {
  remove_if_there(files_, directory_ / segment.name);
  files_.sync_directory(directory_);
}

void Spool::set_aside(const SpoolSegment& segment) {
  const Path aside = directory_ / "damaged";
  files_.make_directories(aside);
  try {
    files_.rename(directory_ / segment.name, aside / segment.name);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
  files_.sync_directory(aside);
  files_.sync_directory(directory_);
}

void Spool::reject(const Write& write, const Error& why) {
  const Path folder = directory_ / "rejected";
  files_.make_directories(folder);
  Record document = write_document(write);
  document["error"] = why.name();
  document["why"] = why.happened();
  document["record"] = write.record;
  env::write_file_atomically(files_, folder / (write.id + ".json"),
                             as_bytes(document.dump(2) + "\n"));
}

void Spool::remove_unfinished(Time now) {
  for (const auto& entry : entries(files_, directory_)) {
    if (!entry.name.starts_with(kUnfinished)) continue;
    if (now - entry.status.modified > std::chrono::hours(1)) {
      remove_if_there(files_, directory_ / entry.name);
    }
  }
}

SpoolState Spool::state() {
  SpoolState state;
  for (const SpoolSegment& segment : segments()) {
    state.waiting += segment.count;
    state.bytes += segment.size;
    if (!state.oldest || segment.written < *state.oldest) state.oldest = segment.written;
  }
  state.rejected = file_count(files_, directory_ / "rejected");
  state.damaged = file_count(files_, directory_ / "damaged");
  return state;
}

}  // namespace holdfast::engine
