#include "service/record_upkeep.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/progress.h"
#include "service/export_job.h"

namespace holdfast::service {

RecordUpkeep::RecordUpkeep(const Configuration& configuration, const World& world, Records& records,
                           std::function<void(std::string_view)> tell, UpkeepOptions options)
    : configuration_(configuration),
      world_(world),
      records_(records),
      tell_(std::move(tell)),
      options_(options) {
  for (const auto& collection : configuration.collections) databases_[collection.database];
  drainer_ = std::jthread([this](const std::stop_token& stop) { drain_by_and_by(stop); });
  exporter_ = std::jthread([this](const std::stop_token& stop) { export_by_and_by(stop); });
}

RecordUpkeep::~RecordUpkeep() { finish(); }

void RecordUpkeep::wrote(std::string_view database) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = databases_.find(database);
    if (found == databases_.end() || std::exchange(found->second.due, true)) return;
  }
  changed_.notify_all();
}

std::vector<DatabaseUpkeep> RecordUpkeep::state() {
  std::vector<DatabaseUpkeep> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, watched] : databases_) {
      all.push_back({.database = name,
                     .spool = {},
                     .exports_due = watched.due,
                     .exported = watched.exported,
                     .sentences = watched.sentences,
                     .away = watched.away});
    }
  }
  for (DatabaseUpkeep& one : all) {
    try {
      if (auto spool = spool_state(configuration_, world_, one.database)) one.spool = *spool;
    } catch (const Error& error) {
      one.away = error.happened();
    }
  }
  return all;
}

void RecordUpkeep::drain_by_and_by(const std::stop_token& stop) {
  do {
    drain();
  } while (world_.clock.wait(options_.drain_every, stop));
}

void RecordUpkeep::drain() {
  for (const auto& [name, unused] : databases_) {
    engine::DrainReport report;
    try {
      const auto spool = spool_state(configuration_, world_, name);
      if (spool && spool->waiting > 0) report = records_.drain(name);
    } catch (const Error& error) {
      report.away = error.happened();
    }
    if (report.stored + report.rejected > 0) {
      tell_(fmt::format("{}: {} records came out of the spool, {} of them were refused", name,
                        report.stored + report.rejected, report.rejected));
      wrote(name);
    }
    const std::lock_guard lock(mutex_);
    if (report.away != databases_[name].away && !report.away.empty()) {
      tell_(fmt::format("{}: records wait in the spool: {}", name, report.away));
    }
    databases_[name].away = report.away;
  }
}

void RecordUpkeep::export_by_and_by(const std::stop_token& stop) {
  const auto is_due = [&] {
    return std::ranges::any_of(databases_, [](const auto& each) { return each.second.due; });
  };
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, is_due)) return;
    }
    world_.clock.wait(options_.gather, stop);
    export_due();
  }
}

void RecordUpkeep::export_due() {
  std::vector<std::string> due;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [name, watched] : databases_) {
      // Before it is begun: what is written meanwhile may not be in it.
      if (std::exchange(watched.due, false)) due.push_back(name);
    }
  }
  for (const std::string& name : due) {
    auto sentences = export_after_writes(configuration_, world_, name, no_progress());
    for (const std::string& sentence : sentences) tell_(sentence);
    const std::lock_guard lock(mutex_);
    databases_[name].sentences = std::move(sentences);
    databases_[name].exported = world_.clock.now();
  }
}

void RecordUpkeep::finish() {
  drainer_ = {};
  exporter_ = {};
  drain();
  export_due();
}

}  // namespace holdfast::service
