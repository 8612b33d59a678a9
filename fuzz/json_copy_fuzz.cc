// A legacy backup in JSON or base64, as anybody may have left it.
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "engine/legacy/file_format.h"
#include "engine/legacy/json_copy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::engine;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const FileKind kind = detect_kind(text);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, size + 1}) {
    const TextSource source = [&](const std::function<bool(std::string_view)>& take) {
      for (std::size_t at = 0; at < size; at += piece) {
        if (!take(text.substr(at, piece))) return;
      }
    };
    std::uint64_t visited = 0;
    const CopyReport report =
        read_json_copy(source, kind.base64, {{"id"}}, [&](const std::string&, Record&& record) {
          if (!record.is_object()) std::abort();
          ++visited;
        });
    if (visited != report.records) std::abort();
  }
  return 0;
}
