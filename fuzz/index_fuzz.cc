// The content of an index object: what is understood is written back the same, and can be searched.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "repository/index.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  using namespace holdfast::repository;
  const ByteView input = std::as_bytes(std::span(data, size));
  IndexContent content;
  Index index;
  try {
    content = parse_index(input);
    for (const PackDescription& pack : content.packs) index.add(pack);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamagedObject) std::abort();
    return 0;
  }
  if (!std::ranges::equal(serialize(content), input)) std::abort();
  for (const PackDescription& pack : index.packs()) {
    for (const BlobEntry& entry : pack.entries) {
      if (!index.contains(entry.id)) std::abort();
      for (const BlobLocation& place : index.find(entry.id)) index.digest_position(place);
    }
  }
  for (const WithdrawnBlob& blob : content.withdrawn) index.withdraw(blob);
  for (const WithdrawnBlob& blob : content.withdrawn) {
    for (const BlobLocation& place : index.find(blob.blob)) {
      if (place.pack == blob.pack) std::abort();
    }
  }
  return 0;
}
