#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/size.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/until_signal.h"
#include "http/record_routes.h"
#include "service/record_upkeep.h"

namespace holdfast::cli {
namespace {

constexpr const char* kUsualAddress = "127.0.0.1:7433";
constexpr std::uint64_t kMostTokenBytes = 64 << 10;
constexpr std::int64_t kMostConnections = 10'000;
constexpr unsigned kModeOfOthers = 077;

std::vector<std::string> tokens_of_file(Context& context, const std::string& file) {
  const service::World& world = context.session.world();
  const env::Path path =
      service::absolute_path(world.directory, service::expand_home(file, world.variables));
  const auto status = world.files.status(path);
  if (!status || status->directory || status->size > kMostTokenBytes) {
    throw Error(ErrorCode::kConfiguration, fmt::format("{} is no file with tokens", path.string()));
  }
  if ((status->mode & kModeOfOthers) != 0) {
    context.console.warning(fmt::format("other users may read the tokens in {} (mode {:03o})",
                                        path.string(), status->mode));
  }
  const Bytes content = env::read_file(world.files, path);
  return http::parse_tokens(as_text(content), path.string());
}

std::vector<std::string> find_tokens(Context& context) {
  const service::Variables& variables = context.session.world().variables;
  if (!context.arguments.token_file.empty()) {
    return tokens_of_file(context, context.arguments.token_file);
  }
  if (const auto tokens = variables("HOLDFAST_TOKEN")) {
    return http::parse_tokens(*tokens, "HOLDFAST_TOKEN");
  }
  if (const auto file = variables("HOLDFAST_TOKEN_FILE")) return tokens_of_file(context, *file);
  return {};
}

http::ServerLimits limits_of(const Arguments& arguments) {
  http::ServerLimits limits;
  if (!arguments.max_body.empty()) {
    const auto size = parse_size(arguments.max_body);
    if (!size || *size == 0) {
      throw Error(ErrorCode::kUsage, fmt::format("\"{}\" is no size", arguments.max_body));
    }
    limits.body_bytes = *size;
    limits.all_body_bytes = std::max(limits.all_body_bytes, 2 * *size);
  }
  if (const auto most = arguments.max_connections) {
    if (*most < 1 || *most > kMostConnections) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--max-connections must be from 1 to {}", kMostConnections));
    }
    limits.connections = static_cast<std::size_t>(*most);
  }
  return limits;
}

Json upkeep_json(const service::DatabaseUpkeep& state) {
  const auto time = [](const std::optional<Time>& at) {
    return at ? Json(format_rfc3339(*at)) : Json();
  };
  return {{"name", state.database},
          {"spool",
           {{"waiting", state.spool.waiting},
            {"bytes", state.spool.bytes},
            {"oldest", time(state.spool.oldest)},
            {"rejected", state.spool.rejected},
            {"damaged", state.spool.damaged},
            {"away", state.away.empty() ? Json() : Json(state.away)}}},
          {"exports",
           {{"due", state.exports_due},
            {"made", time(state.exported)},
            {"problems", state.sentences}}}};
}

Json health_json(service::RecordUpkeep& upkeep) {
  Json databases = Json::array();
  bool ok = true;
  for (const service::DatabaseUpkeep& state : upkeep.state()) {
    ok = ok && state.sentences.empty() && state.spool.empty() && state.away.empty();
    databases.push_back(upkeep_json(state));
  }
  return {{"status", ok ? "ok" : "degraded"},
          {"version", kVersion},
          {"databases", std::move(databases)}};
}

}  // namespace

int run_serve(Context& context) {
  expect_no_words(context);
  service::Session& session = context.session;
  const service::Configuration& configuration = session.configuration();
  if (configuration.collections.empty()) {
    throw Error(ErrorCode::kConfiguration, "there is no collection to serve", {},
                "Add [collections.NAME] to holdfast.toml; docs/records.md has examples.");
  }
  const http::ServerLimits limits = limits_of(context.arguments);
  const http::Access access(find_tokens(context));
  const auto address = http::parse_listen_address(
      context.arguments.listen.empty() ? kUsualAddress : context.arguments.listen);
  if (!address.is_local() && !access.has_tokens()) {
    throw Error(ErrorCode::kAddressUnusable,
                fmt::format("anybody could write through {}: there are no tokens", address.host));
  }
  const UntilSignal until(*context.signals);
  service::Records records(configuration, session.world());
  service::RecordUpkeep upkeep(
      configuration, session.world(), records,
      [&](std::string_view sentence) { context.console.warning(sentence); });
  http::RecordRoutes routes(records, configuration, access,
                            {.wrote = [&](const std::string& database) { upkeep.wrote(database); },
                             .health = [&] { return health_json(upkeep); }});
  http::Server server(address, limits, routes.handler());
  if (context.console.json()) context.console.event({{"listening", server.address()}});
  context.console.notice(fmt::format("Listening at {}{}{}.", address.path.empty() ? "http://" : "",
                                     server.address(), access.has_tokens() ? ", with tokens" : ""));
  server.serve(until.stop());
  context.console.notice("Ending: what was under way is answered.");
  upkeep.finish();
  return kOk;
}

}  // namespace holdfast::cli
