// `holdfast drill`: a restore done only to prove that it works.
#ifndef HOLDFAST_SERVICE_DRILL_JOB_H_
#define HOLDFAST_SERVICE_DRILL_JOB_H_

#include <span>
#include <string>
#include <vector>

#include "repository/proof.h"
#include "service/session.h"

namespace holdfast::service {

// Of each database one after the other, in a folder below `scratch`; the log gets an entry of each.
std::vector<repository::Proof> drill(Session& session, std::span<const std::string> databases,
                                     const env::Path& scratch);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_DRILL_JOB_H_
