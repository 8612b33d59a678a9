#include "cli/command_line.h"

#include <gmock/gmock.h>

#include <sstream>

#include "base/error.h"

namespace holdfast::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> split(const std::string& line) {
  std::istringstream stream(line);
  return {std::istream_iterator<std::string>(stream), {}};
}
Arguments parse(const std::string& line) { return parse_command_line(split(line)).arguments; }
std::string refusal(const std::string& line) {
  try {
    parse(line);
  } catch (const Error& error) {
    EXPECT_EQ(ErrorCode::kUsage, error.code());
    return error.happened();
  }
  return "nothing was thrown";
}

TEST(CommandLine, TakesGlobalOptionsOnBothSidesOfTheCommand) {
  const Arguments arguments = parse("--repo /a backup x.db --json -q");
  EXPECT_EQ(Command::kBackup, arguments.command);
  EXPECT_EQ("/a", arguments.repository);
  EXPECT_TRUE(arguments.json);
  EXPECT_TRUE(arguments.quiet);
  EXPECT_THAT(arguments.words, ElementsAre("x.db"));
}

TEST(CommandLine, TakesOneTagAtATime) {
  const Arguments arguments = parse("backup --tag daily x.db --tag=big y.db -t z");
  EXPECT_THAT(arguments.tags, ElementsAre("daily", "big", "z"));
  EXPECT_THAT(arguments.words, ElementsAre("x.db", "y.db"));
}

TEST(CommandLine, TakesADatabaseThatIsCalledLikeACommand) {
  EXPECT_THAT(parse("backup log backup").words, ElementsAre("log", "backup"));
}

TEST(CommandLine, TakesAnythingAfterTwoDashes) {
  EXPECT_THAT(parse("backup -- --odd.db").words, ElementsAre("--odd.db"));
}

TEST(CommandLine, ReadsDataOfEverythingUnlessAPercentageIsSaid) {
  EXPECT_EQ("", parse("verify latest").read_data);
  EXPECT_EQ("100", parse("verify --read-data latest").read_data);
  EXPECT_THAT(parse("verify --read-data latest").words, ElementsAre("latest"));
  EXPECT_EQ("10%", parse("verify --read-data=10%").read_data);
}

TEST(CommandLine, KnowsCommandsOfTwoWords) {
  EXPECT_EQ(Command::kKeyAdd, parse("key --json add --label x").command);
  EXPECT_EQ(Command::kConfigCheck, parse("config check").command);
}

TEST(CommandLine, TakesAListWithoutACollectionToo) {
  EXPECT_EQ(Command::kList, parse("list").command);
  EXPECT_EQ(Command::kList, parse("list videos --filter a=b").command);
}

TEST(CommandLine, TakesAnIndex) {
  EXPECT_EQ(2u, parse("restore --index 2").index);
  EXPECT_EQ(3u, parse("restore -i3").index);
  EXPECT_THAT(refusal("restore --index two"), HasSubstr("no number: --index"));
  EXPECT_THAT(refusal("restore --index 0"), HasSubstr("from 1"));
  EXPECT_THAT(refusal("restore --index -1"), HasSubstr("from 1"));
  EXPECT_THAT(refusal("log --last -1"), HasSubstr("--last"));
}

TEST(CommandLine, TakesMinusOneForAll) {
  EXPECT_EQ("-1", parse("forget --keep-last -1").keep.last);
}

TEST(CommandLine, SuggestsTheNearestCommand) {
  EXPECT_THAT(refusal("snapshot"), HasSubstr("did you mean \"snapshots\"?"));
  EXPECT_THAT(refusal("key lst"), HasSubstr("did you mean \"list\"?"));
}

TEST(CommandLine, SuggestsTheNearestOption) {
  EXPECT_THAT(refusal("restore latest --dryrun"), HasSubstr("did you mean \"--dry-run\"?"));
  EXPECT_THAT(refusal("backup x.db --jsn"), HasSubstr("did you mean \"--json\"?"));
}

TEST(CommandLine, RefusesAnOptionWithoutItsValue) {
  EXPECT_THAT(refusal("backup --tag"), HasSubstr("--tag needs a value"));
}

TEST(CommandLine, RefusesAWordTooMany) {
  EXPECT_THAT(refusal("prune now"), HasSubstr("one word too many"));
}

TEST(CommandLine, RefusesAColorThatIsNone) {
  EXPECT_THAT(refusal("log --color red"), HasSubstr("auto"));
}

TEST(CommandLine, NeedsToKnowWhatToDoWithKeys) {
  EXPECT_THAT(refusal("key"), HasSubstr("needs one of"));
}

TEST(CommandLine, ExplainsACommand) {
  for (const char* line : {"backup --help", "help backup", "--help backup", "backup x.db -h"}) {
    const ParsedLine parsed = parse_command_line(split(line));
    EXPECT_TRUE(parsed.arguments.help) << line;
    EXPECT_EQ("backup", parsed.help_for) << line;
  }
  EXPECT_EQ("key", parse_command_line(split("help key")).help_for);
  EXPECT_TRUE(parse("").help);
}

TEST(CommandLine, LeavesToAnApplicationWhatIsItsOwn) {
  for (const char* line : {"run --lease-wait 1m -d app -- serve --json -v -- x",
                           "run --lease-wait 1m -d app serve --json -v -- x"}) {
    const Arguments arguments = parse(line);
    EXPECT_THAT(arguments.child, ElementsAre("serve", "--json", "-v", "--", "x")) << line;
    EXPECT_THAT(arguments.databases, ElementsAre("app")) << line;
    EXPECT_EQ("1m", arguments.lease_wait) << line;
    EXPECT_FALSE(arguments.json) << line;
  }
  EXPECT_TRUE(parse("--json run -- serve").json);
  EXPECT_THAT(parse("run").child, IsEmpty());
  EXPECT_THAT(refusal("run --leese-wait 1m -- serve"), HasSubstr("did you mean \"--lease-wait\"?"));
}

TEST(CommandLine, KnowsTheVersionAsAnOption) {
  EXPECT_EQ(Command::kVersion, parse("--version").command);
}

}  // namespace
}  // namespace holdfast::cli
