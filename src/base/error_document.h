// docs/errors.md, made from the error catalogue so that the two cannot disagree.
#ifndef HOLDFAST_BASE_ERROR_DOCUMENT_H_
#define HOLDFAST_BASE_ERROR_DOCUMENT_H_

#include <string>

namespace holdfast {

// Markdown: a table of exit statuses, then each code with its meaning, what is safe and what to do.
std::string error_catalogue_markdown();

}  // namespace holdfast

#endif  // HOLDFAST_BASE_ERROR_DOCUMENT_H_
