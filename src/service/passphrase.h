#ifndef HOLDFAST_SERVICE_PASSPHRASE_H_
#define HOLDFAST_SERVICE_PASSPHRASE_H_

#include <optional>
#include <string>
#include <string_view>

#include "base/progress.h"
#include "service/configuration.h"

namespace holdfast::service {

// Whoever can type a passphrase where nobody reads along.
class PassphrasePrompt {
 public:
  virtual ~PassphrasePrompt() = default;
  // Empty if there is no terminal to ask on. Throws kInterrupted.
  virtual std::optional<std::string> ask(std::string_view question) = 0;
};

// Of a repository, which the configuration may name (null: it does not): HOLDFAST_PASSPHRASE_NAME,
// HOLDFAST_PASSPHRASE_NAME_FILE, its passphrase_file; then what is for all of them:
// HOLDFAST_PASSPHRASE, HOLDFAST_PASSPHRASE_FILE, passphrase_file of the configuration; empty if
// none of them says one. Warns about a file that others may read. Throws kConfiguration for a file
// that is not there or empty.
std::optional<std::string> find_passphrase(const World& world, const Configuration& configuration,
                                           const RepositoryConfiguration* repository,
                                           Progress& progress);

// For a key that does not exist yet: HOLDFAST_NEW_PASSPHRASE, HOLDFAST_NEW_PASSPHRASE_FILE, or
// typed twice.
std::string new_passphrase(const World& world, PassphrasePrompt& prompt, Progress& progress);
// Typed twice; throws kPassphraseMissing without a terminal, kUsage if they differ or are empty.
std::string type_new_passphrase(PassphrasePrompt& prompt, std::string_view hint);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_PASSPHRASE_H_
