#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/record_text.h"
#include "service/records.h"

namespace holdfast::cli {
namespace {

int write_by_id(Context& context, engine::WriteKind kind, const char* verb) {
  const std::string collection = collection_word(context);
  const auto& words = context.arguments.words;
  if (words.size() < 2) throw Error(ErrorCode::kUsage, "it is not said which record");
  std::vector<engine::Write> writes;
  for (std::size_t i = 1; i < words.size(); ++i) {
    writes.push_back(
        {.id = {}, .kind = kind, .collection = collection, .record = {}, .record_id = words[i]});
  }
  service::Records records(context.session.configuration(), context.session.world());
  WriteReport report(context, collection, verb);
  for (const auto& answer : records.write(std::move(writes))) report.add(answer);
  return report.finish(words.size() == 2);
}

}  // namespace

int run_delete(Context& context) {
  return write_by_id(context, engine::WriteKind::kDelete, "Deleted");
}

int run_undelete(Context& context) {
  return write_by_id(context, engine::WriteKind::kUndelete, "Lifted the tombstone of");
}

}  // namespace holdfast::cli
