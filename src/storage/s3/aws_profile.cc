#include "storage/s3/aws_profile.h"

#include <fmt/format.h>

#include <cctype>
#include <optional>

#include "base/error.h"

namespace holdfast::storage {
namespace {

constexpr std::uint64_t kMostProfileBytes = 1 << 20;

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return text;
}

std::string_view without_comment(std::string_view value) {
  for (std::size_t at = 1; at < value.size(); ++at) {
    if ((value[at] == '#' || value[at] == ';') && (value[at - 1] == ' ' || value[at - 1] == '\t')) {
      return without_blanks(value.substr(0, at));
    }
  }
  return value;
}

std::optional<env::Path> file_of(const Variables& variables, std::string_view variable,
                                 std::string_view in_home) {
  if (const auto named = variables(variable)) return env::Path(*named);
  if (const auto home = variables("HOME")) return env::Path(*home) / in_home;
  return std::nullopt;
}

AwsFile read_aws_file(env::FileSystem& files, const std::optional<env::Path>& path) {
  if (!path) return {};
  const auto status = files.status(*path);
  if (!status || status->directory) return {};
  if (status->size > kMostProfileBytes) {
    throw Error(ErrorCode::kConfiguration, fmt::format("{} is too large", path->native()));
  }
  return parse_aws_file(as_text(env::read_file(files, *path)), path->native());
}

}  // namespace

AwsFile parse_aws_file(std::string_view text, std::string_view place) {
  AwsFile file;
  AwsSection* section = nullptr;
  int number = 0;
  const auto wrong = [&] {
    return Error(ErrorCode::kConfiguration,
                 fmt::format("{}:{}: this is neither [section] nor name = value", place, number),
                 {}, "Correct the line, or name another file or profile.");
  };
  while (!text.empty()) {
    ++number;
    const std::string_view raw = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), raw.size() + 1));
    const std::string_view line = without_blanks(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (std::isspace(static_cast<unsigned char>(raw.front()))) continue;
    if (line.front() == '[') {
      const auto end = line.find(']');
      if (end == std::string_view::npos) throw wrong();
      section = &file[std::string(without_blanks(line.substr(1, end - 1)))];
      continue;
    }
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || section == nullptr) throw wrong();
    (*section)[std::string(without_blanks(line.substr(0, equals)))] =
        without_comment(without_blanks(line.substr(equals + 1)));
  }
  return file;
}

AwsSection read_profile_settings(env::FileSystem& files, const Variables& variables,
                                 std::string_view profile) {
  const AwsFile file = read_aws_file(files, file_of(variables, "AWS_CONFIG_FILE", ".aws/config"));
  auto found = file.find(fmt::format("profile {}", profile.empty() ? "default" : profile));
  if (found == file.end() && (profile.empty() || profile == "default"))
    found = file.find("default");
  return found == file.end() ? AwsSection() : found->second;
}

AwsSection read_profile_credentials(env::FileSystem& files, const Variables& variables,
                                    std::string_view profile) {
  AwsSection section = read_profile_settings(files, variables, profile);
  const AwsFile file =
      read_aws_file(files, file_of(variables, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"));
  const auto found = file.find(profile.empty() ? std::string_view("default") : profile);
  if (found == file.end()) return section;
  for (const auto& [name, value] : found->second) section[name] = value;
  return section;
}

}  // namespace holdfast::storage
