#include "service/selftest.h"

#include <array>
#include <optional>
#include <utility>

#include "base/error.h"
#include "service/safety_chain.h"
#include "service/scratch_site.h"

namespace holdfast::service {
namespace {

using Part = std::string (SafetyChain::*)();
constexpr auto kParts = std::to_array<std::pair<const char*, Part>>(
    {{"safe save with backup", &SafetyChain::safe_save},
     {"database save with export", &SafetyChain::save_with_export},
     {"emergency save", &SafetyChain::emergency_save},
     {"recovery from all sources", &SafetyChain::recovery}});

// What is no result of a test: it was interrupted, there is nothing to test, or no right to.
bool ends_all(const Error& error) {
  return error.code() == ErrorCode::kInterrupted || error.code() == ErrorCode::kUsage ||
         error.code() == ErrorCode::kPermissionDenied;
}

void expect_collections(const Configuration& configuration) {
  if (!configuration.collections.empty()) return;
  throw Error(ErrorCode::kConfiguration, "no collections are configured", {},
              "Write [collections.NAME] into holdfast.toml; docs/records.md says how.");
}

}  // namespace

std::vector<SelftestPart> run_selftest(Session& session,
                                       const std::function<void(const SelftestPart&)>& done) {
  expect_collections(session.configuration());
  Progress& progress = session.progress();
  env::Clock& clock = session.world().clock;
  std::optional<ScratchSite> site;
  std::optional<SafetyChain> chain;
  std::string no_site;
  try {
    site.emplace(session.configuration(), session.world(), progress);
    chain.emplace(session, *site, progress);
  } catch (const Error& error) {
    if (ends_all(error)) throw;
    no_site = error.happened();
  }
  std::vector<SelftestPart> results;
  for (const auto& [name, run] : kParts) {
    progress.stage(name, 0);
    SelftestPart part{.name = name, .passed = false, .detail = no_site, .seconds = 0};
    const Duration begun = clock.elapsed();
    try {
      if (chain) part.detail = ((*chain).*run)();
      part.passed = chain.has_value();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted) throw;
      part.detail = error.happened();
    }
    part.seconds = std::chrono::duration<double>(clock.elapsed() - begun).count();
    done(part);
    results.push_back(std::move(part));
  }
  return results;
}

}  // namespace holdfast::service
