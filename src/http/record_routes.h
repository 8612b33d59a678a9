// The paths of the server and what stands behind them: collections, their records, mounts, health.
#ifndef HOLDFAST_HTTP_RECORD_ROUTES_H_
#define HOLDFAST_HTTP_RECORD_ROUTES_H_

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "http/access.h"
#include "http/server.h"
#include "service/records.h"

namespace holdfast::http {

struct RouteHooks {
  // Something was stored or spooled for this database.
  std::function<void(const std::string& database)> wrote;
  // {"status": "ok" | "degraded", …}
  std::function<nlohmann::ordered_json()> health;
};

// Thread safe. What it is given must outlive it.
class RecordRoutes {
 public:
  RecordRoutes(service::Records& records, const service::Configuration& configuration,
               const Access& access, RouteHooks hooks)
      : records_(records), configuration_(configuration), access_(access), hooks_(hooks) {}

  Handler handler();

 private:
  struct Place;

  Place place_of(const Request& request) const;
  std::optional<Response> refuse(const Request& head) const;
  Response answer(const Request& request);
  Response health(const Request& request);
  Response collections() const;
  Response list(const Request& request, const Place& place);
  Response get(const Request& request, const Place& place);
  Response post(const Request& request, const Place& place);
  Response write_one(engine::Write write, const Place& place);
  bool is_brief(const Request& request) const;
  void answer_together(std::vector<Asked> asked, const StepAside& step_aside);
  engine::Write only_write(const Request& request, const Place& place) const;
  Response response_to_write(const engine::WriteAnswer& answer, const Place& place, bool is_put);

  service::Records& records_;
  const service::Configuration& configuration_;
  const Access& access_;
  const RouteHooks hooks_;
};

}  // namespace holdfast::http

#endif  // HOLDFAST_HTTP_RECORD_ROUTES_H_
