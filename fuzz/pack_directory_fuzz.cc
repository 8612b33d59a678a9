// The directory of a pack: as an attacker forges it, and as somebody with the key would.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "codec/aead.h"
#include "repository/pack.h"
#include "storage/memory/memory_store.h"

namespace {

using holdfast::Bytes;
using holdfast::ByteView;
using holdfast::ByteWriter;
using holdfast::Error;
using holdfast::ErrorCode;
using holdfast::PackId;
using holdfast::repository::MasterKeys;
using holdfast::repository::PackDescription;

const MasterKeys& keys() {
  static const MasterKeys master(holdfast::codec::SecretKey{});
  return master;
}

Bytes sealed_directory(const PackId& id, ByteView entries) {
  ByteWriter associated;
  associated.raw(holdfast::as_bytes("holdfast pack directory"));
  associated.raw(id.view());
  Bytes box;
  holdfast::codec::seal(keys().blobs, associated.bytes(), entries, box);
  return box;
}

void expect_damage(const Error& error) {
  if (error.code() != ErrorCode::kDamagedObject) std::abort();
}

// What is understood is written back the same.
void check_understood(const PackDescription& pack, ByteView entries) {
  ByteWriter written;
  for (const auto& entry : pack.entries) write_entry(written, entry);
  if (!std::ranges::equal(written.bytes(), entries)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input = std::as_bytes(std::span(data, size));
  const PackId id;
  try {
    check_understood(parse_directory(keys(), id, 0, sealed_directory(id, input)), input);
  } catch (const Error& error) {
    expect_damage(error);
  }
  // A whole object, whose footer may say anything.
  holdfast::storage::MemoryStore store;
  store.put(holdfast::repository::pack_name(id), input);
  try {
    read_directory(store, keys(), id, size);
    std::abort();  // it is not sealed
  } catch (const Error& error) {
    expect_damage(error);
  }
  return 0;
}
