#include "cli/merge_text.h"

#include <fmt/format.h>

#include "cli/document_json.h"
#include "cli/wording.h"

namespace holdfast::cli {

Json copy_json(const engine::CopyReport& report) {
  return {{"format", engine::format_label(report.format)},
          {"encoding", report.base64 ? Json("base64") : Json()},
          {"state", !report.is_intact() ? "damaged"
                    : report.unrelated  ? "unrelated"
                                        : "intact"},
          {"records", report.records},
          {"damages", report.damages},
          {"reasons", report.reasons}};
}

Json merge_json(const service::MergeCounts& counts) {
  return {
      {"inserted", counts.inserted},
      {"replaced", counts.replaced},
      {"equal", counts.equal},
      {"kept", counts.kept},
      {"deleted", counts.deleted},
      {"excluded", counts.excluded},
      {"refused", counts.refused},
      {"reasons", counts.reasons},
      {"safety_snapshot", counts.safety_snapshot.empty() ? Json() : Json(counts.safety_snapshot)},
      {"safety_copy", counts.safety_copy.empty() ? Json() : Json(counts.safety_copy)}};
}

std::string merge_text(const service::MergeCounts& counts, const std::string& collection,
                       bool dry_run) {
  std::string text;
  const auto line = [&](std::uint64_t number, std::string_view what) {
    if (number > 0) text += fmt::format("  {} {}\n", counted(number, "record"), what);
  };
  text += fmt::format("{}{} into {}\n", dry_run ? "Would bring " : "Brought ",
                      counted(counts.inserted, "record"), collection);
  line(counts.replaced, dry_run ? "would be replaced, as asked for" : "replaced, as asked for");
  line(counts.equal, "already there, equal");
  line(counts.kept, "of another version in the database, which was kept");
  line(counts.deleted, "deleted before, and stay so");
  line(counts.excluded, "excluded, and stay out");
  line(counts.refused, "refused:");
  for (const std::string& reason : counts.reasons) {
    text += fmt::format("    {}\n", printable(reason));
  }
  if (!counts.safety_snapshot.empty()) {
    text += fmt::format("What was there before is snapshot {}.\n", counts.safety_snapshot);
  }
  if (!counts.safety_copy.empty()) {
    text += fmt::format("What was there before is in {}.\n", printable(counts.safety_copy));
  }
  return text;
}

}  // namespace holdfast::cli
