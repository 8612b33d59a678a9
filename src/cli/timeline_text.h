#ifndef HOLDFAST_CLI_TIMELINE_TEXT_H_
#define HOLDFAST_CLI_TIMELINE_TEXT_H_

#include <string>

#include "service/timeline_job.h"

namespace holdfast::cli {

// A line downwards, oldest first, with what happened beside it and holes where nothing is known.
std::string timeline_text(const service::TimelineDescription& timeline);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_TIMELINE_TEXT_H_
