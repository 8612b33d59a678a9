// A real service of S3 for tests: a Ceph RADOS Gateway on loopback (tests/services/ceph_rgw.sh).
#ifndef HOLDFAST_TESTS_GATEWAY_CEPH_GATEWAY_H_
#define HOLDFAST_TESTS_GATEWAY_CEPH_GATEWAY_H_

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "env/child_process.h"
#include "env/temporary_directory.h"
#include "storage/s3/s3_store.h"

namespace holdfast::storage {

// Throws Error where it does not start.
class CephGateway {
 public:
  CephGateway() {
    const std::filesystem::path script = HOLDFAST_TEST_SERVICES "/ceph_rgw.sh";
    process_.emplace(env::ChildProcess::start(
        {.command = {script.string(), "run", home_.string()}, .variables = {}}));
    while (!std::filesystem::exists(home_ / "environment")) {
      if (process_->wait(std::chrono::milliseconds(50))) {
        throw Error(ErrorCode::kUnavailable, "the Ceph gateway did not start");
      }
    }
    std::ifstream file(home_ / "environment");
    for (std::string line; std::getline(file, line);) {
      variables_[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
    }
    variables_["AWS_EC2_METADATA_DISABLED"] = "true";
    make_bucket("holdfast");
  }
  ~CephGateway() {
    process_->send(SIGTERM);
    while (!process_->wait(std::chrono::seconds(1))) {
    }
  }
  CephGateway(const CephGateway&) = delete;
  CephGateway& operator=(const CephGateway&) = delete;

  // One for all tests of a program.
  static CephGateway& shared() {
    static CephGateway gateway;
    return gateway;
  }

  Variables variables() const {
    return [known = variables_](std::string_view name) -> std::optional<std::string> {
      const auto found = known.find(name);
      return found == known.end() ? std::nullopt : std::optional(found->second);
    };
  }
  void make_bucket(const std::string& name) {
    const S3Options options = complete({.bucket = name}, variables(), env::posix_file_system());
    const auto http = env::make_http_client({});
    CredentialSource credentials(options, variables(), env::posix_file_system(),
                                 env::system_clock(), *http);
    S3Client client(options, *http, credentials, env::system_clock(), {});
    client.send({.method = "PUT", .key = {}, .doing = "make a bucket"}, {200});
  }
  // An empty place of its own.
  S3Options new_place() {
    return {.bucket = "holdfast", .prefix = "test/place " + std::to_string(++places_)};
  }
  S3Surroundings surroundings() const {
    return {
        .files = env::posix_file_system(), .clock = env::system_clock(), .variables = variables()};
  }

 private:
  env::TemporaryDirectory directory_;
  const env::Path home_ = directory_ / "ceph";
  std::map<std::string, std::string, std::less<>> variables_;
  std::optional<env::ChildProcess> process_;
  int places_ = 0;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_TESTS_GATEWAY_CEPH_GATEWAY_H_
