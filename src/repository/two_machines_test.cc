// Two machines at one store in memory: every run there is.
#include <gtest/gtest.h>

#include "repository/test_two_machines.h"

namespace holdfast::repository::two_machines {
namespace {

TEST(TwoMachines, OneDiesInABackup) { crash_everywhere("backup", {}, take_backup); }

TEST(TwoMachines, OneDiesInForgetAndPrune) {
  crash_everywhere("forget and prune", {}, forget_and_prune);
}

TEST(TwoMachines, OneDiesInACopy) { crash_everywhere("copy", {.copies = true}, copy); }

TEST(TwoMachines, OneDiesInACopyUnderOtherKeys) {
  crash_everywhere("copy under other keys", {.same_keys = false, .copies = true}, copy);
}

TEST(TwoMachines, OneDiesInAChangeOfKeys) {
  crash_everywhere("change of keys", {.encrypted = true}, change_key);
}

}  // namespace
}  // namespace holdfast::repository::two_machines
