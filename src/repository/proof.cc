#include "repository/proof.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <ranges>

#include "base/error.h"
#include "codec/secret_key.h"
#include "repository/document.h"
#include "repository/json_fields.h"

namespace holdfast::repository {
namespace {

using nlohmann::json;

constexpr std::uint64_t kProofFormat = 1;
constexpr std::size_t kMostProofJson = std::size_t{64} << 20, kMostProofText = std::size_t{1} << 20;
constexpr std::size_t kTimeLength = 15;  // 20261121_032415

std::string proofs_folder(std::string_view series) { return fmt::format("proofs/{}/", series); }

// The id at the end of the name of a proof; empty for other names.
std::optional<ObjectId> id_in(std::string_view folder, std::string_view object) {
  const std::string_view rest = object.substr(folder.size());
  if (rest.size() != kTimeLength + 1 + 2 * ObjectId::kSize || rest[kTimeLength] != '-') {
    return std::nullopt;
  }
  const auto id = ObjectId::from_hex(rest.substr(kTimeLength + 1));
  if (!id || !rest.ends_with(id->hex())) return std::nullopt;
  return id;
}

struct StoredProof {
  std::string object;
  ObjectId id;
};

// Oldest first.
std::vector<StoredProof> stored_proofs(const Repository& repository, std::string_view series) {
  std::vector<StoredProof> proofs;
  const std::string folder = proofs_folder(series);
  repository.store().list(folder, [&](std::string_view object, const storage::ObjectStatus&) {
    if (const auto id = id_in(folder, object)) proofs.push_back({std::string(object), *id});
  });
  return proofs;
}

json to_json(const Proof& proof) {
  return {{"format", kProofFormat},
          {"time", format_rfc3339(proof.time)},
          {"database", proof.database},
          {"host", proof.host},
          {"version", proof.version},
          {"snapshot", proof.snapshot.hex()},
          {"branch", proof.position.branch},
          {"number", proof.position.number},
          {"state", format_rfc3339(proof.state)},
          {"bytes", proof.bytes},
          {"restore_seconds", proof.restore_seconds},
          {"total_seconds", proof.total_seconds},
          {"checksum", proof.checksum},
          {"integrity", proof.integrity},
          {"invariants", proof.invariants},
          {"findings", proof.findings}};
}

Proof parse_proof(const StoredProof& stored, ByteView text) {
  const JsonOrigin origin{ErrorCode::kDamagedObject, stored.object};
  const json value = parse_json(text, kMostProofJson, origin);
  const JsonFields fields(value, origin);
  if (fields.number("format", kMostCount) != kProofFormat) throw fields.wrong("format", "1");
  Proof proof;
  proof.id = stored.id;
  proof.time = fields.time("time");
  proof.database = fields.text("database", kMostProofText);
  proof.host = fields.text("host", kMostProofText);
  proof.version = fields.text("version", kMostProofText);
  proof.snapshot = fields.id<SnapshotId>("snapshot");
  proof.position.branch =
      static_cast<Branch>(fields.number("branch", std::numeric_limits<Branch>::max()));
  proof.position.number = fields.number("number", kMostCount);
  proof.state = fields.time("state");
  proof.bytes = fields.number("bytes", kMostCount);
  proof.restore_seconds = fields.real("restore_seconds");
  proof.total_seconds = fields.real("total_seconds");
  proof.checksum = fields.text("checksum", kMostProofText);
  proof.integrity = fields.flag("integrity");
  proof.invariants = fields.flag("invariants");
  for (const json& finding : fields.array("findings")) {
    if (!finding.is_string()) throw fields.wrong("findings", "an array of strings");
    proof.findings.push_back(finding.get<std::string>());
  }
  return proof;
}

std::optional<Proof> read_proof(const Repository& repository, const StoredProof& stored) {
  try {
    return parse_proof(stored, open_document(repository.keys().documents, DocumentKind::kProof,
                                             stored.object, repository.store().get(stored.object)));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kDamagedObject || error.code() == ErrorCode::kNotFound) {
      return std::nullopt;
    }
    throw;
  }
}

}  // namespace

void put_proof(const Repository& repository, std::string_view series, const Proof& proof) {
  ObjectId id = proof.id;
  if (id == ObjectId{}) codec::random_bytes(id.bytes);
  const std::string object =
      fmt::format("{}{}-{}", proofs_folder(series), format_compact(proof.time), id.hex());
  repository.store().put(object, seal_document(repository.keys().documents, DocumentKind::kProof,
                                               object, as_bytes(dump_json(to_json(proof)))));
}

std::optional<Proof> newest_proof(const Repository& repository, std::string_view series,
                                  bool passed_only) {
  for (const StoredProof& stored : stored_proofs(repository, series) | std::views::reverse) {
    auto proof = read_proof(repository, stored);
    if (proof && (proof->passed() || !passed_only)) return proof;
  }
  return std::nullopt;
}

void remove_old_proofs(const Repository& repository, std::string_view series, std::size_t keep) {
  std::vector<std::string> old;
  for (const StoredProof& stored : stored_proofs(repository, series)) old.push_back(stored.object);
  old.resize(old.size() - std::min(old.size(), keep));
  repository.store().remove_many(old);
}

}  // namespace holdfast::repository
