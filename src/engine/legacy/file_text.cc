#include "engine/legacy/file_text.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/bytes.h"

namespace holdfast::engine {

FileKind kind_of_file(env::FileSystem& files, const env::Path& path) {
  constexpr std::size_t kHead = 1024;
  std::string head(kHead, '\0');
  head.resize(files.open_read(path)->read_at(0, std::as_writable_bytes(std::span(head))));
  return detect_kind(head);
}

TextSource text_of_file(env::FileSystem& files, env::Path path, Progress& progress) {
  return [&files, &progress,
          path = std::move(path)](const std::function<bool(std::string_view)>& take) {
    constexpr std::uint64_t kMostAtOnce = std::uint64_t{1} << 20;
    const auto file = files.open_read(path);
    Bytes piece(std::clamp<std::uint64_t>(file->size(), 1, kMostAtOnce));
    for (std::uint64_t at = 0;;) {
      const std::size_t size = file->read_at(at, piece);
      progress.advance(0);
      if (size == 0 || !take(as_text(ByteView(piece).first(size)))) return;
      at += size;
    }
  };
}

}  // namespace holdfast::engine
