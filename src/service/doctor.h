// `holdfast doctor`: what is wrong with where things are, before it does harm.
#ifndef HOLDFAST_SERVICE_DOCTOR_H_
#define HOLDFAST_SERVICE_DOCTOR_H_

#include <span>
#include <string>
#include <vector>

#include "service/databases.h"
#include "service/session.h"

namespace holdfast::service {

// What is said of a path on storage that does not last (C4); empty for any other.
std::string storage_warning_of(const env::Path& path);

struct Finding {
  std::string subject;  // "database app", "repository", "cache"
  std::string text;
  bool harmful = false;  // something is lost or does not work; else a warning
};
// Reads nothing but headers and schemas, and writes nothing.
std::vector<Finding> examine(Session& session, std::span<const Database> databases);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_DOCTOR_H_
