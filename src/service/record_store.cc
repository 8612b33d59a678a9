// include/holdfast/records.h over the service.
#include <holdfast/records.h>

#include <filesystem>
#include <utility>

#include "service/records.h"
#include "service/recovery.h"
#include "storage/open_store.h"

namespace holdfast {
namespace {

template <typename Work>
auto with_record_errors(Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const Error& error) {
    throw RecordError(std::string(error.name()), error.exit_status(), error.happened());
  }
}

service::World process_world() {
  env::FileSystem& files = env::posix_file_system();
  std::error_code no_directory;
  return {.files = files,
          .clock = env::system_clock(),
          .variables = service::process_variables(),
          .directory = std::filesystem::current_path(no_directory),
          .open_store = [&](std::string_view url) {
            return storage::open_store(url, {.files = files,
                                             .clock = env::system_clock(),
                                             .variables = service::process_variables()});
          }};
}

class NobodyToAsk final : public service::PassphrasePrompt {
 public:
  std::optional<std::string> ask(std::string_view) override { return std::nullopt; }
};

Saved saved_of(const engine::WriteAnswer& answer) {
  Saved saved{.id = answer.outcome.record_id,
              .created = answer.outcome.created,
              .why = answer.why,
              .emergency_file = answer.emergency_file.string(),
              .children_removed = answer.outcome.children_removed};
  switch (answer.kept) {
    case engine::Kept::kStored:
      return saved;
    case engine::Kept::kSpooled:
      saved.kept = Kept::kSpooled;
      return saved;
    case engine::Kept::kEmergency:
      saved.kept = Kept::kEmergency;
      return saved;
    case engine::Kept::kRefused:
      break;
  }
  throw answer.outcome.refused.value_or(
      Error(ErrorCode::kRecordNotKept, "the write was broken off"));
}

}  // namespace

struct RecordStore::State {
  explicit State(const std::string& file)
      : world(process_world()),
        configuration(service::load_configuration(world, file)),
        records(configuration, world) {}

  Saved write(engine::Write write) {
    return with_record_errors([&] {
      std::vector<engine::Write> writes;
      writes.push_back(std::move(write));
      return saved_of(records.write(std::move(writes)).at(0));
    });
  }

  service::World world;
  service::Configuration configuration;
  service::Records records;
};

RecordStore::RecordStore(const std::string& configuration_file)
    : state_(with_record_errors([&] { return std::make_unique<State>(configuration_file); })) {}
RecordStore::~RecordStore() = default;
RecordStore::RecordStore(RecordStore&&) noexcept = default;
RecordStore& RecordStore::operator=(RecordStore&&) noexcept = default;

Saved RecordStore::put(std::string_view collection, std::string_view json, bool undelete,
                       const std::string& write_id) {
  return state_->write(
      {.id = write_id,
       .kind = engine::WriteKind::kPut,
       .collection = std::string(collection),
       .record = with_record_errors([&] { return engine::parse_record_json(json); }),
       .record_id = {},
       .undelete = undelete,
       .repeatable = !write_id.empty()});
}

Saved RecordStore::remove(std::string_view collection, std::string_view id,
                          const std::string& write_id) {
  return state_->write({.id = write_id,
                        .kind = engine::WriteKind::kDelete,
                        .collection = std::string(collection),
                        .record = {},
                        .record_id = std::string(id),
                        .repeatable = !write_id.empty()});
}

Saved RecordStore::undelete(std::string_view collection, std::string_view id) {
  return state_->write({.id = {},
                        .kind = engine::WriteKind::kUndelete,
                        .collection = std::string(collection),
                        .record = {},
                        .record_id = std::string(id)});
}

std::optional<std::string> RecordStore::get(std::string_view collection, std::string_view id) {
  return with_record_errors([&]() -> std::optional<std::string> {
    const auto record = state_->records.get(collection, id);
    if (!record) return std::nullopt;
    return engine::record_text(*record);
  });
}

RecordPage RecordStore::list(std::string_view collection, const std::vector<std::string>& filters,
                             const std::vector<std::string>& sort, std::uint64_t page,
                             std::uint64_t size) {
  return with_record_errors([&] {
    const engine::ListedRecords listed = state_->records.list(
        collection, {.filters = filters, .sort = sort, .page = page, .size = size});
    RecordPage answer{.ids = listed.ids, .records = {}, .total = listed.total};
    for (const engine::Record& record : listed.records) {
      answer.records.push_back(engine::record_text(record));
    }
    return answer;
  });
}

void RecordStore::load_all(
    std::string_view collection,
    const std::function<void(const std::string& id, const std::string& json)>& record,
    const std::vector<std::string>& paths) {
  with_record_errors([&] {
    NobodyToAsk nobody;
    service::Session session(state_->world,
                             {.repository = {},
                              .configuration = state_->configuration.file.string(),
                              .cache_directory = {},
                              .command = {}},
                             nobody, no_progress());
    std::vector<env::Path> places;
    for (const std::string& path : paths) {
      places.push_back(service::absolute_path(state_->world.directory, path));
    }
    service::Recovery recovery(session, std::string(collection), places);
    recovery.scan();
    recovery.load_all([&](const std::string& id, engine::Record&& found) {
      record(id, engine::record_text(found));
    });
  });
}

std::uint64_t RecordStore::drain() {
  return with_record_errors([&] { return state_->records.drain().stored; });
}

}  // namespace holdfast
