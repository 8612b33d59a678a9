// Bits are flipped on the way as well as in a store, and what a verification notes as damaged is
// not used any more. So what does not authenticate is read again before anybody believes it.
#ifndef HOLDFAST_REPOSITORY_SECOND_LOOK_H_
#define HOLDFAST_REPOSITORY_SECOND_LOOK_H_

#include "base/error.h"

namespace holdfast::repository {

inline constexpr int kLooks = 4;

// What `look` answers; kDamagedObject is thrown only when each of several looks threw it.
template <typename Look>
auto second_look(const Look& look) {
  for (int again = kLooks - 1;; --again) {
    try {
      return look();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDamagedObject || again == 0) throw;
    }
  }
}

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_SECOND_LOOK_H_
