#include "repository/verified_packs.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/error.h"
#include "codec/secret_key.h"
#include "repository/document.h"

namespace holdfast::repository {
namespace {

constexpr std::string_view kVerifiedPrefix = "verified/";

}  // namespace

// Sorted, so that what is the same looks the same.
Bytes serialize(const VerifiedTimes& times) {
  std::vector<std::pair<PackId, Time>> sorted(times.begin(), times.end());
  std::ranges::sort(sorted);
  ByteWriter out;
  for (const auto& [pack, time] : sorted) {
    out.raw(pack.view());
    out.number(static_cast<std::int64_t>(time.time_since_epoch().count()));
  }
  return out.take();
}

VerifiedTimes parse_verified(ByteView bytes) {
  VerifiedTimes times;
  ByteReader in(bytes, "a list of verified packs");
  while (!in.at_end()) {
    const PackId pack = PackId::from_bytes(in.raw(PackId::kSize));
    times[pack] = Time(Duration(in.number<std::int64_t>()));
  }
  return times;
}

VerifiedPacks load_verified(const Repository& repository) {
  VerifiedPacks known;
  repository.store().list(kVerifiedPrefix,
                          [&](std::string_view name, const storage::ObjectStatus&) {
                            known.objects.emplace_back(name);
                          });
  for (const std::string& name : known.objects) {
    try {
      const Bytes content = open_document(repository.keys().documents, DocumentKind::kVerified,
                                          name, repository.store().get(name));
      for (const auto& [pack, time] : parse_verified(content)) {
        const auto [found, added] = known.times.emplace(pack, time);
        if (!added) found->second = std::max(found->second, time);
      }
    } catch (const Error& error) {
      // What is not known to be verified is verified again: no harm.
      const bool lost = error.code() == ErrorCode::kNotFound ||
                        error.code() == ErrorCode::kDamagedObject || error.code() == ErrorCode::kIo;
      if (!lost) throw;
    }
  }
  return known;
}

void order_by_need(std::vector<PackId>& packs, const VerifiedTimes& times) {
  std::mt19937_64 random(std::random_device{}());
  std::ranges::shuffle(packs, random);
  std::ranges::stable_sort(packs, {}, [&](const PackId& pack) {
    const auto found = times.find(pack);
    return found == times.end() ? Time::min() : found->second;
  });
}

void note_verified(const Repository& repository, VerifiedPacks known,
                   std::span<const PackId> verified, std::span<const PackId> present, Time now) {
  for (const PackId& pack : verified) known.times[pack] = now;
  VerifiedTimes times;
  for (const PackId& pack : present) {
    if (const auto found = known.times.find(pack); found != known.times.end()) times.insert(*found);
  }
  ObjectId id;
  codec::random_bytes(id.bytes);
  const std::string name = fmt::format("{}{}", kVerifiedPrefix, id.hex());
  repository.store().put(name, seal_document(repository.keys().documents, DocumentKind::kVerified,
                                             name, serialize(times)));
  repository.store().remove_many(known.objects);
}

}  // namespace holdfast::repository
