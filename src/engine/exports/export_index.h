// Where each record stands in a file that was exported, and what its row was: what a later export
// needs to make the file anew without printing, and without writing, what is the same.
//
// It is only ever a shortcut: a file of Holdfast's own in its state folder, 0600, with a hash over
// all of it. Whatever is wrong with it, the collection is exported whole. By hand:
//
//   "HFEXIDX1" · key of the digests (32) · rules (text) · the file: its size and identity (u64),
//   when it was modified, and it or its names were changed (i64, microseconds), for each of its
//   pieces two digests (16 each) · its hash (text) · 0, or 1 (u8), the spare file in the same way
//   and its name (text) · how long the text of a block is to be (u64) · blocks: first key (u8: 0, a
//   number, i64; 1, a text), digest of the rows (16), records (u32), length of the text (u64) ·
//   BLAKE2b-256 of all that
//
// Texts and lists have their length before them (u32).
#ifndef HOLDFAST_ENGINE_EXPORTS_EXPORT_INDEX_H_
#define HOLDFAST_ENGINE_EXPORTS_EXPORT_INDEX_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "codec/page_digest.h"
#include "codec/secret_key.h"
#include "engine/exports/export_manifest.h"
#include "engine/exports/file_digest.h"
#include "engine/exports/record_blocks.h"
#include "env/file_system.h"

namespace holdfast::engine {

// A file as it was left.
struct KnownFile {
  std::uint64_t size = 0, identity = 0;
  Time modified{}, changed{};
  std::vector<PieceDigest> pieces;  // see file_digest.h

  // Whether this is the file, and nobody has written to it since, or given it a name or mode.
  bool is(const env::FileStatus& status) const {
    return status.size == size && status.identity == identity && status.modified == modified &&
           status.changed == changed;
  }
  void set(const env::FileStatus& status) {
    size = status.size;
    identity = status.identity;
    modified = status.modified;
    changed = status.changed;
  }
};

struct ExportIndex {
  codec::SecretKey key;  // of the digests: secret, lest somebody writes rows of one digest
  std::string rules;     // what the text depends on besides the rows
  KnownFile file;
  std::string hash;  // of the file
  // The file that was replaced last, kept beside it to be made the next one.
  std::optional<KnownFile> spare;
  std::string spare_name;
  std::uint64_t block_length = 0;
  std::vector<RecordBlock> blocks;  // all records, in their order
};

env::Path index_path(const env::Path& folder, const env::Path& file);
Bytes encode_index(const ExportIndex& index);
// With the hash at its end that decode_index() wants.
Bytes sealed_index(Bytes content);
// Empty if it is not one, or is damaged.
std::optional<ExportIndex> decode_index(ByteView bytes);
// Never throws but kInterrupted: an index that cannot be read is none, and one that cannot be
// written is not there.
std::optional<ExportIndex> read_index(env::FileSystem& files, const env::Path& path);
void write_index(env::FileSystem& files, const env::Path& path, const ExportIndex& index);
// Durably: false if nobody can be sure of that.
bool remove_index(env::FileSystem& files, const env::Path& path);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_EXPORT_INDEX_H_
