#include "scale/made_up_pages.h"

#include <algorithm>
#include <random>
#include <stdexcept>

#include "codec/aead.h"
#include "codec/compression.h"

namespace holdfast::scale {
namespace {

// Of each MiB so much does not compress: 2.7 times smaller, like the database of design §12.
constexpr std::size_t kIncompressible = 388'000;
// Numbers are scrambled, so that their bytes do not compress either.
constexpr std::uint64_t kScramble = 0x9e3779b97f4a7c15, kUnscramble = 0xf1de83e19937733d;
static_assert(kScramble * kUnscramble == 1);
constexpr std::uint64_t kMark = 0x5eed5ca1ab1e0123;

std::uint64_t scrambled(std::uint64_t number) { return (number + kMark) * kScramble; }

Bytes make_content() {
  Bytes content(std::size_t{kBlobPages} * kPageSize);
  std::mt19937_64 random(20261121);
  for (std::size_t at = 0; at + 8 <= kIncompressible; at += 8) store(content.data() + at, random());
  store(content.data(), scrambled(0));
  return content;
}

}  // namespace

MadeUpPages::MadeUpPages(const repository::MasterKeys& keys)
    : keys_(keys), hasher_(keys.pages), content_(make_content()), digests_(kBlobPages) {
  hasher_.digest_pages(content_, kPageSize, digests_);
  codec::Compressor compressor;
  const codec::Compressor::Result compressed = compressor.compress(content_);
  frame_.assign(compressed.bytes.begin(), compressed.bytes.end());
  const ByteView mark = ByteView(content_).first(8);
  const auto found = std::ranges::search(frame_, mark);
  if (compressed.method != codec::Compression::kZstd || found.empty()) {
    throw std::logic_error("the made-up pages do not compress as they are meant to");
  }
  number_at_ = static_cast<std::size_t>(found.begin() - frame_.begin());
  stored_size_ = static_cast<std::uint32_t>(frame_.size() + codec::kBoxOverhead);
}

Bytes MadeUpPages::first_page(std::uint64_t number) const {
  Bytes page(content_.begin(), content_.begin() + kPageSize);
  store(page.data(), scrambled(number));
  return page;
}

std::vector<codec::PageDigest> MadeUpPages::digests(std::uint64_t number) const {
  std::vector<codec::PageDigest> digests = digests_;
  digests.front() = hasher_.digest(first_page(number));
  return digests;
}

BlobId MadeUpPages::id(std::uint64_t number) const {
  return repository::pages_id(keys_, kPageSize, digests(number));
}

repository::BlobEntry MadeUpPages::entry(std::uint64_t number) const {
  return {.id = id(number),
          .kind = repository::BlobKind::kPages,
          .compression = codec::Compression::kZstd,
          .pages = kBlobPages,
          .raw_size = kBlobPages * kPageSize,
          .stored_size = stored_size_};
}

Bytes MadeUpPages::content(std::uint64_t number) const {
  Bytes content = content_;
  store(content.data(), scrambled(number));
  return content;
}

// Sealed as docs/format.md says, "Blobs".
void MadeUpPages::append_box(std::uint64_t number, Bytes& out) const {
  Bytes frame = frame_;
  store(frame.data() + number_at_, scrambled(number));
  ByteWriter associated;
  associated.number(std::uint8_t{1});
  associated.number(static_cast<std::uint8_t>(repository::BlobKind::kPages));
  associated.number(static_cast<std::uint8_t>(codec::Compression::kZstd));
  associated.number(std::uint8_t{0});
  associated.number(std::uint32_t{kBlobPages} * kPageSize);
  associated.raw(id(number).view());
  codec::seal(keys_.blobs, associated.bytes(), frame, out);
}

std::uint64_t MadeUpPages::number_of(ByteView content) {
  return load<std::uint64_t>(content.data()) * kUnscramble - kMark;
}

repository::PackDescription describe_pack(const MadeUpPages& pages, const PackId& id,
                                          const std::vector<std::uint64_t>& numbers) {
  const std::size_t digests = numbers.size() * kBlobPages * sizeof(codec::PageDigest);
  const std::size_t directory = numbers.size() * repository::BlobEntry::kWrittenSize;
  repository::PackDescription pack{
      .id = id,
      .digests_size = static_cast<std::uint32_t>(digests + codec::kBoxOverhead),
      .directory_size = static_cast<std::uint32_t>(directory + codec::kBoxOverhead),
      .entries = {}};
  pack.entries.reserve(numbers.size());
  for (const std::uint64_t number : numbers) pack.entries.push_back(pages.entry(number));
  return pack;
}

}  // namespace holdfast::scale
