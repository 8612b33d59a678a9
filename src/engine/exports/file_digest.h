// The hash of an exported file: fast enough to prove every export by reading it back.
//
// The file is cut into pieces of 1 MiB, the last one filled up with zeros to a multiple of 16
// bytes. Each piece is digested by POLYVAL (RFC 8452 §3) under a key that is no secret; the hash is
// BLAKE2b-256 over the digests and the size of the file. It tells damage and careless changes, not
// forgery: whoever can write the file can write the manifest beside it.
#ifndef HOLDFAST_ENGINE_EXPORTS_FILE_DIGEST_H_
#define HOLDFAST_ENGINE_EXPORTS_FILE_DIGEST_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "codec/keyed_hash.h"
#include "codec/page_digest.h"
#include "env/file_system.h"

namespace holdfast::engine {

inline constexpr std::size_t kDigestPiece = std::size_t{1} << 20;

// Of one piece. Whoever knows the key can make two pieces of one digest, so what must not be taken
// for something else is told apart by the proof, which is under a key that nobody knows.
struct PieceDigest {
  codec::PageDigest known, proof;
  bool operator==(const PieceDigest&) const = default;
};

class FileDigest {
 public:
  FileDigest();
  explicit FileDigest(const codec::SecretKey& secret);  // with proofs; without, they are zeros
  // One after the other; all but the last one of a multiple of kDigestPiece bytes.
  void add(ByteView pieces);
  std::string finish() const { return hash_of_pieces(pieces_, size_); }  // hexadecimal
  std::uint64_t size() const { return size_; }
  const std::vector<PieceDigest>& pieces() const { return pieces_; }

  PieceDigest digest_piece(ByteView piece);
  static std::string hash_of_pieces(std::span<const PieceDigest> pieces, std::uint64_t size);

 private:
  codec::PageHasher hasher_;
  std::optional<codec::PageHasher> prover_;
  Buffer padded_;
  std::vector<PieceDigest> pieces_;
  std::uint64_t size_ = 0;
};

// Of a file as it stands. `past_cache`: as the device has it, where that can be told.
std::string digest_of_file(env::FileSystem& files, const env::Path& path, bool past_cache = false);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_FILE_DIGEST_H_
