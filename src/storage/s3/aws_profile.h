// The files in which AWS tools keep profiles: ~/.aws/credentials and ~/.aws/config.
#ifndef HOLDFAST_STORAGE_S3_AWS_PROFILE_H_
#define HOLDFAST_STORAGE_S3_AWS_PROFILE_H_

#include <map>
#include <string>
#include <string_view>

#include "env/file_system.h"
#include "storage/s3/s3_options.h"

namespace holdfast::storage {

using AwsSection = std::map<std::string, std::string, std::less<>>;
// By name of section, as written between the brackets.
using AwsFile = std::map<std::string, AwsSection, std::less<>>;

// INI as AWS tools read it: [section], name = value, comments by '#' or ';' at the beginning of a
// line or after a space. Indented lines belong to a nested setting and are passed over. Throws
// kConfiguration with `place` and the line, never with its content.
AwsFile parse_aws_file(std::string_view text, std::string_view place);

// What the configuration file says of a profile (empty: "default"); empty where there is no such
// file or section.
AwsSection read_profile_settings(env::FileSystem& files, const Variables& variables,
                                 std::string_view profile);
// The same of both files together; that of keys wins.
AwsSection read_profile_credentials(env::FileSystem& files, const Variables& variables,
                                    std::string_view profile);

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_S3_AWS_PROFILE_H_
