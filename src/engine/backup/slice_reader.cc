#include "engine/backup/slice_reader.h"

#include <algorithm>

namespace holdfast::engine {

Slice Slice::part(std::size_t start, std::size_t count) const {
  return {.first = first + static_cast<sqlite::PageNumber>(start),
          .before = before.subspan(start, count),
          .known = known.subspan(start, count),
          .now = now.subspan(start, count),
          .facts = facts.subspan(start, count)};
}

void SliceReader::begin_stretch(std::uint64_t end, bool looks) {
  stretch_end_ = end;
  looks_ = looks;
}

void SliceReader::prepare(const Slice& slice, ViewGate& gate) {
  const std::uint64_t behind = window_first_ + window_.bytes().size() / page_size_;
  if (!looks_ || (slice.first >= window_first_ && slice.first < behind)) return;
  if (2 * std::ranges::count(slice.known, true) <= std::ssize(slice.known)) return;
  const std::uint64_t most = std::min<std::uint64_t>(stretch_end_ - slice.first, window_pages_);
  {
    const ViewGate::Inside inside(gate);
    window_ = source_.map(slice.first, static_cast<sqlite::PageNumber>(most));
  }
  if (!window_.load()) window_ = {};
  window_first_ = slice.first;
  looks_ = !window_.bytes().empty();
}

void SliceReader::read(const Slice& slice, MutableByteView content) {
  if (!look(slice, content)) copy(slice, content);
}

void SliceReader::copy(const Slice& slice, MutableByteView content) {
  source_.read(slice.first, content);
  hasher_.digest_pages(content, page_size_, slice.now);
  note_facts(slice, content);
}

bool SliceReader::look(const Slice& slice, MutableByteView content) {
  if (slice.first < window_first_) return false;
  const std::size_t offset = (slice.first - window_first_) * page_size_;
  if (offset + content.size() > window_.bytes().size()) return false;
  if (!source_.is_in_file(slice.first, static_cast<sqlite::PageNumber>(slice.pages()))) {
    return false;
  }
  const ByteView there = window_.bytes().subspan(offset, content.size());
  hasher_.digest_pages(there, page_size_, slice.now);
  note_facts(slice, there);
  if (!window_.intact()) {
    window_ = {};
    return false;
  }
  for (std::size_t i = 0; i < slice.pages(); ++i) {
    if (slice.known[i] && slice.before[i] == slice.now[i]) continue;
    copy(slice.part(i, 1), content.subspan(i * page_size_, page_size_));
  }
  return true;
}

void SliceReader::note_facts(const Slice& slice, ByteView content) const {
  for (std::size_t i = 0; i < slice.pages(); ++i) {
    slice.facts[i] = sqlite::facts_of(slice.first + static_cast<sqlite::PageNumber>(i),
                                      content.subspan(i * page_size_, page_size_));
  }
}

}  // namespace holdfast::engine
