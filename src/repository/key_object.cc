#include "repository/key_object.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "codec/aead.h"
#include "repository/json_fields.h"

namespace holdfast::repository {
namespace {

constexpr int kKeyFormat = 1;
constexpr std::string_view kAlgorithm = "xchacha20-poly1305";
constexpr std::string_view kDerivation = "argon2id-1.3";
constexpr std::size_t kBoxBytes = codec::kBoxOverhead + codec::SecretKey::kSize;
constexpr std::size_t kBoxCharacters = kBoxBytes / 3 * 4;
// Without padding, so that one box has one spelling.
static_assert(kBoxBytes % 3 == 0);
constexpr std::size_t kMostShortText = 64, kMostLabel = 1024;

struct KindName {
  KeyKind kind;
  std::string_view name;
};
constexpr KindName kKindNames[] = {{KeyKind::kPassphrase, "passphrase"},
                                   {KeyKind::kRecovery, "recovery"},
                                   {KeyKind::kOpen, "open"},
                                   {KeyKind::kWrite, "write"}};

std::string_view name_of(KeyKind kind) {
  for (const KindName& entry : kKindNames) {
    if (entry.kind == kind) return entry.name;
  }
  throw Error(ErrorCode::kInternal, "a key of an unknown kind");
}

KeyKind kind_field(const JsonFields& fields) {
  const std::string text = fields.text("kind", kMostShortText);
  for (const KindName& entry : kKindNames) {
    if (entry.name == text) return entry.kind;
  }
  throw fields.wrong("kind", "\"passphrase\", \"recovery\", \"open\" or \"write\"");
}

void expect_text(const JsonFields& fields, const char* key, std::string_view expected) {
  if (fields.text(key, kMostShortText) != expected) {
    throw fields.wrong(key, fmt::format("\"{}\"", expected));
  }
}

std::string make_header(const KeyObject& key) {
  nlohmann::json header = {{"algorithm", kAlgorithm}, {"created", format_rfc3339(key.info.created)},
                           {"format", kKeyFormat},    {"kind", name_of(key.info.kind)},
                           {"label", key.info.label}, {"repository", key.repository.hex()}};
  if (key.info.kind != KeyKind::kOpen) {
    header["derivation"] = {{"algorithm", kDerivation},
                            {"memory_bytes", key.cost.memory_bytes},
                            {"passes", key.cost.passes},
                            {"salt", to_hex(key.salt)}};
  }
  if (key.info.kind == KeyKind::kWrite) header["public_key"] = to_hex(key.sealing);
  return dump_json(header);
}

// The config as stored, the object's name and its first line: none of them can be exchanged
// unnoticed.
Bytes associated_data(const KeyObject& key, const Config& config) {
  ByteWriter writer;
  writer.raw(serialize(config));
  writer.raw(as_bytes("\n"));
  writer.raw(as_bytes(key_object_name(key.info.id)));
  writer.raw(as_bytes("\n"));
  writer.raw(as_bytes(key.header));
  return writer.take();
}

codec::SecretKey wrapping_key(const KeyObject& key, std::string_view secret) {
  // An open key is wrapped under 32 zero bytes: no secret, but damage is found out like everywhere
  // else.
  if (key.info.kind == KeyKind::kOpen) return {};
  return codec::key_from_passphrase(secret, key.salt, key.cost);
}

codec::SecretKey open_box(const KeyObject& key, const Config& config,
                          const codec::SecretKey& wrapping) {
  codec::SecretKey content;
  codec::open(wrapping, associated_data(key, config), key.box, content.writable(),
              key_object_name(key.info.id));
  return content;
}

}  // namespace

std::string key_object_name(const ObjectId& id) {
  return fmt::format("{}{}", kKeyPrefix, id.hex());
}

Bytes wrap_key(KeyObject& key, const Config& config, const codec::SecretKey& content,
               std::string_view secret) {
  key.header = make_header(key);
  key.box.clear();
  const codec::SecretKey wrapping = wrapping_key(key, secret);
  codec::seal(wrapping, associated_data(key, config), content.view(), key.box);
  const std::string text = fmt::format("{}\n{}\n", key.header, to_base64(key.box));
  const ByteView object = as_bytes(text);
  if (!(open_box(parse_key_object(key.info.id, object), config, wrapping) == content)) {
    throw Error(ErrorCode::kWriteNotProved,
                fmt::format("{} does not unwrap to what it was", key_object_name(key.info.id)));
  }
  return {object.begin(), object.end()};
}

KeyObject parse_key_object(const ObjectId& id, ByteView object) {
  const std::string name = key_object_name(id);
  const JsonOrigin origin{ErrorCode::kDamagedKey, name};
  const std::string_view text = as_text(object);
  if (text.size() > kMostKeyBytes) throw origin.error("it is too large");
  const std::size_t header_size = text.find('\n');
  if (header_size == std::string_view::npos ||
      text.size() != header_size + 1 + kBoxCharacters + 1 || text.back() != '\n') {
    throw origin.error("it does not have the two lines of a key");
  }
  KeyObject key;
  key.header = std::string(text.substr(0, header_size));
  const nlohmann::json value = parse_json(as_bytes(key.header), kMostKeyBytes, origin);
  const JsonFields fields(value, origin);
  if (fields.number("format", std::numeric_limits<std::int32_t>::max()) != kKeyFormat) {
    throw fields.wrong("format", fmt::format("{}", kKeyFormat));
  }
  expect_text(fields, "algorithm", kAlgorithm);
  key.repository = fields.id<RepositoryId>("repository");
  key.info = {.id = id,
              .kind = kind_field(fields),
              .label = fields.text("label", kMostLabel),
              .created = fields.time("created")};
  if (key.info.kind != KeyKind::kOpen) {
    const JsonFields derivation = fields.object("derivation");
    expect_text(derivation, "algorithm", kDerivation);
    key.cost.memory_bytes =
        derivation.number("memory_bytes", std::numeric_limits<std::uint64_t>::max());
    key.cost.passes = static_cast<std::uint32_t>(
        derivation.number("passes", std::numeric_limits<std::uint32_t>::max()));
    if (!from_hex(derivation.text("salt", 2 * codec::kSaltSize), key.salt)) {
      throw derivation.wrong("salt", "32 hexadecimal digits");
    }
  }
  if (key.info.kind == KeyKind::kWrite &&
      !from_hex(fields.text("public_key", 2 * key.sealing.size()), key.sealing)) {
    throw fields.wrong("public_key", "64 hexadecimal digits");
  }
  try {
    key.box = from_base64(text.substr(header_size + 1, kBoxCharacters));
  } catch (const Error&) {
    throw origin.error("the wrapped key is not base64");
  }
  if (key.box.size() != kBoxBytes) throw origin.error("the wrapped key has the wrong size");
  return key;
}

codec::SecretKey unwrap_key(const KeyObject& key, const Config& config, std::string_view secret) {
  return open_box(key, config, wrapping_key(key, secret));
}

}  // namespace holdfast::repository
