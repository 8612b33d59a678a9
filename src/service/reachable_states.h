// Every state that the names of a timeline tell of, and whether it can be given back.
#ifndef HOLDFAST_SERVICE_REACHABLE_STATES_H_
#define HOLDFAST_SERVICE_REACHABLE_STATES_H_

#include <vector>

#include "repository/timeline.h"

namespace holdfast::service {

struct KnownState {
  repository::Position position;
  Time time{};
  bool reachable = false;
  bool on_main_line = false;
};
std::vector<KnownState> known_states(const repository::Timeline& timeline);  // by position

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_REACHABLE_STATES_H_
