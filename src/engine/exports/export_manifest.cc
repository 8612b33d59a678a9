#include "engine/exports/export_manifest.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "engine/exports/file_digest.h"
#include "engine/records/record_json.h"

namespace holdfast::engine {
namespace {

constexpr std::uint64_t kLargest = 64u << 10;

Record content_json(const FileContent& content) {
  return {{"size", content.size}, {"hash", content.hash}};
}
FileContent content_of(const Record& json) {
  return {.size = json.at("size").get<std::uint64_t>(), .hash = json.at("hash").get<std::string>()};
}

}  // namespace

env::Path manifest_path(const env::Path& file) { return file.string() + ".manifest.json"; }

std::optional<ExportManifest> read_manifest(env::FileSystem& files, const env::Path& file) {
  try {
    const env::Path path = manifest_path(file);
    const auto status = files.status(path);
    if (!status || status->directory || status->size > kLargest) return std::nullopt;
    const Bytes text = env::read_file(files, path);
    const Record json = parse_record_json(as_text(text), "the manifest");
    if (json.at("holdfast_export") != 1) return std::nullopt;
    ExportManifest manifest{.database = json.at("database"),
                            .collection = json.at("collection"),
                            .format = json.at("format"),
                            .base64 = json.at("encoding") == "base64",
                            .records = json.at("records"),
                            .exported = {},
                            .content = content_of(json.at("content")),
                            .before = {},
                            .identity = json.at("identity"),
                            .modified = {}};
    if (!json.at("before").is_null()) manifest.before = content_of(json.at("before"));
    const auto exported = parse_rfc3339(json.at("exported").get<std::string>());
    const auto modified = parse_rfc3339(json.at("modified").get<std::string>());
    if (!exported || !modified) return std::nullopt;
    manifest.exported = *exported;
    manifest.modified = *modified;
    return manifest;
  } catch (const Error&) {
    return std::nullopt;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

void write_manifest(env::FileSystem& files, const env::Path& file, const ExportManifest& manifest,
                    unsigned mode) {
  const Record json = {{"holdfast_export", 1},
                       {"database", manifest.database},
                       {"collection", manifest.collection},
                       {"format", manifest.format},
                       {"encoding", manifest.base64 ? Record("base64") : Record()},
                       {"records", manifest.records},
                       {"exported", format_rfc3339(manifest.exported)},
                       {"content", content_json(manifest.content)},
                       {"before", manifest.before ? content_json(*manifest.before) : Record()},
                       {"identity", manifest.identity},
                       {"modified", format_rfc3339(manifest.modified)}};
  const env::Path path = manifest_path(file);
  env::write_file_atomically(files, path, as_bytes(json.dump(2) + "\n"));
  files.set_mode(path, mode);
}

bool is_as_exported(env::FileSystem& files, const env::Path& file) {
  const auto manifest = read_manifest(files, file);
  if (!manifest) return true;
  const FileContent now{.size = files.status(file)->size, .hash = digest_of_file(files, file)};
  return now == manifest->content || (manifest->before && now == *manifest->before);
}

}  // namespace holdfast::engine
