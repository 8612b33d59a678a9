// What came of a write, for people and for programs.
#ifndef HOLDFAST_CLI_RECORD_TEXT_H_
#define HOLDFAST_CLI_RECORD_TEXT_H_

#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/document_json.h"
#include "engine/records/record_writer.h"

namespace holdfast::cli {

// The name of the collection and the words after it. Throws kUsage without one.
std::string collection_word(const Context& context);

// What one or many writes came to, line by line and in the end; gathers the exit status: that of
// the worst answer (nowhere > refused > emergency > spooled > stored).
class WriteReport {
 public:
  // `verb` is what happens to a stored one: "Stored", "Deleted".
  WriteReport(Context& context, std::string collection, std::string verb)
      : context_(context), collection_(std::move(collection)), verb_(std::move(verb)) {}

  void add(const engine::WriteAnswer& answer);
  void add_refused(const Error& error);  // before there was an answer
  // A lone refusal is thrown, as any command's failure. What was kept is in the exports first, or
  // it is said why not; that changes no answer.
  int finish(bool single);

 private:
  void take(int status, int rank);

  Context& context_;
  std::string collection_, verb_;
  Json records_ = Json::array();
  std::vector<Error> errors_;
  bool kept_ = false;
  int status_ = 0, rank_ = 0;
};

// A record as it is to be printed.
std::string record_lines(const engine::Record& record);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_RECORD_TEXT_H_
