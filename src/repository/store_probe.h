// What a store can do, found out by trying.
#ifndef HOLDFAST_REPOSITORY_STORE_PROBE_H_
#define HOLDFAST_REPOSITORY_STORE_PROBE_H_

#include "storage/store.h"

namespace holdfast::repository {

// Whether of several that create one object at once exactly one succeeds. Puts some objects
// `probe-…` and removes them again. Throws what the store throws.
bool creates_exclusively(storage::Store& store);

// Whether listings show at once what was put and what was removed, in a few looks. Throws what the
// store throws.
bool lists_at_once(storage::Store& store);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_STORE_PROBE_H_
