#include "engine/exports/file_digest.h"

#include <algorithm>
#include <array>

namespace holdfast::engine {
namespace {

// Fixed, so that equal files have equal hashes everywhere.
codec::SecretKey public_key() {
  codec::SecretKey key;
  std::ranges::copy(as_bytes("Holdfast: hash of exported files"), key.writable().begin());
  return key;
}

}  // namespace

FileDigest::FileDigest() : hasher_(public_key()) {}

FileDigest::FileDigest(const codec::SecretKey& secret) : hasher_(public_key()), prover_(secret) {}

void FileDigest::add(ByteView pieces) {
  size_ += pieces.size();
  while (!pieces.empty()) {
    const ByteView piece = pieces.first(std::min(pieces.size(), kDigestPiece));
    pieces = pieces.subspan(piece.size());
    pieces_.push_back(digest_piece(piece));
  }
}

PieceDigest FileDigest::digest_piece(ByteView piece) {
  if (piece.size() % 16 != 0) {
    const MutableByteView padded = padded_.first((piece.size() + 15) / 16 * 16);
    std::ranges::copy(piece, padded.begin());
    std::ranges::fill(padded.subspan(piece.size()), std::byte{0});
    piece = padded;
  }
  return {.known = hasher_.digest(piece),
          .proof = prover_ ? prover_->digest(piece) : codec::PageDigest()};
}

std::string FileDigest::hash_of_pieces(std::span<const PieceDigest> pieces, std::uint64_t size) {
  codec::KeyedHash all(public_key(), 32);
  for (const PieceDigest& piece : pieces) {
    all.number(piece.known.low).number(piece.known.high);
  }
  std::array<std::byte, 32> hash{};
  all.number(size).finish(hash);
  return to_hex(hash);
}

std::string digest_of_file(env::FileSystem& files, const env::Path& path, bool past_cache) {
  const auto file = files.open_read(path);
  if (past_cache) file->bypass_cache();
  FileDigest digest;
  Buffer buffer;
  const MutableByteView window = buffer.first(2 * kDigestPiece);
  for (;;) {
    const std::size_t read = file->read_at(digest.size(), window);
    digest.add(window.first(read));
    if (read < window.size()) return digest.finish();
  }
}

}  // namespace holdfast::engine
