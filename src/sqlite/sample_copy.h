// The schema of a database with a row of each table that matters: something to try things on.
#ifndef HOLDFAST_SQLITE_SAMPLE_COPY_H_
#define HOLDFAST_SQLITE_SAMPLE_COPY_H_

#include <chrono>
#include <filesystem>
#include <span>
#include <string>

namespace holdfast::sqlite {

// Makes `target`, which must not exist, with the schema of `source` and one row of each of `tables`
// that has any, with the rows that it refers to. What cannot be made again (a table of a module
// that is not there) is left out. Only reads `source`, in one transaction. Throws what opening it
// does.
void copy_sample(const std::filesystem::path& source, const std::filesystem::path& target,
                 std::span<const std::string> tables, std::chrono::milliseconds busy_timeout);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SAMPLE_COPY_H_
