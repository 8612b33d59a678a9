#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/record_text.h"
#include "service/records.h"

namespace holdfast::cli {
namespace {

constexpr std::size_t kTogether = 500;

// Records one by one: a JSON object over any number of lines, an array of them, or an object a
// line.
class RecordReader {
 public:
  RecordReader(std::istream& input, std::string name) : input_(input), name_(std::move(name)) {}

  // False at the end. Throws kRecordInvalid for a record that is none; the next one may be.
  bool next(engine::Record& record) {
    if (at_ < list_.size()) {
      record = list_[at_++];
      return true;
    }
    std::string text;
    do {
      if (!std::getline(input_, text)) return false;
      ++line_;
    } while (text.find_first_not_of(" \t\r") == std::string::npos);
    const std::string where = fmt::format("{}, line {}", name_, line_);
    const bool first = !std::exchange(begun_, true);
    if (first && !is_whole(text)) {
      single_ = true;
      text += '\n';
      text.append(std::istreambuf_iterator<char>(input_), {});
    }
    record = engine::parse_record_json(text, first && single_ ? name_ : where);
    if (first && record.is_array()) {
      single_ = false;
      list_ = std::move(record);
      return next(record);
    }
    return true;
  }
  // What was read is one object and not a line of several.
  bool single() { return single_ || (line_ == 1 && input_.peek() == EOF && list_.is_null()); }

 private:
  static bool is_whole(const std::string& text) {
    return engine::Record::accept(text) || text.find_first_not_of(" \t") == std::string::npos;
  }

  std::istream& input_;
  std::string name_;
  engine::Record list_;
  std::size_t at_ = 0, line_ = 0;
  bool begun_ = false, single_ = false;
};

}  // namespace

int run_put(Context& context) {
  const std::string collection = collection_word(context);
  const auto& words = context.arguments.words;
  if (words.size() > 2) {
    throw Error(ErrorCode::kUsage, fmt::format("\"{}\" is one word too many", words[2]));
  }
  const std::string file = words.size() < 2 ? "-" : words[1];
  service::Records records(context.session.configuration(), context.session.world());
  records.collection(collection);

  std::ifstream opened;
  if (file != "-") {
    const env::Path path = service::absolute_path(context.session.world().directory, file);
    opened.open(path, std::ios::binary);
    if (!opened) {
      throw Error(ErrorCode::kNotFound, fmt::format("{} cannot be read", path.string()));
    }
  }
  RecordReader reader(file == "-" ? std::cin : opened, file == "-" ? "stdin" : file);
  WriteReport report(context, collection, "Stored");
  std::vector<engine::Write> writes;
  const auto write_all = [&] {
    if (writes.empty()) return;
    for (const auto& answer : records.write(std::exchange(writes, {}))) report.add(answer);
  };
  bool any = false;
  for (;;) {
    engine::Write write{.id = {},
                        .kind = engine::WriteKind::kPut,
                        .collection = collection,
                        .record = {},
                        .record_id = {},
                        .undelete = context.arguments.undelete};
    try {
      if (!reader.next(write.record)) break;
      writes.push_back(std::move(write));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kRecordInvalid) throw;
      write_all();  // answers come in the order of the records
      report.add_refused(error);
    }
    any = true;
    if (writes.size() >= kTogether) write_all();
  }
  write_all();
  if (!any) {
    // An empty input is a way to bring in what waits.
    const engine::DrainReport drained = records.drain();
    context.console.notice(
        fmt::format("No record was given; {} came out of the spool.", drained.stored));
  }
  return report.finish(reader.single());
}

}  // namespace holdfast::cli
