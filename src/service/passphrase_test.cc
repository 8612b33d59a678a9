#include "service/passphrase.h"

#include <gmock/gmock.h>

#include <deque>

#include "service/test_world.h"

namespace holdfast::service {
namespace {

class Listener final : public Progress {
 public:
  void stage(std::string_view, std::uint64_t) override {}
  void advance(std::uint64_t) override {}
  void notice(std::string_view) override {}
  void warning(std::string_view sentence) override { warnings.emplace_back(sentence); }
  std::vector<std::string> warnings;
};

class Typist final : public PassphrasePrompt {
 public:
  std::optional<std::string> ask(std::string_view) override {
    if (answers.empty()) return std::nullopt;
    const std::string answer = answers.front();
    answers.pop_front();
    return answer;
  }
  std::deque<std::string> answers;
};

class Passphrase : public TestWorld {
 protected:
  std::optional<std::string> find() {
    return find_passphrase(world, configuration, repository, listener);
  }

  Configuration configuration;
  const RepositoryConfiguration* repository = nullptr;
  Listener listener;
  Typist typist;
};

TEST_F(Passphrase, ComesFromTheVariableFirst) {
  variables["HOLDFAST_PASSPHRASE"] = "one";
  variables["HOLDFAST_PASSPHRASE_FILE"] = file("two", "two").string();
  EXPECT_EQ("one", find());
}

TEST_F(Passphrase, IsTheFirstLineOfTheFile) {
  variables["HOLDFAST_PASSPHRASE_FILE"] = file("secret", "two words\r\nnot this\n").string();
  EXPECT_EQ("two words", find());
  EXPECT_TRUE(listener.warnings.empty());
}

TEST_F(Passphrase, ComesFromTheConfigurationLast) {
  configuration.passphrase_file = file("secret", "three\n");
  EXPECT_EQ("three", find());
}

TEST_F(Passphrase, OfANamedRepositoryComesBeforeThatOfAll) {
  const RepositoryConfiguration named{.name = "off-site", .passphrase_file = file("own", "own\n")};
  const RepositoryConfiguration other{.name = "here"};
  variables["HOLDFAST_PASSPHRASE"] = "of all";
  repository = &other;
  EXPECT_EQ("of all", find());
  repository = &named;
  EXPECT_EQ("own", find());
  variables["HOLDFAST_PASSPHRASE_OFF_SITE"] = "its variable";
  EXPECT_EQ("its variable", find());
}

TEST_F(Passphrase, InAFileThatOthersMayReadIsWarnedAbout) {
  const env::Path path = file("secret", "three\n");
  world.files.set_mode(path, 0640);
  configuration.passphrase_file = path;
  EXPECT_EQ("three", find());
  EXPECT_EQ(1u, listener.warnings.size());
}

TEST_F(Passphrase, FileMustBeThereAndHoldOne) {
  variables["HOLDFAST_PASSPHRASE_FILE"] = "nothing";
  EXPECT_EQ(ErrorCode::kConfiguration, error_of([&] { find(); }).code());
  variables["HOLDFAST_PASSPHRASE_FILE"] = file("empty", "\nlater\n").string();
  EXPECT_EQ(ErrorCode::kConfiguration, error_of([&] { find(); }).code());
}

TEST_F(Passphrase, IsUnknownWhenNobodySaysIt) { EXPECT_EQ(std::nullopt, find()); }

TEST_F(Passphrase, NewIsTypedTwice) {
  typist.answers = {"same", "same"};
  EXPECT_EQ("same", new_passphrase(world, typist, listener));
}

TEST_F(Passphrase, NewIsRefusedWhenTypedDifferently) {
  typist.answers = {"same", "other"};
  EXPECT_EQ(ErrorCode::kUsage, error_of([&] { new_passphrase(world, typist, listener); }).code());
}

TEST_F(Passphrase, NewIsRefusedWhenEmpty) {
  typist.answers = {"", ""};
  EXPECT_EQ(ErrorCode::kUsage, error_of([&] { new_passphrase(world, typist, listener); }).code());
}

TEST_F(Passphrase, NewCannotBeAskedForWithoutATerminal) {
  EXPECT_EQ(ErrorCode::kPassphraseMissing,
            error_of([&] { new_passphrase(world, typist, listener); }).code());
}

TEST_F(Passphrase, NewIsNeverTheOldVariable) {
  variables["HOLDFAST_PASSPHRASE"] = "old";
  variables["HOLDFAST_NEW_PASSPHRASE"] = "new";
  EXPECT_EQ("new", new_passphrase(world, typist, listener));
}

}  // namespace
}  // namespace holdfast::service
