#include "engine/guard/set_aside.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "env/randomness.h"
#include "sqlite/replacement.h"

namespace holdfast::engine {

SetAside::SetAside(env::FileSystem& files, const env::Path& database, sqlite::Presence presence,
                   Time now)
    : files_(files) {
  const bool remains = presence == sqlite::Presence::kNotADatabase ||
                       presence == sqlite::Presence::kCutOff ||
                       presence == sqlite::Presence::kDamaged;
  if (!remains) return;
  const env::Path place = std::filesystem::canonical(database);
  const auto status = files_.status(place);
  if (!status || status->directory) return;
  sqlite::refuse_while_open(place);
  env::Path aside = fmt::format("{}.before-restore-{}", place.string(), format_compact(now));
  if (files_.status(aside)) aside += "-" + env::random_name();
  files_.rename(place, aside);
  from_ = place;
  to_ = std::move(aside);
}

SetAside::~SetAside() {
  if (to_.empty()) return;
  try {
    files_.rename_new(to_, from_);
  } catch (const Error&) {
    // It is safe under its other name.
  }
}

std::vector<env::Path> SetAside::keep(const env::Path& successor) {
  if (to_.empty()) return {};
  files_.copy_owner(to_, successor);
  if (const auto status = files_.status(to_)) files_.set_mode(successor, status->mode);
  return {std::exchange(to_, env::Path())};
}

}  // namespace holdfast::engine
