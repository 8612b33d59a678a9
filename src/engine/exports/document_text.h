// A JSON document as the text that records have of it.
#ifndef HOLDFAST_ENGINE_EXPORTS_DOCUMENT_TEXT_H_
#define HOLDFAST_ENGINE_EXPORTS_DOCUMENT_TEXT_H_

#include <string>
#include <string_view>

namespace holdfast::engine {

// Appends `text` as record_text(value_to_json(text, kJson)) writes it: compact, fields in the order
// of their bytes. False, and nothing appended, for what needs a closer look: text that is no
// document, or one that must be tagged, and some that are merely unusual.
[[nodiscard]] bool append_document(std::string_view text, std::string& out);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_DOCUMENT_TEXT_H_
