// A session on a repository whose timelines the test makes.
#ifndef HOLDFAST_SERVICE_TEST_HISTORY_H_
#define HOLDFAST_SERVICE_TEST_HISTORY_H_

#include <memory>
#include <optional>
#include <string>

#include "engine/test_timeline.h"
#include "service/session.h"
#include "service/test_world.h"
#include "storage/counting_store.h"

namespace holdfast::service {

class TestHistory : public TestWorld {
 protected:
  TestHistory() {
    world.open_store = [this](std::string_view) {
      return std::make_unique<storage::CountingStore>(at.store);
    };
    at.sql("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);" + engine::rows_sql(20, 900));
  }
  static SessionOptions options() {
    SessionOptions options;
    options.repository = "test://";
    options.command = "holdfast test";
    return options;
  }
  static std::string one_row() { return engine::rows_sql(1, 50); }
  env::Path database() const { return at.database(); }

  class Nobody final : public PassphrasePrompt {
   public:
    std::optional<std::string> ask(std::string_view) override { return std::nullopt; }
  };

  engine::Protection at;
  engine::TimelineWriter line{at};
  Nobody nobody;
  Session session{world, options(), nobody, no_progress()};
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_TEST_HISTORY_H_
