#ifndef HOLDFAST_SERVICE_NEAREST_WORD_H_
#define HOLDFAST_SERVICE_NEAREST_WORD_H_

#include <span>
#include <string>
#include <string_view>

namespace holdfast::service {

// The one of `words` that was probably meant by `typed`; empty if none is near. At most a third of
// the letters may be wrong, missing or swapped; a word that `typed` begins, or that begins `typed`,
// is near too.
std::string nearest_word(std::string_view typed, std::span<const std::string> words);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_NEAREST_WORD_H_
