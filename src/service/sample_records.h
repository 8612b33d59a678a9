// The records that a selftest saves and looks for.
#ifndef HOLDFAST_SERVICE_SAMPLE_RECORDS_H_
#define HOLDFAST_SERVICE_SAMPLE_RECORDS_H_

#include <map>
#include <string>
#include <vector>

#include "service/records.h"
#include "service/scratch_site.h"

namespace holdfast::service {

// What was expected and is not so: throws kDifferent.
[[noreturn]] void not_so(std::string what);

// By one thread. The site and `progress` must outlive it. Whatever is not as it should be throws
// kDifferent.
class SampleRecords {
 public:
  using Answers = std::map<std::string, engine::WriteAnswer>;  // by collection

  // `progress` only interrupts, between two records.
  SampleRecords(const ScratchSite& site, Progress& progress);

  // All of them, each of which must be kept so. Those that refer to others come after these, once
  // the database has said so.
  Answers save(Records& records, engine::Kept kept);
  // What others may refer to goes before them; known once all of them were saved.
  const std::vector<std::string>& order() const { return order_; }
  void save_those_before(Records& records, const std::string& collection);
  void expect(Records& records, const Answers& answers, bool there);
  std::string counted() const;  // "2 records"

 private:
  engine::WriteAnswer save_one(Records& records, const std::string& collection);

  const ScratchSite& site_;
  Progress& progress_;
  std::vector<std::string> order_;  // collections
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_SAMPLE_RECORDS_H_
