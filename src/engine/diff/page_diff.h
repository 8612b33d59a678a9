// The quick way: what differs little is compared without a restore.
#ifndef HOLDFAST_ENGINE_DIFF_PAGE_DIFF_H_
#define HOLDFAST_ENGINE_DIFF_PAGE_DIFF_H_

#include <optional>

#include "engine/diff/diff.h"

namespace holdfast::engine {

// As diff(), where at least one side is history. Pages of the history are told apart by their
// digests, and fetched only where they differ. Empty, and nothing told, where it is not worth it:
// pages of another size, many that differ, a table that must be read whole.
std::optional<sqlite::DifferenceSummary> diff_by_pages(
    const repository::Repository& repository, const DiffSide& before, const DiffSide& after,
    const DiffRequest& request, sqlite::DifferenceSink& sink, Progress& progress);

std::unique_ptr<sqlite::PageSource> open_standing(const DiffSide& side, const DiffRequest& request);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_DIFF_PAGE_DIFF_H_
