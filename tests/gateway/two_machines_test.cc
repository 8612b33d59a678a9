// Two machines at one real gateway, one of which dies: at every change that it makes with
// HOLDFAST_GATEWAY=whole, otherwise at some, drawn by a seed.
#include <gtest/gtest.h>

#include <cstdlib>

#include "repository/test_two_machines.h"
#include "tests/gateway/ceph_gateway.h"

namespace holdfast::repository::two_machines {
namespace {

Kind on_ceph(Kind kind) {
  const char* wanted = std::getenv("HOLDFAST_GATEWAY");
  const bool whole = wanted != nullptr && std::string_view(wanted) == "whole";
  kind.extent = whole ? Extent::kEveryChange : Extent::kFew;
  kind.new_store = [](env::Clock&) {
    storage::CephGateway& gateway = storage::CephGateway::shared();
    return std::make_unique<storage::S3Store>(gateway.new_place(), gateway.surroundings());
  };
  return kind;
}

TEST(TwoMachines, OneDiesInABackupOnCeph) { crash_everywhere("backup", on_ceph({}), take_backup); }

TEST(TwoMachines, OneDiesInForgetAndPruneOnCeph) {
  crash_everywhere("forget and prune", on_ceph({}), forget_and_prune);
}

TEST(TwoMachines, OneDiesInACopyOnCeph) {
  crash_everywhere("copy", on_ceph({.copies = true}), copy);
}

TEST(TwoMachines, OneDiesInACopyUnderOtherKeysOnCeph) {
  crash_everywhere("copy under other keys", on_ceph({.same_keys = false, .copies = true}), copy);
}

TEST(TwoMachines, OneDiesInAChangeOfKeysOnCeph) {
  crash_everywhere("change of keys", on_ceph({.encrypted = true}), change_key);
}

}  // namespace
}  // namespace holdfast::repository::two_machines
