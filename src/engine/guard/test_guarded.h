// What the tests of this folder share: a campaign service's database beside its history.
#ifndef HOLDFAST_ENGINE_GUARD_TEST_GUARDED_H_
#define HOLDFAST_ENGINE_GUARD_TEST_GUARDED_H_

#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "engine/guard/guard.h"
#include "engine/test_protection.h"

namespace holdfast::engine {

class SaidProgress final : public Progress {
 public:
  void stage(std::string_view, std::uint64_t) override {}
  void advance(std::uint64_t) override {}
  void notice(std::string_view sentence) override { add(sentence); }
  void warning(std::string_view sentence) override { add(sentence); }
  bool said(std::string_view word) const {
    for (const std::string& line : lines) {
      if (line.find(word) != std::string::npos) return true;
    }
    return false;
  }
  std::vector<std::string> lines;

 private:
  void add(std::string_view sentence) {
    const std::lock_guard lock(mutex_);
    lines.emplace_back(sentence);
  }
  std::mutex mutex_;
};

class GuardedTest : public testing::Test {
 protected:
  GuardedTest() {
    request.database = Protection::kName;
    request.path = at.database();
    request.invariants = {
        {.name = "campaigns",
         .sql = "SELECT count(*) FROM campaigns WHERE active AND id <= 12 AND name <> 'Prizies'",
         .equals = "12",
         .min = {},
         .max = {}}};
    request.exclusions = {{"campaigns", "name = 'Prizies'"}};
    request.restore.busy_timeout = std::chrono::milliseconds(50);
    request.restore.threads = 2;
    request.restore.safety.cache_directory = at.cache();
  }
  static constexpr char kSchema[] =
      "CREATE TABLE campaigns (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, "
      "property TEXT, active INTEGER DEFAULT 1);";
  static std::string twelve() {
    std::string sql = kSchema;
    for (int i = 1; i <= 12; ++i) {
      sql += "INSERT INTO campaigns (name, property) VALUES ('Campaign " + std::to_string(i) +
             "', 'house " + std::to_string(i) + "');";
    }
    return sql;
  }
  static constexpr char kPrizies[] = "INSERT INTO campaigns (name) VALUES ('Prizies');";
  static constexpr char kUsers[] = "INSERT INTO campaigns (name) VALUES ('Of a user');";

  void wipe() const {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
      std::filesystem::remove(at.database().string() + suffix);
    }
  }
  GuardResult guard(bool fix = true) {
    said.lines.clear();
    return engine::guard(&at.repository, *at.files, request, fix, said);
  }
  ErrorCode refusal() {
    return code_of([&] { guard(); });
  }
  std::string names() const {
    return at.sql("SELECT group_concat(name) FROM (SELECT name FROM campaigns ORDER BY id)");
  }
  std::string names_of_twelve() const {
    std::string all;
    for (int i = 1; i <= 12; ++i) all += (i == 1 ? "" : ",") + ("Campaign " + std::to_string(i));
    return all;
  }
  std::size_t snapshots() const { return repository::snapshot_ids(at.repository).size(); }

  Protection at;
  GuardRequest request;
  SaidProgress said;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_GUARD_TEST_GUARDED_H_
