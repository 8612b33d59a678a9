// Numbers in documents as jsonb writes them.
#ifndef HOLDFAST_POSTGRES_DOCUMENT_NUMBERS_H_
#define HOLDFAST_POSTGRES_DOCUMENT_NUMBERS_H_

#include <string>
#include <string_view>

namespace holdfast::postgres {

// jsonb writes 1e300 with all its zeros, as a whole number that fits into no 64 bits. Where a
// double is exactly what a reader would have written, its short form stands in the answer; all else
// is as it was.
std::string with_readable_numbers(std::string_view document);

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_DOCUMENT_NUMBERS_H_
