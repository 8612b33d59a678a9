#include "engine/records/write.h"

#include "env/randomness.h"

namespace holdfast::engine {

std::string new_write_id() { return env::random_name() + env::random_name(); }

}  // namespace holdfast::engine
