#include "storage/s3/payload_digest.h"

#include <openssl/evp.h>

#include "base/error.h"
#include "env/shared_library.h"

namespace holdfast::storage {
namespace {

struct Libcrypto {
  decltype(&::EVP_Digest) EVP_Digest;
  decltype(&::EVP_sha256) EVP_sha256;
  decltype(&::EVP_md5) EVP_md5;
};

const Libcrypto& libcrypto() {
  static const Libcrypto loaded = [] {
    const env::SharedLibrary library(
        {.file = "libcrypto.so.3",
         .purpose = "a store of S3 needs",
         .remedy = "Install the library of OpenSSL 3 (Debian: apt install libssl3)."});
    Libcrypto functions;
    library.find(functions.EVP_Digest, "EVP_Digest");
    library.find(functions.EVP_sha256, "EVP_sha256");
    library.find(functions.EVP_md5, "EVP_md5");
    return functions;
  }();
  return loaded;
}

template <std::size_t kSize>
std::array<std::byte, kSize> digest_of(ByteView bytes, const EVP_MD* algorithm) {
  std::array<std::byte, kSize> digest{};
  unsigned size = 0;
  if (algorithm == nullptr ||
      libcrypto().EVP_Digest(bytes.data(), bytes.size(),
                             reinterpret_cast<unsigned char*>(digest.data()), &size, algorithm,
                             nullptr) != 1 ||
      size != kSize) {
    throw Error(ErrorCode::kUnsupported, "OpenSSL does not compute a digest that S3 needs", {},
                "Its configuration may forbid it (FIPS mode forbids MD5).");
  }
  return digest;
}

}  // namespace

std::array<std::byte, 32> sha256(ByteView bytes) {
  return digest_of<32>(bytes, libcrypto().EVP_sha256());
}

std::array<std::byte, 16> md5(ByteView bytes) {
  return digest_of<16>(bytes, libcrypto().EVP_md5());
}

}  // namespace holdfast::storage
