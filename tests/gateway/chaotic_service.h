// The strict and chaotic service of S3 of tests/services/chaotic_s3.py.
#ifndef HOLDFAST_TESTS_GATEWAY_CHAOTIC_SERVICE_H_
#define HOLDFAST_TESTS_GATEWAY_CHAOTIC_SERVICE_H_

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/error.h"
#include "env/child_process.h"
#include "env/temporary_directory.h"
#include "storage/s3/s3_store.h"

namespace holdfast::storage {

class ChaoticService {
 public:
  // `rates`: how often what goes wrong, as JSON.
  ChaoticService(std::uint64_t seed, const std::string& rates) {
    const std::filesystem::path script = HOLDFAST_TEST_SERVICES "/chaotic_s3.py";
    const int output =
        ::open(greeting_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (output < 0) throw system_error(errno, "cannot write the greeting of a service");
    process_.emplace(
        env::ChildProcess::start({.command = {"/usr/bin/python3", "-B", script.string(), "--seed",
                                              std::to_string(seed), "--rates", rates},
                                  .variables = {},
                                  .output = output}));
    ::close(output);
    std::string line;
    while (!line.ends_with('\n')) {
      if (process_->wait(std::chrono::milliseconds(20))) {
        throw Error(ErrorCode::kUnavailable, "the chaotic service did not start: " + line);
      }
      line = as_text(env::read_file(env::posix_file_system(), greeting_));
    }
    const auto greeting = nlohmann::json::parse(line);
    endpoint_ = greeting.at("endpoint").get<std::string>();
    token_ = greeting.at("token").get<std::string>();
  }
  ~ChaoticService() {
    process_->send(SIGTERM);
    while (!process_->wait(std::chrono::seconds(1))) {
    }
  }
  ChaoticService(const ChaoticService&) = delete;
  ChaoticService& operator=(const ChaoticService&) = delete;

  // What Server::control() of the script understands; answers what there is.
  nlohmann::json control(const nlohmann::json& wanted) {
    const std::string body = wanted.dump();
    const auto answer = http_->send({.method = "POST",
                                     .url = endpoint_ + "/-/control",
                                     .headers = {"X-Chaos-Token: " + token_},
                                     .body = as_bytes(body),
                                     .most_bytes = 64 << 20});
    if (answer.status != 200) throw Error(ErrorCode::kInternal, "the service refused " + body);
    return nlohmann::json::parse(as_text(answer.body));
  }
  S3Options new_place() {
    return {
        .bucket = "holdfast", .prefix = fmt::format("place {}", ++places_), .endpoint = endpoint_};
  }
  S3Surroundings surroundings() const {
    return {.files = env::posix_file_system(),
            .clock = env::system_clock(),
            .variables = [](std::string_view name) -> std::optional<std::string> {
              if (name == "AWS_ACCESS_KEY_ID") return "testkey";
              if (name == "AWS_SECRET_ACCESS_KEY") return "testsecret";
              return std::nullopt;
            },
            .retries = {.first_patience = std::chrono::minutes(1), .suspicious_tries = 10}};
  }

 private:
  env::TemporaryDirectory directory_;
  const env::Path greeting_ = directory_ / "greeting";
  std::optional<env::ChildProcess> process_;
  std::string endpoint_, token_;
  const std::unique_ptr<env::HttpClient> http_ = env::make_http_client({});
  int places_ = 0;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_TESTS_GATEWAY_CHAOTIC_SERVICE_H_
