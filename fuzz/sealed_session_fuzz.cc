// What the holder of a write-only key may send: the map of a database, and the object with the key
// of the session. Whatever it is, it is taken in whole or refused.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <variant>

#include "base/error.h"
#include "base/progress.h"
#include "repository/adoption.h"
#include "repository/page_map.h"
#include "repository/sealed_session.h"
#include "repository/session_names.h"
#include "repository/writer.h"
#include "storage/memory/memory_store.h"

namespace {

using namespace holdfast;
using namespace holdfast::repository;

constexpr codec::PassphraseCost kCheap{.memory_bytes = 8u << 20, .passes = 1};
constexpr std::uint32_t kPageSize = 512;

struct Site {
  storage::MemoryStore store;
  Repository repository =
      Repository::create(store, env::system_clock(), "secret", "fuzz", kCheap).repository;
  WriteKey key = [this] {
    add_write_key(store, repository.config(), repository.keys().master, "machine", "web",
                  env::system_clock().now(), kCheap);
    return std::get<WriteKey>(unlock_any(store, repository.config(), "machine"));
  }();
};

BlobId put_tree(Writer& writer, BlobEncoder& encoder, BlobKind kind, ByteView content) {
  const BlobId id = content_id(encoder.keys(), kind, content);
  writer.add_tree(encoder, id, kind, content);
  return id;
}

// A leaf of the page that was sent, of the base, and of what the input makes of them.
Snapshot fill(const SealedSession& session, Writer& writer, ByteView input) {
  const MasterKeys& keys = session.repository().keys();
  BlobEncoder encoder(keys, 1);
  const Bytes page(2 * kPageSize, std::byte{7});
  std::array<codec::PageDigest, 2> digests;
  codec::PageHasher(keys.pages).digest_pages(page, kPageSize, digests);
  const BlobId blob = pages_id(keys, kPageSize, digests);
  writer.add_pages(encoder, blob, page, digests);
  ByteWriter leaf;
  leaf.varint(2);
  leaf.raw(blob.view());
  leaf.raw(kPagesOfBase.view());
  leaf.raw(input.subspan(2));
  Snapshot snapshot;
  snapshot.id = session.id();
  snapshot.machine = session.key().info.id;
  snapshot.host = session.key().info.label;
  snapshot.name = "fuzz";
  DatabaseState& state = snapshot.databases.emplace_back();
  state.name = "app";
  state.page_size = kPageSize;
  state.page_count = load<std::uint16_t>(input.data());
  state.map = put_tree(writer, encoder, BlobKind::kMapLeaf, leaf.bytes());
  state.map_height = map_height(std::max<std::uint64_t>(1, state.page_count));
  return snapshot;
}

void check_key_object(const Site& site, ByteView input) {
  try {
    parse_session_key(input, sealing_keys(site.repository.keys().master), site.key.machine,
                      site.key.info.id, {});
    std::abort();  // nobody guesses the proof
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamagedObject) std::abort();
  }
  const std::string_view name = as_text(input);
  if (const auto part = session_part(name)) {
    if (session_folder(part->key, part->session).append(part->name) != name) std::abort();
  }
  if (const auto mark = parse_session_mark(name)) {
    if (session_mark_name(mark->key, mark->session, mark->mark) != name) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Site site;
  const ByteView input = std::as_bytes(std::span(data, size));
  check_key_object(site, input);
  if (size < 2) return 0;
  const SealedSession session(site.store, env::system_clock(), site.repository.config(), site.key);
  {
    Writer writer(session.repository());
    writer.commit(fill(session, writer, input));
  }
  // The checksum is none, so it is refused whatever its map says.
  const AdoptionResult result =
      adopt(site.repository, {.discard = true, .threads = 1}, no_progress());
  if (!result.adopted.empty() || result.refused.size() != 1 || result.discarded != 1) std::abort();
  return 0;
}
