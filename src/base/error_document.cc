#include "base/error_document.h"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <map>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast {
namespace {

constexpr std::string_view kIntroduction =
    R"(<!-- Made from src/base/error_catalog.def; a test compares the two. -->
# Errors

Every failure has one code. On a terminal Holdfast prints what happened, what is certainly unharmed
and what to do next; with `--json` it prints the same as an object. The code decides the exit status
of the process. Names and statuses never change once released, so scripts may rely on them.

*Retryable* means that the same command may succeed later without anybody doing anything.

## Exit statuses

| status | codes | meaning |
|---|---|---|
| 0 | | Done. |
)";

struct Group {
  int first, last;
  std::string_view title;
};

constexpr auto kGroups = std::to_array<Group>({
    {1, 9, "Usage and outcome (1–9)"},
    {10, 19, "Repository and keys (10–19)"},
    {20, 29, "Damage found (20–29)"},
    {30, 39, "Databases (30–39)"},
    {40, 49, "Storage and system (40–49)"},
    {50, 59, "Conflicts with other work (50–59)"},
    {60, 69, "Records (60–69)"},
    {70, 79, "HTTP (70–79)"},
    {80, 89, "Import and recovery (80–89)"},
    {90, 99, "Other programs (90–99)"},
});

std::map<int, std::vector<const ErrorEntry*>> by_exit_status() {
  std::map<int, std::vector<const ErrorEntry*>> statuses;
  for (const ErrorEntry& entry : error_catalogue()) statuses[entry.exit_status].push_back(&entry);
  return statuses;
}

// A bar would end the cell of a table.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char letter : text) {
    if (letter == '|') escaped += '\\';
    escaped += letter;
  }
  return escaped;
}

}  // namespace

std::string error_catalogue_markdown() {
  const auto statuses = by_exit_status();
  std::string text(kIntroduction);
  const auto out = std::back_inserter(text);
  for (const auto& [status, entries] : statuses) {
    std::string names, meanings;
    for (const ErrorEntry* entry : entries) {
      fmt::format_to(std::back_inserter(names), "{}`{}`", names.empty() ? "" : ", ", entry->name);
      fmt::format_to(std::back_inserter(meanings), "{}{}",
                     meanings.empty() ? "" : " Or: ", cell(entry->summary));
    }
    fmt::format_to(out, "| {} | {} | {} |\n", status, names, meanings);
  }
  for (const Group& group : kGroups) {
    fmt::format_to(out, "\n## {}\n", group.title);
    for (auto at = statuses.lower_bound(group.first);
         at != statuses.end() && at->first <= group.last; ++at) {
      for (const ErrorEntry* entry : at->second) {
        fmt::format_to(out,
                       "\n### {}\n\n{}\n\n- Exit status: {}\n- Retryable: {}\n- What is safe: {}\n"
                       "- What to do: {}\n",
                       entry->name, entry->summary, entry->exit_status,
                       entry->retryable ? "yes" : "no", entry->safe, entry->next);
      }
    }
  }
  return text;
}

}  // namespace holdfast
