// Taking a key away, such that however many do so at once, one key stays: a repository without any
// is lost.
#ifndef HOLDFAST_REPOSITORY_KEY_REMOVAL_H_
#define HOLDFAST_REPOSITORY_KEY_REMOVAL_H_

#include <string_view>

#include "base/id.h"
#include "repository/repository.h"

namespace holdfast::repository {

// The objects `leaving/<key>-<random>`: somebody is about to remove that key. It still opens the
// repository, but nobody counts on it.
inline constexpr std::string_view kLeavingPrefix = "leaving/";

// Throws kKeyMissing, and kLastKey rather than remove the last intact key that nobody else is
// removing. Of two that remove the last two keys at once, both may be refused. When it throws
// anything else, the key may be gone, and another one is there.
void remove_key(const Repository& repository, const ObjectId& id);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_KEY_REMOVAL_H_
