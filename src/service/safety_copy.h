// What was there before records were written over it.
#ifndef HOLDFAST_SERVICE_SAFETY_COPY_H_
#define HOLDFAST_SERVICE_SAFETY_COPY_H_

#include <string>
#include <string_view>

#include "service/records.h"
#include "service/session.h"

namespace holdfast::service {

struct SafetyCopy {
  std::string snapshot;  // short id
  std::string file;      // where there can be no snapshot: all records, as `import` reads them
};

// A snapshot of the collection's database, tagged as one; where that is on a server, or no
// repository is named, a file "<prefix>_<collection>_<time>.json.b64" in the emergency folder, if
// there are records.
SafetyCopy take_safety_copy(Session& session, Records& records,
                            const engine::Collection& collection, std::string_view prefix);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_SAFETY_COPY_H_
