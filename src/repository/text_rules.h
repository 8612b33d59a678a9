// What people may choose as names, tags and labels.
#ifndef HOLDFAST_REPOSITORY_TEXT_RULES_H_
#define HOLDFAST_REPOSITORY_TEXT_RULES_H_

#include <string_view>

namespace holdfast::repository {

// Valid UTF-8 (RFC 3629) without control characters, line separators or marks that reorder text.
bool is_printable_text(std::string_view text);

// Throws kUsage unless `text` is printable, does not begin or end with a space and has 1 …
// most_bytes bytes. `what` begins the sentence: "the tag".
void check_printable(std::string_view what, std::string_view text, std::size_t most_bytes);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_TEXT_RULES_H_
